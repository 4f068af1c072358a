import os

import pytest

from bloop.kernel.secrets import MAX_BYTES, SecretRef, as_reference, read_secret
from bloop_sdk.errors import ConfigError


@pytest.mark.parametrize(
    "value",
    ["x", None, {}, {"env": ""}, {"env": 1}, {"env": "A", "file": "b"}, {"vault": "A"}, ["env"]],
)
def test_other_shapes_are_no_reference(value):
    assert as_reference(value) is None


def test_a_variable_is_read_from_the_environment_that_is_given(tmp_path):
    ref = as_reference({"env": "CANVAS_TOKEN"})
    assert ref == SecretRef("env", "CANVAS_TOKEN")
    assert read_secret(ref, env={"CANVAS_TOKEN": "s3cr3t"}, folder=tmp_path).value == "s3cr3t"


@pytest.mark.parametrize(("env", "word"), [({}, "not set"), ({"T": ""}, "empty")])
def test_a_variable_without_a_value_is_named_with_its_cure(env, word, tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_secret(SecretRef("env", "T"), env=env, folder=tmp_path)
    assert caught.value.message == f"the environment variable T is {word}"
    assert 'start the hub with T=..., or write { file = "PATH" }' in caught.value.cure


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"a b\n", "a b"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a "), ("é".encode(), "é")],
)
def test_a_file_loses_one_line_end(data, value, tmp_path):
    (tmp_path / "token").write_bytes(data)
    (tmp_path / "token").chmod(0o600)
    secret = read_secret(SecretRef("file", "token"), env={}, folder=tmp_path)
    assert (secret.value, secret.warning) == (value, None)
    assert value not in repr(secret)


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_warned_of(mode, warned, tmp_path):
    file = tmp_path / "token"
    file.write_text("s3cr3t")
    file.chmod(mode)
    warning = read_secret(SecretRef("file", str(file)), env={}, folder=tmp_path).warning
    assert bool(warning) is warned
    assert not warned or (str(file) in warning and "chmod 600" in warning)


def _broken(tmp_path):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_bytes(b"s" * (MAX_BYTES + 1))
    (tmp_path / "latin").write_bytes(b"s3cr3t\xff")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent", "cannot be read: No such file"),
        ("empty", "is empty"),
        ("large", "is larger than"),
        ("latin", "is not UTF-8"),
        ("folder", "is not a file"),
        ("fifo", "is not a file"),
    ],
)
def test_a_file_that_holds_no_secret_is_named_with_its_cure(name, problem, tmp_path):
    _broken(tmp_path)
    with pytest.raises(ConfigError) as caught:
        read_secret(SecretRef("file", name), env={}, folder=tmp_path)
    assert str(tmp_path / name) in caught.value.message
    assert problem in caught.value.message
    assert caught.value.cure
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__cause__ is None or "s3cr3t" not in str(caught.value.__cause__)

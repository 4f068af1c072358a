"""The last edit of hub.toml can be taken back, and nobody's own edit is lost by that."""

import pytest

from bloop.kernel import edits as module
from bloop.kernel import hubfile
from bloop.kernel.edits import Edits
from bloop_sdk import ConfigError

TEXT = "\ufeff# Mine.\r\n[plugins.aa]\r\nenabled = false # off\r\n"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_bytes(TEXT.encode())
    return path


@pytest.fixture
def edits(tmp_path):
    return Edits(tmp_path / "var")


def enable(path, edits, name, granted=()):
    return hubfile.enable(path, name, granted, keep=edits.keeper("enable", name))


def test_an_edit_is_taken_back_byte_for_byte(path, edits):
    enable(path, edits, "aa", ["network:a.example"])
    assert b'granted = ["network:a.example"]' in path.read_bytes()
    kept, edit = edits.undo(path)
    assert (kept.plugin, kept.action) == ("aa", "enable")
    assert path.read_bytes() == TEXT.encode()
    assert "-granted" in edit.diff


def test_edits_are_taken_back_one_after_another_until_none_is_left(path, edits):
    texts = [path.read_bytes()]
    for name in ("aa", "bb", "cc"):
        enable(path, edits, name)
        texts.append(path.read_bytes())
    for text in reversed(texts[:-1]):
        edits.undo(path)
        assert path.read_bytes() == text
    with pytest.raises(ConfigError, match="no edit of"):
        edits.undo(path)


def test_an_edit_that_changed_nothing_is_not_kept(path, edits):
    enable(path, edits, "aa")
    enable(path, edits, "aa")
    edits.undo(path)
    with pytest.raises(ConfigError, match="no edit of"):
        edits.undo(path)


def test_what_was_written_by_hand_since_is_not_lost(path, edits):
    enable(path, edits, "aa")
    path.write_bytes(path.read_bytes() + b"order = 7\r\n")
    by_hand = path.read_bytes()
    with pytest.raises(ConfigError, match=r"\+order = 7"):
        edits.undo(path)
    assert path.read_bytes() == by_hand


def test_an_edit_taken_back_by_hand_is_not_the_last_any_more(path, edits):
    enable(path, edits, "aa")
    after_first = path.read_bytes()
    enable(path, edits, "bb")
    path.write_bytes(after_first)
    with pytest.raises(ConfigError, match="enable of bb is not in"):
        edits.undo(path)
    assert edits.undo(path)[0].plugin == "aa"


def test_only_the_newest_edits_are_kept_and_nobody_else_may_read_them(
    path, edits, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "KEPT", 3)
    for number in range(5):
        enable(path, edits, f"p{number}")
    files = list((tmp_path / "var" / "edits").iterdir())
    assert len(files) == 3
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
    assert [edits.undo(path)[0].plugin for _ in range(3)] == ["p4", "p3", "p2"]

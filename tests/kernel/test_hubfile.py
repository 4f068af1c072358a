import threading
import tomllib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bloop.kernel import hubfile
from bloop.kernel.hubfile import disable, enable, forget, set_key, with_value, without_plugin
from bloop_sdk.errors import ConfigError, RetriableError


def _set(text, key, value):
    return with_value(text, tuple(key.split(".")), value)


@pytest.mark.parametrize(
    ("text", "key", "value", "expected"),
    [
        # A key that is there: only its value changes.
        ("a = 1 # one\n", "a", 2, "a = 2 # one\n"),
        (
            "[plugins.x]\nenabled = false # off\n# mine\n",
            "plugins.x.enabled",
            True,
            "[plugins.x]\nenabled = true # off\n# mine\n",
        ),
        ("plugins.x.enabled = false", "plugins.x.enabled", True, "plugins.x.enabled = true"),
        (
            "plugins = { x = { enabled = false } }\n",
            "plugins.x.enabled",
            True,
            "plugins = { x = { enabled = true } }\n",
        ),
        ("[a]\nb = [\n 1, # one\n]\nc = 2\n", "a.b", [2], "[a]\nb = [2]\nc = 2\n"),
        # A table that is there: the key joins it, behind its last key.
        (
            "[http]\nport = 1 # c\n\n# about store\n[store]\nx = 1\n",
            "http.host",
            "h",
            '[http]\nport = 1 # c\nhost = "h"\n\n# about store\n[store]\nx = 1\n',
        ),
        ("[a]\n", "a.b", 1, "[a]\nb = 1\n"),
        ("[a]", "a.b", 1, "[a]\nb = 1\n"),
        ("[a]\n  x = 1\n[b]\n", "a.b", 1, "[a]\n  x = 1\n  b = 1\n[b]\n"),
        ("[a] # head\n\n[b]\n", "a.b", 1, "[a] # head\nb = 1\n\n[b]\n"),
        ("a.x = 1\n[b]\n", "a.y", 2, "a.x = 1\na.y = 2\n[b]\n"),
        ("[p]\na.x = 1\nz = 1\n", "p.a.y", 2, "[p]\na.x = 1\na.y = 2\nz = 1\n"),
        ("p = {}\n", "p.x", 1, "p = { x = 1 }\n"),
        ("p = { a = 1 }\n", "p.x.y", 1, "p = { a = 1, x.y = 1 }\n"),
        ("[p]\na = { b = 1}\n", "p.a.c", 1, "[p]\na = { b = 1, c = 1 }\n"),
        # A table that is not: it follows its kin, else it comes last.
        (
            "[plugins.a]\nenabled = true\n# order = 5\n\n# Logs\n[log]\nlevel = 'info'\n",
            "plugins.b.enabled",
            True,
            (
                "[plugins.a]\nenabled = true\n# order = 5\n\n[plugins.b]\nenabled = true\n"
                "\n# Logs\n[log]\nlevel = 'info'\n"
            ),
        ),
        ("", "plugins.b.enabled", True, "[plugins.b]\nenabled = true\n"),
        ("[a]\nx = 1", "p.b.c", True, "[a]\nx = 1\n\n[p.b]\nc = true\n"),
        ("[a]\nx = 1\n", "p.b.c", True, "[a]\nx = 1\n\n[p.b]\nc = true\n"),
        ("[a.b.c]\nx = 1\n", "a.b.y", 1, "[a.b.c]\nx = 1\n\n[a.b]\ny = 1\n"),
        ("[a]\r\nx = 1\r\n", "a.y", 1, "[a]\r\nx = 1\r\ny = 1\r\n"),
        ("\ufeffa = 1\n", "a", 2, "\ufeffa = 2\n"),
    ],
)
def test_an_edit_touches_only_its_key(text, key, value, expected):
    assert _set(text, key, value) == expected


def test_a_key_that_already_says_so_stays_as_it_is_written():
    assert _set("a = 0x10\n", "a", 16) == "a = 0x10\n"
    assert _set("a = 1\n", "a", value=True) == "a = true\n"  # 1 == True in Python


@pytest.mark.parametrize(
    ("text", "key"),
    [("a = 1\n", "a.b"), ("[[a]]\nx = 1\n", "a.b"), ("a = [1]\n", "a.b.c"), ("a = 1\n", "b")],
)
def test_what_cannot_be_edited_is_refused(text, key):
    with pytest.raises(ValueError, match=r"."):
        _set(text, key, 1)


@pytest.fixture
def hub_toml(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text("# mine\n[plugins.canvas]\nenabled = false # for now\n")
    return path


def test_a_plugin_is_switched_on_and_off(hub_toml):
    edit = enable(hub_toml, "canvas")
    assert edit.changed
    assert edit.diff.splitlines()[2:] == [
        "@@ -1,3 +1,3 @@",
        " # mine",
        " [plugins.canvas]",
        "-enabled = false # for now",
        "+enabled = true # for now",
    ]
    assert tomllib.loads(hub_toml.read_text())["plugins"]["canvas"]["enabled"] is True
    disable(hub_toml, "canvas")
    assert hub_toml.read_text() == "# mine\n[plugins.canvas]\nenabled = false # for now\n"


def test_no_change_writes_nothing(hub_toml):
    before = hub_toml.stat()
    assert not disable(hub_toml, "canvas").changed
    after = hub_toml.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_the_mode_stays_and_nothing_is_left_beside_the_file(hub_toml):
    hub_toml.chmod(0o640)
    enable(hub_toml, "canvas")
    assert hub_toml.stat().st_mode & 0o777 == 0o640
    assert list(hub_toml.parent.iterdir()) == [hub_toml]


def test_a_symlink_stays_one_and_its_target_is_written(hub_toml, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = folder / "hub.toml"
    link.symlink_to(hub_toml)
    enable(link, "canvas")
    assert link.is_symlink()
    assert "enabled = true" in hub_toml.read_text()


def test_a_crash_while_writing_leaves_the_old_file(hub_toml, monkeypatch):
    before = hub_toml.read_text()

    def fail(handle):
        raise OSError("disk full")

    monkeypatch.setattr(hubfile.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        enable(hub_toml, "canvas")
    assert hub_toml.read_text() == before
    assert list(hub_toml.parent.iterdir()) == [hub_toml]


def test_writers_take_turns(hub_toml):
    threads = [
        threading.Thread(target=enable, args=(hub_toml, f"plugin_{number}")) for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tomllib.loads(hub_toml.read_text())["plugins"]) == 13


def test_a_writer_that_does_not_let_go_is_told(hub_toml, monkeypatch):
    monkeypatch.setattr(hubfile, "LOCK_SECONDS", 0.05)
    with (
        hubfile._locked(hub_toml.parent),
        pytest.raises(RetriableError, match="another process is editing"),
    ):
        enable(hub_toml, "canvas")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = [", "not TOML"),
        (b"\xff", "not TOML"),
        (b"[[plugins]]\n", "cannot be edited safely .write by hand: .plugins.canvas. enabled = t"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_edited_stays_and_the_cure_is_told(data, message, tmp_path):
    path = tmp_path / "hub.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        set_key(path, ("plugins", "canvas", "enabled"), value=True)
    assert data is None or path.read_bytes() == data


NAMES = st.sampled_from(["a", "bb", "c-c", "d d", "é", "plugins", "x.y", ""])
SCALARS = st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=6) | st.just(1.5)
VALUES = SCALARS | st.lists(SCALARS, max_size=3)


@st.composite
def documents(draw):
    """Valid TOML of odd layout, with a comment wherever one may stand."""
    number = iter(range(1000))

    def comment():
        return f"# comment {next(number)}"

    def pair():
        keys = ".".join(hubfile._render_key((draw(NAMES),)) for _ in range(draw(st.integers(1, 2))))
        value = draw(VALUES.map(hubfile._render))
        if draw(st.booleans()) and draw(st.booleans()):
            value = f"{{ {hubfile._render_key((draw(NAMES),))} = {value} }}"
        if value.startswith("[") and draw(st.booleans()):
            value = f"[ {comment()}\n{value[1:]}"
        return f"{draw(st.sampled_from(['', '  ']))}{keys} = {value} {comment()}"

    lines = [comment()]
    for _ in range(draw(st.integers(0, 4))):
        lines += [pair() for _ in range(draw(st.integers(0, 3)))]
        lines += draw(st.sampled_from([[], [""], ["", comment()], [comment()]]))
        names = draw(st.lists(NAMES, min_size=1, max_size=3))
        brackets = draw(st.sampled_from(["[]", "[]", "[]", "[[]]"]))
        half = len(brackets) // 2
        header = hubfile._render_key(tuple(names))
        lines.append(f"{brackets[:half]}{header}{brackets[half:]} {comment()}")
    lines += [pair() for _ in range(draw(st.integers(0, 3)))]
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n"]))
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assume(False)
    return text


@given(documents(), st.lists(NAMES, min_size=1, max_size=3).map(tuple), VALUES)
def test_values_comments_and_order_survive_an_edit(text, key, value):
    data = tomllib.loads(text)
    try:
        edited = with_value(text, key, value)
    except ValueError:
        assume(False)
    table = tomllib.loads(edited)
    for name in key:
        table = table[name]
    assert (table, type(table)) == (value, type(value))
    # All else is as before, and where only a scalar was replaced or added no line was lost.
    parent, before = tomllib.loads(edited), data
    for name in key[:-1]:
        parent, before = parent[name], before.get(name, {})
    assert {**before, key[-1]: value} == parent
    if not isinstance(before.get(key[-1]), list | dict):
        comments = [line.partition("# comment")[2] for line in text.splitlines()]
        kept = [line.partition("# comment")[2] for line in edited.splitlines()]
        assert [c for c in kept if c] == [c for c in comments if c]
        assert len(edited.splitlines()) >= len(text.splitlines())


@given(documents(), st.lists(NAMES, min_size=2, max_size=3).map(tuple))
def test_an_edit_and_its_reverse_give_the_same_text(text, key):
    try:
        off = with_value(text, key, value=False)
    except ValueError:
        assume(False)
    assert with_value(with_value(off, key, value=True), key, value=False) == off


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[plugins.x]\nenabled = true\n", ""),
        ("[hub]\nname = 'a'\n\n[plugins.x]\nenabled = true", "[hub]\nname = 'a'\n\n"),
        # Comments that touch the section go with it, the others stay.
        (
            "# far\n\n# near\n[plugins.x] \na = 1 # on\n\n# mid\nb = 2\n# end\n\n# y\n[y]\n",
            "# far\n\n# y\n[y]\n",
        ),
        ("[plugins.x]\na = 1\n# next\n[http]\nport = 1\n", "# next\n[http]\nport = 1\n"),
        # Sections below it, wherever they stand.
        (
            "[plugins.x]\n[http]\nport = 1\n[plugins.x.deep]\nb = [\n 1,\n]\n[[plugins.x.l]]\n",
            "[http]\nport = 1\n",
        ),
        ("[plugins.x]\n\n\n# end\n", "\n# end\n"),
        # Other ways to write it.
        ("plugins.x.a = 1\nplugins.y.a = 2\nplugins.x.b = 3\n", "plugins.y.a = 2\n"),
        ("[plugins]\nx = { enabled = true }\ny.order = 1\n", "[plugins]\ny.order = 1\n"),
        ("[plugins]\r\nx.a = 1\r\n", "[plugins]\r\n"),
        ('[plugins."x"]\na = 1\n[plugins.xx]\na = 1\n', "[plugins.xx]\na = 1\n"),
        ("\ufeff[plugins.x]\na = 1\n", "\ufeff"),
        # Nothing of it is there.
        ("[plugins.xx]\na = 1\n", "[plugins.xx]\na = 1\n"),
        ("x = 1\n", "x = 1\n"),
    ],
)
def test_a_plugins_section_goes_and_the_rest_stays(text, expected):
    assert without_plugin(text, "x") == expected


@pytest.mark.parametrize(
    "text",
    ["plugins = { x = { a = 1 }, y = { a = 1 } }\n", "[plugins]\ny = 1\n", "plugins.x = { a = 1 }"],
)
def test_forgetting_never_loses_anything_else(text):
    before = tomllib.loads(text)
    try:
        after = tomllib.loads(without_plugin(text, "x"))
    except ValueError:
        return
    before["plugins"].pop("x", None)
    assert after.get("plugins", {}) == before["plugins"]


def test_what_cannot_be_taken_out_safely_is_left_to_the_operator(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text("plugins = { x = { a = 1 }, y = { a = 1 } }\n")
    with pytest.raises(ConfigError) as caught:
        forget(path, "x")
    assert caught.value.cure == "take [plugins.x] out by hand"
    assert path.read_text().startswith("plugins = { x")


def test_forgetting_says_what_it_did_and_does_it_once(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text("[plugins.x]\na = 1\n")
    assert "-[plugins.x]" in forget(path, "x").diff
    assert not forget(path, "x").changed

from __future__ import annotations

import os

import pytest

from bloop_sdk.errors import MissingRecordError
from bloop_sdk.folders import open_inside, walk


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "b" / "deep").mkdir(parents=True)
    (root / "b" / "deep" / "x.md").write_text("x")
    (root / "a.md").write_text("four")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("")
    (tmp_path / "outside.md").write_text("private")
    return root


def test_a_walk_names_every_file_in_one_order_and_passes_over_what_is_hidden(root):
    found = list(walk(root))
    assert [(one.path, one.size, one.refused) for one in found] == [
        ("a.md", 4, None),
        ("b/deep/x.md", 1, None),
    ]
    assert found[0].modified == (root / "a.md").stat().st_mtime


def test_a_walk_takes_names_of_every_language_and_none_that_is_no_name(root):
    names = ["会議\u3000メモ.md", "Où\u00a0?.md", "👩\u200d🏫/می\u200cروم.md", "\U0001fae9.md"]
    bad = ["a\u202egpj.exe", "b\u2028.md", "c\x85.md"]
    for name in [*names, *bad, ".late.md.icloud", "lost+found/x.md"]:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("")
    found = {one.path: one.refused for one in walk(root)}
    assert {path for path, why in found.items() if why is None} == {"a.md", "b/deep/x.md", *names}
    assert {path for path, why in found.items() if why} == {*bad, "late.md"}


def test_a_walk_follows_no_link_and_opens_no_pipe(root, tmp_path):
    (root / "out.md").symlink_to(tmp_path / "outside.md")
    (root / "up").symlink_to(tmp_path)
    (root / "again").symlink_to(root)
    os.mkfifo(root / "pipe")
    refused = {one.path: one.refused for one in walk(root) if one.refused}
    assert refused == {
        "out.md": "it is a symbolic link that leads out of the folder",
        "up": "it is a symbolic link that leads out of the folder",
        "again": "it is a symbolic link that leads to another place of the folder",
        "pipe": "it is no ordinary file",
    }


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../outside.md", "leads out of the folder"),
        ("b/../../outside.md", "leads out of the folder"),
        ("link.md", "cannot be read"),
        ("up/outside.md", "leads out of the folder"),
        ("gone.md", "cannot be read: No such file"),
        ("b", "Is a directory|no ordinary file"),
        ("pipe", "no ordinary file"),
    ],
)
def test_nothing_outside_is_opened_whatever_the_path_has_become(root, tmp_path, path, reason):
    (root / "link.md").symlink_to(tmp_path / "outside.md")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    with pytest.raises(MissingRecordError, match=reason):
        open_inside(root, path)


def test_a_file_inside_is_opened_also_where_the_root_itself_is_a_link(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    with open_inside(tmp_path / "alias", "b/deep/x.md") as file:
        assert file.read() == b"x"

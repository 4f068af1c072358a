"""Which files of a vault were changed, and what cannot be watched."""

from __future__ import annotations

import asyncio
import contextlib
import shutil

import pytest

from bloop_markdown import watching
from bloop_markdown.config import MarkdownConfig
from bloop_markdown.provider import MarkdownProvider
from bloop_sdk import UnavailableError, UnsupportedError
from bloop_sdk.testing import FakeContext, ref_of

MOUNTS = r"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 0:50 / /srv/my\040vaults rw shared:1 - nfs4 server:/x rw
41 40 0:51 / /srv/my\040vaults/here rw - xfs /dev/sdb rw
42 22 0:51 / /srv/Büro rw - cifs //server/x rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/a", "ext4"),
        ("/srv/my vaults/a", "nfs4"),
        ("/srv/my vaults/here/a", "xfs"),
        ("/srv/Büro", "cifs"),
    ],
)
def test_a_folder_lies_on_the_innermost_mount(tmp_path, path, kind):
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert watching.file_system(type(tmp_path)(path), mounts) == kind
    assert watching.file_system(tmp_path, tmp_path / "none") == ""


@pytest.fixture
def root(folder, monkeypatch):
    monkeypatch.setattr(watching, "STEP_MILLISECONDS", 50)
    return folder({"First.md": "---\nid: one\n---\nx\n", "Deep/Two.md": "2\n", "a.png": b"p"})


@pytest.fixture
async def hints(root):
    config = MarkdownConfig(vaults=(root.parent,), folder=str(root))
    provider = MarkdownProvider(FakeContext(config=config))
    async with contextlib.aclosing(provider.watch()) as hints:
        async with asyncio.timeout(60):
            first = await anext(hints)
            assert not first.records

        async def following():
            async with asyncio.timeout(60):
                return await anext(hints)

        yield following


def told(hint):
    return {str(ref_of(one)) for one in hint.records}, {str(ref) for ref in hint.deleted}


async def test_notes_files_and_folders_are_told_by_what_they_are(root, hints):
    (root / ".obsidian").mkdir()
    (root / ".obsidian/workspace.json").write_text("{}")
    (root / "a.png").write_bytes(b"other")
    assert told(await hints()) == ({"file:a.png"}, set())

    (root / "First.md").rename(root / "Deep/Moved.md")
    assert told(await hints()) == ({"note:id:one"}, set())

    (root / "Deep").rename(root / "Deeper")
    assert told(await hints()) == (
        {"module:Deeper/", "note:id:one", "note:Deeper/Two.md"},
        {"module:Deep/", "note:Deep/Two.md"},
    )

    shutil.rmtree(root / "Deeper")
    assert told(await hints()) == (set(), {"module:Deeper/", "note:id:one", "note:Deeper/Two.md"})

    (root / "Empty").mkdir()
    assert told(await hints()) == ({"module:Empty/"}, set())


async def test_many_files_at_once_are_told_as_anything(root, hints, monkeypatch):
    monkeypatch.setattr(watching, "MOST", 3)
    for number in range(4):
        (root / f"{number}.md").write_text("x")
    hint = await hints()
    # A slow disk may show a part of them first.
    assert not hint.records or len(hint.records) <= 3


async def test_a_folder_that_goes_away_ends_the_watch(root, hints):
    shutil.rmtree(root)
    with pytest.raises(UnavailableError, match="gone"):
        await hints()


@pytest.mark.parametrize("error", [OSError("OS file watch limit reached."), RuntimeError("no")])
async def test_where_nothing_is_told_it_says_why(root, monkeypatch, error):
    def broken(*_):
        raise error

    monkeypatch.setattr(watching, "RustNotify", broken)
    with pytest.raises(UnsupportedError, match=str(error)) as raised:
        await anext(watching.noticed(root))
    assert "max_user_watches" in raised.value.cure


async def test_a_watcher_that_would_only_look_again_and_again_is_not_used(root, monkeypatch):
    made = watching.RustNotify

    class Polling:
        def __init__(self, *args):
            self.inner = made(*args)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.inner.close()

        def __repr__(self):
            return "RustNotify(Poll(PollWatcher { .. }))"

    monkeypatch.setattr(watching, "RustNotify", Polling)
    with pytest.raises(UnsupportedError, match="no inotify"):
        await anext(watching.noticed(root))


def test_an_import_is_not_watched(root):
    assert not MarkdownProvider(FakeContext(source=root, config=MarkdownConfig())).can_watch()

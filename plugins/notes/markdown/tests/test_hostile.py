"""A folder is not to be trusted, and a zip even less: what each attack and each accident costs."""

from __future__ import annotations

import errno
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from bloop_markdown import source
from bloop_markdown.config import MarkdownConfig
from bloop_markdown.provider import MarkdownProvider
from bloop_sdk.errors import (
    FatalError,
    HostileInputError,
    MalformedRecordError,
    UnavailableError,
)
from bloop_sdk.folders import open_inside
from bloop_sdk.records import Kind, Ref
from bloop_sdk.testing import FakeContext, read_all


async def test_links_out_of_the_folder_are_refused_once_each(folder, read, tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.md").write_text("private")
    root = folder({"a.md": "[[key]] [[inside]]", "Sub/b.md": ""})
    (root / "key.md").symlink_to(tmp_path / "secret" / "key.md")
    (root / "all").symlink_to(tmp_path / "secret")
    (root / "inside.md").symlink_to(root / "a.md")
    (root / "loop").symlink_to(root)
    (root / "nowhere.md").symlink_to("gone")

    snapshot = await read(root)

    out = "it is a symbolic link that leads out of the folder"
    inside = "it is a symbolic link that leads to another place of the folder"
    assert {ref: why for ref, why in snapshot.skipped.items() if "module" not in ref} == {
        "note:key.md": f"key.md: {out}",
        "file:all": f"all: {out}",
        "note:inside.md": f"inside.md: {inside}",
        "file:loop": f"loop: {inside}",
        "note:nowhere.md": f"nowhere.md: {inside}",
    }
    assert [one.raw["path"] for one in snapshot.of(Kind.NOTE)] == ["Sub/b.md", "a.md"]
    assert "private" not in str(snapshot.records)


async def test_a_note_that_becomes_a_link_while_it_is_read_is_not_followed(
    folder, provider, tmp_path
):
    (tmp_path / "secret.md").write_text("private")
    root = folder({"a.md": "", "b.md": "", "Sub/c.md": "", "pic.png": b"old"})
    reading = provider(root)
    await reading.discover()
    (root / "b.md").unlink()
    (root / "b.md").symlink_to(tmp_path / "secret.md")
    (root / "Sub").rename(tmp_path / "Other")
    (tmp_path / "Other" / "c.md").write_text("private")
    (root / "Sub").symlink_to(tmp_path / "Other")

    snapshot = await read_all(reading)

    left = {"note:b.md", "note:Sub/c.md", "module:b.md#note", "module:Sub/c.md#note"}
    assert snapshot.skipped.keys() == left
    assert "leads out of the folder" in snapshot.skipped["note:Sub/c.md"]
    assert "private" not in str(snapshot.records)


async def test_pipes_and_devices_are_not_waited_for(folder, read):
    root = folder({"a.md": ""})
    os.mkfifo(root / "pipe.md")
    assert (await read(root)).skipped["note:pipe.md"] == "pipe.md: it is no ordinary file"


async def test_names_that_are_no_text(folder, read):
    root = folder({"a.md": ""})
    (root / os.fsdecode(b"\xff.md")).write_text("")
    (root / "new\nline.md").write_text("")
    snapshot = await read(root)
    assert set(snapshot.skipped) > {"note:\\udcff.md", "note:new\nline.md"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_what_may_not_be_read_is_left_out(folder, read):
    root = folder({"a.md": "", "b.md": "x", "closed/c.md": ""})
    (root / "b.md").chmod(0)
    (root / "closed").chmod(0)
    try:
        snapshot = await read(root)
    finally:
        (root / "closed").chmod(stat.S_IRWXU)
    assert "Permission denied" in snapshot.skipped["note:b.md"]
    assert "the folder cannot be listed" in snapshot.skipped["file:closed"]


async def test_what_is_in_a_folder_that_cannot_be_listed_now_is_not_gone(folder, monkeypatch):
    root = folder({"a.md": "", "b.md": "", "closed/c.md": ""})
    ctx = FakeContext(source=root, config=MarkdownConfig())
    replica = await read_all(MarkdownProvider(ctx))
    (root / "b.md").unlink()
    scandir, closed = os.scandir, {root.resolve() / "closed"}

    def refusing(path):
        if Path(path) in closed:
            raise OSError(errno.EIO, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    await replica.run(MarkdownProvider(ctx))
    assert {one.raw["path"] for one in replica.of(Kind.NOTE)} >= {"a.md", "closed/c.md"}
    # What is read for the first time is whole for the hub, so that it is shown.
    first = await read_all(MarkdownProvider(FakeContext(source=root, config=MarkdownConfig())))
    assert [one.whole for one in first.positions.values()] == [True]
    closed.add(root.resolve())
    with pytest.raises(UnavailableError, match="Notes: the folder cannot be listed"):
        await replica.run(MarkdownProvider(ctx))


async def test_a_disk_that_fails_at_one_file_costs_that_file(folder, read, monkeypatch):
    class Failing(io.FileIO):
        def read(self, *_):
            raise OSError(errno.EIO, "Input/output error")

    def opened(root, path):
        return Failing(root / path) if path == "b.md" else open_inside(root, path)

    monkeypatch.setattr(source, "open_inside", opened)
    snapshot = await read(folder({"a.md": "", "b.md": "---\nid: b\n---\n"}))
    assert [one.raw["path"] for one in snapshot.of(Kind.NOTE)] == ["a.md"]
    assert snapshot.skipped["note:b.md"] == "b.md: b.md cannot be read: Input/output error"


async def test_what_is_in_icloud_alone_is_not_gone(folder, provider):
    root = folder({"a.md": "", "Sub/b.md": "", "Sub/c.pdf": b"c"})
    replica = await read_all(provider(root))
    for name in ("b.md", "c.pdf"):
        (root / "Sub" / name).rename(root / "Sub" / f".{name}.icloud")
    before = set(replica.records)
    await replica.run(provider(root))
    assert set(replica.records) == before - {Ref(Kind.MODULE, "Sub/")}


async def test_what_programs_put_beside_notes_is_passed_over(folder, read):
    files = {"a.md": "", "pic.png": b"", "a.md~": "", "#a.md#": "", "~$b.docx": b""}
    old = {"logseq/bak/a/1.md": "", "lost+found/x.md": "", "#recycle/y.md": ""}
    snapshot = await read(folder({**files, **old, "logseq/config.edn": "{}"}))
    assert {one.raw["path"] for one in snapshot.of(Kind.NOTE)} == {"a.md"}
    assert {one.path for one in snapshot.of(Kind.FILE)} == {"pic.png", "logseq/config.edn"}


async def test_very_long_paths_are_left_out_and_what_is_beside_them_is_read(folder, read):
    deep = "/".join(["folder" * 20] * 5)
    snapshot = await read(folder({f"{deep}/long.md": "", "a.md": "", f"{'n' * 240}.md": "[[a]]"}))

    assert [len(one.remote_id) for one in snapshot.of(Kind.NOTE)] == [4, 243]
    assert "at most 480 are kept" in snapshot.skipped[f"note:{deep}/long.md"[:480]]
    assert all(len(one.remote_id) <= 500 for one in snapshot.records.values())


async def test_what_is_too_large_is_left_out(folder, read):
    root = folder({"a.md": "x" * 101, "b.md": "x" * 100, "c.bin": b"x" * 201, "d.bin": b"x" * 200})
    snapshot = await read(root, max_note_bytes=100, max_file_bytes=200)
    assert "it has more than 100 bytes" in snapshot.skipped["note:a.md"]
    assert "it has 201 bytes; at most 200 are read" in snapshot.skipped["file:c.bin"]
    assert snapshot.counts() == {"notebook": 1, "note": 1, "module": 1, "file": 1}


async def test_a_file_that_grows_while_it_is_read_is_not_read_without_end(folder, provider):
    root = folder({"a.md": "x", "b.md": "x"})
    reading = provider(root, max_note_bytes=100)
    await reading.discover()
    (root / "b.md").write_text("x" * 1000)
    snapshot = await read_all(reading)
    assert "more than 100" in snapshot.skipped["note:b.md"]


async def test_too_many_files(folder, provider):
    root = folder({f"{n}.md": "" for n in range(5)})
    with pytest.raises(HostileInputError, match=r"more than 4 files.*max_entries"):
        await provider(root, max_entries=4).discover()


async def test_a_folder_without_notes_says_so(folder, provider):
    with pytest.raises(FatalError, match="there is no Markdown in it"):
        await provider(folder({"a.txt": "", ".hidden.md": "", ".git/b.md": ""})).discover()


async def test_files_that_vanish_cost_themselves(folder, provider):
    root = folder({"a.md": "", "b.md": "", "c.png": b"1", "d.png": b"2"})
    reading = provider(root, batch_records=1)
    await reading.discover()
    (root / "b.md").unlink()
    (root / "c.png").unlink()
    snapshot = await read_all(reading)
    assert set(snapshot.skipped) == {"note:b.md", "module:b.md#note", "file:c.png"}
    assert snapshot.counts() == {"notebook": 1, "note": 1, "module": 1, "file": 1}


async def test_bytes_that_change_while_they_are_read_are_refused(folder, provider):
    root = folder({"a.md": "", "pic.png": b"old"})
    reading = provider(root)
    batches = [batch async for batch in reading.read(_whole(), None)]
    (picture,) = (one for one in batches[0].records if getattr(one, "kind", "") is Kind.FILE)
    assert b"".join([piece async for piece in picture.chunks()]) == b"old"
    (root / "pic.png").write_bytes(b"new")
    with pytest.raises(MalformedRecordError, match="changed while it was read"):
        b"".join([piece async for piece in picture.chunks()])


def _whole():
    from bloop_sdk import Partition

    return Partition("notes")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/cron.md", "absolute path"),
        ("../../escape.md", "climbs out"),
        ("a\\..\\b.md", "backslash"),
        ("a\x01b.md", "control characters"),
        ("NOTE.md", "appears twice"),
    ],
)
async def test_a_zip_with_names_that_no_folder_has(zipped, provider, name, reason):
    path = zipped({"note.md": "", name: "x"})
    with pytest.raises(HostileInputError, match=reason):
        await provider(path).discover()


async def test_a_zip_that_is_a_bomb(zipped, provider):
    path = zipped({"note.md": "", "bomb.md": b"0" * 8 * 1024 * 1024})
    with pytest.raises(HostileInputError, match="grows more than 200 times"):
        await provider(path).discover()


async def test_a_zip_with_a_symbolic_link(provider, tmp_path):
    link = zipfile.ZipInfo("link.md")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("note.md", "")
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(HostileInputError, match="a link or a device"):
        await provider(tmp_path / "a.zip").discover()


@pytest.mark.parametrize("name", ["a.zip", "a", "a.md.zip"])
async def test_what_is_no_zip(provider, tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>Sign in</html>")
    with pytest.raises(FatalError, match="no zip file"):
        await provider(tmp_path / name).discover()


async def test_a_zip_named_like_a_note_is_a_zip(zipped, read):
    snapshot = await read(zipped({"x.md": "in a zip"}, name="a.md"))
    assert [one.markdown for one in snapshot.of(Kind.NOTE)] == ["in a zip"]


async def test_a_broken_entry_costs_itself(tmp_path, read):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.md", "good")
        archive.writestr("b.md", "bad bytes")
    (tmp_path / "a.zip").write_bytes(buffer.getvalue().replace(b"bad bytes", b"BAD bytes"))
    snapshot = await read(tmp_path / "a.zip")
    assert "Bad CRC-32" in snapshot.skipped["note:b.md"]
    assert [one.markdown for one in snapshot.of(Kind.NOTE)] == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        "[[" * 20_000,
        "![[" * 15_000,
        "[[a]]" * 10_000,
        "==" * 20_000,
        "==a" * 20_000,
        "%%" * 20_001,
        "%%\n" * 20_001,
        "[[a|" * 10_000,
        "$" * 40_000,
        "$a" * 40_000,
        "#" * 40_000,
        "[" * 20_000 + "]" * 20_000,
        "> " * 20_000,
        "- " * 20_000,
        "<a href=" * 5_000,
        "`" * 3 + "\n" * 40_000,
        "---\n" * 10_000,
        "a ^b" * 10_000,
        "[^a]" * 10_000 + "\n\n[^a]: x",
        "$$a\n\n" * 15_000,
        "%%\n" + "\n" * 200_000,
    ],
    ids=lambda text: repr(text[:4]),
)
async def test_a_note_made_to_be_slow_is_not_slow_by_its_square(note, text):
    """Where one is, the time-out of the run says so."""
    assert (await note(text)).title

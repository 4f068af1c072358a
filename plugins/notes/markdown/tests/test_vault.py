"""A vault: where it may lie, and what a write leaves of its files, whatever happens meanwhile."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
from pathlib import Path

import pytest

from bloop_markdown.config import MarkdownConfig
from bloop_markdown.heads import Written
from bloop_markdown.provider import MarkdownProvider
from bloop_markdown.reader import Reader
from bloop_markdown.vault import Vault, root_of, safe_name
from bloop_markdown.writing import Writer
from bloop_sdk import (
    ConfigError,
    Kind,
    NoteDraft,
    NoteWrite,
    PermissionMissingError,
    Precondition,
    PreconditionFailedError,
    Ref,
    UnavailableError,
    UnsupportedError,
    WriteOp,
    WriteResult,
)
from bloop_sdk.testing import FakeContext, read_all

HEAD = "---\n# mine\naliases:   [A,  B]\ntags:\n  - red\n  # odd\n  - blue\ncssclasses: wide\n---\n"


@pytest.fixture
def root(folder) -> Path:
    return folder({"First.md": f"{HEAD}one\n", "Physics/Waves.md": "See [[First]].\n"})


def config(root: Path) -> MarkdownConfig:
    return MarkdownConfig(vaults=(root.parent,), folder=str(root))


def reader(root: Path) -> Reader:
    return Reader(root.resolve(), config(root), lambda _path, _sha: None, living=True)


def do(root: Path, kind: str, ref: Ref | None = None, *, again=False, **values) -> WriteResult:
    """One write, as the hub sends it; ``version`` other than the file's now where it is given."""
    opened = reader(root)
    version = values.pop("version", None)
    if ref is not None and version is None:
        path = opened.path_of(ref)
        version = path and hashlib.sha256((root / path).read_bytes()).hexdigest()
    draft = None
    if kind in {NoteWrite.CREATE, NoteWrite.UPDATE}:
        draft = NoteDraft(container=opened.container_id, html="", **values)
        values = {}
    elif kind == NoteWrite.MOVE:
        values = {"container": opened.container_id, "after": None, **values}
    op = WriteOp(kind=kind, ref=ref, values=values, idempotency_key="k", note=draft, again=again)
    return Writer(opened, Vault(root.resolve()), lambda: reader(root)).write(op, version, None)


def note(name: str) -> Ref:
    return Ref(Kind.NOTE, name)


def update(
    root: Path, text: str, title: str = "First", tags=("red", "blue"), **more
) -> WriteResult:
    return do(
        root, NoteWrite.UPDATE, note("First.md"), title=title, markdown=text, tags=tags, **more
    )


def test_front_matter_is_changed_by_lines(root):
    update(root, "two\n")
    assert (root / "First.md").read_text() == f"{HEAD}two\n"

    update(root, "two\n", title="Second: a title", tags=("red",))
    assert (root / "First.md").read_text() == (
        "---\n# mine\naliases:   [A,  B]\ntags: [red]\ncssclasses: wide\n"
        'title: "Second: a title"\n---\ntwo\n'
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no head\n",
        b"---\n---\nbody",
        b"---\na: 1\n---",
        b"---\r\na: 1\r\n...\r\nbody\r\n",
        b"\xef\xbb\xbf---\na: \xc3\xa9\n---\nbody\n",
        "---\na: é\n---\nbody\n".encode("utf-16"),
        b"---\na: \xe9\n---\nbody\n",
        b"---\na: [\n---\n\nbody\n",
        b"---\nonly a line\n\ntext\n",
        b"+++\ntitle = 'T'\n+++\nbody\n",
        b"\xfe\xff" + "---\na: é\n---\nb\r\n".encode("utf-16-be"),
        b"a\r\nb\nc\r",
    ],
    ids=[
        "empty",
        "plain",
        "empty head",
        "head alone",
        "CRLF",
        "BOM",
        "UTF-16",
        "cp1252",
        "broken",
        "unclosed",
        "TOML",
        "UTF-16 BE",
        "mixed",
    ],
)
def test_what_nobody_changes_stays_byte_for_byte(data):
    made = Written.of(data)
    assert made.encoded() == data
    made.body += "\nmore\n"
    head = data[: data.index(b"body")] if b"body" in data and data[0] < 0xFE else b""
    assert made.encoded().startswith(head)


def test_what_cannot_be_said_by_lines_is_named_and_changes_nothing(root):
    (root / "First.md").write_text("---\n{tags: [red, blue], a: 1}\n---\none\n")
    answer = update(root, "two\n", title="Other")
    assert (root / "First.md").read_text() == "---\n{tags: [red, blue], a: 1}\n---\ntwo\n"
    assert answer.lost == ("its title: the front matter cannot be changed by lines",)


def test_a_body_that_looks_like_front_matter_stays_a_body(root):
    made = do(root, NoteWrite.CREATE, title="Line", markdown="---\na: 1\n---\nx\n")
    [read] = [one for one in made.batch.records if one.remote_id == made.ref.remote_id]
    assert read.markdown == "---\na: 1\n---\nx\n"


def test_a_heading_that_is_the_title_follows_it_and_leads_it(root):
    (root / "First.md").write_text("# First\n\none\n")
    base = "# First\n\none\n"
    update(root, base, title="Second", tags=(), base_markdown=base)
    assert (root / "First.md").read_text() == "# Second\n\none\n"
    base = "# Second\n\none\n"
    update(root, "# Third\n\none\n", title="Second", tags=(), base_markdown=base)
    assert (root / "First.md").read_text() == "# Third\n\none\n"


def test_links_of_the_hub_become_links_between_files(root):
    (root / "Physics/a b.png").write_bytes(b"x")
    text = "[w](bloop:note:Physics%2FWaves.md#x) ![p](bloop:file:Physics%2Fa%20b.png)\n"
    answer = update(root, text)
    assert (
        (root / "First.md")
        .read_text()
        .endswith("[w](Physics/Waves.md#x) ![p](Physics/a%20b.png)\n")
    )
    assert answer.lost == ()


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("a/b\\c:d", "a-b-c-d"),
        ("../../etc/passwd", "-..-etc-passwd"),
        (".hidden", "hidden"),
        ("CON", "CON_"),
        ("nul.txt", "nul.txt_"),
        ("  [[x]] #y ^z | ", "-x- -y -z -"),
        ("...", "Untitled"),
        ("ä" * 300, "ä" * 100),
        ("a\x00\u202eb\n", "a-b-"),
        ("👩\u200d🏫", "👩\u200d🏫"),
    ],
)
def test_names_are_made_safe(title, name):
    assert safe_name(title) == name


def test_what_is_made_never_takes_a_name_that_is_there(root):
    (root / "WAVES.md").write_text("mine\n")
    for _ in range(2):
        made = do(root, NoteWrite.CREATE, title="Waves", markdown="new\n", again=True)
    assert sorted(path.name for path in root.glob("*.md")) == ["First.md", "WAVES.md", "Waves 2.md"]
    assert (root / "WAVES.md").read_text() == "mine\n"
    [title] = [one.title for one in made.batch.records if one.remote_id == made.ref.remote_id]
    assert title == "Waves"


def test_an_index_note_that_is_made_leaves_the_notebook_what_it_is(root):
    before = reader(root).container_id
    made = do(root, NoteWrite.CREATE, title="Home", markdown="new\n")
    do(root, NoteWrite.MOVE, note("Physics/Waves.md"), parent=None)
    assert {one.container for one in made.batch.records} == {before}
    assert reader(root).container_id == before


def test_a_long_title_is_kept_whole(root):
    made = do(root, NoteWrite.CREATE, title="ü" * 300, markdown="new\n")
    [title] = [one.title for one in made.batch.records if one.remote_id == made.ref.remote_id]
    assert title == "ü" * 300


def test_somebody_who_saves_meanwhile_wins(root, monkeypatch):
    """The version is asked once more when the new file is ready to take the old one's place."""
    fsync = os.fsync

    def saving(number):
        fsync(number)
        (root / "First.md").write_text("saved meanwhile\n")

    monkeypatch.setattr(os, "fsync", saving)
    with pytest.raises(PreconditionFailedError):
        update(root, "two\n")
    assert (root / "First.md").read_text() == "saved meanwhile\n"
    assert not list(root.rglob(".bloop-*"))


@pytest.mark.parametrize(
    ("number", "error"),
    [(errno.EROFS, PermissionMissingError), (errno.ENOSPC, UnavailableError)],
    ids=["read only", "full"],
)
def test_a_disk_that_takes_nothing_is_told_of(root, monkeypatch, number, error):
    def failing(_number):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(error, match=r"First\.md cannot be written"):
        update(root, "two\n")
    assert (root / "First.md").read_text() == f"{HEAD}one\n"
    assert not list(root.rglob(".bloop-*"))


def test_a_disk_without_links_is_written_to_as_well(root, monkeypatch):
    def failing(*_args, **_options):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", failing)
    do(root, NoteWrite.MOVE, note("Physics/Waves.md"), parent=None)
    (root / "First.md").write_text("mine\n")
    do(root, NoteWrite.CREATE, title="First", markdown="new\n")
    assert (root / "First.md").read_text() == "mine\n"
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == [
        "First 2.md",
        "First.md",
        "Waves.md",
    ]


async def test_renames(root):
    (root / "Own.md").write_text("---\nid: own\n---\nx\n")
    provider = MarkdownProvider(FakeContext(config=config(root)))
    before = set((await read_all(provider)).records)
    (root / "Own.md").rename(root / "OWN.md")
    (root / "First.md").rename(root / "first.md")
    provider = MarkdownProvider(FakeContext(config=config(root)))
    after = set((await read_all(provider)).records)
    assert {ref for ref in before - after if ref.kind is Kind.NOTE} == {note("First.md")}
    assert {ref for ref in after - before if ref.kind is Kind.NOTE} == {note("first.md")}


async def test_canvases_are_kept_whole_and_other_programs_folders_left_out(root):
    (root / "Board.canvas").write_text('{"nodes": [{"id": "1"}]}')
    (root / "Bad.canvas").write_text('{"nodes": NaN}')
    for name in (".obsidian", ".trash", ".git"):
        (root / name).mkdir()
        (root / name / "a.md").write_text("x\n")
    provider = MarkdownProvider(FakeContext(config=config(root)))
    replica = await read_all(provider)
    [canvas] = replica.of(Kind.OPAQUE)
    assert (canvas.title, canvas.raw["canvas"]) == ("Board", {"nodes": [{"id": "1"}]})
    assert list(replica.skipped) == ["opaque:Bad.canvas"]
    assert {one.remote_id for one in replica.of(Kind.NOTE)} == {"First.md", "Physics/Waves.md"}


def test_only_folders_that_are_allowed_are_opened(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "away").symlink_to(outside)
    (root / ".hidden").mkdir()
    vaults = (root,)
    for folder in (outside, root / "away", root / "..", root / ".hidden", "Notes", "/", "/none"):
        with pytest.raises(ConfigError, match="in no folder that vaults may lie in"):
            root_of(MarkdownConfig(vaults=vaults, folder=str(folder)), "i")
    for allowed in ((), (Path("relative"),), (root / "{institution}",)):
        with pytest.raises(ConfigError, match="in no folder"):
            root_of(MarkdownConfig(vaults=allowed, folder=str(root / "Physics")), "other")
    mine = MarkdownConfig(vaults=(root / "{institution}",), folder=str(root / "Physics"))
    assert root_of(mine, "Physics") == (root / "Physics").resolve()


def test_nothing_is_written_through_a_link(root, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    opened = reader(root)
    (root / "Physics").rename(root / "Old")
    (root / "Physics").symlink_to(outside)
    draft = NoteDraft(
        container=opened.container_id, parent="Physics/", title="x", markdown="x", html=""
    )
    op = WriteOp(kind=NoteWrite.CREATE, ref=None, values={}, idempotency_key="k", note=draft)
    with pytest.raises(Exception, match="leads out of the folder"):
        Writer(opened, Vault(root.resolve()), lambda: reader(root)).write(op, None, None)
    assert not list(outside.iterdir())


def test_an_import_is_never_written_to(root):
    assert MarkdownProvider(FakeContext(source=root)).spec().writes == frozenset()


def killed_at(step: int, work) -> bool:
    """Do ``work`` in a process that is killed before its nth step on the disk; whether it was."""
    child = os.fork()
    if child == 0:
        steps = 0

        def counted(function):
            def call(*args, **kwargs):
                nonlocal steps
                steps += 1
                if steps == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return call

        for owner, name in (
            (os, "open"),
            (os, "fsync"),
            (os, "link"),
            (os, "replace"),
            (os, "unlink"),
            (Path, "replace"),
            (Path, "unlink"),
        ):
            setattr(owner, name, counted(getattr(owner, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001 - the process ends either way
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


WORKS = {
    "note.create": lambda root, again: do(
        root, NoteWrite.CREATE, title="New", markdown="new\n", again=again
    ),
    "note.update": lambda root, again: update(root, "two\n", again=again),
    "note.move": lambda root, again: do(
        root, NoteWrite.MOVE, note("First.md"), parent="Physics/", again=again
    ),
    "note.delete": lambda root, again: do(root, NoteWrite.DELETE, note("First.md"), again=again),
}


@pytest.mark.parametrize("kind", WORKS)
def test_a_kill_at_any_step_leaves_whole_files_and_the_next_try_ends_it(kind, root):
    work, step, killed = WORKS[kind], 0, True
    given = {path: path.read_bytes() for path in root.rglob("*.md")}
    whole = {hashlib.sha256(data).hexdigest() for data in given.values()}
    expected = None
    while killed:
        for path in root.rglob("*.md"):
            path.unlink()
        for path, data in given.items():
            path.write_bytes(data)
        if expected is None:
            work(root, again=False)
            expected = state(root)
            whole |= set(expected.values()) | {
                hashlib.sha256(f'{HEAD[:-4]}id: "path:First.md"\n---\none\n'.encode()).hexdigest()
            }
            continue
        step += 1
        killed = killed_at(step, lambda: work(root, again=False))
        assert set(state(root).values()) <= whole, f"{kind}, step {step}"
        work(root, again=True)
        assert state(root) == expected, f"{kind}, step {step}"
    assert step > 3


def state(root: Path) -> dict[str, str]:
    """What a reader of the vault sees, and what is in the trash, by path."""
    paths = [path for path in root.rglob("*.md") if not path.name.startswith(".")]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    }


def test_a_move_to_another_notebook_is_refused(root):
    with pytest.raises(UnsupportedError):
        do(root, NoteWrite.MOVE, note("First.md"), container="other", parent=None)


async def test_a_vault_that_is_not_mounted_is_not_an_empty_one(root):
    ctx = FakeContext(config=config(root))
    replica = await read_all(MarkdownProvider(ctx))
    kept = root.rename(root.parent / "elsewhere")
    root.mkdir()
    again = MarkdownProvider(ctx)
    with pytest.raises(UnavailableError, match="the folder is empty, and held notes before"):
        await replica.run(again)
    op = WriteOp(
        kind=NoteWrite.CREATE,
        ref=None,
        values={},
        idempotency_key="k",
        note=NoteDraft(container="vault", title="A", markdown="", html=""),
    )
    with pytest.raises(UnavailableError):
        await again.write(op, Precondition(remote_version=None))
    assert list(root.iterdir()) == []
    assert len(replica.of(Kind.NOTE)) == 2
    root.rmdir()
    kept.rename(root)
    for path in (root / "First.md", root / "Physics/Waves.md"):
        path.unlink()
    await replica.run(again)
    assert replica.of(Kind.NOTE) == []


def test_what_is_no_text_is_not_written_over(root):
    chinese = "中文笔记\u4e81".encode("gbk")
    (root / "First.md").write_bytes(chinese)
    with pytest.raises(UnsupportedError, match="neither UTF-8 nor Windows-1252"):
        update(root, "two\n", tags=())
    assert (root / "First.md").read_bytes() == chinese


def test_a_copy_does_not_take_the_place_of_what_it_was_made_of(root):
    text = "---\nid: w\n---\nsee\n"
    for name in ("Physics/Waves.md", "Physics/Waves 1.md", "Archive/old/Waves.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    opened = reader(root)
    assert opened.path_of(note("id:w")) == "Physics/Waves.md"
    assert opened.path_of(note("Physics/Waves 1.md")) == "Physics/Waves 1.md"
    with pytest.raises(UnsupportedError, match="its id 'w' is that of another note too"):
        do(root, NoteWrite.MOVE, note("Physics/Waves 1.md"))
    assert (root / "Physics/Waves 1.md").exists()


@pytest.mark.parametrize(
    "head",
    [
        "---\nid: w\ntitle: Waves: part 1\ndraft: true\n---\n",
        '+++\nid = "w"\ntitle = "Waves"\ndraft = true\n+++\n',
        '---\n{"id": "w", "draft": true}\n---\n',
    ],
    ids=["broken", "TOML", "flow"],
)
def test_who_a_note_is_and_that_it_is_a_draft_is_read_of_any_front_matter(root, head):
    (root / "First.md").write_text(f"{head}one\n")
    [made, _] = reader(root).make("First.md")
    assert (made.remote_id, made.published) == ("id:w", False)
    answer = do(root, NoteWrite.MOVE, note("id:w"), parent="Physics/")
    assert (root / "Physics/First.md").read_text() == f"{head}one\n"
    assert answer.ref == note("id:w")


def test_what_would_not_be_read_again_is_not_written(root):
    held = (root / "First.md").read_bytes()
    with pytest.raises(UnsupportedError, match="at most 1,048,576 are read"):
        update(root, "x" * (1 << 20))
    assert (root / "First.md").read_bytes() == held

    (root / "First.md").write_text("---\ntags: [[odd], red]\n---\none\n")
    answer = update(root, "one\n", tags=("red", "new"))
    assert (root / "First.md").read_text() == "---\ntags: [[odd], red]\n---\none\n"
    assert answer.lost == ("its tags: the front matter cannot be changed by lines",)

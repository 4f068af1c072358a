"""A vault of Markdown and the hub, both ways: nothing is lost, and nothing echoes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from bloop.content.models import Item, Node
from bloop.content.notes import attaching, service
from bloop.content.notes.models import Conflict
from bloop.content.notes.texts import text_of
from bloop.kernel.models import Connection
from bloop_markdown.config import MarkdownConfig
from bloop_markdown.provider import MarkdownProvider
from bloop_sdk import NoteWrite
from bloop_sdk.testing import FakeContext
from tests.content.both_ways import Pair
from tests.content.course import connect
from tests.support.desk import Desk

HEAD = "---\naliases:   [A,  B]   # mine\ncreated: 2024-05-01\n---\n"
THREE = "one\n\ntwo\n\nthree\n"


@dataclass
class VaultPair(Pair):
    """The hub and a folder."""

    root: Path

    def provider(self) -> MarkdownProvider:
        config = MarkdownConfig(vaults=(self.root.parent,), folder=str(self.root))
        return MarkdownProvider(FakeContext(config=config))

    def file(self, path: str) -> str:
        return (self.root / path).read_bytes().decode()

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_bytes(text.encode())

    def versions(self) -> dict[str, int]:
        """Of each note, how often its row was written."""
        return {row.id: row.row_version for row in self.all(Item, Item.kind == "note")}

    async def calm(self) -> None:
        """Nothing waits, the next sync finds nothing new, and no half file is left."""
        assert self.waiting() == []
        before = self.versions()
        await self.sync()  # A new name may stand before others: their places are numbered anew.
        assert self.versions() == before
        report = await self.sync()
        assert (report.written, report.deleted, report.quarantined) == (0, 0, 0), report
        assert not list(self.root.rglob(".bloop-*"))


@pytest.fixture
async def pair(database, blobs, call, command, tmp_path):
    root = tmp_path / "Vault"
    (root / "Physics").mkdir(parents=True)
    (root / ".obsidian").mkdir()
    (root / ".obsidian/app.json").write_text("{}")
    connection = connect(database, call)
    with database.unit(call) as unit:
        row = unit.get(Connection, connection)
        row.capability, row.state, row.writes = "notes", "active", sorted(map(str, NoteWrite))
    pair = VaultPair(database, blobs, call, command, connection, Desk(), root)
    pair.write("First.md", HEAD + THREE)
    pair.write("Physics/Waves.md", "See [[First]].\r\n\r\nThey carry energy.\r\n")
    await pair.sync()
    return pair


async def test_edits_go_both_ways_and_nothing_echoes(pair):
    pair.edit("First", markdown=THREE.replace("two", "2"))
    assert await pair.send() == {"sent": 1}
    assert pair.file("First.md") == HEAD + "one\n\n2\n\nthree\n"
    await pair.calm()

    pair.write("First.md", HEAD + "one\n\n2\n\n3\n")
    assert (await pair.sync()).written == 1
    assert pair.markdown("First") == "one\n\n2\n\n3\n"
    await pair.calm()

    pair.edit("First", markdown="1\n\n2\n\n3\n")
    pair.write("First.md", HEAD + "one\n\n2\n\n3\n\nfour\n")
    assert await pair.send() == {"met": 1, "sent": 1}
    assert pair.file("First.md") == HEAD + "1\n\n2\n\n3\n\nfour\n"
    await pair.calm()


async def test_what_both_changed_becomes_a_copy_that_is_a_file_too(pair):
    pair.edit("First", markdown=THREE.replace("two", "mine"))
    pair.write("First.md", HEAD + THREE.replace("two", "theirs"))

    await pair.sync()
    await pair.send()

    [conflict] = pair.all(Conflict)
    [copy] = pair.all(Item, Item.id == conflict.copy_id)
    assert "mine" in text_of(copy).markdown
    assert pair.file("First.md") == HEAD + THREE.replace("two", "theirs")
    [made] = [path for path in pair.root.glob("First*.md") if path.name != "First.md"]
    assert "one\n\nmine\n\nthree\n" in made.read_text()
    await pair.calm()


async def test_the_copy_of_a_draft_is_a_draft_here_and_there(pair):
    head = "---\ndraft: true\n---\n"
    pair.write("Exam.md", head + THREE)
    await pair.sync()
    pair.edit("Exam", markdown=THREE.replace("two", "mine"))
    pair.write("Exam.md", head + THREE.replace("two", "theirs"))

    await pair.sync()
    await pair.send()
    await pair.calm()

    [conflict] = pair.all(Conflict)
    [copy] = pair.all(Item, Item.id == conflict.copy_id)
    assert not copy.published
    [made] = [path for path in pair.root.glob("Exam*.md") if path.name != "Exam.md"]
    assert "\ndraft: true\n" in made.read_text()


async def test_notes_are_made_given_files_moved_and_deleted(pair):
    made = pair.command(service.create, pair.book(), title="A/B: c", markdown="Hello\n", tags=["x"])
    assert await pair.send() == {"sent": 1}
    text = pair.file("A-B- c.md")
    assert 'title: "A/B: c"\n' in text
    assert text.endswith("tags: [x]\n---\nHello\n")
    await pair.calm()

    [folder] = pair.all(Node, Node.title == "Physics")
    made = pair.note("A/B: c")
    pair.command(service.move, made.id, made.row_version, parent=folder.id)
    assert await pair.send() == {"sent": 1}
    assert pair.file("Physics/A-B- c.md") == text
    assert not (pair.root / "A-B- c.md").exists()
    assert pair.note("A/B: c").id == made.id
    await pair.calm()

    row = pair.note("A/B: c")
    pair.command(service.delete, row.id, row.row_version)
    assert await pair.send() == {"sent": 1}
    assert pair.file(".trash/A-B- c.md") == text
    await pair.calm()


async def test_a_file_given_to_a_note_lies_beside_it(pair):
    row = pair.note("Waves")
    digest = pair.blobs.put([b"a wave"])
    pair.command(
        attaching.attach,
        row.id,
        row.row_version,
        name="wave: 1.png",
        media_type="image/png",
        sha256=digest.sha256,
        size=digest.size,
    )
    assert await pair.send() == {"sent": 2}
    assert (pair.root / "Physics/wave- 1.png").read_bytes() == b"a wave"
    text = pair.file("Physics/Waves.md")
    assert text.startswith("See [[First]].\r\n\r\nThey carry energy.\r\n\r\n![wave")
    assert text.endswith("](wave-%201.png)\r\n")
    await pair.calm()


async def test_a_note_without_an_id_stays_itself_when_it_is_moved(pair):
    first = pair.note("First")
    [folder] = pair.all(Node, Node.title == "Physics")
    pair.command(service.move, first.id, first.row_version, parent=folder.id)
    assert await pair.send() == {"sent": 1}

    assert (
        pair.file("Physics/First.md")
        == HEAD.replace("\n---\n", '\nid: "path:First.md"\n---\n') + THREE
    )
    await pair.calm()
    assert pair.note("First").id == first.id
    pair.write("First.md", "Another.\n")
    await pair.sync()
    assert {text_of(one).markdown for one in pair.all(Item, Item.title == "First")} == {
        THREE,
        "Another.\n",
    }
    assert text_of(next(iter(pair.all(Item, Item.id == first.id)))).markdown == THREE

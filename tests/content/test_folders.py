"""Folders of a vault, made and moved from here, and notes that go to another notebook."""

from __future__ import annotations

import pytest

from bloop.content.changing import SourceWinsError
from bloop.content.models import Item, Node
from bloop.content.notes import attaching, folders, service
from bloop.content.notes.texts import text_of
from bloop.content.notes.transfer import transfer
from bloop.content.service import create_container
from bloop.jobs.models import Job
from bloop.kernel.models import Connection
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError
from bloop_sdk import FolderWrite, NoteWrite
from tests.content.test_vault import VaultPair, pair

assert pair


@pytest.fixture
def vault(pair):
    with pair.database.unit(pair.call) as unit:
        row = unit.get(Connection, pair.connection)
        row.writes = sorted([*map(str, NoteWrite), *map(str, FolderWrite)])
    return pair


async def change(pair: VaultPair, asked, *, again=False):
    """What the job of a folder does."""

    async def do(work, *args, **kwargs):
        return await pair.database.run(in_unit, pair.database, pair.call, work, *args, **kwargs)

    [job] = pair.all(Job, Job.id == asked.job)
    return await folders.write_folder(
        do, pair.blobs, pair.provider(), job.payload, job=job.id, again=again
    )


def places(pair: VaultPair) -> dict[str, str | None]:
    """Of each place that is there, the title of what it stands below."""
    nodes = pair.all(Node, Node.state == "active")
    titles = {node.id: node.title for node in nodes}
    return {node.title: titles.get(node.parent_id) for node in nodes}


def folder(pair: VaultPair, title: str) -> Node:
    [found] = pair.all(Node, Node.title == title, Node.state == "active")
    return found


async def test_a_folder_is_made_and_notes_are_written_in_it(vault):
    asked = vault.command(folders.create_folder, vault.book(), title="A/B")
    done = await change(vault, asked)
    assert done["lost"] == ["letters of its name: A/B"]
    # As after a kill before it was told.
    await change(vault, asked, again=True)
    assert [path.name for path in sorted(vault.root.glob("[!.]*/"))] == ["A-B", "Physics"]
    assert (vault.root / "A-B").is_dir()
    parent = folder(vault, "A-B").id
    vault.command(service.create, vault.book(), title="New", parent=parent)
    assert await vault.send() == {"sent": 1}
    assert (vault.root / "A-B/New.md").exists()
    assert places(vault)["New"] == "A-B"
    await vault.calm()


async def test_a_folder_moves_with_all_that_is_in_it(vault):
    vault.write("Physics/plan.png", "png")
    (vault.root / "Physics/Deep").mkdir()
    vault.write("Physics/Deep/Sea.md", "---\nid: sea\n---\nwet\n")
    await vault.sync()
    await change(vault, vault.command(folders.create_folder, vault.book(), title="School"))
    before = {row.title: row.id for row in vault.all(Item, Item.kind == "note")}
    physics, school = folder(vault, "Physics"), folder(vault, "School")

    asked = vault.command(
        folders.move_folder, physics.id, physics.row_version, title="Nature", parent=school.id
    )
    await change(vault, asked)
    assert not (vault.root / "Physics").exists()
    assert vault.file("School/Nature/Waves.md").startswith('---\r\nid: "path:Physics/Waves.md"\r\n')
    assert places(vault) == {
        "First": None,
        "School": None,
        "Nature": "School",
        "Waves": "Nature",
        "Deep": "Nature",
        "Sea": "Deep",
    }
    assert {row.title: row.id for row in vault.all(Item, Item.kind == "note")} == before
    assert folder(vault, "Nature").id == physics.id
    await change(vault, asked, again=True)
    await vault.calm()
    assert {row.title: row.id for row in vault.all(Item, Item.kind == "note")} == before


async def test_what_cannot_be_done_to_a_folder_says_why(vault):
    physics, waves = folder(vault, "Physics"), folder(vault, "Waves")
    with pytest.raises(ConflictError, match="the place of a note"):
        vault.command(folders.move_folder, waves.id, None)
    (vault.root / "Nature").mkdir()
    asked = vault.command(folders.move_folder, physics.id, None, title="nature")
    with pytest.raises(Exception, match="nature is there already"):
        await change(vault, asked)
    assert (vault.root / "Physics/Waves.md").exists()
    with vault.database.unit(vault.call) as unit:
        unit.get(Connection, vault.connection).writes = [NoteWrite.UPDATE]
    with pytest.raises(SourceWinsError, match="can't take new folders from here"):
        vault.command(folders.create_folder, vault.book(), title="No")
    book = vault.command(create_container, title="Other", kind="notebook")
    with pytest.raises(SourceWinsError, match="can't have notes deleted from here"):
        vault.command(transfer, vault.note("First").id, None, book.id)


async def test_a_note_goes_to_a_notebook_of_nobody_and_back(vault):
    book = vault.command(create_container, title="Other", kind="notebook")
    ref = vault.blobs.put(iter([b"png"]))
    note = vault.note("First")
    vault.command(
        attaching.attach, note.id, None, name="a.png", media_type="image/png",
        sha256=ref.sha256, size=3,
    )  # fmt: skip
    await vault.send()
    await vault.sync()
    gone = vault.command(transfer, vault.note("First").id, None, book.id)
    assert await vault.send() == {"sent": 1}
    assert (vault.root / ".trash/First.md").exists()
    [copy] = vault.all(Item, Item.container_id == book.id, Item.kind == "file")
    assert text_of(gone).markdown.endswith(f"![a.png](bloop:file:{copy.remote_id})\n")
    assert copy.blob == ref.sha256

    back = vault.command(transfer, gone.id, None, vault.note("Waves").container_id)
    assert await vault.send() == {"sent": 2}
    assert "one\n\ntwo\n\nthree\n\n![a.png](" in vault.file("First.md")
    assert vault.note("First").id == back.id
    await vault.sync()  # What links to it links to another note.
    await vault.calm()

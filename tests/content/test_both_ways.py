"""Notes that are changed here and over there: sent, merged, kept as copies, and never lost."""

from __future__ import annotations

import pytest

from bloop.content.models import Item, Node
from bloop.content.notes import service
from bloop.content.notes.models import Conflict, Unsent
from bloop.content.notes.texts import text_of
from bloop.content.notes.waiting import send_now
from bloop.kernel.models import Connection
from tests.content.both_ways import Pair
from tests.content.course import connect
from tests.support.desk import Desk

THREE = "one\n\ntwo\n\nthree\n"


@pytest.fixture
async def pair(database, blobs, call, command):
    desk = Desk()
    desk.add("First", THREE, tags=("red",))
    desk.add("Second", "alpha\n")
    connection = connect(database, call)
    with database.unit(call) as unit:
        row = unit.get(Connection, connection)
        row.capability, row.state, row.writes = "notes", "active", sorted(desk.writes)
    pair = Pair(database, blobs, call, command, connection, desk)
    await pair.sync()
    return pair


async def test_an_edit_is_sent_and_the_next_sync_finds_nothing_new(pair):
    pair.edit("First", markdown=THREE.replace("two", "2"), tags=["red", "blue"])
    assert pair.waiting() == [("note.update", "waiting")]

    assert await pair.send() == {"sent": 1}

    [sheet] = [s for s in pair.desk.sheets.values() if s.title == "First"]
    assert (sheet.markdown, sheet.tags) == ("one\n\n2\n\nthree\n", ("red", "blue"))
    assert sheet.colours == "red"
    [op] = pair.desk.log
    assert op.note.base["colours"] == "red"
    assert op.note.base_markdown == THREE
    await pair.calm()


@pytest.mark.parametrize("tells", [True, False], ids=["told", "fetched"])
async def test_a_new_note_and_one_below_it_get_their_names_over_there(pair, tells):
    pair.desk.tells = tells
    top = pair.command(service.create, pair.book(), title="Top", markdown="# Hello\n", tags=["x"])
    [place] = pair.all(Node, Node.item_id == top.id)
    pair.command(service.create, pair.book(), title="Below", parent=place.id)
    assert pair.waiting() == [("note.create", "waiting")] * 2

    assert await pair.send() == {"sent": 2}

    assert pair.desk.named("Below").parent == pair.desk.named("Top").id
    assert pair.note("Top").remote_id == pair.desk.named("Top").id
    assert pair.note("Top").id == top.id
    await pair.calm()
    assert len(pair.all(Node)) == 4


async def test_what_is_edited_on_both_sides_in_other_places_is_merged(pair):
    pair.edit("First", markdown=THREE.replace("one", "1"))
    pair.desk.change("s1", markdown=THREE.replace("three", "3"))

    report = await pair.sync()

    assert report.written == 1
    assert pair.markdown("First") == "1\n\ntwo\n\n3\n"
    await pair.send()
    assert pair.desk.named("First").markdown == "1\n\ntwo\n\n3\n"
    await pair.calm()


async def test_a_stale_write_changes_nothing_and_is_merged(pair):
    pair.edit("First", markdown=THREE.replace("one", "1"))
    pair.desk.change("s1", markdown=THREE.replace("three", "3"))

    assert await pair.send() == {"met": 1, "sent": 1}

    assert pair.desk.named("First").markdown == "1\n\ntwo\n\n3\n"
    await pair.calm()


async def test_what_both_changed_is_kept_twice_here_and_there(pair):
    pair.edit("First", markdown=THREE.replace("two", "mine"))
    pair.desk.change("s1", markdown=THREE.replace("two", "theirs"))

    await pair.sync()

    assert "theirs" in pair.markdown("First")
    [conflict] = pair.all(Conflict)
    [copy] = pair.all(Item, Item.id == conflict.copy_id)
    assert "mine" in text_of(copy).markdown
    assert copy.title.startswith("First (changed here by ")
    assert copy.title.endswith("; the other is in Tiny)")
    [place] = pair.all(Node, Node.item_id == copy.id)
    [beside] = pair.all(Node, Node.item_id == conflict.item_id)
    assert place.position > beside.position
    await pair.send()
    assert pair.desk.named(copy.title).markdown == "one\n\nmine\n\nthree\n"
    await pair.calm()


async def test_what_is_deleted_there_and_edited_here_stays_as_a_copy(pair):
    pair.edit("First", markdown=THREE.replace("two", "mine"))
    pair.desk.remove("s1")

    await pair.sync(confirm_deletes=True)

    [conflict] = pair.all(Conflict)
    assert conflict.how == "deleted_there"
    await pair.send()
    [copy] = pair.all(Item, Item.id == conflict.copy_id)
    assert pair.desk.named(copy.title).markdown == "one\n\nmine\n\nthree\n"
    await pair.calm()


async def test_what_is_edited_there_and_deleted_here_comes_back(pair):
    row = pair.note("First")
    pair.command(service.delete, row.id, row.row_version)
    pair.desk.change("s1", markdown="new\n")

    assert await pair.send() == {"met": 1}

    assert pair.markdown("First") == "new\n"
    [conflict] = pair.all(Conflict)
    assert (conflict.how, conflict.copy_id) == ("deleted_here", None)
    await pair.calm()


async def test_a_deletion_is_sent(pair):
    row = pair.note("First")
    pair.command(service.delete, row.id, row.row_version)

    assert await pair.send() == {"sent": 1}

    assert list(pair.desk.trash) == ["s1"]
    await pair.calm()


async def test_a_move_is_sent(pair):
    [above] = pair.all(Node, Node.title == "Second")
    row = pair.note("First")
    pair.command(service.move, row.id, row.row_version, parent=above.id)

    assert await pair.send() == {"sent": 1}

    assert pair.desk.named("First").parent == "s2"
    [place] = pair.all(Node, Node.title == "First")
    assert place.parent_id == above.id
    await pair.calm()


async def test_a_file_goes_before_the_note_that_links_to_it(pair, blobs):
    ref = blobs.put([b"bytes"])
    row = pair.note("First")
    pair.command(
        service.attach, row.id, row.row_version, name="a.png", media_type="image/png",
        sha256=ref.sha256, size=ref.size,
    )  # fmt: skip

    assert await pair.send() == {"sent": 2}

    [name] = pair.desk.files
    assert pair.desk.named("First").markdown.endswith(f"![a.png](bloop:file:{name})\n")
    assert pair.desk.files[name] == ("a.png", b"bytes")
    await pair.calm()


async def test_a_refusal_stays_with_its_reason_and_can_be_sent_again_or_taken_back(pair):
    from bloop_sdk import UnsupportedError

    def refuse(_op):
        raise UnsupportedError("no tables here", cure="take the table out")

    pair.desk.before = refuse
    pair.edit("First", markdown="| a |\n|---|\n")
    pair.edit("Second", markdown="beta\n")
    assert await pair.send() == {"refused": 2}
    [waiting, _] = pair.all(Unsent)
    assert (waiting.state, waiting.reason) == ("refused", "no tables here")
    assert waiting.cure == "take the table out"
    await pair.sync()
    assert pair.markdown("First") == "| a |\n|---|\n"

    pair.command(service.revert, waiting.id)
    assert pair.markdown("First") == THREE
    pair.desk.before = lambda _op: None
    assert pair.command(send_now, pair.connection)
    assert await pair.send() == {"sent": 1}
    assert pair.desk.named("Second").markdown == "beta\n"
    await pair.calm()

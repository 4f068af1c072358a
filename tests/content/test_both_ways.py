"""Notes that are changed here and over there: sent, merged, kept as copies, and never lost."""

from __future__ import annotations

import pytest

from bloop.content.engine import run_read
from bloop.content.history import undo_run
from bloop.content.models import Item, Node
from bloop.content.notes import attaching, service
from bloop.content.notes.models import Conflict, Unsent
from bloop.content.notes.texts import text_of
from bloop.content.notes.waiting import send_now
from bloop.content.sync_models import SyncRun
from bloop.store.errors import ConflictError
from bloop_sdk import AuthError, RateLimitedError, UnavailableError, UnsupportedError
from tests.content.both_ways import THREE
from tests.support.desk import DeskProvider


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
        attaching.attach, row.id, row.row_version, name="a.png", media_type="image/png",
        sha256=ref.sha256, size=ref.size,
    )  # fmt: skip

    assert await pair.send() == {"sent": 2}

    [name] = pair.desk.files
    assert pair.desk.named("First").markdown.endswith(f"![a.png](bloop:file:{name})\n")
    assert pair.desk.files[name] == ("a.png", b"bytes")
    await pair.calm()


async def test_a_refusal_stays_with_its_reason_and_can_be_sent_again_or_taken_back(pair):
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


@pytest.mark.parametrize("met", [False, True], ids=["alone", "after a sync"])
async def test_a_note_whose_answer_was_lost_is_not_made_twice(pair, met):
    made = pair.command(service.create, pair.book(), title="New", markdown="text\n")
    await pair.send_unheard()
    if met:
        await pair.sync()
    pair.command(service.edit, made.id, None, {"markdown": "text\n\nmore\n"})

    await pair.send()

    assert [op.again for op in pair.desk.log] == [False, True, False]
    assert pair.desk.named("New").markdown == "text\n\nmore\n"
    assert pair.note("New").id == made.id
    await pair.calm()


async def test_what_is_edited_while_it_is_sent_is_sent_next(pair):
    row = pair.edit("First", markdown=THREE.replace("one", "1"))

    def edit_on(_op):
        pair.desk.after = lambda _op: None
        pair.command(service.edit, row.id, None, {"markdown": "1\n\ntwo\n\n3\n"})

    pair.desk.after = edit_on
    assert await pair.send() == {"sent": 2}
    assert pair.desk.named("First").markdown == "1\n\ntwo\n\n3\n"
    await pair.calm()


async def test_what_may_work_later_waits_with_its_reason(pair):
    def away(_op):
        raise UnavailableError("the desk is closed")

    pair.desk.before = away
    pair.edit("First", title="Premier")
    with pytest.raises(UnavailableError):
        await pair.send()
    [waiting] = pair.all(Unsent)
    assert (waiting.state, waiting.reason) == ("sending", "the desk is closed")
    pair.desk.before = lambda _op: None
    assert await pair.send() == {"sent": 1}
    [place] = pair.all(Node, Node.title == "Premier")
    assert place.remote_id == "n-s1"
    await pair.calm()


async def test_new_notes_that_link_to_each_other_find_each_other_over_there(pair):
    one = pair.command(service.create, pair.book(), title="One")
    two = pair.command(
        service.create, pair.book(), title="Two", markdown=f"see [one](bloop:note:{one.id})\n"
    )
    pair.command(service.edit, one.id, None, {"markdown": f"see [two](bloop:note:{two.id})\n"})

    await pair.send()

    names = {title: pair.desk.named(title).id for title in ("One", "Two")}
    assert pair.desk.named("One").markdown == f"see [two](bloop:note:{names['Two']})\n"
    assert pair.desk.named("Two").markdown == f"see [one](bloop:note:{names['One']})\n"
    await pair.calm()


async def test_undoing_a_run_gives_back_the_edit_that_it_merged(pair):
    mine = THREE.replace("one", "1")
    pair.edit("First", markdown=mine)
    pair.desk.change("s1", markdown=THREE.replace("three", "3"))
    report = await pair.sync()
    assert pair.markdown("First") == "1\n\ntwo\n\n3\n"

    pair.command(undo_run, report.run)

    assert pair.markdown("First") == mine
    assert pair.waiting() == [("note.update", "waiting")]
    await pair.sync()
    assert pair.markdown("First") == "1\n\ntwo\n\n3\n"
    pair.edit("First", title="Premier")
    [run, *_] = sorted(pair.all(SyncRun), key=lambda run: -run.generation)
    with pytest.raises(ConflictError, match="edited here since"):
        pair.command(undo_run, run.id)
    await pair.send()
    await pair.calm()


async def test_undoing_a_run_takes_back_its_conflicts(pair):
    mine = THREE.replace("two", "mine")
    pair.edit("First", markdown=mine)
    pair.desk.change("s1", markdown=THREE.replace("two", "theirs"))
    report = await pair.sync()
    assert len(pair.all(Conflict)) == 1

    pair.command(undo_run, report.run)

    assert pair.markdown("First") == mine
    assert (pair.all(Conflict), pair.waiting()) == ([], [("note.update", "waiting")])
    assert len(pair.all(Item, Item.kind == "note")) == 2


async def test_an_edit_is_undone_like_an_edit(pair):
    pair.edit("First", markdown="new\n")
    await pair.send()
    row = pair.note("First")
    pair.command(service.undo, row.id, row.row_version)
    assert pair.markdown("First") == THREE
    await pair.send()
    assert pair.desk.named("First").markdown == THREE
    await pair.calm()


async def test_a_deleted_note_comes_back_while_it_waits_and_is_written_anew_afterwards(pair):
    row = pair.note("First")
    pair.command(service.delete, row.id, None)
    pair.command(service.restore, row.id, None)
    assert pair.waiting() == []
    await pair.calm()

    pair.command(service.delete, row.id, None)
    await pair.send()
    again = pair.command(service.restore, row.id, None)
    assert again.id != row.id
    await pair.send()
    assert pair.desk.named("First").markdown == THREE
    await pair.calm()


async def test_what_the_other_side_trims_does_not_come_back_as_a_change(pair):
    pair.edit("First", markdown="one   \n\ntwo \n")
    assert await pair.send() == {"sent": 1}
    assert pair.markdown("First") == "one\n\ntwo\n"
    await pair.calm()


async def test_a_credential_that_is_refused_leaves_what_waits_as_it_is(pair):
    def refuse(_op):
        raise AuthError("who are you?", cure="log in again")

    pair.desk.before = refuse
    pair.edit("First", markdown="new\n")
    with pytest.raises(AuthError):
        await pair.send()
    [waiting] = pair.all(Unsent)
    assert (waiting.state, waiting.cure) == ("waiting", "log in again")
    pair.command(service.revert, waiting.id)
    pair.desk.before = lambda _op: None
    await pair.calm()


@pytest.mark.parametrize("error", [RateLimitedError, AuthError])
async def test_a_note_that_was_made_before_the_other_side_said_no_is_not_made_twice(pair, error):
    note = pair.command(service.create, pair.book(), title="New", markdown="text\n")

    def refuse(_op):
        raise error("no more requests")

    pair.desk.after = refuse
    with pytest.raises(error):
        await pair.send()
    pair.desk.after = lambda _op: None

    assert await pair.send() == {"sent": 1}
    assert [sheet.title for sheet in pair.desk.sheets.values()].count("New") == 1
    assert pair.note("New").id == note.id
    await pair.calm()


async def test_what_was_read_before_a_note_was_sent_is_no_edit_of_the_other_side(pair):
    class Slow(DeskProvider):
        async def read(self, partition, state):
            async for batch in super().read(partition, state):
                if any(one.remote_id == "s1" for one in batch.records):
                    pair.edit("First", markdown=THREE.replace("two", "2"))
                    await pair.send()
                    pair.edit("First", markdown=THREE.replace("two", "2 and more"))
                yield batch

    await run_read(
        pair.database, pair.blobs, Slow(pair.desk), pair.call, connection=pair.connection
    )
    assert pair.markdown("First") == THREE.replace("two", "2 and more")
    assert pair.all(Conflict) == []
    await pair.send()
    assert pair.desk.named("First").markdown == THREE.replace("two", "2 and more")
    await pair.calm()

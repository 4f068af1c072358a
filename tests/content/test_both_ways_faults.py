"""Notes on their way, where the other side fails in odd places, and people do not wait for it."""

from __future__ import annotations

import pytest

from bloop.content.models import Item, Node
from bloop.content.notes import attaching, service
from bloop.content.notes.models import Conflict, Unsent
from bloop_sdk import FatalError, UnavailableError
from tests.content.both_ways import THREE, Killed, Pair, die

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


def attach(pair: Pair, row: Item, blobs) -> None:
    ref = blobs.put([b"bytes"])
    pair.command(
        attaching.attach, row.id, row.row_version, name="a.png", media_type="image/png",
        sha256=ref.sha256, size=ref.size,
    )  # fmt: skip


async def test_a_note_that_is_not_made_takes_its_files_along(pair, blobs):
    for how in (service.revert, service.delete):
        row = pair.command(service.create, pair.book(), title="New")
        attach(pair, row, blobs)
        assert pair.waiting() == [("file.create", "waiting"), ("note.create", "waiting")]
        [waiting] = pair.all(Unsent, Unsent.op == "note.create")
        of = (waiting.id,) if how == service.revert else (row.id, None)
        pair.command(how, *of)
        assert pair.waiting() == []
        assert (await pair.send(), pair.desk.files) == ({}, {})


FAILURES = {
    "for good": (FatalError("it cannot be read", cure="mend it"), "refused"),
    "for now": (UnavailableError("the desk is closed"), "sending"),
}


@pytest.mark.parametrize(("when", "how"), [("written", "for good"), ("met", "for now")])
async def test_what_cannot_be_read_afterwards_waits_and_the_others_go_on(pair, how, when):
    error, state = FAILURES[how]
    pair.desk.tells = False
    pair.desk.unreadable = {"s1": error}
    pair.edit("First", markdown=THREE.replace("one", "1"))
    pair.edit("Second", markdown="beta\n")
    if when == "met":
        pair.desk.change("s1", markdown=THREE.replace("three", "3"))

    if state == "sending":
        with pytest.raises(UnavailableError):
            await pair.send()
    else:
        await pair.send()

    assert pair.desk.named("Second").markdown == "beta\n"
    [waiting] = pair.all(Unsent)
    assert (waiting.item_id, waiting.state) == (pair.note("First").id, state)
    assert str(waiting.reason).endswith(error.message)
    pair.desk.unreadable = {}
    if state == "refused" and when == "met":
        pair.command(service.retry, waiting.id)
    await pair.send()
    await pair.sync()
    wanted = THREE.replace("one", "1")
    assert pair.desk.named("First").markdown == (
        wanted.replace("three", "3") if when == "met" else wanted
    )
    await pair.calm()


@pytest.mark.parametrize("kind", ["made", "moved"])
async def test_a_note_is_moved_on_while_it_is_being_sent(pair, kind):
    [above] = pair.all(Node, Node.title == "Second")
    if kind == "made":
        row = pair.command(service.create, pair.book(), title="New", markdown="text\n")
    else:
        pair.desk.add("Third")
        await pair.sync()
        row = pair.note("First")
        [other] = pair.all(Node, Node.title == "Third")
        pair.command(service.move, row.id, row.row_version, parent=other.id)

    def move_on(_op):
        pair.desk.after = lambda _op: None
        pair.command(service.move, row.id, None, parent=above.id)

    pair.desk.after = move_on
    assert await pair.send() == {"sent": 2}

    title = "New" if kind == "made" else "First"
    assert pair.desk.named(title).parent == "s2"
    [place] = pair.all(Node, Node.title == title)
    assert (place.parent_id, place.theirs) == (above.id, None)
    await pair.calm()


async def test_a_half_of_what_was_sent_is_no_edit_of_the_other_side(pair):
    mine = "new\n\n1\n\ntwo\n\n3\n"
    row = pair.edit("First", title="Premier", markdown=mine)

    def half(_op):
        # What is new stands behind what it takes the place of, which goes last.
        there = "one\n\nnew\n\n1\n\ntwo\n\nthree\n"
        pair.desk.change("s1", title="Premier", markdown=there)
        die(_op)

    pair.desk.before = half
    with pytest.raises(Killed):
        await pair.send()
    pair.desk.before = lambda _op: None
    await pair.sync()
    await pair.send()

    assert pair.note("Premier").id == row.id
    assert pair.desk.named("Premier").markdown == mine
    assert pair.all(Conflict) == []
    await pair.calm()


async def test_an_edit_over_there_beside_a_half_of_ours_is_one(pair):
    pair.edit("First", markdown=THREE.replace("one", "1").replace("three", "3"))

    def half(_op):
        pair.desk.change("s1", markdown="1\n\ntheirs\n\nthree\n")
        die(_op)

    pair.desk.before = half
    with pytest.raises(Killed):
        await pair.send()
    pair.desk.before = lambda _op: None
    await pair.send()
    assert pair.desk.named("First").markdown == "1\n\ntheirs\n\n3\n"
    await pair.calm()


@pytest.mark.parametrize("there", ["first\n\ntext\n", "text\n\nother\n"], ids=["beside", "same"])
async def test_what_was_edited_of_a_note_that_a_read_met_first_goes_over_with_it(pair, there):
    made = pair.command(service.create, pair.book(), title="New", markdown="text\n")
    await pair.send_unheard()
    await pair.sync()
    [met] = pair.all(Item, Item.title == "New", Item.connection_id.is_not(None))
    [above] = pair.all(Node, Node.title == "Second")
    pair.command(service.edit, met.id, met.row_version, {"markdown": there})
    pair.command(service.move, met.id, None, parent=above.id)
    pair.command(service.edit, made.id, None, {"markdown": "text\n\nmore\n"})

    await pair.send()

    assert pair.desk.named("New").parent == "s2"
    texts = [one.markdown for one in pair.desk.sheets.values() if one.title.startswith("New")]
    merged = ["first\n\ntext\n\nmore\n"] if there.startswith("first") else None
    assert sorted(texts) == (merged or ["text\n\nmore\n", there])
    kept = pair.all(Conflict)
    assert [one.how for one in kept] == ([] if merged else ["edited"])
    assert [one.id for one in pair.all(Item, Item.title == "New")] == [made.id]
    await pair.calm()

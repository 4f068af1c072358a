"""Parts that are the same: their records are not made again, and are as if they had been."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import update

from bloop.content.history import undo_run
from bloop.content.models import Item
from bloop.content.sync_models import SyncSeen
from bloop.store.models import OutboxEvent
from bloop_sdk import Batch, Cursor, FatalError, MissingRecordError, Part, Partition, Skipped
from tests.content.course import Course, changed, file, leaf, module, page, rows


@dataclass
class Parted(Course):
    """A course whose lists come in parts; ``made`` names those whose records were made."""

    batch_size: int = 4
    made: list[str] = field(default_factory=list)
    told: list[list[tuple[str, str]]] = field(default_factory=list)
    foreseen: list[set[str]] = field(default_factory=list)
    bold: bool = False

    async def read(self, partition: Any, state: Cursor | None) -> Any:
        async for batch in super().read(partition, state):
            key = str(batch.done)
            digest = hashlib.sha256(repr([one.raw for one in batch.records]).encode()).hexdigest()
            part = Part(key, digest)
            if self.bold or partition.known.get(key) == digest:
                yield replace(batch, records=(), skipped=(), part=part, same=True)
                continue
            self.made += [key] if partition.container else []
            # The cursor, and the part with it, come with the last batch of several.
            half = len(batch.records) // 2
            yield Batch(records=batch.records[:half], skipped=batch.skipped)
            yield replace(batch, records=batch.records[half:], skipped=(), part=part)

    def ahead(self, partitions: Sequence[Partition]) -> None:
        self.told.append([(one.stream, one.container or "") for one in partitions])
        self.foreseen += [set(one.known) for one in partitions]


def contents():
    pages = [page(n) for n in range(8)]
    return [module(1), module(2), module(3), module(4), *pages, *(leaf(p, "m1") for p in pages)]


def again(course, **values):
    """What a later run reads it by."""
    return replace(course, made=[], told=[], foreseen=[], **values)


async def test_parts_that_are_the_same_are_met_and_not_made(sync, database, call):
    course = Parted(contents=contents())
    first = await sync(course)
    assert course.made == ["4", "8", "12", "16", "20"]
    said = len(rows(database, call, OutboxEvent))

    later = again(course)
    report = await sync(later)

    assert later.made == []
    assert (report.seen, report.written, report.unchanged) == (first.seen, 0, first.seen)
    assert (report.deleted, report.by_kind) == (0, first.by_kind)
    assert len(rows(database, call, OutboxEvent)) == said


async def test_a_page_that_changed_has_its_part_made_and_no_other(sync, database, call):
    course = Parted(contents=contents())
    first = await sync(course)
    said = len(rows(database, call, OutboxEvent))
    course.contents[5] = changed(course.contents[5], html="<p>new</p>")

    later = again(course)
    report = await sync(later)

    assert later.made == ["8"]
    assert (report.seen, report.written, report.by_kind) == (first.seen, 1, first.by_kind)
    events = rows(database, call, OutboxEvent)[said:]
    assert [one.topic for one in events] == ["content.item.updated"]


async def test_what_a_part_has_lost_is_missing_and_what_others_hold_is_not(sync, database, call):
    course = Parted(contents=contents())
    await sync(course)
    gone = course.contents.pop()

    later = again(course)
    report = await sync(later)

    assert (later.made, report.deleted) == (["19"], 1)
    course.contents.append(gone)
    later = again(course)
    report = await sync(later)
    assert (later.made, report.written, report.deleted) == (["20"], 1, 0)


@pytest.mark.parametrize(
    "values",
    [{"state": "forbidden"}, {"state": "missing"}, {"raw_hash": "another"}, {"sanitiser": 99}],
    ids=str,
)
async def test_a_row_that_is_no_more_what_was_made_of_its_part_is_made_again(
    values, sync, database, call
):
    course = Parted(contents=contents())
    await sync(course)
    with database.unit(call) as unit:
        one = update(Item).where(Item.institution_id == call.institution, Item.remote_id == "p5")
        unit.session.execute(one.values(**values))

    later = again(course)
    report = await sync(later)

    assert (later.made, report.written) == (["12"], 1)
    later = again(course)
    await sync(later)
    assert later.made == []


async def test_what_is_in_the_trash_here_stays_there_and_keeps_its_part(sync, database, call):
    course = Parted(contents=contents())
    await sync(course)
    with database.unit(call) as unit:
        one = update(Item).where(Item.institution_id == call.institution, Item.remote_id == "p5")
        unit.session.execute(one.values(state="trashed", raw_hash=None))

    later = again(course)
    report = await sync(later)

    assert (later.made, report.written, report.unchanged) == ([], 0, report.seen)


async def test_another_version_of_the_plugin_or_a_full_run_makes_all_of_them(sync):
    course = Parted(contents=contents())
    await sync(course, version="1.0")
    for options in ({"version": "1.1"}, {"version": "1.1", "full": True}):
        later = again(course)
        report = await sync(later, **options)
        assert (len(later.made), report.written) == (5, 0)


async def test_a_part_with_something_that_could_not_be_used_is_made_every_time(sync):
    bad = Skipped(ref="page:bad", reason="it is odd")
    course = Parted(contents=[*contents(), page("long", title="x" * 501)], skipped=(bad,))
    await sync(course)

    later = again(course)
    report = await sync(later)

    assert later.made == ["4", "21"]
    assert (report.written, report.quarantined) == (0, 2)


async def test_a_part_with_a_file_is_the_same_once_the_hub_holds_its_bytes(sync, database, call):
    def none():
        raise MissingRecordError("there are none yet")

    # In parts of their own: the first four, then one file with each half of the rest.
    course = Parted(contents=[*contents()[:7], file("a.pdf"), *contents()[8:11], file("b.pdf")])
    course.contents[-1] = replace(course.contents[-1], chunks=none)
    await sync(course)

    later = again(course)
    assert (await sync(later)).written == 0
    assert later.made == ["12"], "b.pdf has no bytes yet"

    later = again(course, contents=[*course.contents[:-1], file("b.pdf")])
    await sync(later)
    assert later.made == ["12"]
    last = again(later)
    assert ((await sync(last)).written, last.made) == (0, [])
    with database.unit(call) as unit:
        unit.connection.execute(update(Item).where(Item.remote_id == "a.pdf").values(blob=None))
    lost = again(last)
    await sync(lost)
    assert lost.made == ["8"]


async def test_a_run_that_is_undone_is_read_afresh(sync, command, database, call):
    course = Parted(contents=contents())
    report = await sync(course)
    command(undo_run, report.run)
    assert rows(database, call, SyncSeen) == []

    later = again(course)
    report = await sync(later)

    assert (len(later.made), report.written) == (5, report.seen)


async def test_a_provider_cannot_leave_out_what_the_hub_does_not_know(sync):
    course = Parted(contents=contents(), bold=True)
    with pytest.raises(FatalError, match="left out records of a part"):
        await sync(course)


async def test_a_provider_is_told_what_follows_and_in_a_later_run_beside_the_list(sync):
    course = Parted(contents=contents())
    await sync(course)
    assert [one for one in course.told if one] == [[("tree", "c1")]] * 2, "as listed, and as kept"

    later = again(course)
    await sync(later)

    assert [one for one in later.told if one] == [[("tree", "c1")]] * 3
    assert (course.foreseen[0], later.foreseen) == (set(), [{"4", "8", "12", "16", "20"}] * 3)
    assert later.told[-1] == []


async def test_what_is_in_containers_that_were_chosen_is_asked_for_beside_their_list(sync):
    course = Parted(contents=contents())
    await sync(course, containers=frozenset({"c1"}))
    assert course.told[0] == [("tree", "c1")]


async def test_a_file_that_has_no_bytes_makes_its_part_no_other_one(sync, database, call):
    course = Parted(contents=[module(1), file("here"), file("elsewhere", chunks=None)])
    await sync(course)
    assert course.made == ["3"]

    later = again(course)
    report = await sync(later)

    assert (later.made, report.written) == ([], 0)
    [row] = rows(database, call, Item, Item.title == "here")
    with database.unit(call) as unit:
        unit.session.execute(update(Item).where(Item.id == row.id).values(blob=None))
    lost = again(course)
    await sync(lost)
    assert lost.made == ["3"]

"""A hint fetches records beside a sync: whichever was asked for last is what stays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from bloop.content.models import Item, Version
from bloop.content.refresh import FETCHES, refresh
from bloop.store.errors import ConflictError
from bloop.store.models import OutboxEvent
from bloop_sdk import Batch, Kind, Ref
from tests.content.course import Course, changed, page, rows


@dataclass
class Live(Course):
    """A course whose records can be fetched; ``meanwhile`` is awaited after each answer is made."""

    meanwhile: list = field(default_factory=list)
    fetched: list = field(default_factory=list)

    async def fetch(self, refs):
        self.fetched.append(list(refs))
        here = {Ref(Kind.PAGE, one.remote_id): one for one in self.contents}
        answer = Batch(
            records=tuple(here[ref] for ref in refs if ref in here),
            deleted=tuple(ref for ref in refs if ref not in here),
        )
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        return answer


@pytest.fixture
def hint(sync, database, blobs, call):
    async def fetch(course, *refs):
        return await refresh(database, blobs, course, call, sync.connection, refs)

    return fetch


def html(sync):
    return {one.remote_id: (one.state, one.html) for one in rows(sync.database, sync.call, Item)}


P1, P2 = Ref(Kind.PAGE, "p1"), Ref(Kind.PAGE, "p2")


async def test_a_sync_that_wrote_a_newer_state_is_not_undone_by_an_older_answer(sync, hint):
    old, new = page(1, "<p>older</p>"), changed(page(1), html="<p>newer</p>")
    course = Live(contents=[page(1), page(2)])
    await sync(course)
    course.contents = [old, page(2)]

    async def sync_newer():
        course.contents = [new, page(2)]
        await sync(replace(course, meanwhile=[]))

    course.meanwhile = [sync_newer]
    await hint(course, P1, P2)

    assert html(sync)["p1"] == ("active", "<p>newer</p>")
    assert course.fetched == [[P1, P2], [P1]], "only what was overtaken is fetched again"
    said = [one.topic for one in rows(sync.database, sync.call, OutboxEvent, about(sync, "p1"))]
    assert said == ["content.item.created", "content.item.updated"]


async def test_what_a_sync_has_found_again_is_not_taken_away(sync, hint):
    course = Live(contents=[page(2)])
    await sync(course)

    async def sync_with_it():
        course.contents = [page(1), page(2)]
        await sync(replace(course, meanwhile=[]))

    course.meanwhile = [sync_with_it]
    await hint(course, P1)

    assert html(sync)["p1"] == ("active", "<p>text</p>")


async def test_what_is_gone_since_the_answer_does_not_come_back(sync, hint):
    course = Live(contents=[page(1), page(2)])
    await sync(course)
    course.contents[0] = changed(page(1), html="<p>last words</p>")

    async def sync_without_it():
        course.contents = [page(2)]
        await sync(replace(course, meanwhile=[]))

    course.meanwhile = [sync_without_it]
    await hint(course, P1)

    assert html(sync)["p1"][0] == "missing"


async def test_records_that_others_write_all_the_time_are_left_to_them(sync, hint):
    course = Live(contents=[page(1)])
    await sync(course)

    def writing(number):
        async def sync_again():
            course.contents = [changed(page(1), html=f"<p>{number}</p>")]
            await sync(replace(course, meanwhile=[]))

        return sync_again

    course.meanwhile = [writing(number) for number in range(FETCHES)]
    with pytest.raises(ConflictError):
        await hint(course, P1)

    assert html(sync)["p1"] == ("active", f"<p>{FETCHES - 1}</p>")


def about(sync, remote_id):
    (row,) = rows(sync.database, sync.call, Item, Item.remote_id == remote_id)
    return OutboxEvent.aggregate == f"item:{row.id}"


@dataclass
class Overtaken(Live):
    """One that is changed, and hinted at, while what it read of it waits for its commit."""

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            if self.meanwhile and any(one.remote_id == "p1" for one in batch.records):
                await self.meanwhile.pop(0)()
            yield batch


async def test_what_a_sync_read_before_a_newer_answer_does_not_win(sync, hint):
    newer, newest = (changed(page(1), html=f"<p>{word}</p>") for word in ("newer", "newest"))
    await sync(Live(contents=[page(1), page(2)]))
    course = Overtaken(contents=[page(1, "<p>older</p>"), page(2)])

    async def hint_at_newer():
        course.contents = [newer, page(2)]
        await hint(replace(course, meanwhile=[]), P1)
        course.contents = [newest, page(2)]

    course.meanwhile = [hint_at_newer]
    report = await sync(course)

    assert html(sync)["p1"] == ("active", "<p>newest</p>")
    assert course.fetched == [[P1], [P1]], "what a hint brought is asked for once more at the end"
    assert (report.deleted, report.quarantined) == (0, 0)
    held = [one.snapshot.get("html") for one in rows(sync.database, sync.call, Version)]
    assert "<p>newer</p>" in held and "<p>older</p>" not in held
    assert (await sync(replace(course, fetched=[]))).written == 0

"""Reading ahead of what is written: bounded, in order, and with no commit for each little batch."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from sqlalchemy import event

from bloop.content.ahead import gathered
from bloop.content.steps import Step, together
from bloop.store.models import OutboxEvent
from bloop_sdk import Batch, Deletes, FatalError, Kind, Ref, Stream
from tests.content.course import Course, changed, leaf, module, page, rows


async def numbers(upto, read, fail=None):
    for n in range(upto):
        read.append(n)
        yield n
    if fail is not None:
        raise fail


async def test_what_comes_while_something_is_taken_comes_together():
    read, parts = [], []
    async with aclosing(gathered(numbers(10, read), lambda _one: 1, 4)) as reading:
        async for part in reading:
            parts.append(part)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(read) <= sum(map(len, parts)) + 4, "no more waits than may"
    assert [n for part in parts for n in part] == [*range(10)]
    assert max(map(len, parts)) == 4


async def test_what_is_not_taken_yet_waits_for_what_comes_behind_it():
    parts = []
    tens = gathered(numbers(25, []), lambda _one: 1, 20, lambda some: 10 - some[0] % 10)
    async with aclosing(tens) as reading:
        async for part in reading:
            parts.append(part)
            for _ in range(30):
                await asyncio.sleep(0)
    assert parts == [[*range(10)], [*range(10, 20)], [*range(20, 25)]]


def step(stream, *records, **fields):
    made = Stream(name=stream, kinds=frozenset({Kind.PAGE}))
    return Step(made, batch=Batch(records=records, **fields))


def test_a_transaction_takes_what_would_be_the_same_one_by_one():
    same = step("a"), step("b"), step("c")
    one, two, other = step("a", page("1")), step("a", page("2")), step("b", page("3"))
    gone = step("a", deleted=(Ref(Kind.PAGE, "1"),))

    assert together(same) == 3
    assert together([one, two, other]) == 3
    assert together([*same, other]) == 4
    assert together([one, step("b", page("1"))]) == 1
    assert together([one, step("a", page("1"))]) == 1
    assert together([one, gone, two]) == 2
    assert together([gone, *same]) == 1


async def test_what_was_read_before_a_failure_comes_first():
    found = []

    async def take():
        failing = numbers(3, [], FatalError("gone"))
        async with aclosing(gathered(failing, lambda _one: 1, 2)) as reading:
            async for part in reading:
                found.extend(part)

    with pytest.raises(FatalError):
        await take()
    assert found == [0, 1, 2]


async def test_who_leaves_early_ends_the_reading():
    ended = []

    async def endless():
        try:
            while True:
                yield 1
        finally:
            ended.append(True)

    async with aclosing(gathered(endless(), lambda _one: 1, 2)) as reading:
        async for _ in reading:
            break
    assert ended == [True]


@pytest.fixture
def begun(database):
    """How many transactions of writers began, and what they wrote of content."""
    written = []

    def note(_connection, _cursor, statement, *_):
        opened = statement.startswith("UPDATE container SET audience")  # as the fixture does
        if not statement.lstrip().upper().startswith("SELECT") and not opened:
            written.append(statement.split()[:3])

    began = []
    event.listen(database.engine, "before_cursor_execute", note)
    event.listen(database.engine, "begin", lambda _connection: began.append(1))
    yield began, written
    event.remove(database.engine, "before_cursor_execute", note)


def contents(size):
    found = [module(0)]
    for number in range(size):
        one = page(f"{size}-{number}")
        found += [one, leaf(one, "m0", number)]
    return found


async def test_nothing_changed_costs_the_same_few_transactions_and_no_write(
    sync, database, call, begun
):
    began, written = begun
    counts = []
    for size in (10, 200):
        course = Course(contents=contents(size), batch_size=1000, deletes=Deletes.NONE)
        await sync(course)
        said = len(rows(database, call, OutboxEvent))
        began.clear()
        written.clear()
        report = await sync(replace(course))
        assert (report.written, report.unchanged) == (0, report.seen)
        assert len(rows(database, call, OutboxEvent)) == said
        kept = {"sync_run", "sync_cursor", "sync_seen", "quarantine", "audit_line", "connection"}
        names = {word.strip('"') for words in written for word in words} - {"INSERT", "INTO"}
        assert names & {"item", "node", "container", "version", "outbox_event"} == set(), names
        assert names & kept
        counts.append(len(began))
    assert counts[0] == counts[1] <= 12


async def test_one_page_that_changed_is_one_row_and_its_events(sync, database, call):
    course = Course(contents=contents(50), batch_size=20, deletes=Deletes.NONE)
    await sync(course)
    said = len(rows(database, call, OutboxEvent))
    course.contents[1] = changed(course.contents[1], html="<p>new</p>")

    report = await sync(course)

    assert report.written == 1
    events = rows(database, call, OutboxEvent)[said:]
    assert [one.topic for one in events] == ["content.item.updated"]

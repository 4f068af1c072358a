"""The log is read in its order, and nothing that commits late is missed."""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from bloop.events.reader import Log
from bloop.store.unit import OUTBOX_LOCKS, UnitOfWork
from tests.events.conftest import consumer, say, take, taken, until
from tests.support.database import HOME, make_call, make_system_call

on_postgresql = pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)


def number(unit) -> None:
    """Give a transaction its number, as a first write does."""
    unit.session.connection().exec_driver_sql("SELECT pg_current_xact_id()")


async def everything(log: Log) -> list[tuple[str, int]]:
    """All that is certain, in order."""
    return [
        (one.event.aggregate, one.event.sequence) for one in await log.after(0, limit=1_000_000)
    ]


async def certain(log: Log) -> None:
    """Look until nothing is open; transactions of other tests hold the line back as well."""
    async with asyncio.timeout(60):
        while await log.look():  # noqa: ASYNC110 - others' transactions
            await asyncio.sleep(0.01)


async def test_the_horizon_is_the_newest_event(database):
    log = Log(database, make_system_call())
    await certain(log)
    assert log.horizon == 0
    say(database, "a:1", "a:2")
    await certain(log)
    assert log.horizon == 2
    assert await everything(log) == [("a:1", 1), ("a:2", 1)]


@on_postgresql
async def test_what_commits_late_with_a_lower_number_is_not_lost(database):
    """The transaction that commits first is the older one, so its own number tells nothing."""
    log = Log(database, make_system_call())
    with ExitStack() as stack:
        older = stack.enter_context(database.unit(make_call()))
        number(older)
        late = database.unit(make_call())
        younger = late.__enter__()
        younger.outbox.append("t", "late:1", {})
        younger.outbox.write()
        older.outbox.append("t", "early:1", {})
        stack.close()
        for _ in range(3):
            assert await log.look()
        assert log.horizon == 0
        late.__exit__(None, None, None)
    await certain(log)
    assert await everything(log) == [("late:1", 1), ("early:1", 1)]


@on_postgresql
async def test_an_aggregate_keeps_its_order_whatever_the_age_of_its_transactions(database):
    log = Log(database, make_system_call())
    with database.unit(make_call()) as older:
        number(older)
        say(database, "a:1")
        older.outbox.append("t", "a:1", {})
    await certain(log)
    assert await everything(log) == [("a:1", 1), ("a:1", 2)]


@on_postgresql
async def test_a_transaction_that_is_taken_back_leaves_a_gap_and_stops_nobody(database):
    log = Log(database, make_system_call())
    with pytest.raises(KeyError), database.unit(make_call()) as unit:  # noqa: PT012 - it ends so
        unit.outbox.append("t", "gone:1", {})
        unit.outbox.write()
        raise KeyError
    say(database, "a:1")
    await certain(log)
    assert log.horizon == 2
    assert await everything(log) == [("a:1", 1)]


APART = [f"own:{n}" for n in range(4)]
"""Aggregates of which none waits for another: in one thread that would be for ever."""


def test_those_aggregates_have_locks_of_their_own():
    locks = {zlib.crc32(f"{HOME}/{name}".encode()) % OUTBOX_LOCKS for name in APART}
    assert len(locks) == len(APART)


@on_postgresql
@settings(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.data())
async def test_any_order_of_writes_and_commits_is_read_whole_and_in_order(database, data):
    """A consumer that reads between all steps sees each event once, in the log's order."""
    log, call = Log(database, make_system_call()), make_call()
    seen: list[int] = []
    with database.unit(make_system_call()) as unit:
        start = unit.session.scalar(text("SELECT coalesce(max(seq), 0) FROM outbox_event"))
    seen.append(start)

    async def read():
        await log.look()
        seen.extend(one.seq for one in await log.after(seen[-1], limit=1000))

    opened: dict[str, tuple[ExitStack, UnitOfWork]] = {}
    with ExitStack() as outer:  # Hypothesis may leave at any draw.
        for _ in range(data.draw(st.integers(8, 20))):
            free = [name for name in APART if name not in opened]
            acts = ["open"] * bool(free) + ["write", "write", "end"] * bool(opened) + ["read"]
            act = data.draw(st.sampled_from(acts))
            if act == "open":
                stack = outer.enter_context(ExitStack())
                opened[free[0]] = stack, stack.enter_context(database.unit(call))
                if data.draw(st.booleans()):
                    number(opened[free[0]][1])
            elif act == "write":
                name = data.draw(st.sampled_from(sorted(opened)))
                unit = opened[name][1]
                unit.outbox.append("t", name, {})
                unit.outbox.write()
            elif act == "end":
                opened.pop(data.draw(st.sampled_from(sorted(opened))))[0].close()
            else:
                await read()
    await read()
    while log._noted is not None:
        await read()
    with database.unit(make_system_call()) as unit:
        written = unit.session.scalars(
            text("SELECT seq FROM outbox_event WHERE seq > :start ORDER BY seq"), {"start": start}
        ).all()
    assert seen[1:] == list(written)


@on_postgresql
async def test_consumers_lose_nothing_while_many_write_at_once(database, follow):
    """Eight writers, transactions of differing age and length, aggregates in common."""
    await follow(consumer(take))
    chance = random.Random(7)
    plans = [[(chance.random() < 0.5, chance.randrange(4)) for _ in range(25)] for _ in range(8)]

    def write(plan):
        for old, aggregate in plan:
            with database.unit(make_call()) as unit:
                if old:
                    number(unit)
                    time.sleep(0.002)
                unit.outbox.append("t", f"a:{aggregate}", {})

    await asyncio.gather(*(asyncio.to_thread(write, plan) for plan in plans))
    await until(lambda: len(taken(database)) == 200)
    found = taken(database)
    for aggregate in range(4):
        numbers = [n for name, n in found if name == f"a:{aggregate}"]
        assert numbers == list(range(1, len(numbers) + 1))

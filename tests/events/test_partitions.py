"""Partitions: the log of one consumer is read beside each other, in order per aggregate."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar
from zlib import crc32

import pytest
from sqlalchemy import select, text, update

from bloop.events import parking, positions
from bloop.events.consumers import Consumers
from bloop.events.models import EventConsumer
from bloop.kernel.breaker import Breakers, Policy
from bloop.kernel.models import HubProcess
from bloop.store.database import Database, in_unit
from bloop.store.errors import StoreError
from bloop.store.models import OutboxEvent, bucket_of
from bloop.store.types import utcnow
from bloop_sdk import Role
from tests.events.conftest import (
    AT_ONCE,
    PLUGIN,
    consumer,
    means,
    parked,
    parked_ids,
    position,
    say,
    take,
    taken,
    unread,
    until,
)
from tests.support.database import HOME, make_call, make_system_call

AGGREGATES = [f"a:{n}" for n in range(12)]


def rows(database, name="stub.take"):
    """Partition, their number, and position of each row of a consumer."""
    with database.unit(make_system_call()) as unit:
        return unit.session.execute(
            select(EventConsumer.partition, EventConsumer.partitions, EventConsumer.position)
            .where(EventConsumer.name == name)
            .order_by(EventConsumer.partition)
        ).all()


def newest(database):
    with database.unit(make_system_call()) as unit:
        return unit.session.scalar(text("SELECT max(seq) FROM outbox_event"))


def in_order(found, each):
    """Whether each aggregate has its events once and in order."""
    by_aggregate = defaultdict(list)
    for aggregate, number in found:
        by_aggregate[aggregate].append(number)
    assert by_aggregate == {one: list(range(1, n + 1)) for one, n in each.items()}


def living(database, *owners, seconds_ago=0):
    with database.unit(make_system_call()) as unit:
        for owner in owners:
            beat = utcnow() - timedelta(seconds=seconds_ago)
            process = HubProcess(kind="api", host="h", pid=1, generation="", lease_owner=owner)
            process.beat_at = beat
            unit.session.add(process)


PATIENT = Policy(in_a_row=10**6, of_window=10**6)


class Mortal(Database):
    """The database as a process has it that can vanish: nothing it does is committed any more."""

    dead = False

    @contextlib.contextmanager
    def unit(self, call):
        with super().unit(call) as unit:
            yield unit
            if self.dead:
                raise StoreError("gone", code="store_unavailable")


def test_an_aggregate_keeps_its_bucket_for_ever():
    assert bucket_of(HOME, "item:1") == 641
    spread = Counter(bucket_of(HOME, f"item:{n}") % 4 for n in range(4000))
    assert all(800 < spread[number] < 1200 for number in range(4))


def test_every_event_has_the_bucket_of_its_aggregate(database):
    say(database, *AGGREGATES)
    with database.unit(make_system_call()) as unit:
        found = unit.session.execute(select(OutboxEvent.aggregate, OutboxEvent.bucket)).all()
    assert {(one, bucket_of(HOME, one)) for one in AGGREGATES} == {tuple(row) for row in found}


@pytest.mark.parametrize("partitions", [1, 3, 8])
async def test_all_partitions_together_take_each_event_once(database, follow, partitions):
    await follow(consumer(take, partitions=partitions))
    for _ in range(3):
        say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 36)
    in_order(taken(database), dict.fromkeys(AGGREGATES, 3))
    assert [(row[0], row[1]) for row in rows(database)] == [
        (number, partitions) for number in range(partitions)
    ]


async def test_partitions_work_beside_each_other(database, follow):
    """While one delivers, all others come to it too."""
    inside, everybody = set(), asyncio.Event()
    mine = {bucket_of(HOME, one) % 4: one for one in AGGREGATES}
    assert len(mine) == 4

    async def deliver(ctx, event):
        inside.add(event.aggregate)
        if len(inside) == 4:
            everybody.set()
        await asyncio.wait_for(everybody.wait(), 30)

    await follow(consumer(deliver, partitions=4))
    say(database, *mine.values())
    end = newest(database)
    await asyncio.wait_for(everybody.wait(), 30)
    with database.unit(make_system_call()) as unit:
        assert unit.session.scalars(select(EventConsumer.partitions)).all() == [4] * 4
    say(database, *mine.values())
    await until(lambda: position(database) > end - 4)


async def test_rows_that_are_there_decide_how_many_partitions_there_are(database, follow):
    for_all = make_system_call()
    in_unit(database, for_all, positions.begin, "stub.take", PLUGIN, 0, 2)
    in_unit(database, for_all, positions.begin, "stub.take", PLUGIN, 0, 5)
    await follow(consumer(take, partitions=3))
    say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 12)
    assert [row[:2] for row in rows(database)] == [(0, 2), (1, 2)]
    in_order(taken(database), dict.fromkeys(AGGREGATES, 1))


async def test_a_poison_event_holds_its_aggregate_in_its_partition_alone(database, follow):
    poison = True

    def fussy(unit, event):
        if poison and event.aggregate == "a:3":
            raise ValueError("poison")
        take(unit, event)

    await follow(consumer(fussy, partitions=4), patience=replace(AT_ONCE, tries=1))
    for _ in range(2):
        say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 22)
    await until(lambda: parked(database) == [("a:3", "parked", 1), ("a:3", "behind", 0)])
    poison = False
    operator = make_call(role=Role.OPERATOR)
    await asyncio.to_thread(in_unit, database, operator, parking.replay, parked_ids(database)[0])
    await until(lambda: parked(database) == [] and len(taken(database)) == 24)
    in_order(taken(database), dict.fromkeys(AGGREGATES, 2))


async def test_an_idle_hub_asks_no_more_with_more_partitions(database_urls, database, follow):
    class Watched(Database):
        asked: ClassVar[set[str]] = set()

        async def read(self, statement, call, **parameters):
            self.asked.add(statement.name)
            return await super().read(statement, call, **parameters)

        async def read_one(self, statement, call, **parameters):
            self.asked.add(statement.name)
            return await super().read_one(statement, call, **parameters)

    watched = Watched(*database_urls)
    consumers = Consumers(means(watched), keep=timedelta(days=7))
    await consumers.follow([consumer(take, partitions=8)])
    await consumers.start()
    say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 12)
    async with asyncio.timeout(30):
        while True:
            watched.asked.clear()
            await asyncio.sleep(0.3)  # Some polls.
            if "events.due" in watched.asked <= {"events.newest", "events.horizon", "events.due"}:
                break
    await consumers.stop()
    await watched.close()


def end_leases(database, owner):
    with database.unit(make_system_call()) as unit:
        unit.session.execute(
            update(EventConsumer)
            .where(EventConsumer.lease_owner == owner)
            .values(lease_until=utcnow() - timedelta(seconds=1))
        )


class Flaky:
    """An effect or a delivery that fails at the first try of some events."""

    def __init__(self, kind, database):
        self.failed, self._got, self._database = set(), [], database
        self.handler = self._effect if kind == "effect" else self._delivery

    def _try(self, event):
        key = (event.aggregate, event.sequence)
        if crc32(repr(key).encode()) % 20 == 0 and key not in self.failed:
            self.failed.add(key)
            raise ValueError("not now")
        return key

    def _effect(self, unit, event):
        self._try(event)
        take(unit, event)

    async def _delivery(self, ctx, event):
        await asyncio.sleep(0)
        self._got.append(self._try(event))

    def took(self):
        """What took effect; a delivery may come again, and is counted when it first does."""
        return list(dict.fromkeys(self._got)) or taken(self._database)


@contextlib.asynccontextmanager
async def processes(urls, owners, **options):
    """Consumers as in several processes, each with its database and a row that says it lives."""
    databases = [Mortal(*urls) for _ in owners]
    made = [
        Consumers(means(one, owner=owner, breakers=Breakers(PATIENT)), keep=timedelta(days=7))
        for one, owner in zip(databases, owners, strict=True)
    ]
    for process in made:
        await process.follow([consumer(**options)])
        await process.start()
    try:
        yield databases
    finally:
        await asyncio.gather(*(one.stop() for one in made))
        for one in databases:
            await one.close()


@pytest.mark.parametrize("kind", ["effect", "delivery"])
async def test_nothing_is_lost_or_doubled_when_one_of_three_vanishes(database, database_urls, kind):
    """Over events of which some fail at first; what is gone says no word."""
    chance, flaky = random.Random(f"partitions {kind}"), Flaky(kind, database)
    owners = [f"machine{n}:{n}:1" for n in range(3)]
    living(database, *owners)
    in_unit(database, make_system_call(), positions.begin, "stub.take", PLUGIN, 0, 4)
    each: Counter[str] = Counter()
    async with processes(database_urls, owners, handler=flaky.handler) as databases:
        for step in range(16):
            aggregates = chance.choices(AGGREGATES, k=chance.choice([1, 3, 30]))
            each.update(aggregates)
            said_by = databases[chance.randrange(3 if step < 8 else 2)]
            await asyncio.to_thread(say, said_by, *aggregates)
            databases[2].dead = step >= 8
        # Its leases are over at some time; on its own machine others would see it at once.
        await asyncio.to_thread(end_leases, database, owners[2])
        # In this order: what is read may be parked, and what is parked is never read again.
        await until(lambda: not unread(database) and parked(database) == [], 60)
    in_order(flaky.took(), each)
    assert flaky.failed

"""A consumer's log is cut anew only where nothing is left out or taken twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.events import parking, positions
from bloop.events.consumers import Consumers
from bloop.events.layout import repartition
from bloop.events.models import EventConsumer, ParkedEvent
from bloop.events.parking import Patience
from bloop.events.positions import Partition
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import bucket_of
from bloop_sdk import Role
from tests.events.conftest import (
    PLUGIN,
    consumer,
    means,
    parked,
    parked_ids,
    say,
    take,
    taken,
    until,
)
from tests.events.test_partitions import AGGREGATES, in_order, newest, rows
from tests.support.database import HOME, make_call, make_system_call


def cut(database, partitions, name="stub.take"):
    return in_unit(database, make_system_call(), repartition, name, partitions)


def begin(database, partitions, position=0):
    call = make_system_call()
    in_unit(database, call, positions.begin, "stub.take", PLUGIN, position, partitions)


def cut_soon(database, partitions):
    """As an operator does it: again where a partition is not as far as the others yet."""

    def attempt():
        try:
            return cut(database, partitions)
        except ConflictError:
            return None

    return until(attempt)


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 6)])
async def test_a_running_hub_goes_on_with_the_new_partitions(database, follow, before, after):
    await follow(consumer(take, partitions=before))
    say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 12)
    assert await cut_soon(database, after) == before
    for _ in range(2):
        say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 36)
    in_order(taken(database), dict.fromkeys(AGGREGATES, 3))
    assert [row[:2] for row in rows(database)] == [(n, after) for n in range(after)]


async def test_what_two_are_in_the_middle_of_is_cut_under_neither(database, database_urls, follow):
    """Two processes take events while the log is cut again and again."""
    other = Database(*database_urls)
    second = Consumers(means(other, owner="elsewhere:1:1"), keep=timedelta(days=7))
    await follow(consumer(take, partitions=2))
    await second.follow([consumer(take, partitions=2)])
    await second.start()
    for partitions in (3, 1, 4, 2):
        for _ in range(3):
            await asyncio.to_thread(say, database, *AGGREGATES)
        await cut_soon(database, partitions)
    await until(lambda: len(taken(database)) == 144)
    await second.stop()
    await other.close()
    in_order(taken(database), dict.fromkeys(AGGREGATES, 12))


def test_partitions_that_are_not_equally_far_are_not_cut(database):
    begin(database, 2)
    say(database, *AGGREGATES)
    one = Partition("stub.take", 1, 2)
    in_unit(database, make_system_call(), positions.move, one, newest(database), "x:1:1")
    of_other = sum(bucket_of(HOME, aggregate) % 2 == 0 for aggregate in AGGREGATES)
    with pytest.raises(ConflictError, match=f"not equally far: {of_other} events lie between"):
        cut(database, 4)
    assert [row[:2] for row in rows(database)] == [(0, 2), (1, 2)]


def test_what_no_partition_has_passed_is_left_for_the_new_ones(database):
    begin(database, 2)
    say(database, *AGGREGATES)
    assert cut(database, 3) == 2
    assert [tuple(row) for row in rows(database)] == [(0, 3, 0), (1, 3, 0), (2, 3, 0)]


async def test_events_for_nobody_are_written_as_passed_when_the_hub_stops(database, follow):
    """So that a consumer of few topics can be cut after it."""
    consumers = await follow(consumer(take, topics=("t.wanted",), partitions=2))
    say(database, *AGGREGATES)
    mine = next(one for one in AGGREGATES if bucket_of(HOME, one) % 2)
    say(database, mine, topic="t.wanted")
    await until(lambda: len(taken(database)) == 1)
    end = newest(database)
    await until(lambda: consumers._followers["stub.take"].scanned == end)
    await consumers.stop()
    assert [row[2] for row in rows(database)] == [end, end]
    assert cut(database, 5) == 2


def test_who_delivers_is_not_cut_off_and_who_is_late_writes_nothing(database):
    call = make_system_call()
    begin(database, 2)
    part = Partition("stub.take", 1, 2)
    lease = in_unit(database, call, positions.claim, part, "elsewhere:1:1", 3600.0)
    with pytest.raises(ConflictError, match="delivers events of partition 1 now"):
        cut(database, 4)
    with database.unit(call) as unit:
        past = positions.utcnow() - timedelta(seconds=1)
        unit.session.execute(
            update(EventConsumer).where(EventConsumer.partition == 1).values(lease_until=past)
        )
    cut(database, 4)
    cut(database, 2)
    assert not in_unit(database, call, positions.give_back, lease, 77)
    assert in_unit(database, call, positions.hold, part) == 0
    assert in_unit(database, call, positions.hold, Partition("stub.take", 1, 4)) is None


async def test_what_is_parked_comes_with_its_aggregate(database, follow):
    poison = True

    def fussy(unit, event):
        if poison and event.aggregate in AGGREGATES[:4]:
            raise ValueError("poison")
        take(unit, event)

    await follow(consumer(fussy, partitions=2), patience=Patience(tries=1))
    say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 8 and len(parked(database)) == 4)
    await cut_soon(database, 5)
    with database.unit(make_system_call()) as unit:
        found = unit.session.execute(select(ParkedEvent.aggregate, ParkedEvent.partition)).all()
    assert {tuple(row) for row in found} == {
        (one, bucket_of(HOME, one) % 5) for one in AGGREGATES[:4]
    }
    say(database, *AGGREGATES)
    await until(lambda: len(taken(database)) == 16 and len(parked(database)) == 8)
    poison = False
    operator = make_call(role=Role.OPERATOR)
    for id_ in parked_ids(database)[:4]:
        await asyncio.to_thread(in_unit, database, operator, parking.replay, id_)
    await until(lambda: parked(database) == [])
    in_order(taken(database), dict.fromkeys(AGGREGATES, 2))


def test_only_a_consumer_that_was_seen_is_cut_and_into_a_number_that_is_possible(database):
    with pytest.raises(NotFoundError, match=r"no consumer stub\.take"):
        cut(database, 2)
    begin(database, 1)
    with pytest.raises(InvalidError, match="from 1 to 1024"):
        cut(database, 1025)

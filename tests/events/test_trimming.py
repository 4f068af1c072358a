"""Events stay until every consumer has passed them, and for a while; then they go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from bloop.events import positions
from bloop.events.models import EventConsumer
from bloop.events.parking import Patience
from bloop.events.positions import Partition
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow
from tests.events.conftest import consumer, parked, say, take, taken, until
from tests.support.database import make_system_call

WEEK = timedelta(days=7)
NO_TIME = timedelta(seconds=-1)


def place(database, name, position, seen=timedelta()):
    with database.unit(make_system_call()) as unit:
        positions.begin(unit, name, "stub", position)
        unit.session.execute(
            update(EventConsumer)
            .where(EventConsumer.name == name)
            .values(position=position, seen_at=utcnow() - seen)
        )


def age(database, days):
    with database.unit(make_system_call()) as unit:
        unit.session.execute(
            update(OutboxEvent).values(occurred_at=utcnow() - timedelta(days=days))
        )


def left(database):
    with database.unit(make_system_call()) as unit:
        return unit.session.scalars(select(OutboxEvent.seq).order_by(OutboxEvent.seq)).all()


def trim(database, keep=WEEK):
    return positions.trim(database, make_system_call(), keep)


def test_what_all_have_passed_and_is_old_goes(database):
    say(database, *["a:1"] * 4)
    age(database, 8)
    place(database, "stub.fast", 4)
    place(database, "stub.slow", 2)
    assert trim(database) == 2
    assert left(database) == [3, 4]


def test_the_slowest_partition_holds_events_back(database):
    say(database, *["a:1"] * 4)
    age(database, 8)
    with database.unit(make_system_call()) as unit:
        positions.begin(unit, "stub.parts", "stub", 3, 3)
        positions.move(unit, Partition("stub.parts", 1, 3), 2, "x:1:1")
    assert trim(database) == 2
    assert left(database) == [3, 4]


def test_what_is_young_stays(database):
    say(database, "a:1", "a:1")
    place(database, "stub.fast", 2)
    assert trim(database) == 0
    age(database, 8)
    assert trim(database) == 1


def test_the_newest_of_an_aggregate_stays_and_the_count_goes_on(database):
    say(database, "a:1", "b:1", "a:1", "b:1")
    age(database, 8)
    place(database, "stub.fast", 4)
    assert trim(database) == 2
    assert left(database) == [3, 4]
    say(database, "a:1")
    with database.unit(make_system_call()) as unit:
        assert unit.session.scalar(text("SELECT max(aggregate_seq) FROM outbox_event")) == 3


def test_a_consumer_that_was_not_seen_for_long_holds_nothing_back(database):
    say(database, *["a:1"] * 4)
    age(database, 8)
    place(database, "stub.fast", 4)
    place(database, "gone.slow", 1, seen=timedelta(days=6))
    assert trim(database) == 1
    place(database, "gone.slow", 1, seen=timedelta(days=8))
    assert trim(database) == 2


def test_without_consumers_age_alone_counts(database):
    say(database, *["a:1"] * 3)
    assert trim(database) == 0
    age(database, 8)
    assert trim(database) == 2


def test_many_go_in_parts(database, monkeypatch):
    monkeypatch.setattr(positions, "ROWS_AT_ONCE", 2)
    say(database, *["a:1"] * 8)
    age(database, 8)
    assert trim(database) == 7


async def test_what_is_parked_stays(database, follow):
    def refuse(unit, event):
        raise ValueError

    await follow(consumer(refuse), patience=Patience(tries=1))
    say(database, "a:1")
    await until(lambda: parked(database) == [("a:1", "parked", 1)])
    say(database, "a:1", "a:1")
    await until(lambda: len(parked(database)) == 3)
    age(database, 8)
    assert trim(database) == 0


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
async def test_a_consumer_goes_on_where_rows_are_left(database, follow):
    first = await follow(consumer(take))
    say(database, "a:1")
    await until(lambda: taken(database) == [("a:1", 1)])
    await first.stop()
    say(database, "a:1", "a:1", "a:1")
    age(database, 8)
    place(database, "stub.take", 1, seen=timedelta(days=8))
    assert trim(database) == 3
    await follow(consumer(take))
    await until(lambda: taken(database) == [("a:1", 1), ("a:1", 4)])

"""The log of events after a move: no event is lost or taken twice, and order is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from bloop.events.consumers import Consumers
from bloop.store import migrate
from bloop.store.database import Database
from bloop.store.migrate import upgrade_core
from tests.events.conftest import FOR_EVER, consumer, means, parked, say, take, taken, until
from tests.ops.copying.conftest import move


@pytest.fixture
def source(empty_database):
    upgrade_core(empty_database)
    return empty_database


@pytest.fixture
def target(source, tmp_path, postgres_cluster):
    if source.dialect == "postgresql":
        database, made = Database(f"sqlite:///{tmp_path}/target.db"), None
    else:
        made = postgres_cluster.create()
        database = Database(made.app_url, made.owner_url)
    yield database
    database.close_now()
    if made is not None:
        postgres_cluster.drop(made)


async def follow_until(database, wanted, condition):
    consumers = Consumers(means(database, patience=FOR_EVER), keep=timedelta(days=7))
    await consumers.follow([wanted])
    await consumers.start()
    await until(condition)
    await consumers.stop()


def poisoned(unit, event):
    if event.aggregate == "bad:1" and event.sequence == 1:
        raise RuntimeError("poison")
    take(unit, event)


async def test_a_consumer_goes_on_where_it_stood_and_takes_each_event_once(source, target):
    await follow_until(source, consumer(take), lambda: True)
    say(source, "a:1", "a:2", "a:1")
    await follow_until(source, consumer(take), lambda: len(taken(source)) == 3)
    say(source, "a:1", "a:2", "b:1")  # Nobody has taken these when the hub moves.
    assert move(source, target).same
    say(target, "a:1", "c:1")  # Before the consumer is there again.
    await follow_until(target, consumer(take), lambda: len(taken(target)) == 8)
    say(target, "a:2")
    await follow_until(target, consumer(take), lambda: len(taken(target)) == 9)
    found = taken(target)
    assert found[:6] == [("a:1", 1), ("a:2", 1), ("a:1", 2), ("a:1", 3), ("a:2", 2), ("b:1", 1)]
    assert sorted(found) == sorted(set(found))
    assert [n for aggregate, n in found if aggregate == "a:1"] == [1, 2, 3, 4]
    assert [n for aggregate, n in found if aggregate == "a:2"] == [1, 2, 3]


async def test_a_consumer_at_the_end_of_a_log_that_lost_its_newest_rows_misses_nothing(
    source, target
):
    """Its position is beyond all rows; the next event must come behind it all the same."""
    await follow_until(source, consumer(take), lambda: True)
    say(source, "a:1", "a:2", "b:1")
    await follow_until(source, consumer(take), lambda: len(taken(source)) == 3)
    with migrate.owning(source) as connection:
        connection.execute(text("DELETE FROM outbox_event"))
    assert move(source, target).same
    say(target, "c:1")
    await follow_until(target, consumer(take), lambda: len(taken(target)) == 4)
    assert taken(target)[-1] == ("c:1", 1)


async def test_what_is_parked_holds_its_aggregate_on_the_other_side_too(source, target):
    await follow_until(source, consumer(poisoned), lambda: True)
    say(source, "bad:1", "a:1")
    await follow_until(source, consumer(poisoned), lambda: len(taken(source)) == 1)
    await follow_until(source, consumer(poisoned), lambda: len(parked(source)) == 1)
    before = parked(source)
    assert move(source, target).same
    assert parked(target) == before
    say(target, "bad:1", "a:1")
    await follow_until(
        target,
        consumer(poisoned),
        lambda: len(taken(target)) == 2 and len(parked(target)) == 2,
    )
    assert taken(target) == [("a:1", 1), ("a:1", 2)]
    assert [(aggregate, state) for aggregate, state, _ in parked(target)] == [
        ("bad:1", "retrying"),
        ("bad:1", "behind"),
    ]

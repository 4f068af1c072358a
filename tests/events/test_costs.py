"""What events cost in statements: by the batch, not by the event, and an idle hub next to none."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from bloop.events.consumers import Consumers
from bloop.events.means import Timing
from tests.events.conftest import consumer, say, until
from tests.support.queries import counted

SLOW = Timing(poll=3600.0, batch=60.0)
"""It looks when it is told to, and a batch is not cut short by a slow machine."""


def nothing(unit, event) -> None:
    """An effect without a statement."""


async def looked(consumers: Consumers, times: int) -> None:
    """Have the log looked at so often, or once more where that was under way."""
    looks: list[int] = []
    consumers.on_look.append(lambda: looks.append(1))
    async with asyncio.timeout(30):
        while len(looks) < times:
            consumers.wake()
            await asyncio.sleep(0.01)


def of_units(found: Counter[str]) -> int:
    """Statements of transactions, without those by which PostgreSQL's log is looked at."""
    return sum(
        number
        for sql, number in found.items()
        if sql.startswith(("SELECT", "UPDATE", "INSERT", "DELETE"))
        and "set_config" not in sql
        and "pg_" not in sql
    )


async def everything_is_taken(consumers: Consumers) -> None:
    """Until every consumer has passed the newest event; asks the database nothing."""
    async with asyncio.timeout(30):
        while consumers.log.horizon == 0 or any(  # noqa: ASYNC110 - set in other tasks
            one.scanned < consumers.log.horizon for one in consumers._followers.values()
        ):
            await asyncio.sleep(0.01)


async def test_a_batch_of_100_costs_a_consumer_as_many_statements_as_one_event(database, follow):
    consumers = await follow(consumer(nothing), timing=SLOW)
    costs = []
    for number in (1, 100):
        newest = consumers.log.horizon + number
        with counted(database) as found:
            say(database, *(f"a:{n}" for n in range(number)))
            await until(lambda newest=newest: consumers.log.horizon == newest)
            await everything_is_taken(consumers)
        costs.append(of_units(found))
    # The events are said in one; then the position is held, and moved.
    assert costs == [3, 3]


async def test_saying_an_event_costs_one_statement_and_several_no_more_round_trips(database):
    with counted(database) as found:
        say(database, "a:1")
    assert of_units(found) == 1
    with counted(database) as found:
        say(database, *["a:1"] * 50)
    assert of_units(found) == 1


@pytest.mark.parametrize("number", [1, 20])
async def test_an_idle_hub_looks_once_whatever_the_number_of_consumers(database, follow, number):
    consumers = await follow(
        *(consumer(nothing, f"stub.take{n}") for n in range(number)), timing=SLOW
    )
    say(database, "a:1")
    await until(lambda: consumers.log.horizon)
    await everything_is_taken(consumers)
    with counted(database) as found:
        await looked(consumers, 3)
    look = {"sqlite": "events.newest", "postgresql": "events.horizon"}[database.dialect]
    assert set(found) == {look}
    assert found[look] in {2, 3, 4}


async def test_consumers_share_what_they_read_of_the_log(database, follow):
    consumers = await follow(
        *(consumer(nothing, f"stub.take{n}", ("other.*",)) for n in range(20)), timing=SLOW
    )
    await looked(consumers, 1)
    with counted(database) as found:
        say(database, "a:1")
        await until(lambda: consumers.log.horizon)
        await everything_is_taken(consumers)
    assert found["events.after"] == 1
    assert found["events.retry"] == 0

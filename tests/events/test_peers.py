"""Processes share what is much, and take over where one does not come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest

from bloop.events import follower, positions
from bloop.events.consumers import Consumers
from bloop.events.peers import Peers
from bloop.events.positions import Partition
from bloop.jobs.owners import this_process
from bloop.store.database import Database, in_unit
from tests.events.conftest import PLUGIN, QUICK, consumer, means, say, take, taken, until
from tests.events.test_partitions import in_order, living
from tests.support.database import make_system_call

OWNERS = ["machine0:1:1", "machine1:1:1", "machine2:1:1"]
MANY = [f"m:{n}" for n in range(1300)]


async def shares(database, owners, partitions):
    """The numbers of the partitions that each process keeps."""
    found = {}
    for owner in owners:
        peers = Peers(database, make_system_call(), owner)
        parts = [Partition("stub.take", number, partitions) for number in range(partitions)]
        found[owner] = [part.number for part in parts if not await peers.others(part)]
    return found


@pytest.mark.parametrize(("alive", "partitions"), [(1, 4), (2, 4), (3, 4), (3, 8)])
async def test_each_partition_falls_to_one_and_all_have_as_many(database, alive, partitions):
    living(database, *OWNERS[:alive])
    found = await shares(database, OWNERS[:alive], partitions)
    assert sorted(chain.from_iterable(found.values())) == list(range(partitions))
    sizes = [len(numbers) for numbers in found.values()]
    assert max(sizes) - min(sizes) <= 1


async def test_who_is_silent_or_is_known_to_be_dead_gets_no_share(database):
    living(database, OWNERS[0])
    living(database, OWNERS[1], seconds_ago=60)
    machine = this_process().partition(":")[0]
    living(database, f"{machine}:{2**22 + 1}:1")  # No process has such a number.
    found = await shares(database, OWNERS[:1], 4)
    assert found[OWNERS[0]] == [0, 1, 2, 3]


async def test_who_is_not_known_to_live_leaves_nothing(database):
    living(database, *OWNERS[:2])
    assert (await shares(database, OWNERS[2:], 4))[OWNERS[2]] == [0, 1, 2, 3]


def marking(mark):
    def handler(unit, event):
        unit.audit("took", event.id, {"aggregate": event.aggregate, "n": event.sequence})
        mark.append(event.aggregate)

    return handler


async def test_two_processes_share_a_backlog(database, database_urls, monkeypatch):
    """Each takes what falls to it, though the first could have had it all."""
    monkeypatch.setattr(follower, "EVENTS_AT_ONCE", 100)
    living(database, *OWNERS[:2])
    in_unit(database, make_system_call(), positions.begin, "stub.take", PLUGIN, 0, 4)
    say(database, *MANY)
    marks, made, databases = ([], []), [], []
    for owner, mark in zip(OWNERS, marks, strict=False):
        databases.append(Database(*database_urls))
        options = {"owner": owner, "timing": replace(QUICK, poll=5.0)}
        made.append(Consumers(means(databases[-1], **options), keep=timedelta(days=7)))
        await made[-1].follow([consumer(marking(mark), partitions=4)])
    for one in made:
        await one.start()
    await until(lambda: len(taken(database)) == len(MANY), 120)
    for one in made:
        await one.stop()
    for one in databases:
        await one.close()
    in_order(taken(database), dict.fromkeys(MANY, 1))
    assert all(len(set(mark)) > len(MANY) // 8 for mark in marks)


async def test_nobody_waits_for_who_does_not_come(database, follow):
    """A process that lives, but does not have this consumer, holds nothing up."""
    living(database, *OWNERS[:2])
    in_unit(database, make_system_call(), positions.begin, "stub.take", PLUGIN, 0, 4)
    say(database, *MANY)
    await follow(consumer(take, partitions=4), owner=OWNERS[0])
    await until(lambda: len(taken(database)) == len(MANY), 120)
    in_order(taken(database), dict.fromkeys(MANY, 1))

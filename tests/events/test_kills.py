"""Real processes over one database, killed at any moment: nothing lost, nothing doubled."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter

import pytest
from sqlalchemy import select

from bloop.events import positions
from bloop.store.database import in_unit
from bloop.store.models import AuditLine
from tests.events.conftest import PLUGIN, say, taken, unread
from tests.events.follow_and_die import follow
from tests.support.database import make_system_call
from tests.support.forking import fork

KILLS = 4
AGGREGATES = [f"a:{n}" for n in range(5)]


class Follower:
    """A process that follows the log."""

    def __init__(self, urls, kind, file):
        self._given = (*urls, kind, file)
        self.start()

    def start(self):
        self.process, ready = fork(follow, *self._given)
        assert ready.recv() == "ready"
        ready.close()

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


@contextlib.contextmanager
def followers(urls, kind, file):
    both = [Follower(urls, kind, str(file)) for _ in range(2)]
    try:
        yield both
    finally:
        for one in both:
            one.kill()


def events_amid_kills(database, both):
    """Says 5 times 5 events between kills; gives how many of each aggregate."""
    chance = random.Random(3)
    for kill in range(KILLS):
        for _ in range(5):
            say(database, *AGGREGATES)
            time.sleep(chance.random() * 0.02)
        victim = both[kill % 2]
        victim.kill()
        say(database, *AGGREGATES)
        victim.start()
    return KILLS * 6


def wait_for_the_end(database):
    end = time.monotonic() + 60
    while left := unread(database):
        assert time.monotonic() < end, f"{left} were not read"
        time.sleep(0.05)


@pytest.fixture
def begun(request, database):
    """A consumer that takes events from the first on, in so many partitions."""
    call, partitions = make_system_call(), request.param
    in_unit(database, call, positions.begin, "stub.take", PLUGIN, 0, partitions)


def pids(database):
    """How many events each process took."""
    with database.unit(make_system_call()) as unit:
        rows = unit.session.scalars(select(AuditLine.detail).where(AuditLine.action == "took"))
        return Counter(row["pid"] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("begun", [4], indirect=True)
def test_effects_in_the_database_happen_exactly_once(database, database_urls, begun, tmp_path):
    with followers(database_urls, "effect", tmp_path / "none") as both:
        each = events_amid_kills(database, both)
        wait_for_the_end(database)
    found = taken(database)
    for aggregate in AGGREGATES:
        assert [n for name, n in found if name == aggregate] == list(range(1, each + 1))


@pytest.mark.slow
@pytest.mark.parametrize("begun", [1], indirect=True)
def test_deliveries_happen_at_least_once_in_order_with_a_stable_id(
    database, database_urls, begun, tmp_path
):
    file = tmp_path / "delivered"
    with followers(database_urls, "delivery", file) as both:
        each = events_amid_kills(database, both)
        wait_for_the_end(database)
    lines = [line.split() for line in file.read_text().splitlines()]
    for aggregate in AGGREGATES:
        numbers = [int(number) for name, number, *_ in lines if name == aggregate]
        first = list(dict.fromkeys(numbers))
        assert first == list(range(1, each + 1)), "each came, first in order"
    ids = {(name, number): id_ for name, number, id_, _ in lines}
    assert len(set(ids.values())) == len(ids) == each * len(AGGREGATES)
    # A batch that was under way may come again, from the one who takes over.
    assert len(lines) < len(ids) * 2


@pytest.mark.slow
@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
@pytest.mark.parametrize("begun", [4], indirect=True)
def test_two_processes_share_partitions_and_one_takes_over_all(
    database, database_urls, begun, tmp_path
):
    many, said = [f"m:{n}" for n in range(1000)], 0
    with followers(database_urls, "effect", tmp_path / "none") as both:
        end = time.monotonic() + 60
        while len(pids(database)) < 2:
            assert time.monotonic() < end, f"one did it all: {pids(database)}"
            say(database, *many)
            said += 1
            wait_for_the_end(database)
        shared = pids(database)
        assert set(shared) == {one.process.pid for one in both}
        say(database, *many)  # In the middle of these it dies.
        killed, left = both
        killed.kill()
        say(database, *many)
        wait_for_the_end(database)
        assert pids(database)[left.process.pid] > shared[left.process.pid] + len(many)
        killed.start()  # So that there are two to end.
    found = Counter(name for name, _ in taken(database))
    assert set(found.values()) == {said + 2}
    assert len(taken(database)) == len(set(taken(database)))

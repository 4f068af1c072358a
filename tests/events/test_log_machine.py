"""Writers, consumers, deaths, poison, replays and trimming in any order: the laws of the log hold.

Processes are stepped by hand, a round of one consumer at a time. One that dies does so around a
transaction, before its commit or after it, and is dropped as it is: a moved clock ends its leases.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete, func, select

from bloop.events import follower, parking, positions
from bloop.events.follower import Follower
from bloop.events.models import EventConsumer, Parked, ParkedEvent
from bloop.events.parking import Patience
from bloop.kernel.breaker import Breakers
from bloop.store.database import Database
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.types import utcnow
from bloop_sdk import BloopError
from tests.events.conftest import consumer, means
from tests.support.database import HOME, OTHER, make_call, make_system_call

EFFECT, DELIVERY = "stub.effect", "stub.delivery"
CONSUMERS = [EFFECT, DELIVERY]
PATIENCE = Patience(tries=2, pause=10.0)
KEEP = timedelta(seconds=1000)
NAMES = st.sampled_from(CONSUMERS)
KILLS = st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5])
SUBJECTS = [(HOME, "a:1"), (HOME, "a:2"), (OTHER, "a:1")]


class KilledError(BaseException):
    """What stands for the end of a process."""


class Mortal(Database):
    """Ends its process around the transaction that brings ``left`` to nothing."""

    left = 0

    @contextlib.contextmanager
    def unit(self, call):
        self.live()
        with super().unit(call) as unit:
            yield unit
            self.step()
        self.step()

    def step(self):
        if self.left:
            self.left -= 1
            if not self.left:
                self.left = -1
                raise KilledError
        self.live()

    def live(self):
        if self.left < 0:
            raise KilledError


@dataclass
class World:
    """What was said and what came of it, by subject and number; poison by consumer and event."""

    said: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    delivered: list[tuple[tuple[str, str], int, str]] = field(default_factory=list)
    poison: dict[tuple[str, tuple[str, str], int], int] = field(default_factory=dict)
    skipped: set[tuple[str, tuple[str, str], int]] = field(default_factory=set)
    interlude: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    """What happens while the next event is delivered."""

    def meets(self, name, event):
        """Raise where the event is poison for a consumer; each time takes some of it away."""
        key = name, (event.institution, event.aggregate), event.sequence
        if self.poison.get(key):
            self.poison[key] -= 1
            raise ValueError("poison")


class Process:
    """One process of the hub with both consumers, on another machine than its fellows."""

    def __init__(self, number, urls, world, clock):
        self.database = Mortal(*urls)
        self.world = world
        self.means = means(
            self.database,
            patience=PATIENCE,
            owner=f"machine{number}:1:1",
            breakers=Breakers(clock=clock),
        )
        handlers = {EFFECT: self.effect, DELIVERY: self.deliver}
        self.followers = {
            name: Follower(consumer(handler, name), 0, self.means, lambda _: None)
            for name, handler in handlers.items()
        }

    def effect(self, unit, event):
        unit.audit("took", event.aggregate, {"n": event.sequence})
        unit.session.flush()
        self.world.meets(EFFECT, event)

    async def deliver(self, ctx, event):
        self.database.live()
        if self.world.interlude:
            await self.world.interlude.pop()()
        self.world.meets(DELIVERY, event)
        subject = event.institution, event.aggregate
        self.world.delivered.append((subject, event.sequence, event.id))

    async def round(self, name):
        """A consumer's round, as its loop makes it at a poll; gives whether there may be more."""
        await self.means.log.look()
        one = self.followers[name]
        one._position, one._retry_due = None, True
        with contextlib.suppress(BloopError):
            return await one._round()
        return False


class TheLog(RuleBasedStateMachine):
    """The model is what was said, and in which order."""

    @initialize()
    def begin(self):
        self.world, self.ahead, self.number = World(), timedelta(), 0
        self.reached = defaultdict(int)
        self.seqs: dict[int, tuple[tuple[str, str], int]] = {}
        for module in (positions, parking, follower):
            self.patch.setattr(module, "utcnow", lambda: utcnow() + self.ahead)
        with self.database.unit(make_system_call()) as unit:
            for model in (ParkedEvent, EventConsumer, OutboxEvent):
                unit.session.execute(delete(model))
            # Nobody may remove what the audit holds.
            self.before = unit.session.scalar(select(func.max(AuditLine.at))) or datetime(
                1970, 1, 1, tzinfo=UTC
            )
        self.processes: list[Process] = []
        for _ in range(2):
            self.start_process()

    def seconds(self):
        return self.ahead.total_seconds()

    def run(self, *coroutines):
        """Run them beside each other; those whose process died end silently."""

        async def alone(coroutine):
            try:
                return await coroutine
            except KilledError:
                return None

        async def together():
            return await asyncio.gather(*map(alone, coroutines))

        return self.loop.run_until_complete(together())

    def in_unit(self, function, *args, institution=None):
        call = make_call(institution) if institution else make_system_call()
        with self.database.unit(call) as unit:
            return function(unit, *args)

    # -- processes

    def start_process(self):
        self.number += 1
        process = Process(self.number, self.urls, self.world, self.seconds)
        self.processes.append(process)
        self.run(process.means.log.settle())
        self.run(*(one.begin() for one in process.followers.values()))

    @rule(name=NAMES, kill=KILLS, rounds=st.integers(1, 4))
    def one_goes_on(self, name, kill, rounds):
        """Some rounds; with ``kill`` the process ends at that half of its transactions."""
        self.processes.reverse()
        self.processes[0].database.left = kill
        for _ in range(rounds):
            self.run(self.processes[0].round(name))
        self.bury()

    @rule(name=NAMES, kill=KILLS)
    def two_go_on_at_once(self, name, kill):
        self.processes[0].database.left = kill
        self.run(*(one.round(name) for one in self.processes))
        self.bury()

    @rule(says=st.booleans())
    def one_stalls_until_another_has_taken_over(self, says):
        first, second = self.processes

        async def meanwhile():
            self.ahead += timedelta(seconds=first.means.timing.lease + 1)
            if says:
                self.say([SUBJECTS[0]], fails=False)
            await second.round(DELIVERY)
            self.nobody_goes_back()

        self.say([SUBJECTS[0]], fails=False)
        self.world.interlude = [meanwhile]
        self.run(first.round(DELIVERY))
        self.world.interlude = []

    def bury(self):
        for process in [one for one in self.processes if one.database.left < 0]:
            self.processes.remove(process)
            self.run(process.database.close())
        for process in self.processes:
            process.database.left = 0
        while len(self.processes) < 2:
            self.start_process()

    # -- writers and people

    @rule(subjects=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=4), fails=st.booleans())
    def say(self, subjects, fails):
        institution = subjects[0][0]
        chosen = [subject for subject in subjects if subject[0] == institution]

        def write(unit):
            for _, aggregate in chosen:
                unit.outbox.append("t.happened", aggregate, {})
            if fails:
                unit.session.flush()
                unit.outbox.write()
                raise KeyError

        with contextlib.suppress(KeyError):
            self.in_unit(write, institution=institution)
            for subject in chosen:
                self.world.said[subject] += 1

    @rule(
        subject=st.sampled_from(SUBJECTS),
        name=NAMES,
        times=st.sampled_from([1, 2, 5]),
        then=st.sampled_from(["nothing", "another", "both", "death"]),
    )
    def say_what_fails(self, subject, name, times, then):
        """An event that is put aside, with another one behind it."""
        first, second = self.processes
        self.say([subject], fails=False)
        self.world.poison[name, subject, self.world.said[subject]] = times
        self.run(first.round(name))
        self.say([subject], fails=False)
        if then == "another":
            self.run(second.round(name))
        self.ahead += timedelta(seconds=15)
        if then == "both":
            self.two_go_on_at_once(name, 0)
        elif then == "death":
            self.one_goes_on(name, 2, 3)

    @rule(skips=st.booleans())
    def somebody_decides(self, skips):
        parked = [row for row in self.parked() if row.state == Parked.PARKED]
        if parked:
            row = parked[0]
            act = parking.skip if skips else parking.replay
            self.in_unit(act, row.id, institution=row.institution_id)
            if skips:
                self.world.skipped.add((row.consumer, *self.seqs[row.seq]))

    @rule(seconds=st.sampled_from([15, 60, 2000]))
    def time_passes(self, seconds):
        """Whoever lives says now and then that it has its consumers."""
        self.ahead += timedelta(seconds=seconds)
        for process in self.processes:
            self.run(*(one.begin() for one in process.followers.values()))

    @rule(later=st.booleans())
    def trim(self, later):
        if later:
            self.time_passes(2000)
        positions.trim(self.database, make_system_call(), KEEP)

    # -- laws

    def parked(self):
        return self.in_unit(
            lambda unit: unit.session.scalars(
                select(ParkedEvent).order_by(ParkedEvent.consumer, ParkedEvent.seq)
            ).all()
        )

    def taken(self):
        """What each consumer has taken, by subject, in the order in which it did."""
        lines = self.in_unit(
            lambda unit: unit.session.scalars(
                select(AuditLine)
                .where(AuditLine.action == "took", AuditLine.at > self.before)
                .order_by(AuditLine.at, AuditLine.seq)
            ).all()
        )
        effects, deliveries = defaultdict(list), defaultdict(list)
        for line in lines:
            effects[line.institution_id, line.resource].append(line.detail["n"])
        for subject, n, _ in self.world.delivered:
            if n not in deliveries[subject]:
                deliveries[subject].append(n)
        return {EFFECT: effects, DELIVERY: deliveries}

    @invariant()
    def each_event_is_taken_once_and_in_its_order(self):
        for name, subjects in self.taken().items():
            for subject, numbers in subjects.items():
                assert numbers == sorted(set(numbers)), (name, subject)
                missing = set(range(1, numbers[-1])) - set(numbers)
                skipped = {n for who, of, n in self.world.skipped if (who, of) == (name, subject)}
                assert missing <= skipped, (name, subject, "a later one came first")

    @invariant()
    def nobody_goes_back(self):
        rows = self.in_unit(
            lambda unit: unit.session.execute(select(EventConsumer.name, EventConsumer.position))
        ).all()
        for name, position in rows:
            assert position >= self.reached[name], name
            self.reached[name] = position

    @invariant()
    def a_delivery_has_a_stable_id(self):
        ids = {(subject, n): id_ for subject, n, id_ in self.world.delivered}
        assert len({id_ for *_, id_ in self.world.delivered}) == len(ids)

    @invariant()
    def nothing_goes_before_all_have_passed_it(self):
        rows = self.in_unit(
            lambda unit: unit.session.execute(
                select(
                    OutboxEvent.seq,
                    OutboxEvent.institution_id,
                    OutboxEvent.aggregate,
                    OutboxEvent.aggregate_seq,
                )
            ).all()
        )
        self.seqs |= {seq: ((where, what), n) for seq, where, what, n in rows}
        there = {self.seqs[seq] for seq, *_ in rows}
        taken = self.taken()
        for subject, number in self.world.said.items():
            assert (subject, number) in there, "the newest stays: the next is numbered by it"
            for n in range(1, number + 1):
                for name in CONSUMERS:
                    passed = n in taken[name][subject] or (name, subject, n) in self.world.skipped
                    assert passed or (subject, n) in there, (name, subject, n)
        assert len(there) == len(rows)

    @invariant()
    def the_first_of_an_aggregate_waits_and_all_others_are_behind_it(self):
        waiting = defaultdict(list)
        for row in self.parked():
            waiting[row.consumer, row.institution_id, row.aggregate].append(row)
        for first, *others in waiting.values():
            assert first.state in {Parked.RETRYING, Parked.PARKED}
            assert (first.state == Parked.PARKED) == (first.tries >= PATIENCE.tries)
            assert all(row.state == Parked.BEHIND for row in others)

    def teardown(self):
        """In the end, with nothing wrong any more, everything has been taken."""
        if not hasattr(self, "processes"):
            return
        self.world.poison.clear()
        process = self.processes[0]
        for _ in range(200):
            self.time_passes(400)
            self.somebody_decides(skips=False)
            more = [self.run(process.round(name))[0] for name in CONSUMERS]
            if not any(more) and not self.parked():
                break
        taken = self.taken()
        for subject, number in self.world.said.items():
            for name in CONSUMERS:
                wanted = set(range(1, number + 1))
                wanted -= {n for who, of, n in self.world.skipped if (who, of) == (name, subject)}
                assert wanted <= set(taken[name][subject]), (name, subject)
        self.each_event_is_taken_once_and_in_its_order()
        self.run(*(one.database.close() for one in self.processes))


# On PostgreSQL what a round sees depends on when other transactions end, which Hypothesis calls
# flaky; test_kills and test_partitions try these laws there with real processes.
@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
def test_no_order_of_writers_deaths_and_poison_loses_or_doubles_an_event(
    database, database_urls, monkeypatch
):
    loop = asyncio.new_event_loop()

    class Machine(TheLog):
        """The machine on this database."""

    Machine.database, Machine.urls, Machine.patch = database, database_urls, monkeypatch
    Machine.loop = loop
    Machine.TestCase.settings = settings(
        max_examples=10,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    try:
        Machine.TestCase("runTest").runTest()
    finally:
        loop.close()

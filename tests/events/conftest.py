from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bloop.events.consumers import Consumers
from bloop.events.handlers import Consumer
from bloop.events.means import Means, Timing
from bloop.events.models import EventConsumer, ParkedEvent
from bloop.events.parking import Patience
from bloop.events.reader import Log
from bloop.kernel.breaker import Breakers
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call
from tests.support.database import make_call, make_system_call

PLUGIN = "stub"
QUICK = Timing(poll=0.05, rest=0.05, longest_rest=0.2, drain=5.0)
AT_ONCE = Patience(tries=3, pause=0.0)
FOR_EVER = Patience(tries=3, pause=3600.0)


@dataclass
class PlainUnit:
    """A bloop_sdk.Unit over a unit of work."""

    unit: UnitOfWork

    @property
    def session(self):
        return self.unit.session

    @property
    def institution(self):
        return self.unit.institution

    def emit(self, topic, aggregate, payload):
        self.unit.outbox.append(topic, aggregate, payload)

    def audit(self, action, resource, detail=None):
        self.unit.audit.append(action, resource, detail)


@dataclass
class PlainContext:
    plugin_id: str
    call: Call


def means(database, **options) -> Means:
    async def make_context(plugin_id, call):
        return PlainContext(plugin_id, call)

    async def enabled(call, plugin_id):
        return True

    given = {
        "make_unit": lambda unit, plugin_id: PlainUnit(unit),
        "make_context": make_context,
        "enabled": enabled,
        "keep": lambda plugin_id: contextlib.nullcontext(),
        "breakers": Breakers(),
        "timing": QUICK,
        "patience": AT_ONCE,
    }
    call = make_system_call()
    return Means(database=database, call=call, log=Log(database, call), **(given | options))


def consumer(handler, name="stub.take", topics=("*",), version=None, partitions=1) -> Consumer:
    return Consumer(name, PLUGIN, topics, lambda: handler, version, partitions)


def take(unit, event) -> None:
    """An effect that can be counted: one audit line for each event."""
    unit.audit("took", event.id, {"aggregate": event.aggregate, "n": event.sequence})


def say(database, *aggregates, topic="t.happened", institution=None, **payload) -> None:
    """One commit with an event for each aggregate."""
    with database.unit(make_call(*([institution] if institution else []))) as unit:
        for aggregate in aggregates:
            unit.outbox.append(topic, aggregate, payload)


def taken(database) -> list[tuple[str, int]]:
    """Aggregate and sequence of each effect in the database, in order."""
    with database.unit(make_system_call()) as unit:
        rows = unit.session.scalars(
            select(AuditLine.detail)
            .where(AuditLine.action == "took")
            .order_by(AuditLine.at, AuditLine.seq)
        ).all()
    return [(row["aggregate"], row["n"]) for row in rows]


def parked(database) -> list[tuple[str, int, str, int]]:
    """Aggregate, state and tries of the parked events, in the order of the log."""
    with database.unit(make_system_call()) as unit:
        rows = unit.session.execute(
            select(ParkedEvent.aggregate, ParkedEvent.state, ParkedEvent.tries).order_by(
                ParkedEvent.seq
            )
        ).all()
    return [tuple(row) for row in rows]


def parked_ids(database) -> list[str]:
    with database.unit(make_system_call()) as unit:
        return list(unit.session.scalars(select(ParkedEvent.id).order_by(ParkedEvent.seq)))


def position(database, name="stub.take") -> int | None:
    """How far a consumer has come, in its slowest partition."""
    with database.unit(make_system_call()) as unit:
        slowest = select(func.min(EventConsumer.position)).where(EventConsumer.name == name)
        return unit.session.scalar(slowest)


def unread(database, name="stub.take") -> int:
    """How many events the partitions of a consumer have not passed, each of its own."""
    with database.unit(make_system_call()) as unit:
        return unit.session.scalar(
            select(func.count())
            .select_from(OutboxEvent)
            .join(EventConsumer, OutboxEvent.seq > EventConsumer.position)
            .where(
                EventConsumer.name == name,
                OutboxEvent.bucket % EventConsumer.partitions == EventConsumer.partition,
            )
        )


async def until(condition, seconds=30):
    """Wait until ``condition()``, run in a thread, is true; gives what it gave."""
    async with asyncio.timeout(seconds):
        while not (found := await asyncio.to_thread(condition)):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.01)
    return found


def lines(database) -> int:
    with database.unit(make_system_call()) as unit:
        return unit.session.scalar(select(func.count()).select_from(AuditLine))


@pytest.fixture
async def follow(database):
    """Starts consumers over the database; stops them at the end."""
    made = []

    async def start(*wanted, **options) -> Consumers:
        consumers = Consumers(means(database, **options), keep=timedelta(days=7))
        made.append(consumers)
        await consumers.follow(wanted)
        await consumers.start()
        return consumers

    yield start
    for consumers in made:
        await consumers.stop()

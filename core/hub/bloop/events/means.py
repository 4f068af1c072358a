"""What a consumer works with: the hub's database and log, and what a plugin is handed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bloop.events.handlers import Consumer, HandlerError, failure_of
from bloop.events.models import Parked
from bloop.events.parking import Failure, Patience
from bloop.events.peers import Peers
from bloop.events.reader import Log, Logged
from bloop.jobs.owners import this_process
from bloop.kernel.breaker import Breakers
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop_sdk import Call, Principal, PrincipalKind, Role
from bloop_sdk.plugin import CallContext, Unit

log = get_logger("bloop.events")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds: how often the log is looked at, and how long things may take.

    ``effect`` bounds a transaction: on SQLite all other writers wait for it, and give up after
    ten. ``batch`` and ``delivery_batch`` say for how long new events are begun in one transaction
    or under one lease, which lasts for that long and for a ``delivery`` that takes its whole time.
    """

    poll: float = 1.0
    effect: float = 5.0
    batch: float = 0.05
    delivery: float = 20.0
    delivery_batch: float = 5.0
    rest: float = 1.0
    longest_rest: float = 60.0
    drain: float = 10.0

    @property
    def lease(self) -> float:
        """How long a lease is taken for."""
        return self.delivery + self.delivery_batch + 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What every consumer of a process shares.

    ``call`` is for every institution. ``enabled`` says whether an institution uses a plugin,
    ``keep`` holds a plugin from being stopped, or raises PluginUnavailableError.
    """

    database: Database
    call: Call
    log: Log
    make_unit: Callable[[UnitOfWork, str], Unit]
    make_context: Callable[[str, Call], Awaitable[CallContext]]
    enabled: Callable[[Call, str], Awaitable[bool]]
    keep: Callable[[str], AbstractContextManager[None]]
    breakers: Breakers
    timing: Timing = field(default_factory=Timing)
    patience: Patience = field(default_factory=Patience)
    owner: str = field(default_factory=this_process)
    slots: asyncio.Semaphore = field(init=False)
    """For transactions of consumers: SQLite lets one write at a time, and waits by polling."""
    peers: Peers = field(init=False)

    def __post_init__(self) -> None:
        beside_each_other = {"sqlite": 1, "postgresql": 4}[self.database.dialect]
        object.__setattr__(self, "slots", asyncio.Semaphore(beside_each_other))
        object.__setattr__(self, "peers", Peers(self.database, self.call, self.owner))

    async def unit(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run ``function(unit, ...)`` in a unit for every institution."""
        return await self.database.run(partial(in_unit, self.database, self.call, function, *args))


def call_for(consumer: Consumer, logged: Logged) -> Call:
    """As whom a consumer acts: the plugin itself, in the event's institution and trace."""
    principal = Principal(PrincipalKind.PLUGIN, consumer.plugin_id, Role.ADMIN)
    return Call(principal, logged.event.institution, traces.child(logged.trace))


def count(consumer: Consumer, outcome: str, number: int = 1) -> None:
    """Note what became of events."""
    if number:
        metrics().events_consumed.labels(consumer.name, outcome).inc(number)


def tell_failure(consumer: Consumer, logged: Logged, err: HandlerError, package: str) -> Failure:
    """Log and count that a handler failed; gives what is kept of it."""
    failure = failure_of(err.error, package)
    log.warning(
        "event not taken",
        consumer=consumer.name,
        topic=logged.event.topic,
        event_id=logged.event.id,
        reason=failure.reason,
    )
    count(consumer, "failed")
    return failure


def tell_parked(consumer: Consumer, logged: Logged, state: Parked | None) -> None:
    """Log and count that an event had its last try."""
    if state is Parked.PARKED:
        count(consumer, "parked")
        log.error(
            "event parked after its last try",
            consumer=consumer.name,
            event_id=logged.event.id,
            aggregate=logged.event.aggregate,
            cure="see `bloop events parked`, then replay or skip it",
        )

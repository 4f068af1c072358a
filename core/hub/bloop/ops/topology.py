"""Who is alive, on which generation, serving what; and what waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from bloop.accounts.sessions import system_call
from bloop.events.models import EventConsumer
from bloop.jobs.models import JobState
from bloop.jobs.owners import is_dead
from bloop.jobs.queries import LEASES
from bloop.kernel.queries import GENERATION, PROCESSES
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from bloop.store.statements import parsed, to_dicts
from bloop.store.types import utcnow

if TYPE_CHECKING:
    from bloop.hub import Hub

STALE_SECONDS = 20.0
"""A process says every five seconds that it lives; after four that it missed it counts as dead."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the hub; ``queues`` empty means all, ``jobs`` is how many run there now."""

    id: str
    kind: str
    host: str
    pid: int
    version: str | None
    """Of the hub's code that it runs."""
    generation: str
    is_current: bool
    """Whether it has the plugins that are wanted."""
    is_stale: bool
    """Whether it has not been heard of for some time, or is seen from here to have died."""
    workers: int
    queues: list[str]
    jobs: int
    started_at: str
    beat_at: str
    config_fault: str | None


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits and runs of one queue, and whether a living process serves it."""

    name: str
    waiting: int
    running: int
    oldest_at: str
    is_served: bool


@dataclass(frozen=True, slots=True)
class Lag:
    """How many events a consumer has not passed, at most: its slowest partition.

    ``taken_by`` names for each partition the process that took events of it last, while that one
    is among the processes.
    """

    consumer: str
    behind: int
    partitions: int
    taken_by: list[str | None]


@dataclass(frozen=True, slots=True)
class Topology:
    """All of it."""

    processes: list[Process]
    queues: list[Queue]
    consumers: list[Lag]


def topology(hub: Hub) -> Topology:
    """Read it from the database; it may block."""
    rows = to_dicts(PROCESSES, hub.database.read_now(PROCESSES, system_call(EVERY_INSTITUTION)))
    ids = {row["lease_owner"]: row["id"] for row in rows}
    found = _processes(hub, rows)
    return Topology(found, _queues(hub, found), lags(hub, ids))


def processes(hub: Hub) -> list[Process]:
    """Who is alive; it may block."""
    rows = to_dicts(PROCESSES, hub.database.read_now(PROCESSES, system_call(EVERY_INSTITUTION)))
    return _processes(hub, rows)


def is_served(hub: Hub, queue: str) -> bool:
    """Whether a living process takes jobs of a queue; it may block."""
    return any(_serves(one, queue) for one in processes(hub))


def _serves(one: Process, queue: str) -> bool:
    return bool(one.workers) and not one.is_stale and (not one.queues or queue in one.queues)


def _processes(hub: Hub, rows: list[dict[str, Any]]) -> list[Process]:
    call = system_call(EVERY_INSTITUTION)
    found = hub.database.read_now(GENERATION, call)
    wanted = found[0][0] if found else ""
    leases = hub.database.read_now(LEASES, call, now=utcnow())
    running = Counter(owner for _, owner, _ in leases)
    return [_process(row, wanted, running) for row in rows]


def _process(row: dict[str, Any], wanted: str, running: Counter[str]) -> Process:
    silent = utcnow() - datetime.fromisoformat(row["beat_at"])
    owner = row.pop("lease_owner")
    is_gone = owner is not None and is_dead(owner)
    return Process(
        **row | {"queues": parsed(row["queues"])},
        jobs=running[owner],
        is_current=row["generation"] == wanted,
        is_stale=is_gone or silent > timedelta(seconds=STALE_SECONDS),
    )


def _queues(hub: Hub, processes: list[Process]) -> list[Queue]:
    by_queue: dict[str, dict[str, Any]] = {}
    for row in hub.jobs.depth():
        by_queue.setdefault(row["queue"], {})[row["state"]] = row
    return [
        Queue(
            name,
            waiting=states.get(JobState.WAITING, {}).get("count", 0),
            running=states.get(JobState.RUNNING, {}).get("count", 0),
            oldest_at=min(row["oldest"] for row in states.values()),
            is_served=any(_serves(one, name) for one in processes),
        )
        for name, states in sorted(by_queue.items())
    ]


def lags(hub: Hub, ids: Mapping[str, str]) -> list[Lag]:
    """How far consumers are behind; ``ids`` are those of processes by how they sign. It blocks."""
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        newest = unit.session.scalar(select(func.max(OutboxEvent.seq))) or 0
        rows = unit.session.execute(
            select(EventConsumer.name, EventConsumer.position, EventConsumer.taken_by).order_by(
                EventConsumer.name, EventConsumer.partition
            )
        ).all()
    found = []
    for name, group in groupby(rows, key=lambda row: row.name):
        parts = list(group)
        behind = max(0, newest - min(row.position for row in parts))
        found.append(Lag(name, behind, len(parts), [ids.get(row.taken_by or "") for row in parts]))
    return found

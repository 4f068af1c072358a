"""Reading the log: every event once it is certain that none will come before it.

On PostgreSQL numbers are given as events are written, and seen as their transactions commit: 2 may
be seen before 1. The number of a transaction is no help, for it is older than its events, and two
that write one aggregate may have theirs the other way round. So the reader looks twice. The first
look notes the newest event M and the number X that the next transaction will get; whoever holds a
number up to M has a transaction below X, since it gets that first. Once the oldest transaction
that is open is X or later, nothing up to M can be missing. SQLite has one writer at a time, so
there what is seen is certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from bloop.events.queries import EVENTS, NEWEST
from bloop.store.database import Database, in_unit
from bloop.store.statements import Row, parsed
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop_sdk import Call, Trace
from bloop_sdk.events import Event

_LOOK = text("""
    SELECT (SELECT max(seq) FROM outbox_event WHERE seq > :after),
           pg_snapshot_xmin(now.snapshot)::text::bigint,
           pg_snapshot_xmax(now.snapshot)::text::bigint
    FROM (SELECT pg_current_snapshot() AS snapshot) AS now
""")


@dataclass(frozen=True, slots=True)
class Logged:
    """An event at its place in the log, and the trace that it belongs to."""

    seq: int
    event: Event
    trace: Trace

    @property
    def subject(self) -> tuple[str, str]:
        """Whose order it keeps: institution and aggregate."""
        return self.event.institution, self.event.aggregate


class Log:
    """The log as far as it is certain, up to ``horizon``. ``call`` is for every institution."""

    def __init__(self, database: Database, call: Call) -> None:
        self.horizon = 0
        self._database = database
        self._call = call
        self._noted: tuple[int, int] | None = None

    async def look(self) -> bool:
        """Bring the horizon forward; gives whether there is more that is not certain yet."""
        if self._database.dialect == "sqlite":
            row = await self._database.read_one(NEWEST, self._call, after=self.horizon)
            self.horizon = row[0] if row else self.horizon
            return False
        newest, oldest_open, next_one = await self._database.run(
            in_unit, self._database, self._call, _snapshot, self.horizon
        )
        if self._noted is not None and oldest_open >= self._noted[1]:
            self.horizon = max(self.horizon, self._noted[0])
            self._noted = None
        if newest is not None and newest > self.horizon:
            if oldest_open >= next_one:
                self.horizon, self._noted = newest, None
            elif self._noted is None:
                self._noted = newest, next_one
        return self._noted is not None

    async def after(self, position: int, limit: int) -> list[Logged]:
        """The next events that are certain."""
        if position >= self.horizon:
            return []
        rows = await self._database.read(
            EVENTS, self._call, after=position, upto=self.horizon, limit=limit
        )
        return [logged(row) for row in rows]


def logged(row: Row) -> Logged:
    """An event of the first columns of EVENTS or RETRY."""
    seq, id_, topic, institution, aggregate, sequence, actor, occurred_at, payload, trace = row[:10]
    event = Event(
        id=id_,
        topic=topic,
        institution=institution,
        aggregate=aggregate,
        sequence=sequence,
        actor=actor,
        occurred_at=datetime.fromisoformat(occurred_at),
        payload=parsed(payload),
    )
    return Logged(seq, event, traces.parse(trace) or traces.start())


def _snapshot(unit: UnitOfWork, after: int) -> tuple[Any, ...]:
    return tuple(unit.session.execute(_LOOK, {"after": after}).one())

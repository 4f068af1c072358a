"""Reading the log: every event once it is certain that none will come before it.

On PostgreSQL numbers are given as events are written, and seen as their transactions commit: 2 may
be seen before 1. The number of a transaction is no help, for it is older than its events, and two
that write one aggregate may have theirs the other way round. So the reader notes the newest event M
that it sees, and then takes the number X of a transaction for itself. Whoever holds a number up to
M has a transaction below X, since it gets that first (``bloop.store.unit``). Once no transaction
below X is open, mostly at once, nothing up to M can be missing. (``pg_snapshot_xmax`` is no X: it
tells of transactions that have ended, and younger ones may be open.) SQLite has one writer at a
time, so there what is seen is certain.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from bloop.events.positions import Partition
from bloop.events.queries import EVENTS, EVENTS_OF, NEWEST
from bloop.store.database import Database, in_unit
from bloop.store.statements import Row, parsed
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop_sdk import Call, Trace
from bloop_sdk.events import Event

SOON_SECONDS = 0.01
"""When to look again where transactions are open."""

_NEWEST_AND_OPEN = text("""
    SELECT (SELECT max(seq) FROM outbox_event WHERE seq > :after),
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint
""")
_NUMBER = text("SELECT pg_current_xact_id()::text::bigint")
_OLDEST_OPEN = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


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
        self._looked = False

    @property
    def is_known(self) -> bool:
        """Whether ``horizon`` tells where the log is, and not only that nothing is certain yet."""
        return self._looked and (self.horizon > 0 or self._noted is None)

    async def settle(self) -> None:
        """Look until what had been said before is certain."""
        await self.look()
        newest = self._noted[0] if self._noted else self.horizon
        while self.horizon < newest:
            await asyncio.sleep(SOON_SECONDS)
            await self.look()

    async def look(self) -> bool:
        """Bring the horizon forward; gives whether there is more that is not certain yet."""
        if self._database.dialect == "sqlite":
            row = await self._database.read_one(NEWEST, self._call, after=self.horizon)
            self.horizon = row[0] if row else self.horizon
            self._looked = True
            return False
        noted = self._noted
        newest, oldest_open, number = await self._database.run(
            in_unit, self._database, self._call, _look, self.horizon, noted[1] if noted else None
        )
        if noted is not None and oldest_open >= noted[1]:
            self.horizon, self._noted = max(self.horizon, noted[0]), None
        if newest is not None and number is not None and newest > self.horizon:
            if oldest_open >= number:
                self.horizon = newest
            else:
                self._noted = newest, number
        self._looked = True
        return self._noted is not None

    async def after(self, position: int, limit: int) -> list[Logged]:
        """The next events that are certain."""
        if position >= self.horizon:
            return []
        rows = await self._database.read(
            EVENTS, self._call, after=position, upto=self.horizon, limit=limit
        )
        return [logged(row) for row in rows]

    async def of(self, partition: Partition, position: int, limit: int) -> tuple[list[Logged], int]:
        """The next events of a partition, and up to where there are no others."""
        horizon = self.horizon
        if position >= horizon:
            return [], position
        span = {"after": position, "upto": horizon, "limit": limit}
        if partition.of == 1:
            rows = await self._database.read(EVENTS, self._call, **span)
        else:
            share = {"of": partition.of, "number": partition.number}
            rows = await self._database.read(EVENTS_OF, self._call, **span, **share)
        events = [logged(row) for row in rows]
        return events, events[-1].seq if len(events) == limit else horizon


def logged(row: Row) -> Logged:
    """An event of the first columns of EVENTS or RETRY."""
    seq, id_, topic, institution, aggregate, sequence, actor = row[:7]
    occurred_at, payload, trace, version = row[7:11]
    known = traces.parse(trace) or traces.start()
    event = Event(
        id=id_,
        topic=topic,
        institution=institution,
        aggregate=aggregate,
        sequence=sequence,
        actor=actor,
        occurred_at=datetime.fromisoformat(occurred_at),
        payload=parsed(payload),
        version=version,
        trace=known,
    )
    return Logged(seq, event, known)


def _look(unit: UnitOfWork, after: int, awaited: int | None) -> tuple[int | None, int, int | None]:
    """The newest event, the oldest open transaction, and the number X that belongs to the first.

    No X where there is nothing new, or while older transactions are ``awaited`` anyway.
    """
    session = unit.session
    newest, oldest_open = session.execute(_NEWEST_AND_OPEN, {"after": after}).one()
    if newest is None or (awaited is not None and oldest_open < awaited):
        return newest, oldest_open, None
    number = session.execute(_NUMBER).scalar_one()
    return newest, session.execute(_OLDEST_OPEN).scalar_one(), number

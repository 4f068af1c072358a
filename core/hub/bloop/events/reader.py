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
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from bloop.events.positions import Partition
from bloop.events.queries import EVENTS, EVENTS_OF, HORIZON, NEWEST
from bloop.store.database import Database
from bloop.store.statements import Row
from bloop_sdk import Call, Trace
from bloop_sdk.events import Event

SOON_SECONDS = 0.01
"""When to look again where transactions are open."""


class Logged(NamedTuple):
    """An event at its place in the log, with the trace that it belongs to."""

    seq: int
    event: Event

    @property
    def trace(self) -> Trace:
        """The trace in which it was said."""
        assert self.event.trace is not None, "the log has one for each"
        return self.event.trace

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
        self._last: tuple[tuple[int, int, int], asyncio.Task[Sequence[Row]]] | None = None

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
        row = await self._database.read_one(
            HORIZON, self._call, after=self.horizon, awaited=noted[1] if noted else 0
        )
        assert row is not None, "it has no FROM that could be empty"
        newest, oldest_open, number = row
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
        """The next events that are certain; who asks for the same as the last one shares a read."""
        if position >= self.horizon:
            return []
        asked = (position, self.horizon, limit)
        if self._last is None or self._last[0] != asked:
            self._last = asked, asyncio.create_task(self._read(*asked))
        reading = self._last[1]
        try:
            rows = await asyncio.shield(reading)
        except Exception:
            self._last = None
            raise
        # Payloads are each consumer's own, which may change them.
        return [logged(row) for row in rows]

    async def of(self, partition: Partition, position: int, limit: int) -> tuple[list[Logged], int]:
        """The next events of a partition, and up to where there are no others."""
        horizon = self.horizon
        if position >= horizon:
            return [], position
        if partition.of == 1:
            events = await self.after(position, limit)
        else:
            span = {"after": position, "upto": horizon, "limit": limit}
            share = {"of": partition.of, "number": partition.number}
            rows = await self._database.read(EVENTS_OF, self._call, **span, **share)
            events = [logged(row) for row in rows]
        return events, events[-1].seq if len(events) == limit else horizon

    async def _read(self, after: int, upto: int, limit: int) -> Sequence[Row]:
        return await self._database.read(EVENTS, self._call, after=after, upto=upto, limit=limit)


def logged(row: Row) -> Logged:
    """An event of the first columns of EVENTS or RETRY."""
    seq, id_, topic, institution, aggregate, sequence, actor = row[:7]
    occurred_at, payload, trace, version = row[7:11]
    event = Event(
        id=id_,
        topic=topic,
        institution=institution,
        aggregate=aggregate,
        sequence=sequence,
        actor=actor,
        occurred_at=datetime.fromisoformat(occurred_at),
        payload=orjson.loads(payload),
        version=version,
        trace=Trace(trace[3:35], trace[36:52]),
    )
    return Logged(seq, event)

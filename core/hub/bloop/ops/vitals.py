"""How the hub does, kept for who looks at it: a few numbers a minute, and what the checks say.

Every process adds what it counted to rows that all of them share, at three resolutions at once, so
that nothing has to be summed up later; what is too old for its resolution goes in the same unit. So
the table never holds more than :data:`MOST_ROWS`, however many processes there are. Prometheus
stays for who wants more: this is read by people.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select, text

from bloop.accounts.sessions import system_call
from bloop.jobs.models import JobState
from bloop.kernel.models import HubProcess
from bloop.ops.health import free_space, report
from bloop.ops.models import HubCheck, HubSample
from bloop.ops.topology import lags
from bloop.store.database import in_unit
from bloop.store.inserting import INSERT
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop.telemetry.totals import Totals, merged, totals
from bloop_sdk import BloopError, Health

if TYPE_CHECKING:
    from bloop.hub import Hub

LEVELS = {
    60: timedelta(hours=1),
    900: timedelta(hours=24),
    3600: timedelta(days=7),
}
"""For how long samples of so many seconds are kept."""

MOST_ROWS = sum(round(kept.total_seconds()) // seconds + 2 for seconds, kept in LEVELS.items())
"""The table holds no more rows: the one that is filled, and one that is partly too old, besides."""

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked by machines, many times a minute where nobody else asks for anything."""
STREAMS = frozenset({"/api/v1/events", "/api/v1/jobs/{job_id}/events"})
"""Answered for as long as somebody listens."""

SAMPLE_SECONDS = 60.0

_AHEAD = timedelta(hours=1)
"""Clocks of machines may differ; a row further ahead is of a clock that was wrong."""

log = get_logger("bloop.vitals")


@dataclass(frozen=True, slots=True)
class Measured:
    """What is read off at one moment; sizes in bytes."""

    jobs_waiting: int
    events_behind: int
    database_bytes: int
    free_bytes: int


class Sampler:
    """Keeps samples of one process, and what its checks say where it serves."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._told = _totals()
        self._since: dict[str, tuple[bool | None, datetime]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin, in this event loop."""
        self._tasks = [asyncio.create_task(self._forever(), name="sample")]

    async def stop(self) -> None:
        """End, with what was counted since the last sample."""
        running, self._tasks = self._tasks, []
        await end_tasks(running)
        if running:
            with contextlib.suppress(BloopError):  # The database may be what is gone.
                await self._keep(utcnow(), None, [])

    async def take(self, now: datetime) -> None:
        """Measure, check, and keep it; raises BloopError where it could not be kept."""
        hub = self._hub
        found = await asyncio.to_thread(measured, hub)
        lines = await report(hub) if hub.kind == "api" else []
        await self._keep(now, found, lines)

    async def _keep(self, now: datetime, found: Measured | None, lines: Sequence[Health]) -> None:
        counted, database = _totals(), self._hub.database
        call, process = system_call(EVERY_INSTITUTION), self._hub.process_id
        checks = [self._row(place, line, now) for place, line in enumerate(lines)]

        def write(unit: UnitOfWork) -> None:
            add_sample(unit, counted - self._told, found, now)
            if process is not None and checks:
                keep_checks(unit, process, checks)

        await database.run(in_unit, database, call, write)
        self._told = counted

    def _row(self, place: int, line: Health, now: datetime) -> dict[str, Any]:
        ok, since = self._since.get(line.name, (None, None))
        if since is None or ok is not line.ok:
            since = now
        self._since[line.name] = (line.ok, since)
        return {
            "name": line.name[:120],
            "place": place,
            "ok": line.ok,
            "detail": line.detail[:2000],
            "cure": line.cure[:1000] if line.cure else None,
            "since": since,
            "checked_at": now,
        }

    async def _forever(self) -> None:
        while True:
            try:
                await self.take(utcnow())
            except Exception as err:  # noqa: BLE001 - the next one may go well
                log.warning("vitals: nothing kept", error=err)
            await asyncio.sleep(SAMPLE_SECONDS)


def _totals() -> Totals:
    return totals(metrics(), probes=PROBES, streams=STREAMS)


def measured(hub: Hub) -> Measured:
    """What there is to measure; it may block."""
    waiting = sum(row["count"] for row in hub.jobs.depth() if row["state"] == JobState.WAITING)
    behind = max((lag.behind for lag in lags(hub, {})), default=0)
    return Measured(waiting, behind, database_bytes(hub), free_space(hub)[0])


def database_bytes(hub: Hub) -> int:
    """The size of the database on its disk; it may block."""
    if hub.embedded:
        file = Path(str(hub.database.url.database))
        parts = (file, file.with_name(f"{file.name}-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        size = unit.session.scalar(select(func.pg_database_size(text("current_database()"))))
    return int(size or 0)


def add_sample(unit: UnitOfWork, counted: Totals, found: Measured | None, now: datetime) -> None:
    """Add to the rows of ``now`` at every resolution, and remove what is too old."""
    for seconds, kept in LEVELS.items():
        at = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
        empty = {"requests": 0, "errors": 0, "times": [], "jobs_failed": 0}
        add = INSERT[unit.dialect](HubSample).values(seconds=seconds, at=at, **empty)
        added: Any = unit.session.execute(add.on_conflict_do_nothing())
        # Read anew and locked: another process may add to it at the same moment.
        row = unit.session.scalars(
            select(HubSample)
            .where(HubSample.seconds == seconds, HubSample.at == at)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).one()
        _add(row, counted, found)
        if added.rowcount:
            old = or_(HubSample.at <= at - kept, HubSample.at > now + _AHEAD)
            unit.session.execute(
                delete(HubSample)
                .where(HubSample.seconds == seconds, old)
                .execution_options(synchronize_session=False)
            )


def _add(row: HubSample, counted: Totals, found: Measured | None) -> None:
    row.requests += counted.requests
    row.errors += counted.errors
    row.jobs_failed += counted.jobs_failed
    # Bounds of another version are not to be mixed with these.
    comparable = len(row.times) == len(counted.times)
    row.times = merged(row.times, counted.times) if comparable else list(counted.times)
    if found is None:
        return
    row.jobs_waiting = max(row.jobs_waiting or 0, found.jobs_waiting)
    row.events_behind = max(row.events_behind or 0, found.events_behind)
    row.database_bytes = found.database_bytes
    row.free_bytes = min(row.free_bytes or found.free_bytes, found.free_bytes)


def keep_checks(unit: UnitOfWork, process: str, checks: Sequence[dict[str, Any]]) -> None:
    """Write what the checks of a process say, in place of what they said before."""
    # It may have been taken for dead, until its next beat.
    known = select(HubProcess.id).where(HubProcess.id == process)
    if unit.session.scalar(known.with_for_update(read=True)) is None:
        return
    unit.session.execute(delete(HubCheck).where(HubCheck.process_id == process))
    unit.session.add_all(HubCheck(process_id=process, **row) for row in checks)

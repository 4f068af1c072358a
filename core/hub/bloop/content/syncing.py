"""Syncs of connections as jobs: one at a time for each connection, asked for as often as one likes.

    job = ask_for_sync(unit, connection_id, full=True)

The handler is :func:`bloop.hub.connections.run_sync_job`. A connection's own schedule stands in its
row, and its next time is moved on in the transaction that asks for the job, as those of plugins'
schedules are (:mod:`bloop.jobs.schedules`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from bloop.content.codec import parse_ref
from bloop.content.sync_models import Quarantine
from bloop.jobs import ledger
from bloop.jobs.models import OVER, Job
from bloop.jobs.schedules import AT_ONCE, PRINCIPAL, Enqueue, switched_off
from bloop.jobs.times import next_time
from bloop.kernel.models import Connection
from bloop.kernel.states import RESTING, ConnectionState
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop.telemetry.logs import get_logger
from bloop_sdk import Call

SYNC_JOB = "content.sync"
REFRESH_JOB = "content.refresh"
QUEUE = "sync"
ATTEMPTS = 10
REFS_AT_ONCE = 200
EVERY = "6h"
"""How often a new connection is read by itself: often enough for a school's day, and what is not
announced by webhooks is found by the next morning at the latest."""
SHORTEST_SECONDS = 300
"""Nobody has a system read more often than this by a schedule."""

_log = get_logger(__name__)

_REFUSED = {
    ConnectionState.UNCONFIGURED: "has no settings that work yet",
    ConnectionState.SUSPENDED: "is paused",
}


@command("connections:write")
def ask_for_sync(
    unit: UnitOfWork,
    connection_id: str,
    *,
    full: bool = False,
    dry_run: bool = False,
    confirm_deletes: bool = False,
    streams: Sequence[str] | None = None,
    key: str | None = None,
    enqueue: Enqueue = ledger.enqueue,
) -> str:
    """Ask for the job that reads a connection; its id.

    While one is under way it is that one, and the same ``key`` asks only once. Raises ConflictError
    for a connection that cannot be read now, and where another kind of sync is under way.
    """
    connection = unit.get(Connection, connection_id)
    # The clock asks as well, and its change is no new version: whoever comes second waits.
    unit.session.refresh(connection, with_for_update=True)
    check_readable(connection)
    payload = _payload(connection_id) | {
        "full": full,
        "dry_run": dry_run,
        "confirm_deletes": confirm_deletes,
        "streams": None if streams is None else sorted(set(streams)),
    }
    under_way = job_under_way(unit, connection)
    if under_way is not None:
        if dict(under_way.payload) != payload:
            raise ConflictError(
                f"another sync of {connection.name!r} is under way",
                cure=f"wait for it, or cancel it: bloop jobs cancel {under_way.id}",
            )
        return under_way.id
    connection.job_id = _enqueue(unit, connection, SYNC_JOB, payload, enqueue, key=key)
    unit.session.flush()
    return connection.job_id


@command("connections:write")
def ask_for_refresh(
    unit: UnitOfWork,
    connection_id: str,
    refs: Sequence[str],
    *,
    key: str | None = None,
    enqueue: Enqueue = ledger.enqueue,
) -> list[str]:
    """Ask for the jobs that fetch some records again (``kind:remote id``), for hints and retries.

    The same ``key`` asks only once.
    """
    connection = unit.get(Connection, connection_id)
    check_readable(connection)
    ordered = sorted(set(refs))
    if not ordered:
        raise InvalidError("there is nothing to fetch again", field="refs")
    parts = [ordered[i : i + REFS_AT_ONCE] for i in range(0, len(ordered), REFS_AT_ONCE)]
    return [
        _enqueue(
            unit,
            connection,
            REFRESH_JOB,
            {"connection": connection_id, "refs": part},
            enqueue,
            key=key and f"{key}/{number}",
        )
        for number, part in enumerate(parts)
    ]


@command("connections:write")
def ask_for_retry(
    unit: UnitOfWork,
    connection_id: str,
    refs: Sequence[str] | None = None,
    *,
    enqueue: Enqueue = ledger.enqueue,
) -> list[str]:
    """Ask for the jobs that fetch again what is in quarantine: these refs, or all; their ids.

    Raises InvalidError where nothing of it can be fetched by itself.
    """
    query = select(Quarantine.ref).where(
        Quarantine.institution_id == unit.institution,
        Quarantine.connection_id == connection_id,
        Quarantine.resolved_at.is_(None),
    )
    kept = set(unit.session.scalars(query))
    asked = kept if refs is None else kept & set(refs)
    known = [ref for ref in asked if parse_ref(ref) is not None]
    if asked and not known:
        raise InvalidError(
            "what is in quarantine cannot be fetched one by one",
            field="refs",
            cure="sync the connection in full: that reads it anew",
        )
    return ask_for_refresh(unit, connection_id, known, enqueue=enqueue)


def job_under_way(unit: UnitOfWork, connection: Connection) -> Job | None:
    """The sync of a connection that waits or runs."""
    if connection.job_id is None:
        return None
    return unit.session.scalar(
        select(Job).where(
            Job.institution_id == unit.institution,
            Job.id == connection.job_id,
            Job.state.not_in(sorted(OVER)),
        )
    )


@command("connections:write")
def set_every(
    unit: UnitOfWork, connection_id: str, every: str | None, zone: str, version: int | None = None
) -> Connection:
    """Have a connection read by itself, from interval to interval or by a cron line; None: never.

    Raises InvalidError for what means nothing, or is more often than every five minutes.
    """
    connection = unit.get(Connection, connection_id)
    unit.expect(connection, version)
    connection.every = every
    connection.next_at = None if every is None else first_time(every, zone)
    unit.audit.append("connections:schedule", f"connection:{connection_id}", {"every": every})
    unit.session.flush()
    return connection


def first_time(every: str, zone: str) -> datetime:
    """When a rule is due next; raises InvalidError for what means nothing."""
    now = utcnow()
    try:
        due = next_time(every, zone, None, now)
        after = next_time(every, zone, due, due)
    except (ValueError, OverflowError) as err:
        raise InvalidError(
            f"every: {err}", field="every", cure="write 6h, 30m, or a cron line: 30 3 * * *"
        ) from err
    if (after - due).total_seconds() < SHORTEST_SECONDS:
        raise InvalidError(
            "every: that is more often than every five minutes",
            field="every",
            cure="write 5m or more; hints of the other system bring what is new sooner",
        )
    return due


def fire(unit: UnitOfWork, now: datetime, zone: str, enqueue: Enqueue) -> int:
    """Ask for the syncs that are due, in a unit for every institution; how many rows were due.

    A connection that is paused, or waits for a person, starts nothing; nor does one whose sync is
    under way.
    """
    rows = unit.session.scalars(
        select(Connection)
        .where(Connection.next_at.is_not(None), Connection.next_at <= now)
        .order_by(Connection.next_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    off = switched_off(unit, rows) if rows else set()
    for row in rows:
        values: dict[str, Any] = {"next_at": _next(row, zone, now)}
        resting = ConnectionState(row.state) in RESTING
        if not resting and (row.institution_id, row.plugin_id) not in off:
            own = UnitOfWork(unit.transaction, Call(PRINCIPAL, row.institution_id, traces.start()))
            if job_under_way(own, row) is None:
                payload = _payload(row.id)
                values["job_id"] = _enqueue(own, row, SYNC_JOB, payload, enqueue)
        # No new version: what it has done is nothing that somebody has set.
        unit.session.execute(
            update(Connection)
            .where(Connection.institution_id == row.institution_id, Connection.id == row.id)
            .values(values)
            .execution_options(synchronize_session=False)
        )
    return len(rows)


def _next(row: Connection, zone: str, now: datetime) -> datetime | None:
    try:
        return next_time(row.every or "", zone, row.next_at, now)
    except ValueError as err:
        _log.warning("a connection is never due again", connection=row.id, error=err)
        return None


def _payload(connection_id: str) -> dict[str, Any]:
    """What the job of a plain sync is asked for with."""
    return {
        "connection": connection_id,
        "full": False,
        "dry_run": False,
        "confirm_deletes": False,
        "streams": None,
    }


def check_readable(connection: Connection) -> None:
    """Raise unless a connection can be talked to now."""
    reason = _REFUSED.get(ConnectionState(connection.state))
    if "file" in connection.settings:
        raise ConflictError(
            f"the connection {connection.name!r} stands for an imported file",
            cure="import the file again: bloop import FILE",
        )
    if reason is not None:
        raise ConflictError(
            f"the connection {connection.name!r} {reason}",
            cure=connection.cure or "check it, or resume it",
        )


def _enqueue(
    unit: UnitOfWork,
    connection: Connection,
    kind: str,
    payload: Mapping[str, Any],
    enqueue: Enqueue,
    *,
    key: str | None = None,
) -> str:
    return enqueue(
        unit,
        kind,
        payload,
        key=key,
        plugin_id=connection.plugin_id,
        queue=QUEUE,
        max_attempts=ATTEMPTS,
        owner=connection.owner_id,
    )

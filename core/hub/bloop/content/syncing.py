"""Syncs of connections as jobs: one at a time for each connection, asked for as often as one likes.

    job = ask_for_sync(unit, connection_id, full=True)

The handler is :func:`bloop.hub.connections.run_sync_job`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from bloop.jobs.ledger import enqueue
from bloop.jobs.models import OVER, Job
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.unit import UnitOfWork

SYNC_JOB = "content.sync"
REFRESH_JOB = "content.refresh"
QUEUE = "sync"
ATTEMPTS = 10
REFS_AT_ONCE = 200

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
) -> str:
    """Ask for the job that reads a connection; its id.

    While one is under way it is that one. Raises ConflictError for a connection that cannot be
    read now, and where another kind of sync is under way.
    """
    connection = unit.get(Connection, connection_id)
    check_readable(connection)
    payload = {
        "connection": connection_id,
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
    connection.job_id = _enqueue(unit, connection, SYNC_JOB, payload)
    # Two who ask at once meet here: the second finds another version than it has read.
    unit.session.flush()
    return connection.job_id


@command("connections:write")
def ask_for_refresh(
    unit: UnitOfWork, connection_id: str, refs: Sequence[str], *, key: str | None = None
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
            key=key and f"{key}/{number}",
        )
        for number, part in enumerate(parts)
    ]


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
    )

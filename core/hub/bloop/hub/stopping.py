"""Connections that come to rest: paused until somebody resumes them, or removed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from bloop.content import removal
from bloop.content.syncing import job_under_way
from bloop.jobs.models import OVER
from bloop.jobs.queries import STATE
from bloop.kernel import connections
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState, Status
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.hub import Hub

LOOK_SECONDS = 0.2
STOP_SECONDS = 20.0
"""So long a removal waits for a sync that it has asked to stop."""


async def pause(hub: Hub, call: Call, connection_id: str) -> Status[ConnectionState]:
    """Read nothing more of a system until somebody resumes it; a sync under way is stopped."""

    @command("connections:end")
    def pausing(unit: UnitOfWork) -> Status[ConnectionState]:
        row = unit.get(Connection, connection_id)
        _stop_sync(hub, unit, row)
        row.next_at = None
        unit.audit.append("connections:pause", f"connection:{connection_id}")
        return connections.set_state(
            unit,
            connection_id,
            ConnectionState.SUSPENDED,
            "somebody paused it",
            "resume it, and it goes on where it stopped",
        )

    return await hub.database.run(in_unit, hub.database, call, pausing)


async def remove(
    hub: Hub,
    call: Call,
    connection_id: str,
    *,
    trash: bool,
    version: int | None = None,
) -> Mapping[str, int]:
    """Remove a connection with all that it knows of people; what went, by kind.

    Its courses stay as if they had been written here, or go into the trash, from where they can be
    restored. Raises ConflictError where its sync does not stop in time.
    """

    @command("connections:end")
    def stopping(unit: UnitOfWork) -> str | None:
        row = unit.get(Connection, connection_id)
        unit.expect(row, version)
        return _stop_sync(hub, unit, row)

    job = await hub.database.run(in_unit, hub.database, call, stopping)
    deadline = monotonic() + STOP_SECONDS
    while job is not None and not await _is_over(hub, call, job):
        if monotonic() > deadline:
            raise ConflictError(
                "its sync is being stopped, which takes longer than it should",
                cure=f"see what it does: bloop jobs show {job}; then remove it again",
            )
        await asyncio.sleep(LOOK_SECONDS)
    return await hub.database.run(
        in_unit, hub.database, call, removal.remove_connection, connection_id, trash=trash
    )


def _stop_sync(hub: Hub, unit: UnitOfWork, row: Connection) -> str | None:
    """Cancel the sync under way; its id, if there is one."""
    job = job_under_way(unit, row)
    if job is None:
        return None
    if not job.cancel_requested:
        hub.jobs.cancel(unit, job.id)
    return job.id


async def _is_over(hub: Hub, call: Call, job: str) -> bool:
    row = await hub.database.read_one(STATE, call, id=job)
    return row is None or row[0] in OVER

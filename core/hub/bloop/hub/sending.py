"""Sending what was changed here to the systems that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from bloop.content.notes.sending import Sending
from bloop.content.notes.waiting import ask_for_send
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, RetriableError

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.hub.providers import GuardedProvider
    from bloop.jobs.context import RunningJob


async def send_before(
    hub: Hub, job: RunningJob, connection: str, provider: GuardedProvider
) -> None:
    """Send what waits before a connection is read; what cannot be sent now has a job of its own."""
    try:
        await sending(hub, job, connection, provider).run()
    except RetriableError:
        await hub.database.run(in_unit, hub.database, job.call, _again, connection)


@command("content:write")
def _again(unit: UnitOfWork, connection_id: str) -> None:
    ask_for_send(unit, unit.get(Connection, connection_id))


def sending(hub: Hub, job: RunningJob, connection: str, provider: GuardedProvider) -> Sending:
    """All that waits for a connection, to be sent by this job."""
    return Sending(
        hub.database, hub.blobs, provider, job.call, connection, job.job, progress=job.progress
    )


async def keep_writes(hub: Hub, call: Call, connection_id: str, provider: GuardedProvider) -> None:
    """Remember what a connection can be told, for whoever wants to change something of it."""
    writes = sorted(provider.spec().writes)

    @command("content:import")
    def keeping(unit: UnitOfWork) -> None:
        row = unit.get(Connection, connection_id)
        if row.writes != writes:
            # No new version: nobody has set it.
            unit.session.execute(
                update(Connection)
                .where(Connection.institution_id == unit.institution, Connection.id == row.id)
                .values(writes=writes)
                .execution_options(synchronize_session=False)
            )

    await hub.database.run(in_unit, hub.database, call, keeping)

"""Sending what was changed here to the systems that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bloop.content.notes.queries import TO_SEND
from bloop.content.notes.sending import Sending
from bloop.content.notes.waiting import ask_for_send, set_unversioned
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed
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


async def keep_met(hub: Hub, call: Call, connection_id: str, provider: GuardedProvider) -> bool:
    """Remember what a connection can be told, and whether it can be watched.

    Whether anything waits to be sent. Most often there is nothing to write, and no writer is asked.
    """
    row = await hub.database.read_one(TO_SEND, call, id=connection_id)
    if row is None:
        raise NotFoundError(f"no connection {connection_id[:40]}")
    found = TO_SEND.as_dict(row)
    met = {"writes": sorted(provider.spec().writes), "watches": provider.can_watch()}
    if {"writes": parsed(found["writes"]), "watches": found["watches"]} != met:
        await hub.database.run(in_unit, hub.database, call, _keep, connection_id, met)
    return bool(found["waits"])


@command("content:import")
def _keep(unit: UnitOfWork, connection_id: str, met: dict[str, Any]) -> None:
    set_unversioned(unit, unit.get(Connection, connection_id), **met)

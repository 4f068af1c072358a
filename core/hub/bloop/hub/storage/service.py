"""Asking for a count and for a sweep, the jobs that do them, and what was counted last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bloop.accounts.actions import may
from bloop.accounts.sessions import system_call
from bloop.hub.storage.counting import count
from bloop.hub.storage.queries import COUNTED
from bloop.hub.sweeping import sweep
from bloop.jobs.ledger import unfinished
from bloop.jobs.schedules import Enqueue
from bloop.store.commands import command
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import parsed
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject

COUNT_JOB = "storage.count"
FREE_JOB = "storage.free"
WHOLE = "ops:read"
"""Who has this is told of the whole hub, and not of the own institution alone."""


@command("storage:count")
def ask_for_count(unit: UnitOfWork, *, enqueue: Enqueue) -> str:
    """The id of the job that counts, asked for now or before.

    It counts the institution; for who may see it, the whole hub.
    """
    of = "hub" if may(unit.call, WHOLE) else "institution"
    return unfinished(unit, COUNT_JOB, of=of) or enqueue(unit, COUNT_JOB, {"of": of})


@command("storage:free")
def ask_to_free(unit: UnitOfWork, *, enqueue: Enqueue) -> str:
    """The id of the job that removes files that nothing refers to, asked for now or before."""
    if job := unfinished(unit, FREE_JOB):
        return job
    job = enqueue(unit, FREE_JOB, {})
    unit.audit.append("storage:free", f"job:{job}", {})
    return job


async def run_count_job(hub: Hub, running: RunningJob, payload: JSONObject) -> dict[str, Any]:
    """Handle a job of the kind :data:`COUNT_JOB`."""
    of = None if payload.get("of") == "hub" else running.call.institution
    at = await asyncio.to_thread(count, hub, of)
    return {"counted_at": at.isoformat()}


async def run_free_job(hub: Hub, running: RunningJob, _payload: JSONObject) -> dict[str, Any]:
    """Handle a job of the kind :data:`FREE_JOB`; what went, after which all is counted anew."""
    running.progress(0, 2, "removing files that nothing refers to")
    swept = await asyncio.to_thread(sweep, hub)
    running.progress(1, 2, "counting what is left")
    await asyncio.to_thread(count, hub)
    return swept.as_dict()


async def counted(hub: Hub, call: Call) -> dict[str, Any]:
    """What was counted last: ``institution``, and ``hub`` for who may see it; None where nothing.

    Each has ``counted_at`` besides what :mod:`bloop.hub.storage.counting` says.
    """
    of_hub = await _read(hub, system_call(EVERY_INSTITUTION)) if may(call, WHOLE) else None
    return {"institution": await _read(hub, call), "hub": of_hub}


async def _read(hub: Hub, call: Call) -> dict[str, Any] | None:
    row = await hub.database.read_one(COUNTED, call)
    if row is None:
        return None
    found: dict[str, Any] = parsed(row[1])
    return {"counted_at": row[0], **found}

"""Checking an institution's audit log from its page and the API: a job, and what it found last.

It is a job, for a long log takes as long as it takes; what was found is its result.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from bloop.jobs.ledger import unfinished
from bloop.jobs.models import Job
from bloop.jobs.queries import JOBS
from bloop.jobs.schedules import Enqueue
from bloop.store.commands import command
from bloop.store.statements import parsed, register
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop.store.audit.verifying import Report
    from bloop_sdk.records import JSONObject

VERIFY_JOB = "audit.verify"
_NEWEST = "~"  # Behind every id.

CHECKS = register(
    "hub.audit_checks",
    JOBS.select.add_columns(Job.actor_role).where(Job.kind == VERIFY_JOB),
    heavy=True,
)
"""The newest checks of the log that were asked for, with ids below ``before``."""


@command("audit:read")
def ask_to_verify(unit: UnitOfWork, *, enqueue: Enqueue) -> str:
    """The id of the job that checks the institution's log, asked for now or before."""
    return unfinished(unit, VERIFY_JOB) or enqueue(unit, VERIFY_JOB, {})


async def run_verify_job(hub: Hub, running: RunningJob, _payload: JSONObject) -> dict[str, Any]:
    """Handle a job of the kind :data:`VERIFY_JOB`, as ``bloop audit verify`` does."""
    of = running.call.institution
    found = await asyncio.to_thread(partial(hub.auditing.verify, told=running.progress, of=of))
    return _result(found, of)


def _result(report: Report, of: str) -> dict[str, Any]:
    told = report.as_dict()
    (own,) = [one for one in told["institutions"] if one["id"] == of] or [{}]
    # What is wrong with the chain itself says more than a fault of the file of anchors.
    faults = sorted(told["faults"], key=lambda fault: fault["seq"] == 0)
    return {
        "good": report.good,
        "lines": report.lines,
        "last": own.get("last", 0),
        "from": own.get("from"),
        "to": own.get("to"),
        "anchored": own.get("anchored", 0),
        "fault": {name: faults[0][name] for name in ("seq", "reason")} if faults else None,
    }


async def last_check(hub: Hub, call: Call) -> dict[str, Any] | None:
    """The job that was asked for last, its ``result`` parsed; None where nobody has asked."""
    row = await hub.database.read_one(CHECKS, call, before=_NEWEST, limit=1)
    if row is None:
        return None
    found = CHECKS.as_dict(row)
    return found | {"result": parsed(found["result"])}

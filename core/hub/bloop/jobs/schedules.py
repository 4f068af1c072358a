"""Jobs that start by themselves: what is due is asked for once, by whichever process looks first.

The row of a schedule holds its next due time. It is moved on in the transaction that asks for the
job: however many processes look, and whenever one dies, a due time gives one job.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_, update

from bloop.jobs.models import OVER, Job, JobSchedule
from bloop.jobs.times import next_time
from bloop.kernel.models import InstitutionPlugin
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry import traces
from bloop.telemetry.logs import get_logger
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

AT_ONCE = 100

Enqueue = Callable[..., str]
"""As :func:`bloop.jobs.ledger.enqueue`."""

PRINCIPAL = Principal(PrincipalKind.SYSTEM, "schedules", Role.OPERATOR)
_log = get_logger(__name__)


def fire(unit: UnitOfWork, now: datetime, enqueue: Enqueue) -> int:
    """Ask for the jobs that are due, in a unit for every institution; how many rows were due.

    However many due times have passed, it is one job; and none while the one before is under way.
    """
    rows = unit.session.scalars(
        select(JobSchedule)
        .where(JobSchedule.next_at.is_not(None), JobSchedule.next_at <= now)
        .order_by(JobSchedule.next_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    off = switched_off(unit, rows)
    busy = _under_way(unit, [row.last_job_id for row in rows if row.last_job_id])
    for row in rows:
        if (row.institution_id, row.plugin_id) in off:
            values: dict[str, Any] = {"next_at": None}
        else:
            values = _fired(unit, row, now, enqueue, busy=row.last_job_id in busy)
        # No new version: what it has done is nothing that somebody has set.
        unit.session.execute(
            update(JobSchedule)
            .where(JobSchedule.institution_id == row.institution_id, JobSchedule.name == row.name)
            .values(values)
            .execution_options(synchronize_session=False)
        )
    return len(rows)


def _fired(
    unit: UnitOfWork, row: JobSchedule, now: datetime, enqueue: Enqueue, *, busy: bool
) -> dict[str, Any]:
    due = row.next_at
    try:
        values: dict[str, Any] = {"next_at": next_time(row.every, row.zone, due, now)}
    except ValueError as err:
        _log.warning("a schedule is never due again", schedule=row.name, error=err)
        return {"next_at": None}
    if busy:
        told = {"schedule": row.name, "institution": row.institution_id, "job_id": row.last_job_id}
        _log.info("a schedule was skipped: its last job is under way", **told)
        return values | {"skipped": JobSchedule.skipped + 1, "skipped_at": now}
    job_id = _ask(unit, row, enqueue, traces.start())
    return values | {"last_due_at": due, "last_job_id": job_id, "skipped": 0, "skipped_at": None}


def _ask(unit: UnitOfWork, row: JobSchedule, enqueue: Enqueue, trace: Trace) -> str:
    own = UnitOfWork(unit.transaction, Call(PRINCIPAL, row.institution_id, trace))
    return enqueue(
        own,
        row.name,
        {},
        plugin_id=row.plugin_id,
        queue=row.queue,
        priority=row.priority,
        max_attempts=row.max_attempts,
    )


@command("schedules:write")
def run(unit: UnitOfWork, name: str, enqueue: Enqueue) -> str:
    """Ask for a schedule's job now, whatever its next time; the job's id.

    Raises ConflictError while its last job is under way, or where its plugin is not used.
    """
    row = _locked(unit, name)
    if row.last_job_id and _under_way(unit, [row.last_job_id]):
        raise ConflictError(
            f"the last job of {name} is under way: {row.last_job_id}",
            cure=f"wait for it (bloop jobs watch {row.last_job_id}), or cancel it",
        )
    if switched_off(unit, [row]) or (row.next_at is None and not row.paused):
        raise ConflictError(
            f"the plugin of {name} is not in use here",
            cure="an operator enables it for the hub, an admin for the institution",
        )
    row.last_job_id = _ask(unit, row, enqueue, unit.call.trace)
    row.skipped, row.skipped_at = 0, None
    unit.audit.append("schedules:run", f"schedule:{name}", {"job": row.last_job_id})
    return row.last_job_id


@command("schedules:write")
def pause(unit: UnitOfWork, name: str, *, paused: bool, version: int | None = None) -> int:
    """Have a schedule start nothing by itself, or go on; the row's version after it.

    Times that pass meanwhile are not made up for.
    """
    row = _locked(unit, name)
    unit.expect(row, version)
    if row.paused != paused:
        row.paused = paused
        row.next_at = None if paused else next_time(row.every, row.zone, row.last_due_at, utcnow())
        act = "pause" if paused else "resume"
        unit.audit.append(f"schedules:{act}", f"schedule:{name}")
        unit.session.flush()
    return row.row_version


def _locked(unit: UnitOfWork, name: str) -> JobSchedule:
    row = unit.session.scalar(
        select(JobSchedule)
        .where(JobSchedule.institution_id == unit.institution, JobSchedule.name == name)
        .with_for_update()
    )
    if row is None:
        raise NotFoundError(
            f"no schedule {name[:80]!r}",
            cure="`bloop jobs schedules` lists them; a running hub adds those of its plugins",
        )
    return row


def _under_way(unit: UnitOfWork, jobs: list[str]) -> set[str]:
    found = select(Job.id).where(Job.id.in_(jobs), Job.state.not_in(OVER))
    return set(unit.session.scalars(found))


def switched_off(unit: UnitOfWork, rows: Any) -> set[tuple[str, str]]:
    """Which of the rows' plugins their institutions do not use, as ``(institution, plugin)``."""
    owner = (InstitutionPlugin.institution_id, InstitutionPlugin.plugin_id)
    asked = {(row.institution_id, row.plugin_id) for row in rows if row.plugin_id}
    found = select(*owner).where(
        tuple_(*owner).in_(sorted(asked)), InstitutionPlugin.enabled.is_(False)
    )
    return {(institution, plugin) for institution, plugin in unit.session.execute(found)}

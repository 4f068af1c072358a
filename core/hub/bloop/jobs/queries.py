"""Registered reads of jobs."""

from __future__ import annotations

from sqlalchemy import String, bindparam, func, or_, select

from bloop.jobs.models import DUE, LATER, RUNNING, Job, JobAfter, JobSchedule, JobState
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, reachable, reader, register
from bloop.store.types import UtcDateTime

_OWN = or_(Job.institution_id == institution, institution == EVERY_INSTITUTION)

_SHOWN = (
    Job.id,
    Job.kind,
    Job.plugin_id,
    Job.state,
    Job.attempts,
    Job.max_attempts,
    Job.cancel_requested,
    Job.pending,
    Job.progress_done,
    Job.progress_total,
    Job.progress_message,
    Job.progress_until,
    Job.result,
    Job.error,
    Job.actor,
    Job.run_after,
    Job.created_at,
    Job.started_at,
    Job.finished_at,
    Job.row_version,
)

_SHOWN_TO_THEM = (Job.institution_id == institution, reachable(Job.owner_id))

JOB = register("jobs.job", select(*_SHOWN).where(*_SHOWN_TO_THEM, Job.id == bindparam("id")))
"""One job."""

OWN_JOB = register(
    "jobs.own_job",
    select(Job.id).where(
        Job.institution_id == institution,
        reader != "",
        Job.owner_id == reader,
        Job.id == bindparam("id"),
    ),
)
"""Whether a job is about what the caller has for themselves."""

JOBS = register(
    "jobs.list",
    select(*_SHOWN)
    .where(*_SHOWN_TO_THEM, Job.id < bindparam("before"))
    .order_by(Job.id.desc())
    .limit(bindparam("limit")),
)
"""The newest jobs with ids below ``before``."""

_state, _plugin = bindparam("state", type_=String), bindparam("plugin", type_=String)

JOBS_CHOSEN = register(
    "jobs.chosen",
    JOBS.select.where(
        or_(_state == "", Job.state == _state), or_(_plugin == "", Job.plugin_id == _plugin)
    ),
    heavy=True,
)
"""Those of them that are in a state and by a plugin; of any for ``""``."""

STATE = register(
    "jobs.state",
    select(Job.state).where(Job.institution_id == institution, Job.id == bindparam("id")),
    whole="the hub waits for the end of what it stops",
)
"""The state of one job."""

AFTER = register(
    "jobs.after",
    select(Job.id, Job.kind, Job.state)
    .join(JobAfter, (JobAfter.after_id == Job.id) & (JobAfter.institution_id == Job.institution_id))
    .where(
        Job.institution_id == institution,
        JobAfter.institution_id == institution,
        JobAfter.job_id == bindparam("id"),
        reachable(Job.owner_id),
    )
    .order_by(Job.id),
)
"""The jobs that one comes after."""

_schedules = (
    select(
        JobSchedule.name,
        JobSchedule.plugin_id,
        JobSchedule.every,
        JobSchedule.zone,
        JobSchedule.paused,
        JobSchedule.next_at,
        JobSchedule.last_due_at,
        JobSchedule.last_job_id,
        Job.state.label("last_state"),
        Job.finished_at.label("last_finished_at"),
        Job.error.label("last_error"),
        JobSchedule.skipped,
        JobSchedule.skipped_at,
        JobSchedule.row_version,
    )
    .outerjoin(
        Job,
        (Job.id == JobSchedule.last_job_id)
        & (Job.institution_id == institution)
        & reachable(Job.owner_id),
    )
    .where(JobSchedule.institution_id == institution)
)

SCHEDULES = register("jobs.schedules", _schedules.order_by(JobSchedule.name))
"""The schedules of an institution, each with its last job."""

SCHEDULE = register("jobs.schedule", _schedules.where(JobSchedule.name == bindparam("name")))
"""One of them."""

_RUNNERS = "runners run what is anybody's"
_COUNTED = "jobs are counted, whosever they are"

DUE_SCHEDULE = register(
    "jobs.due_schedule",
    select(JobSchedule.name)
    .where(
        or_(JobSchedule.institution_id == institution, institution == EVERY_INSTITUTION),
        JobSchedule.next_at.is_not(None),
        JobSchedule.next_at <= bindparam("now", type_=UtcDateTime),
    )
    .limit(1),
)
"""Whether a schedule is due."""

_first = select(func.min(Job.kind).label("kind")).where(_OWN, *DUE).cte("lane", recursive=True)
_next = select(func.min(Job.kind)).where(_OWN, *DUE, Job.kind > _first.c.kind).scalar_subquery()
_lanes = _first.union_all(select(_next).where(_first.c.kind.is_not(None)))

DUE_KINDS = register(
    "jobs.due_kinds",
    # From kind to kind by the index: a plain DISTINCT would read every job that waits.
    select(_lanes.c.kind).where(_lanes.c.kind.is_not(None)),
    heavy=True,
    whole=_RUNNERS,
)
"""The kinds of which a job could begin now."""

DUE_LATER = register(
    "jobs.due_later",
    select(Job.id)
    .where(_OWN, *LATER, Job.run_after <= bindparam("now", type_=UtcDateTime))
    .order_by(Job.run_after)
    .limit(1),
    whole=_RUNNERS,
)
"""Whether a job has become due that has no turn yet."""

LEASES = register(
    "jobs.leases",
    select(
        Job.id,
        Job.lease_owner,
        (Job.lease_until < bindparam("now", type_=UtcDateTime)).label("is_over"),
    ).where(_OWN, *RUNNING),
    heavy=True,
    whole=_RUNNERS,
)
"""Who runs what, and whether their time is over."""

UNDER_WAY = register(
    "jobs.under_way",
    select(Job.state, func.count().label("count"))
    .where(
        _OWN,
        Job.plugin_id == bindparam("plugin"),
        Job.state.in_([JobState.BLOCKED, JobState.WAITING, JobState.RUNNING]),
    )
    .group_by(Job.state),
    heavy=True,
    whole=_COUNTED,
)
"""How many jobs of a plugin are blocked, wait and run."""

DEPTH = register(
    "jobs.depth",
    select(
        Job.queue, Job.state, func.count().label("count"), func.min(Job.created_at).label("oldest")
    )
    .where(_OWN, Job.state.in_([JobState.WAITING, JobState.RUNNING]))
    .group_by(Job.queue, Job.state),
    heavy=True,
    whole=_COUNTED,
)
"""How many jobs wait and run, and since when the oldest of them exists."""

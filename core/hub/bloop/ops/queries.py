"""Registered reads of how the hub does, for its own calls, and how an institution's plugins do."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, or_, select

from bloop.accounts.models import User
from bloop.jobs.models import Job, JobState
from bloop.kernel.models import HubProcess
from bloop.ops.models import HubCheck, HubSample
from bloop.store.models import EVERY_INSTITUTION, AuditLine
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_OWN_CALL = institution == EVERY_INSTITUTION

SAMPLES = register(
    "ops.samples",
    select(
        HubSample.at,
        HubSample.requests,
        HubSample.errors,
        HubSample.times,
        HubSample.jobs_failed,
        HubSample.jobs_waiting,
        HubSample.events_behind,
        HubSample.database_bytes,
        HubSample.free_bytes,
    )
    .where(
        _OWN_CALL,
        HubSample.seconds == bindparam("seconds"),
        HubSample.at >= bindparam("since", type_=UtcDateTime),
    )
    .order_by(HubSample.at),
    heavy=True,
)
"""What was counted and measured ``since`` then, in steps of so many seconds."""

CHECKS = register(
    "ops.checks",
    select(
        HubCheck.process_id,
        HubProcess.host,
        HubProcess.pid,
        HubProcess.beat_at,
        HubCheck.name,
        HubCheck.ok,
        HubCheck.detail,
        HubCheck.cure,
        HubCheck.since,
        HubCheck.checked_at,
    )
    .join(HubProcess, HubProcess.id == HubCheck.process_id)
    .where(_OWN_CALL)
    .order_by(HubCheck.place, HubCheck.name, HubProcess.started_at),
    heavy=True,
)
"""What each check said last in each process that serves."""

PLUGIN_JOBS = register(
    "ops.plugin_jobs",
    select(Job.kind, Job.state, func.count().label("count"))
    .where(
        Job.institution_id == institution,
        Job.plugin_id == bindparam("plugin"),
        or_(
            Job.state.in_([JobState.BLOCKED, JobState.WAITING, JobState.RUNNING]),
            and_(
                Job.state == JobState.FAILED,
                Job.finished_at >= bindparam("since", type_=UtcDateTime),
            ),
        ),
    )
    .group_by(Job.kind, Job.state)
    .order_by(Job.kind),
    heavy=True,
    whole="jobs are counted, whosever they are",
)
"""How many of an institution's jobs by a plugin wait, run, and have failed ``since`` then."""

SWITCHED = (
    *("plugins.enabled", "plugins.disabled", "plugins.undone"),
    *("plugin.switched_on", "plugin.switched_off"),
)
"""The actions that switch a plugin: for the hub, and for an institution."""

PLUGIN_SWITCHES = register(
    "ops.plugin_switches",
    select(
        AuditLine.at,
        AuditLine.actor,
        User.name.label("actor_name"),
        AuditLine.action,
        AuditLine.detail,
    )
    .outerjoin(
        User,
        (User.institution_id == AuditLine.institution_id)
        & (User.id == func.substr(AuditLine.actor, len("user:") + 1)),
    )
    .where(
        AuditLine.institution_id == institution,
        AuditLine.resource == bindparam("resource"),
        AuditLine.action.in_(SWITCHED),
    )
    .order_by(AuditLine.seq.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""Who of an institution switched a plugin, newest first."""

"""Registered reads of the overview of administration: counts, and what failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select

from bloop.accounts.models import User
from bloop.accounts.tokens.models import ApiKey
from bloop.content.enrolling.visibility import connection_reachable, inside_reachable
from bloop.content.notes.models import Conflict
from bloop.content.sync_models import Quarantine
from bloop.events.models import ParkedEvent
from bloop.hub.attention import FAILED_LATELY, PARKED, REFUSES, UNSETTLED
from bloop.jobs.models import Job, JobSchedule, JobState
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState
from bloop.store.statements import institution, reachable, register
from bloop.store.types import UtcDateTime
from bloop.webhooks.models import WebhookEndpoint

MOST = 20

_SOON = bindparam("soon", type_=UtcDateTime)


def _count(table: Any, name: str, *conditions: ColumnElement[bool]) -> Any:
    found = select(func.count()).select_from(table)
    return (
        found.where(table.institution_id == institution, *conditions).scalar_subquery().label(name)
    )


_has_account = and_(User.erased_at.is_(None), User.disabled_at.is_(None))

COUNTS = register(
    "ops.overview_counts",
    select(
        _count(User, "users", _has_account),
        _count(User, "administrators", _has_account, User.role.in_(["admin", "operator"])),
        _count(User, "users_waiting", User.waiting.is_(True), User.erased_at.is_(None)),
        _count(Connection, "connections", reachable(Connection.owner_id)),
        _count(
            Job,
            "jobs_open",
            reachable(Job.owner_id),
            Job.state.in_([JobState.BLOCKED, JobState.WAITING, JobState.RUNNING]),
        ),
        _count(Job, "jobs_failed", FAILED_LATELY),
        _count(
            Quarantine,
            "quarantined",
            Quarantine.resolved_at.is_(None),
            connection_reachable(Quarantine.connection_id),
        ),
        _count(Conflict, "conflicts", UNSETTLED, inside_reachable(Conflict.container_id)),
        _count(ParkedEvent, "events_parked", PARKED),
        _count(
            WebhookEndpoint,
            "webhooks_failing",
            or_(
                WebhookEndpoint.disabled_reason.is_not(None),
                WebhookEndpoint.failing_since.is_not(None),
            ),
        ),
        _count(ApiKey, "keys", ApiKey.revoked_at.is_(None)),
        _count(ApiKey, "keys_expiring", ApiKey.revoked_at.is_(None), ApiKey.expires_at <= _SOON),
    ),
    heavy=True,
)
"""How much there is of everything, in one row; jobs that failed ``since`` then."""

TROUBLED = register(
    "ops.troubled_connections",
    select(
        Connection.id,
        Connection.name,
        Connection.state,
        Connection.reason,
        Connection.cure,
        Connection.since,
    )
    .where(
        Connection.institution_id == institution,
        reachable(Connection.owner_id),
        Connection.state.in_([REFUSES, ConnectionState.DEGRADED, ConnectionState.RETRYING]),
    )
    .order_by(Connection.since)
    .limit(MOST),
    heavy=True,
)
"""Connections that do not work, or not as they should; those that somebody paused aside."""

FAILED_SCHEDULES = register(
    "ops.failed_schedules",
    select(JobSchedule.name, Job.error, Job.finished_at)
    .join(Job, (Job.id == JobSchedule.last_job_id) & (Job.institution_id == institution))
    .where(
        JobSchedule.institution_id == institution,
        reachable(Job.owner_id),
        Job.state == JobState.FAILED,
    )
    .order_by(JobSchedule.name)
    .limit(MOST),
    heavy=True,
)
"""Schedules whose last job failed."""

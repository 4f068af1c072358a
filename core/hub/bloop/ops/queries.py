"""Registered reads of how the hub does; for the hub's own calls."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from bloop.kernel.models import HubProcess
from bloop.ops.models import HubCheck, HubSample
from bloop.store.models import EVERY_INSTITUTION
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

"""Registered reads of messages."""

from __future__ import annotations

from sqlalchemy import bindparam, func, or_, select

from bloop.accounts.messages.models import Message, MessageState
from bloop.accounts.messages.service import JOB
from bloop.jobs.models import Job, JobState
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_OWN_CALL = institution == EVERY_INSTITUTION

LATE = register(
    "accounts.messages_late",
    select(func.count()).where(
        or_(Message.institution_id == institution, _OWN_CALL),
        Message.state == MessageState.QUEUED,
        Message.created_at < bindparam("before", type_=UtcDateTime),
    ),
    heavy=True,
)
"""How many messages from before a time have not been brought yet."""

LATE_REASON = register(
    "accounts.messages_late_reason",
    select(Job.error)
    .where(
        or_(Job.institution_id == institution, _OWN_CALL),
        Job.kind == JOB,
        Job.state.in_([JobState.WAITING, JobState.RUNNING]),
        Job.error.is_not(None),
    )
    .order_by(Job.created_at)
    .limit(1),
    heavy=True,
    whole="the hub tells its operator why messages wait",
)
"""What the job of the oldest message that waits after a try says of that."""

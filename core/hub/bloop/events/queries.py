"""Registered reads of the log, of consumers and of parked events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from bloop.events.models import EventConsumer, Parked, ParkedEvent
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime

_OWN_CALL = institution == EVERY_INSTITUTION
_OWN_EVENTS = or_(OutboxEvent.institution_id == institution, _OWN_CALL)
_OWN_PARKED = or_(ParkedEvent.institution_id == institution, _OWN_CALL)
_NOW = bindparam("now", type_=UtcDateTime)

_EVENT = (
    OutboxEvent.seq,
    OutboxEvent.id,
    OutboxEvent.topic,
    OutboxEvent.institution_id,
    OutboxEvent.aggregate,
    OutboxEvent.aggregate_seq,
    OutboxEvent.actor,
    OutboxEvent.occurred_at,
    # Text, which is parsed once: as JSON it would be looked at row by row before.
    cast(OutboxEvent.payload, Text).label("payload"),
    OutboxEvent.trace,
    OutboxEvent.version,
)

NEWEST = register(
    "events.newest",
    select(OutboxEvent.seq)
    .where(_OWN_EVENTS, OutboxEvent.seq > bindparam("after"))
    .order_by(OutboxEvent.seq.desc())
    .limit(1),
)
"""The newest event, should it come after one that is known."""

_newest = (
    select(func.max(OutboxEvent.seq).label("seq"))
    .where(_OWN_EVENTS, OutboxEvent.seq > bindparam("after"))
    .subquery()
)


def _number(function: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(cast(function, Text), BigInteger)


_oldest_open = _number(func.pg_snapshot_xmin(func.pg_current_snapshot()))

HORIZON = register(
    "events.horizon",
    select(
        _newest.c.seq,
        _oldest_open.label("oldest_open"),
        # A number of a transaction is taken only where it is of use: they are finite.
        case(
            (
                and_(_newest.c.seq.is_not(None), _oldest_open >= bindparam("awaited")),
                _number(func.pg_current_xact_id()),
            )
        ).label("number"),
    ),
    heavy=True,
)
"""PostgreSQL's newest event, oldest open transaction, and a number for this transaction."""

EVENTS = register(
    "events.after",
    select(*_EVENT)
    .where(
        _OWN_EVENTS,
        OutboxEvent.seq > bindparam("after"),
        OutboxEvent.seq <= bindparam("upto"),
    )
    .order_by(OutboxEvent.seq)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Events in their order; the columns of ``bloop.events.reader.logged``."""

EVENTS_OF = register(
    "events.of_partition",
    EVENTS.select.where(OutboxEvent.bucket % bindparam("of") == bindparam("number")),
    heavy=True,
)
"""Those of EVENTS that fall to one partition."""

CONSUMER = register(
    "events.consumer",
    select(
        EventConsumer.position,
        EventConsumer.partitions,
        EventConsumer.lease_owner,
        EventConsumer.lease_epoch,
        EventConsumer.lease_until,
        EventConsumer.seen_at,
    ).where(
        EventConsumer.name == bindparam("name"),
        EventConsumer.partition == bindparam("number"),
        _OWN_CALL,
    ),
)
"""How far a partition of a consumer has come, of how many, and who delivers for it."""

DUE = register(
    "events.due",
    select(ParkedEvent.consumer, ParkedEvent.partition)
    .where(_OWN_PARKED, ParkedEvent.state == Parked.RETRYING, ParkedEvent.retry_at <= _NOW)
    .distinct(),
    heavy=True,
)
"""The partitions of consumers that have something to try again."""

RETRY = register(
    "events.retry",
    select(*_EVENT, ParkedEvent.id.label("parked_id"), ParkedEvent.tries)
    .join(
        OutboxEvent,
        (OutboxEvent.seq == ParkedEvent.seq)
        & (OutboxEvent.institution_id == ParkedEvent.institution_id),
    )
    .where(
        _OWN_PARKED,
        ParkedEvent.consumer == bindparam("consumer"),
        ParkedEvent.partition == bindparam("number"),
        ParkedEvent.state == Parked.RETRYING,
        ParkedEvent.retry_at <= _NOW,
    )
    .order_by(ParkedEvent.retry_at, ParkedEvent.seq)
    .limit(bindparam("limit")),
    heavy=True,
)
"""What a partition of a consumer has to try again now."""

SHOWN_PARKED = (
    ParkedEvent.id,
    ParkedEvent.consumer,
    ParkedEvent.event_id,
    ParkedEvent.topic,
    ParkedEvent.aggregate,
    ParkedEvent.state,
    ParkedEvent.reason,
    ParkedEvent.tries,
    ParkedEvent.retry_at,
    ParkedEvent.parked_at,
)
"""What is told of a parked event."""

PARKED = register(
    "events.parked",
    select(*SHOWN_PARKED)
    .where(ParkedEvent.institution_id == institution, ParkedEvent.id > bindparam("after"))
    .order_by(ParkedEvent.id)
    .limit(bindparam("limit")),
)
"""The parked events of an institution, the first that was parked first."""

PARKED_COUNTS = register(
    "events.parked_counts",
    select(ParkedEvent.consumer, ParkedEvent.state, func.count().label("count"))
    .where(_OWN_PARKED)
    .group_by(ParkedEvent.consumer, ParkedEvent.state),
    heavy=True,
)
"""How many events are parked, by consumer and state."""

SLOWEST = register(
    "events.slowest",
    select(func.min(EventConsumer.position)).where(
        EventConsumer.seen_at > bindparam("seen_after", type_=UtcDateTime), _OWN_CALL
    ),
    heavy=True,
)
"""Up to where every consumer has come that was seen lately."""

_newer = aliased(OutboxEvent)

PASSED = register(
    "events.passed",
    select(OutboxEvent.seq)
    .where(
        _OWN_EVENTS,
        OutboxEvent.seq > bindparam("after"),
        OutboxEvent.seq <= bindparam("upto"),
        OutboxEvent.occurred_at < bindparam("before", type_=UtcDateTime),
        exists().where(
            _newer.institution_id == OutboxEvent.institution_id,
            _newer.aggregate == OutboxEvent.aggregate,
            _newer.aggregate_seq > OutboxEvent.aggregate_seq,
        ),
        ~exists().where(
            ParkedEvent.institution_id == OutboxEvent.institution_id,
            ParkedEvent.seq == OutboxEvent.seq,
        ),
    )
    .order_by(OutboxEvent.seq)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Events after one that nobody needs any more; the newest of an aggregate stays, for its count."""

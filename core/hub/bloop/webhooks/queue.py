"""What is to be sent: written down as events happen, sent under a lease, kept as a log.

All functions take a unit of work. Those of a sender are fenced: they change something only while
the lease they name is still theirs. They write past the ORM's version, which is what people edit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from sqlalchemy import delete, insert, or_, select, update

import bloop.webhooks.topics  # noqa: F401 - declares what is said here
from bloop.events.handlers import Consumer, matches
from bloop.store.commands import command
from bloop.store.unit import UnitOfWork
from bloop.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from bloop.webhooks.schedule import Schedule
from bloop.webhooks.sending import Outcome
from bloop_sdk import Unit
from bloop_sdk.events import Event, cloud_event

OWNER = "bloop:hub"
"""In place of a plugin's id, which has no colon: the consumer is the hub's own."""

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Turn:
    """That a process sends to an endpoint for a while, and what it needs for that."""

    endpoint: str
    institution: str
    url: str
    key_id: str
    secret_version: int
    old_until: datetime | None
    owner: str
    epoch: int


def consumer(written: Callable[[], None]) -> Consumer:
    """The consumer of the log that writes deliveries down; ``written`` is called after a commit."""

    def take(unit: Unit, happened: Event) -> None:
        if add(unit, happened):
            cast("UnitOfWork", unit).after_commit(written)

    return Consumer("bloop:webhooks", OWNER, ("*",), lambda: take)


def add(unit: Unit, happened: Event) -> int:
    """Write an event down for the endpoints that want it; gives how many do."""
    endpoints = unit.session.execute(
        select(WebhookEndpoint.id, WebhookEndpoint.topics).where(WebhookEndpoint.enabled.is_(True))
    )
    wanting = [id_ for id_, topics in endpoints if matches(happened.topic, topics)]
    if wanting:
        row = {
            "institution_id": unit.institution,
            "event_id": happened.id,
            "topic": happened.topic,
            "body": orjson.dumps(cloud_event(happened)).decode(),
        }
        unit.session.execute(
            insert(WebhookDelivery), [row | {"endpoint_id": id_} for id_ in wanting]
        )
    return len(wanting)


def claim(
    unit: UnitOfWork,
    ids: Collection[str],
    dead: Collection[str],
    owner: str,
    now: datetime,
    seconds: float,
) -> list[Turn]:
    """Take the leases of endpoints that nobody holds, or only processes that are ``dead``."""
    free = or_(
        WebhookEndpoint.lease_until.is_(None),
        WebhookEndpoint.lease_until <= now,
        WebhookEndpoint.lease_owner.in_(dead),
    )
    found = unit.session.scalars(
        select(WebhookEndpoint.id)
        .where(WebhookEndpoint.id.in_(ids), WebhookEndpoint.enabled.is_(True), free)
        .with_for_update(skip_locked=True)
    ).all()
    rows = unit.session.scalars(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id.in_(found))
        .values(
            lease_owner=owner,
            lease_epoch=WebhookEndpoint.lease_epoch + 1,
            lease_until=now + timedelta(seconds=seconds),
            updated_at=WebhookEndpoint.updated_at,
        )
        .returning(WebhookEndpoint)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).all()
    return [
        Turn(
            endpoint=row.id,
            institution=row.institution_id,
            url=row.url,
            key_id=row.key_id,
            secret_version=row.secret_version,
            old_until=row.old_until,
            owner=owner,
            epoch=row.lease_epoch,
        )
        for row in rows
    ]


def settle(
    unit: UnitOfWork,
    turn: Turn,
    seq: int,
    outcome: Outcome,
    now: datetime,
    schedule: Schedule,
    seconds: float,
) -> bool:
    """Note what became of a delivery; gives whether the turn goes on."""
    endpoint = unit.session.scalar(
        select(WebhookEndpoint)
        .where(
            WebhookEndpoint.id == turn.endpoint,
            WebhookEndpoint.lease_owner == turn.owner,
            WebhookEndpoint.lease_epoch == turn.epoch,
        )
        .with_for_update()
    )
    if endpoint is None:
        return False
    attempts = _tried(unit, seq, outcome, now)
    if outcome.reason is None:
        _end(unit, seq, DeliveryState.DELIVERED)
        healthy = {"failures": 0, "failing_since": None, "retry_at": None}
        return _hold(unit, turn, healthy, now + timedelta(seconds=seconds))
    since = endpoint.failing_since or now
    if outcome.gone or now - since >= schedule.patience:
        why = (
            "it answered 410 Gone" if outcome.gone else f"every try failed since {since:%F %T} UTC"
        )
        disable(unit, endpoint, f"{why}; the last: {outcome.reason}"[:500])
        return False
    if (outcome.refused or outcome.alone) and attempts >= schedule.refusals:
        # The receiver will never take this one; the others must not wait for it.
        _end(unit, seq, DeliveryState.FAILED)
        passing = {"failures": 0, "failing_since": since, "retry_at": None}
        return _hold(unit, turn, passing, now + timedelta(seconds=seconds))
    failures = endpoint.failures + 1
    pause = schedule.pause(failures, outcome.retry_after)
    _hold(
        unit,
        turn,
        {
            "failures": failures,
            "failing_since": since,
            "retry_at": now + timedelta(seconds=pause),
            "lease_owner": None,
        },
        None,
    )
    return False


def give_back(unit: UnitOfWork, turn: Turn, *, emptied: bool) -> None:
    """End a turn, unless its lease was lost meanwhile.

    Where nothing waits any more, what was given up counts no longer as failing.
    """
    quiet = {"failing_since": None} if emptied else {}
    _hold(unit, turn, {"lease_owner": None, **quiet}, None)


def disable(unit: UnitOfWork, endpoint: WebhookEndpoint, reason: str) -> None:
    """Send nothing more to an endpoint, and say so; what waits for it has failed."""
    stop(unit, endpoint, reason)
    detail = {"id": endpoint.id, "name": endpoint.name, "reason": reason}
    unit.outbox.append("webhook.disabled", f"webhook:{endpoint.id}", detail)
    unit.audit.append("webhooks:disable", f"webhook:{endpoint.id}", detail)


def stop(unit: UnitOfWork, endpoint: WebhookEndpoint, reason: str) -> None:
    """Take an endpoint out of use; whoever sends to it now has lost its turn."""
    endpoint.enabled, endpoint.disabled_reason = False, reason
    forget_turn(endpoint)
    unit.session.flush()
    unit.session.execute(
        update(WebhookDelivery)
        .where(
            WebhookDelivery.endpoint_id == endpoint.id,
            WebhookDelivery.state == DeliveryState.WAITING,
        )
        .values(state=DeliveryState.FAILED, reason=f"the endpoint was disabled: {reason}"[:500])
        .execution_options(synchronize_session=False)
    )


def forget_turn(endpoint: WebhookEndpoint) -> None:
    """Have the endpoint begin anew: with no lease, no failures and no pause."""
    endpoint.lease_owner, endpoint.lease_until = None, None
    endpoint.lease_epoch += 1
    endpoint.failures, endpoint.failing_since, endpoint.retry_at = 0, None, None


@command("webhooks:write")
def record(
    unit: UnitOfWork, endpoint_id: str, happened: Event, body: str, outcome: Outcome, now: datetime
) -> str:
    """Note a test that was sent at once; gives the delivery's id."""
    made = WebhookDelivery(
        institution_id=unit.institution,
        endpoint_id=endpoint_id,
        event_id=happened.id,
        topic=happened.topic,
        body=body,
        state=DeliveryState.FAILED if outcome.reason else DeliveryState.DELIVERED,
        attempts=1,
        tried_at=now,
        **_seen(outcome),
    )
    unit.session.add(made)
    unit.session.flush()
    return made.id


def trim(unit: UnitOfWork, before: datetime) -> int:
    """Remove up to some hundred deliveries from before that time that are over; how many."""
    old = (
        select(WebhookDelivery.seq)
        .where(
            WebhookDelivery.state.in_([DeliveryState.DELIVERED, DeliveryState.FAILED]),
            WebhookDelivery.created_at < before,
        )
        .limit(ROWS_AT_ONCE)
    )
    found = unit.session.scalars(old).all()
    unit.session.execute(delete(WebhookDelivery).where(WebhookDelivery.seq.in_(found)))
    return len(found)


def _tried(unit: UnitOfWork, seq: int, outcome: Outcome, now: datetime) -> int:
    attempts = unit.session.scalar(
        _delivery(seq)
        .values(attempts=WebhookDelivery.attempts + 1, tried_at=now, **_seen(outcome))
        .returning(WebhookDelivery.attempts)
    )
    return attempts or 0


def _seen(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "duration_ms": round(outcome.seconds * 1000),
        "answer": outcome.answer,
        "reason": outcome.reason,
    }


def _end(unit: UnitOfWork, seq: int, state: DeliveryState) -> None:
    unit.session.execute(_delivery(seq).values(state=state))


def _delivery(seq: int) -> Any:
    return (
        update(WebhookDelivery)
        .where(WebhookDelivery.seq == seq)
        .execution_options(synchronize_session=False)
    )


def _hold(unit: UnitOfWork, turn: Turn, values: dict[str, Any], until: datetime | None) -> bool:
    """Write while the lease is the turn's, and have it until then; False where it is lost."""
    changed: Any = unit.session.execute(
        update(WebhookEndpoint)
        .where(
            WebhookEndpoint.id == turn.endpoint,
            WebhookEndpoint.lease_owner == turn.owner,
            WebhookEndpoint.lease_epoch == turn.epoch,
        )
        .values(**values, lease_until=until, updated_at=WebhookEndpoint.updated_at)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount)

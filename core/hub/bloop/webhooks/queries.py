"""Registered reads of endpoints and deliveries."""

from __future__ import annotations

from sqlalchemy import String, bindparam, exists, or_, select

from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import institution, register
from bloop.store.types import UtcDateTime
from bloop.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint

_OWN_CALL = institution == EVERY_INSTITUTION
_MINE = WebhookEndpoint.institution_id == institution

_ENDPOINT = (
    WebhookEndpoint.id,
    WebhookEndpoint.name,
    WebhookEndpoint.url,
    WebhookEndpoint.topics,
    WebhookEndpoint.enabled,
    WebhookEndpoint.disabled_reason,
    WebhookEndpoint.secret_version,
    WebhookEndpoint.old_until.label("old_secret_until"),
    WebhookEndpoint.failures,
    WebhookEndpoint.failing_since,
    WebhookEndpoint.retry_at,
    WebhookEndpoint.created_at,
    WebhookEndpoint.updated_at,
    WebhookEndpoint.row_version,
)

ENDPOINTS = register(
    "webhooks.endpoints", select(*_ENDPOINT).where(_MINE).order_by(WebhookEndpoint.id)
)
"""The endpoints of an institution, the oldest first."""

ENDPOINT = register(
    "webhooks.endpoint",
    select(*_ENDPOINT).where(_MINE, WebhookEndpoint.id == bindparam("id")),
)
"""One endpoint."""

ANY_ENABLED = register(
    "webhooks.any_enabled",
    select(WebhookEndpoint.id).where(_MINE, WebhookEndpoint.enabled.is_(True)).limit(1),
)
"""Whether anything is to be sent for an institution."""

DELIVERIES = register(
    "webhooks.deliveries",
    select(
        WebhookDelivery.seq,
        WebhookDelivery.id,
        WebhookDelivery.event_id,
        WebhookDelivery.topic,
        WebhookDelivery.state,
        WebhookDelivery.attempts,
        WebhookDelivery.status,
        WebhookDelivery.duration_ms,
        WebhookDelivery.answer,
        WebhookDelivery.reason,
        WebhookDelivery.created_at,
        WebhookDelivery.tried_at,
    )
    .where(
        WebhookDelivery.institution_id == institution,
        WebhookDelivery.endpoint_id == bindparam("endpoint"),
        WebhookDelivery.seq < bindparam("before"),
        or_(bindparam("state", type_=String) == "", WebhookDelivery.state == bindparam("state")),
    )
    .order_by(WebhookDelivery.seq.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""The newest deliveries of an endpoint with numbers below ``before``; of any state for ``""``."""

DUE = register(
    "webhooks.due",
    select(WebhookEndpoint.id, WebhookEndpoint.lease_owner, WebhookEndpoint.lease_until)
    .where(
        or_(_MINE, _OWN_CALL),
        WebhookEndpoint.enabled.is_(True),
        or_(
            WebhookEndpoint.retry_at.is_(None),
            WebhookEndpoint.retry_at <= bindparam("now", type_=UtcDateTime),
        ),
        exists().where(
            WebhookDelivery.institution_id == WebhookEndpoint.institution_id,
            WebhookDelivery.endpoint_id == WebhookEndpoint.id,
            WebhookDelivery.state == DeliveryState.WAITING,
        ),
    )
    .order_by(WebhookEndpoint.retry_at, WebhookEndpoint.id),
    heavy=True,
)
"""The endpoints that something could be sent to now, and who is at it."""

_SENT = (
    WebhookDelivery.seq,
    WebhookDelivery.event_id,
    WebhookDelivery.body,
    WebhookDelivery.topic,
    WebhookDelivery.attempts,
)
_WAITS = (
    WebhookDelivery.institution_id == institution,
    WebhookDelivery.endpoint_id == bindparam("endpoint"),
    WebhookDelivery.state == DeliveryState.WAITING,
)

NEXT = register(
    "webhooks.next",
    select(*_SENT).where(*_WAITS).order_by(WebhookDelivery.seq).limit(1),
)
"""What an endpoint gets next."""

BEHIND = register(
    "webhooks.behind",
    select(*_SENT)
    .where(
        *_WAITS,
        WebhookDelivery.seq > bindparam("seq"),
    )
    .order_by(WebhookDelivery.seq)
    .limit(50),
    heavy=True,
)
"""What waits behind a delivery: the next of it."""

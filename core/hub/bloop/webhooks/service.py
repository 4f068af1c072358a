"""What people do with endpoints: every function takes a unit of work of their institution."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from bloop.net.guard import Guard
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.webhooks import queue
from bloop.webhooks.keys import Keyring
from bloop.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from bloop_sdk import FatalError

MOST_ENDPOINTS = 50
MOST_TOPICS = 50
BY_HAND = "switched off by hand"

_TOPIC = re.compile(r"\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?")


@command("webhooks:write")
def create(
    unit: UnitOfWork, keyring: Keyring, guard: Guard, *, name: str, url: str, topics: Sequence[str]
) -> tuple[str, str]:
    """A new endpoint: its id, and its secret, which is shown this once.

    Raises InvalidError, and ConflictError where the institution has too many.
    """
    _check(guard, url=url, topics=topics)
    number = unit.session.scalar(select(func.count()).select_from(WebhookEndpoint)) or 0
    if number >= MOST_ENDPOINTS:
        raise ConflictError(
            f"an institution has at most {MOST_ENDPOINTS} webhooks", cure="remove one first"
        )
    secrets = keyring.of(unit)
    made = WebhookEndpoint(
        institution_id=unit.institution,
        name=name,
        url=url,
        topics=list(topics),
        key_id=secrets.id,
    )
    unit.session.add(made)
    unit.session.flush()
    unit.audit.append("webhooks:create", f"webhook:{made.id}", {"name": name})
    return made.id, secrets.shown(made.id, made.secret_version)


@command("webhooks:write")
def change(
    unit: UnitOfWork, guard: Guard, endpoint_id: str, version: int | None, changes: dict[str, Any]
) -> int:
    """Change ``name``, ``url``, ``topics`` or ``enabled``; gives the new version.

    Raises NotFoundError, InvalidError, and ConflictError for another version.
    """
    endpoint = _get(unit, endpoint_id, version)
    _check(guard, **{key: changes[key] for key in ("url", "topics") if key in changes})
    for key in ("name", "url", "topics"):
        if key in changes:
            setattr(endpoint, key, changes[key])
    if "url" in changes:
        queue.forget_turn(endpoint)
    enabled = changes.get("enabled", endpoint.enabled)
    if enabled and not endpoint.enabled:
        endpoint.enabled, endpoint.disabled_reason = True, None
        queue.forget_turn(endpoint)
    elif endpoint.enabled and not enabled:
        queue.stop(unit, endpoint, BY_HAND)
    unit.audit.append("webhooks:change", f"webhook:{endpoint_id}", {"changed": sorted(changes)})
    unit.session.flush()
    return endpoint.row_version


@command("webhooks:write")
def remove(unit: UnitOfWork, endpoint_id: str, version: int | None) -> None:
    """Remove an endpoint with its log; raises as :func:`change`."""
    endpoint = _get(unit, endpoint_id, version)
    detail = {"name": endpoint.name}
    unit.session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))
    unit.audit.append("webhooks:remove", f"webhook:{endpoint_id}", detail)


@command("webhooks:write")
def rotate(unit: UnitOfWork, keyring: Keyring, endpoint_id: str, overlap: timedelta) -> str:
    """A new secret, shown this once; the one before signs as well until ``overlap`` is over.

    One from another key of the hub cannot sign any more. Raises NotFoundError.
    """
    endpoint = unit.get(WebhookEndpoint, endpoint_id)
    secrets = keyring.of(unit)
    known = endpoint.key_id == secrets.id
    endpoint.old_until = utcnow() + overlap if known and overlap else None
    endpoint.secret_version += 1
    endpoint.key_id = secrets.id
    # Whoever sends now does so with what it knew; a new turn knows the new secret.
    endpoint.lease_epoch += 1
    endpoint.lease_owner, endpoint.lease_until = None, None
    unit.session.flush()
    hours = overlap.total_seconds() / 3600
    unit.audit.append("webhooks:rotate", f"webhook:{endpoint_id}", {"overlap_hours": hours})
    return secrets.shown(endpoint_id, endpoint.secret_version)


@command("webhooks:write")
def redeliver(unit: UnitOfWork, endpoint_id: str, delivery_id: str) -> int:
    """Send one delivery again, before what waits; gives 1. Raises NotFoundError, ConflictError."""
    delivery = unit.get(WebhookDelivery, delivery_id)
    if delivery.endpoint_id != endpoint_id:
        raise NotFoundError(f"webhook {endpoint_id} has no delivery {delivery_id}")
    return _again(unit, endpoint_id, WebhookDelivery.seq == delivery.seq)


@command("webhooks:write")
def redeliver_failed(unit: UnitOfWork, endpoint_id: str, since: datetime) -> int:
    """Send again what failed of what was written since then; gives how many. Raises likewise."""
    failed = (WebhookDelivery.state == DeliveryState.FAILED) & (WebhookDelivery.created_at >= since)
    return _again(unit, endpoint_id, failed)


def _again(unit: UnitOfWork, endpoint_id: str, which: Any) -> int:
    endpoint = unit.get(WebhookEndpoint, endpoint_id)
    if not endpoint.enabled:
        raise ConflictError(
            f"webhook {endpoint_id} is disabled: {endpoint.disabled_reason}",
            cure="mend its receiver, then enable it",
        )
    found: Any = unit.session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, which)
        .values(state=DeliveryState.WAITING, attempts=0)
        .execution_options(synchronize_session=False)
    )
    unit.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .values(retry_at=None, updated_at=WebhookEndpoint.updated_at)
        .execution_options(synchronize_session=False)
    )
    number: int = found.rowcount
    unit.audit.append("webhooks:redeliver", f"webhook:{endpoint_id}", {"deliveries": number})
    return number


def _get(unit: UnitOfWork, endpoint_id: str, version: int | None) -> WebhookEndpoint:
    endpoint = unit.get(WebhookEndpoint, endpoint_id)
    unit.expect(endpoint, version)
    return endpoint


def _check(guard: Guard, *, url: str | None = None, topics: Sequence[str] | None = None) -> None:
    if url is not None:
        try:
            guard.check_url(url)
        except FatalError as err:
            raise InvalidError(err.message, field="url", cure=err.cure) from err
    if topics is not None:
        if not 1 <= len(topics) <= MOST_TOPICS:
            raise InvalidError(f"an endpoint has 1 to {MOST_TOPICS} topics", field="topics")
        for topic in topics:
            if len(topic) > 80 or not _TOPIC.fullmatch(topic):
                raise InvalidError(
                    f"{topic[:80]!r} is no topic",
                    field="topics",
                    cure='write one like content.item.updated, a group like content.*, or "*"',
                )

"""Webhooks: PayPal itself is asked whether one is its own, with the bytes as they came."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bloop_paypal.facts import when
from bloop_sdk import AuthError, MalformedRecordError, WebhookRequest
from bloop_sdk.providers.payments import PaymentNews

LATE, EARLY = 3600.0, 300.0
"""Seconds that a webhook may be old, or ahead of the hub's clock. What is older, a look finds."""

_HEADERS = ("auth-algo", "cert-url", "transmission-id", "transmission-sig", "transmission-time")


def verified(request: WebhookRequest, webhook_id: str) -> tuple[str, dict[str, Any]]:
    """The question whether PayPal has sent a request, and its event; raises AuthError."""
    if not webhook_id:
        raise AuthError("no webhook is expected", cure="set `webhook_id` of the plugin paypal")
    headers = {name.lower(): value for name, value in request.headers.items()}
    told = {name.replace("-", "_"): headers.get(f"paypal-{name}", "") for name in _HEADERS}
    if not all(told.values()):
        raise AuthError("it is not signed as PayPal signs")
    try:
        sent = when(told["transmission_time"]).timestamp()
        body = request.body.decode()
        event = json.loads(body)
    except (MalformedRecordError, ValueError, RecursionError) as err:
        raise AuthError("it is no event of PayPal's") from err
    if not isinstance(event, dict) or not event.get("id"):
        raise AuthError("it is no event of PayPal's")
    if not -EARLY <= request.received_at - sent <= LATE:
        raise AuthError("it was signed at another time", cure="compare the hub's clock")
    # The signature is of these very bytes: written anew, they would be others.
    question = json.dumps({**told, "webhook_id": webhook_id})
    return f'{question[:-1]}, "webhook_event": {body}}}', event


def require_genuine(answer: Any) -> None:
    """Raise AuthError unless PayPal has said that the webhook is its own."""
    if not isinstance(answer, dict) or answer.get("verification_status") != "SUCCESS":
        raise AuthError("PayPal says that this webhook is not its own")


def news(event: Mapping[str, Any], orders: Sequence[str]) -> PaymentNews:
    """What a genuine event tells: which orders to look up."""
    return PaymentNews(
        event_id=str(event["id"]),
        occurred_at=when(event.get("create_time")),
        fetch=tuple(orders),
    )

"""Events of Stripe's: which ones matter, what they are about, and whether they are genuine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from bloop_sdk import AuthError, MalformedRecordError, WebhookRequest
from bloop_sdk.providers.payments import PaymentNews
from bloop_sdk.records import JSONObject
from bloop_stripe.config import StripeConfig

EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.payment_failed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "invoice.paid",
    "invoice.payment_failed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
)
"""What a webhook has to be told of, and what is read for reconciliation (twenty at the most)."""

TOLERANCE = 300.0
"""Seconds that a signature may be old, or ahead of this machine's clock."""

_CURE = "compare webhook_secret with the signing secret of this address in Stripe's dashboard"


def about(event: JSONObject) -> str | None:
    """The name of what an event is about: a checkout, a subscription or a payment."""
    found = event["data"]["object"]
    match found.get("object"):
        case "checkout.session" | "subscription" | "payment_intent":
            name = found.get("id")
        case "invoice":
            name = subscription_of(found) or found.get("id")
        case "charge" | "refund" | "dispute":
            name = found.get("payment_intent") or found.get("id")
        case _:
            name = None
    return name if isinstance(name, str) else None


def subscription_of(invoice: JSONObject) -> str | None:
    """The subscription that an invoice is of; until 2025 the invoice named it itself."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    name = details.get("subscription") or invoice.get("subscription")
    return name if isinstance(name, str) else None


def news(config: StripeConfig, request: WebhookRequest) -> PaymentNews:
    """What a genuine event is about; raises AuthError for one that is not, or is not of now."""
    if not config.signing_secrets:
        raise AuthError("no webhook was set up for this account", cure="set webhook_secret")
    from bloop_stripe.line import is_signed

    headers = {name.lower(): value for name, value in request.headers.items()}
    signature = headers.get("stripe-signature", "")
    if not any(is_signed(request.body, signature, one) for one in config.signing_secrets):
        raise AuthError("the event is not signed with this endpoint's secret", cure=_CURE)
    _of_now(_signed_at(signature), request)
    event = _read(request.body)
    try:
        occurred = _occurred(event)
        id_, kind = str(event["id"]), str(event["type"])
    except (KeyError, TypeError, ValueError, OverflowError) as err:
        raise MalformedRecordError(f"an event of Stripe's lacks {err}") from err
    # What was delivered late is old; what has not happened yet is not genuine.
    if occurred.timestamp() > request.received_at + TOLERANCE:
        raise AuthError("the event is of a time to come", cure="set this machine's clock")
    if event.get("livemode") is (not config.is_live):
        mode = "test mode" if config.is_live else "live mode"
        raise AuthError(f"the event is of {mode}, and the API key is not", cure=_CURE)
    name = _named(event) if kind.removeprefix("v1.") in EVENTS else None
    return PaymentNews(event_id=id_, occurred_at=occurred, fetch=(name,) if name else ())


def _signed_at(signature: str) -> float:
    """The time that the signature holds, read as the SDK does: the first one."""
    pairs = (part.split("=", 2) for part in signature.split(","))
    return next(float(pair[1]) for pair in pairs if pair[0] == "t")


def _of_now(signed_at: float, request: WebhookRequest) -> None:
    # The SDK compares with its own clock, and lets pass what was signed in the future.
    if abs(request.received_at - signed_at) > TOLERANCE:
        raise AuthError(
            "the event was signed at another time than it came",
            cure="set this machine's clock; what is old is sent again from Stripe's dashboard",
        )


def _read(body: bytes) -> JSONObject:
    try:
        event = json.loads(body)
    except ValueError as err:
        raise MalformedRecordError("an event of Stripe's is no JSON") from err
    if not isinstance(event, dict) or event.get("object") not in {"event", "v2.core.event"}:
        raise MalformedRecordError("what Stripe has signed is no event")
    return event


def _occurred(event: JSONObject) -> datetime:
    created: Any = event["created"]
    if isinstance(created, str):
        return datetime.fromisoformat(created).astimezone(UTC)
    return datetime.fromtimestamp(created, UTC)


def _named(event: JSONObject) -> str | None:
    """What it is about; a thin event only names the object."""
    if event["object"] == "event":
        try:
            return about(event)
        except (KeyError, TypeError, AttributeError) as err:
            raise MalformedRecordError(f"an event of Stripe's lacks {err}") from err
    related = event.get("related_object")
    name = related.get("id") if isinstance(related, dict) else None
    return name if isinstance(name, str) else None

"""Subscriptions: their end, another plan, and the page where buyers look after them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bloop_sdk import NotFoundError, PreconditionFailedError, UnavailableError
from bloop_sdk.providers.payments import CheckoutLine, PaymentFact
from bloop_sdk.records import JSONObject
from bloop_stripe import amounts, fetching
from bloop_stripe.api import Api
from bloop_stripe.checkout import PLAN, tax_behavior
from bloop_stripe.config import StripeConfig

CHANGE = "bloop_change"
"""The key of the newest change of plan, in the subscription's metadata."""

_NAME = re.compile(r"sub_[A-Za-z0-9_]{1,250}")


async def _get(api: Api, name: str) -> JSONObject:
    if not _NAME.fullmatch(name):
        raise NotFoundError(f"{name[:80]!r} is no subscription of Stripe's")
    return await api.get(f"subscriptions/{name}")


async def cancel(api: Api, name: str, key: str, *, at_period_end: bool) -> Sequence[PaymentFact]:
    """End it; what has ended, or will, stays so."""
    found = await _get(api, name)
    if found["status"] != "canceled":
        if not at_period_end:
            try:
                found = await api.delete(f"subscriptions/{name}")
            except NotFoundError:
                # So Stripe answers where a try before, whose answer was lost, has ended it.
                found = await _get(api, name)
        elif not found["cancel_at_period_end"]:
            params = {"cancel_at_period_end": True}
            found = await api.post(f"subscriptions/{name}", params, api.key_of("end", name, key))
        if not at_period_end and found["status"] != "canceled":
            raise UnavailableError(f"Stripe has not ended {name}", cure="try again")
    return await fetching.fetch(api, name)


async def change_plan(
    api: Api, config: StripeConfig, name: str, line: CheckoutLine, key: str
) -> Sequence[PaymentFact]:
    """Another price and quantity, for which Stripe takes or credits the difference at once.

    Where that payment is declined the plan stays as it was: FatalError ``payment_declined``.
    """
    own = api.key_of("change", name, key)
    found = await _get(api, name)
    first, *others = found["items"]["data"]
    if found["metadata"].get(CHANGE) == own:
        if _terms(found) != (line.plan, line.quantity, amounts.sent(line.unit_price)):
            raise PreconditionFailedError("the key was used for another plan", cure="use a new key")
        return await fetching.fetch(api, name)
    if first["price"]["currency"] != line.unit_price.currency.lower():
        raise PreconditionFailedError(f"{name} is paid in {first['price']['currency'].upper()}")
    named = {"name": line.title[:250], "metadata": {PLAN: line.plan}}
    product = await api.post("products", named, api.key_of("product", own))
    recurring = first["price"]["recurring"]
    price = {
        "currency": first["price"]["currency"],
        "product": product["id"],
        "unit_amount": amounts.sent(line.unit_price),
        "recurring": {name: recurring[name] for name in ("interval", "interval_count")},
        **tax_behavior(config),
    }
    params = {
        "items": [
            {"id": first["id"], "price_data": price, "quantity": line.quantity},
            *({"id": one["id"], "deleted": True} for one in others),
        ],
        "proration_behavior": "always_invoice",
        "payment_behavior": "error_if_incomplete",
        "metadata": {PLAN: line.plan, CHANGE: own},
    }
    await api.post(f"subscriptions/{name}", params, own)
    return await fetching.fetch(api, name)


def _terms(subscription: JSONObject) -> tuple[str, int, int]:
    (first, *_) = subscription["items"]["data"]
    plan = subscription["metadata"].get(PLAN) or ""
    return plan, first["quantity"], first["price"]["unit_amount"]


async def portal(api: Api, name: str, return_url: str) -> str:
    """Stripe's page for the subscriber; it is good for a short time."""
    found = await _get(api, name)
    asked = {"customer": found["customer"], "return_url": return_url}
    session = await api.post("billing_portal/sessions", asked)
    return str(session["url"])

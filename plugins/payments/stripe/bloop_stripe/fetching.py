"""Everything that Stripe knows of a checkout, a subscription, or anything that belongs to one."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bloop_sdk import NotFoundError, UnavailableError
from bloop_sdk.providers.payments import PaymentFact
from bloop_sdk.records import JSONObject
from bloop_stripe import amounts, facts
from bloop_stripe.api import Api
from bloop_stripe.checkout import ORDER, PLAN
from bloop_stripe.events import EVENTS, about, subscription_of
from bloop_stripe.facts import Whose

_NAME = re.compile(r"([a-z]+)_[A-Za-z0-9_]{1,250}")
WITH_CHARGES = ["data.balance_transaction", "data.refunds"]
WITH_INVOICES = ["data.payments"]
"""What is shown of the objects of a list besides."""
WITH_PRODUCT = "items.data.price.product"

_MEMORY = timedelta(days=29)
"""Stripe lists the events of thirty days."""

# What happened before that is found by what was made since.
_LISTED = ("checkout/sessions", "invoices", "refunds", "disputes")


async def fetch(api: Api, name: str) -> list[PaymentFact]:
    """The facts of what a name belongs to; raises NotFoundError where it is nothing of ours."""
    match = _NAME.fullmatch(name)
    kind = match[1] if match else ""
    try:
        if kind == "cs":
            return await _of_session(api, await api.get(f"checkout/sessions/{name}"))
        if kind == "sub":
            return await _of_subscription(api, name)
        if kind == "in":
            return await _of_invoice(api, name)
        if kind in _PAYMENTS:
            payment = await _PAYMENTS[kind](api, name)
            return await _of_payment(api, payment)
    except (KeyError, TypeError, IndexError, AttributeError) as err:
        # Nothing is concluded from an answer that is not what it should be.
        raise UnavailableError(f"Stripe's answer about {name} lacks {err}") from err
    raise _unknown(name)


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"{name[:80]!r} is no payment of this hub's at Stripe")


async def changed(api: Api, since: datetime) -> AsyncGenerator[str, None]:
    """Names of all that something happened to since then."""
    seen: set[str] = set()
    window = {"gte": int(since.timestamp())}
    async for event in api.each("events", created=window, types=list(EVENTS)):
        name = about(event)
        if name and name not in seen:
            seen.add(name)
            yield name
    if since < datetime.now(UTC) - _MEMORY:
        for path in _LISTED:
            async for one in api.each(path, created=window):
                name = about({"data": {"object": one}})
                if name and name not in seen:
                    seen.add(name)
                    yield name


async def _itself(_: Api, name: str) -> str:
    return name


async def _charge(api: Api, name: str) -> str:
    return _paid_by(await api.get(f"charges/{name}"), name)


async def _refund(api: Api, name: str) -> str:
    return _paid_by(await api.get(f"refunds/{name}"), name)


async def _dispute(api: Api, name: str) -> str:
    return _paid_by(await api.get(f"disputes/{name}"), name)


_PAYMENTS = {
    "pi": _itself,
    "ch": _charge,
    "py": _charge,
    "re": _refund,
    "pyr": _refund,
    "dp": _dispute,
    "du": _dispute,
}
"""Kinds of names that lead to a payment intent."""


def _paid_by(found: JSONObject, name: str) -> str:
    if not found["payment_intent"]:
        raise _unknown(name)
    return str(found["payment_intent"])


async def _of_payment(api: Api, payment: str) -> list[PaymentFact]:
    sessions = await api.all("checkout/sessions", payment_intent=payment)
    if sessions:
        return await _of_session(api, sessions[0])
    paid = {"type": "payment_intent", "payment_intent": payment}
    links = await api.all("invoice_payments", payment=paid)
    if not links:
        raise _unknown(payment)
    return await _of_invoice(api, links[0]["invoice"])


async def _of_invoice(api: Api, name: str) -> list[PaymentFact]:
    subscription = subscription_of(await api.get(f"invoices/{name}"))
    if subscription is None:
        raise _unknown(name)
    return await _of_subscription(api, subscription)


def _ordered(found: JSONObject) -> str:
    """The order that something was made for; raises NotFoundError where another made it."""
    order = (found.get("metadata") or {}).get(ORDER)
    if not order:
        raise _unknown(found["id"])
    return str(order)


async def _of_session(api: Api, session: JSONObject) -> list[PaymentFact]:
    order = _ordered(session)
    if session["subscription"]:
        return await _of_subscription(api, session["subscription"], session["id"])
    found = list(facts.of_session(session, order, datetime.now(UTC)))
    payment = session["payment_intent"]
    if session["mode"] == "payment" and payment:
        totals = session["total_details"] or {}
        tax = amounts.read(totals.get("amount_tax") or 0, session["currency"]).amount
        charges = await api.all("charges", payment_intent=payment, expand=WITH_CHARGES)
        for charge in charges:
            found += await _of_charge(api, charge, Whose(session["id"], order, tax))
    return found


async def _of_subscription(api: Api, name: str, session: str | None = None) -> list[PaymentFact]:
    now = datetime.now(UTC)
    subscription = await api.get(f"subscriptions/{name}", expand=[WITH_PRODUCT])
    order, plan = _ordered(subscription), _plan(subscription)
    if session is None:
        sessions = await api.all("checkout/sessions", subscription=name)
        session = str(sessions[0]["id"]) if sessions else name
    found = list(facts.of_subscription(subscription, session, order, plan, now))
    invoices = await api.all("invoices", subscription=name, expand=WITH_INVOICES)
    paid: dict[str, JSONObject] = {}
    for one in invoices:
        payments = _payments(one)
        paid |= dict.fromkeys(payments, one)
        if not payments:
            found += facts.of_settled(one, Whose(name, order, period=facts.paid_period(one)))
    if not paid:
        return found
    charges = await api.all("charges", customer=subscription["customer"], expand=WITH_CHARGES)
    for charge in charges:
        if (billed := paid.get(charge["payment_intent"])) is None:
            continue
        is_first = billed["billing_reason"] == "subscription_create"
        whose = Whose(
            session if is_first else name,
            order,
            facts.tax_of(billed),
            facts.paid_period(billed),
        )
        found += await _of_charge(api, charge, whose)
    return found


def _plan(subscription: JSONObject) -> str:
    """The plan that is paid, as its product names it: so a change in Stripe's portal is followed.

    What the subscription's own metadata say is of the last change that the hub has made.
    """
    product = subscription["items"]["data"][0]["price"].get("product")
    named = (product.get("metadata") or {}).get(PLAN) if isinstance(product, Mapping) else None
    return named or subscription["metadata"].get(PLAN) or ""


def _payments(invoice: JSONObject) -> list[str]:
    """The payment intents of an invoice."""
    made = [one["payment"] for one in (invoice["payments"] or {"data": ()})["data"]]
    return [one["payment_intent"] for one in made if one["type"] == "payment_intent"]


async def _of_charge(api: Api, charge: JSONObject, whose: Whose) -> Sequence[PaymentFact]:
    """A charge with all that became of it."""
    now = datetime.now(UTC)
    found = list(facts.of_charge(charge, whose))
    refunds = charge["refunds"]
    given_back: list[JSONObject] = refunds["data"]
    if refunds["has_more"]:
        given_back = await api.all("refunds", charge=charge["id"])
    found += [facts.of_refund(one, whose, now) for one in given_back]
    if charge["disputed"]:
        for dispute in await api.all("disputes", charge=charge["id"]):
            found += facts.of_dispute(dispute, whose)
    return found

"""What Stripe's objects state: sessions, charges with their refunds, disputes, subscriptions.

Pure: from objects to facts. What is not paid yet, or only asked for, is no fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    FactKind,
    PaymentFact,
    Period,
    Subscription,
    SubscriptionStatus,
)
from bloop_sdk.records import JSONObject
from bloop_stripe import amounts

_STATUS = {
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    # Stripe has given up on these for now, and the buyer can still pay.
    "unpaid": SubscriptionStatus.PAST_DUE,
    "paused": SubscriptionStatus.PAST_DUE,
    "canceled": SubscriptionStatus.ENDED,
    "incomplete_expired": SubscriptionStatus.ENDED,
}
_INQUIRY = "warning_"
"""A dispute with such a status is a bank's question, for which no money moves."""


@dataclass(frozen=True, slots=True)
class Whose:
    """To what charges belong: checkout or subscription, order, and what an invoice says of them."""

    remote_id: str
    order: str
    tax: int = 0
    period: Period | None = None


def moment(seconds: int) -> datetime:
    """A time of Stripe's."""
    return datetime.fromtimestamp(seconds, UTC)


def of_session(session: JSONObject, order: str, now: datetime) -> Iterator[PaymentFact]:
    """That a checkout can be paid no more."""
    if session["status"] == "expired":
        yield PaymentFact(
            kind=FactKind.EXPIRED,
            id=session["id"],
            remote_id=session["id"],
            # It may have been ended before its time.
            as_of=min(moment(session["expires_at"]), now),
            order=order,
        )


def of_charge(charge: JSONObject, whose: Whose) -> Iterator[PaymentFact]:
    """That money came, or did not; refunds and disputes have functions of their own."""
    if charge["status"] == "failed":
        yield PaymentFact(
            kind=FactKind.FAILED,
            id=charge["id"],
            remote_id=whose.remote_id,
            as_of=moment(charge["created"]),
            order=whose.order,
            money=amounts.read(charge["amount"], charge["currency"]),
            period=whose.period,
            reason=charge.get("failure_code") or "",
        )
    if charge["status"] != "succeeded" or not charge["captured"]:
        return
    booked = charge["balance_transaction"]
    is_booked = isinstance(booked, Mapping)
    money = amounts.read(charge["amount_captured"], charge["currency"])
    yield PaymentFact(
        kind=FactKind.CAPTURED,
        id=charge["id"],
        remote_id=whose.remote_id,
        # What is known of its fee is newer than the charge, where it is booked later.
        as_of=moment(booked["created"] if is_booked else charge["created"]),
        order=whose.order,
        money=money,
        # Of an invoice that credit has paid for in part, the charge is less than its tax may be.
        tax=min(whose.tax, money.amount),
        fee=amounts.read(booked["fee"], booked["currency"]) if is_booked else None,
        period=whose.period,
    )


def of_settled(invoice: JSONObject, whose: Whose) -> Iterator[PaymentFact]:
    """That an invoice was paid, and no money came by Stripe.

    It was paid by credit, such as a change of plan leaves, by a discount of all of it, or by other
    ways, as its seller has noted at Stripe. Of a trial there is nothing to be paid.
    """
    elsewhere = invoice.get("amount_paid_off_stripe") or 0
    if invoice["status"] != "paid" or invoice["total"] < 0 or invoice["amount_paid"] > elsewhere:
        return
    if invoice["subtotal"] <= 0:
        return
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at")
    yield PaymentFact(
        kind=FactKind.CAPTURED,
        id=invoice["id"],
        remote_id=whose.remote_id,
        as_of=moment(paid_at or invoice["created"]),
        order=whose.order,
        money=Money(amount=0, currency=invoice["currency"].upper()),
        period=whose.period,
    )


def of_refund(refund: JSONObject, whose: Whose, now: datetime) -> PaymentFact:
    """That money goes back; 0 of it where that has failed."""
    failed = refund["status"] in {"failed", "canceled"}
    money = amounts.read(refund["amount"], refund["currency"])
    given = (refund.get("metadata") or {}).get("reason") or refund.get("reason")
    return PaymentFact(
        kind=FactKind.REFUNDED,
        id=refund["id"],
        remote_id=whose.remote_id,
        # Stripe does not say when it failed: as of now it has.
        as_of=now if failed else moment(refund["created"]),
        order=whose.order,
        money=Money(amount=0, currency=money.currency) if failed else money,
        about=refund["charge"],
        reason=(refund.get("failure_reason") if failed else given) or "",
    )


def of_dispute(dispute: JSONObject, whose: Whose) -> Iterator[PaymentFact]:
    """That a bank took money back, and how that ended."""
    if dispute["status"].startswith(_INQUIRY):
        return
    bookings: list[JSONObject] = dispute.get("balance_transactions") or []
    fees = [amounts.read(one["fee"], one["currency"]) for one in bookings if one["fee"] > 0]
    common: dict[str, Any] = {
        "id": dispute["id"],
        "remote_id": whose.remote_id,
        "order": whose.order,
        "money": amounts.read(dispute["amount"], dispute["currency"]),
        "about": dispute["charge"],
        "reason": dispute.get("reason") or "",
    }
    opened = moment(min([dispute["created"], *(one["created"] for one in bookings)]))
    fee = fees[0] if fees else None
    yield PaymentFact(kind=FactKind.DISPUTED, as_of=opened, fee=fee, **common)
    # A prevented one is settled before the bank takes anything: by what was withdrawn, or by a
    # refund, which is listed among the charge's.
    is_taken = sum(one["amount"] for one in bookings) < 0
    end = {
        "won": FactKind.DISPUTE_WON,
        "lost": FactKind.DISPUTE_LOST,
        "prevented": FactKind.DISPUTE_LOST if is_taken else FactKind.DISPUTE_WON,
    }.get(dispute["status"])
    if end is not None:
        ended = moment(max([dispute["created"], *(one["created"] for one in bookings)]))
        yield PaymentFact(kind=end, as_of=ended, **common)


def of_subscription(
    subscription: JSONObject, remote_id: str, order: str, plan: str, now: datetime
) -> Iterator[PaymentFact]:
    """How it stands; nothing while its first payment is under way."""
    status = _STATUS.get(subscription["status"])
    if status is None:
        return
    items: list[JSONObject] = subscription["items"]["data"]
    yield PaymentFact(
        kind=FactKind.SUBSCRIPTION,
        id=subscription["id"],
        remote_id=remote_id,
        as_of=now,
        order=order,
        subscription=Subscription(
            status=status,
            period=period_of(items[0]["current_period_start"], items[0]["current_period_end"]),
            ends=bool(subscription["cancel_at_period_end"] or subscription["cancel_at"]),
            plan=plan,
            quantity=items[0].get("quantity") or 1,
        ),
    )


def period_of(start: int, end: int) -> Period:
    """A period of two times of Stripe's."""
    return Period(start=moment(start), end=moment(end))


def paid_period(invoice: JSONObject) -> Period | None:
    """What an invoice pays for: its own ``period_start`` and ``_end`` are of the period before."""
    lines: list[JSONObject] = invoice["lines"]["data"]
    whole = [one["period"] for one in lines if not _is_proration(one)]
    periods = whole or [one["period"] for one in lines]
    if not periods:
        return None
    latest = max(periods, key=lambda one: (one["end"], one["start"]))
    return period_of(latest["start"], latest["end"])


def _is_proration(line: JSONObject) -> bool:
    parent = line.get("parent") or {}
    details = parent.get(parent.get("type") or "") or {}
    return bool(details.get("proration"))


def tax_of(invoice: JSONObject) -> int:
    """The tax in an invoice, in the currency's minor unit."""
    taxes: Iterable[JSONObject] = invoice.get("total_taxes") or ()
    total = sum(one["amount"] for one in taxes)
    return amounts.read(total, invoice["currency"]).amount

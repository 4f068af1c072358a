"""What PayPal's answers state: orders with their captures and refunds, disputes, subscriptions."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bloop_paypal.money import read
from bloop_sdk import MalformedRecordError
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import (
    FactKind,
    PaymentFact,
    Period,
    Subscription,
    SubscriptionStatus,
)

_STATUS = {
    "ACTIVE": SubscriptionStatus.ACTIVE,
    "SUSPENDED": SubscriptionStatus.PAST_DUE,
    "CANCELLED": SubscriptionStatus.ENDED,
    "EXPIRED": SubscriptionStatus.ENDED,
}
_CHANGED = ("status_update_time", "update_time")
_LOST = frozenset(["RESOLVED_BUYER_FAVOUR", "ACCEPTED"])
_WON = frozenset(
    ["RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED", "NONE"]
)
"""``RESOLVED_WITH_PAYOUT`` PayPal pays itself; ``NONE``: closed, as another takes its place."""
_LATE = timedelta(days=3)
"""So much later than its plan says PayPal may take a payment."""


def when(told: Any) -> datetime:
    """A time of PayPal's; raises MalformedRecordError for what is none."""
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError as err:
        raise MalformedRecordError(f"PayPal told a time that is none: {told!r:.60}") from err
    if moment.tzinfo is None:
        raise MalformedRecordError(f"PayPal told a time without its zone: {told!r:.60}")
    return moment


def link(resource: Mapping[str, Any], *rels: str) -> str:
    """The address that a resource names under one of some relations; empty without one."""
    links = resource.get("links") or []
    return next((str(one["href"]) for rel in rels for one in links if one.get("rel") == rel), "")


def known(told: Any, id_: str) -> dict[str, Any]:
    """An answer about what was asked for; raises MalformedRecordError for any other."""
    if not isinstance(told, dict) or told.get("id") != id_:
        raise MalformedRecordError("PayPal answered with something that is not what was asked for")
    return told


def open_until(made: Mapping[str, Any], lasts: timedelta) -> datetime:
    """When nobody can agree any more to what was made; where it does not say when, from now on."""
    told = made.get("create_time") or made.get("start_time")
    return (when(told) if told else datetime.now(UTC)) + lasts


def order_facts(order: Mapping[str, Any]) -> Iterator[PaymentFact]:
    """The captures and refunds of an order, and that it can be paid no more."""
    for unit in order.get("purchase_units") or []:
        payments = unit.get("payments") or {}
        about: dict[str, Any] = {
            "remote_id": str(order["id"]),
            "order": str(unit.get("custom_id") or ""),
        }
        for capture in payments.get("captures") or []:
            yield from _capture(capture, about)
        for refund in payments.get("refunds") or []:
            yield from refund_facts(refund, about)
        if order.get("status") == "VOIDED":
            at = when(order.get("update_time") or order.get("create_time"))
            yield PaymentFact(kind=FactKind.EXPIRED, id=str(order["id"]), as_of=at, **about)


def _capture(capture: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[PaymentFact]:
    status, kind = capture.get("status"), FactKind.CAPTURED
    if status in {"DECLINED", "FAILED"}:
        kind = FactKind.FAILED
    elif status == "PENDING":
        return
    shares = capture.get("seller_receivable_breakdown") or {}
    yield PaymentFact(
        kind=kind,
        id=str(capture["id"]),
        # A refund changes the capture's own time, and nothing of what it states.
        as_of=when(capture.get("create_time")),
        money=read(capture["amount"]),
        fee=read(shares["paypal_fee"]) if "paypal_fee" in shares else None,
        reason=str((capture.get("status_details") or {}).get("reason") or ""),
        **about,
    )


def refund_facts(refund: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[PaymentFact]:
    """A refund, of 0 where it has failed after all; it names its capture by a link."""
    failed, money = refund.get("status") in {"FAILED", "CANCELLED"}, read(refund["amount"])
    yield PaymentFact(
        kind=FactKind.REFUNDED,
        id=str(refund["id"]),
        as_of=when((failed and refund.get("update_time")) or refund.get("create_time")),
        money=Money(amount=0, currency=money.currency) if failed else money,
        about=link(refund, "up").rpartition("/")[2],
        reason=str(refund.get("note_to_payer") or ""),
        **about,
    )


def dispute_facts(
    dispute: Mapping[str, Any], capture: str, about: Mapping[str, Any]
) -> Iterator[PaymentFact]:
    """That a buyer disputes a capture, and how it ended."""
    shared: dict[str, Any] = {
        "id": str(dispute["dispute_id"]),
        "money": read(dispute["dispute_amount"]),
        "reason": str(dispute.get("reason") or ""),
        "about": capture,
        **about,
    }
    yield PaymentFact(kind=FactKind.DISPUTED, as_of=when(dispute.get("create_time")), **shared)
    outcome = (dispute.get("dispute_outcome") or {}).get("outcome_code")
    ended = when(dispute.get("update_time") or dispute.get("create_time"))
    if outcome in _LOST:
        yield PaymentFact(kind=FactKind.DISPUTE_LOST, as_of=ended, **shared)
    elif outcome in _WON:
        yield PaymentFact(kind=FactKind.DISPUTE_WON, as_of=ended, **shared)


def subscription_facts(
    told: Mapping[str, Any], payments: list[Mapping[str, Any]], plan: Mapping[str, Any]
) -> Iterator[PaymentFact]:
    """How a subscription stands, and what was paid for it; a plan is described by its seller."""
    about: dict[str, Any] = {
        "remote_id": str(told["id"]),
        "order": str(told.get("custom_id") or ""),
    }
    billing = told.get("billing_info") or {}
    next_at, last_at = billing.get("next_billing_time"), _last_paid(told, billing)
    until, status = when(next_at) if next_at else None, _STATUS.get(str(told.get("status")))
    if status is SubscriptionStatus.ACTIVE:
        status = _active(billing)
    if status is SubscriptionStatus.TRIALING:
        until = _until(when(told.get("start_time")), until, _trial_of(plan))
    if status is not None:
        yield PaymentFact(
            kind=FactKind.SUBSCRIPTION,
            id=str(told["id"]),
            # Another plan changes the second alone.
            as_of=max(when(told[name]) for name in _CHANGED if told.get(name)),
            subscription=Subscription(
                status=status,
                period=Period(start=when(last_at), end=until) if until else None,
                plan=str(plan.get("description") or ""),
                quantity=int(told.get("quantity") or 1),
            ),
            **about,
        )
    yield from _payments(payments, when(next_at) if next_at else None, plan, about)


def _active(billing: Mapping[str, Any]) -> SubscriptionStatus:
    """PayPal calls a subscription active that is on trial, or of which a payment failed."""
    if billing.get("failed_payments_count"):
        return SubscriptionStatus.PAST_DUE
    # A trial's cycle counts as completed as soon as it has begun; a paid one follows it.
    cycles = billing.get("cycle_executions") or []
    done = [one for one in cycles if one.get("cycles_completed")]
    is_tried = any(one.get("tenure_type") == "TRIAL" for one in cycles)
    if is_tried and not any(one.get("tenure_type") == "REGULAR" for one in done):
        return SubscriptionStatus.TRIALING
    return SubscriptionStatus.ACTIVE


def _trial_of(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """The plan of a trial alone."""
    cycles = plan.get("billing_cycles") or []
    return {"billing_cycles": [one for one in cycles if one.get("tenure_type") == "TRIAL"]}


def _until(start: datetime, told: datetime | None, plan: Mapping[str, Any]) -> datetime | None:
    """When the time ends that began then, by what PayPal tells and by the plan.

    What PayPal failed to take it adds to the bill of the next period, and names that one's time:
    nobody has paid for as long.
    """
    planned = after(start, plan)
    if planned is None:
        return told
    # What it names may still be the time of this very payment.
    return planned if told is None or told <= start else min(told, planned + _LATE)


def _last_paid(told: Mapping[str, Any], billing: Mapping[str, Any]) -> Any:
    return (billing.get("last_payment") or {}).get("time") or told.get("start_time")


def _fee(told: Any) -> Money:
    """Subscriptions tell it as less than nothing."""
    fee = read(told)
    return Money(amount=abs(fee.amount), currency=fee.currency)


def _payments(
    payments: list[Mapping[str, Any]], next_at: datetime | None, plan: Mapping[str, Any], about: Any
) -> Iterator[PaymentFact]:
    """What was paid or failed; a payment is for the time until the one after it."""
    ordered = sorted(payments, key=lambda one: when(one.get("time")))
    paid = [one for one in ordered if one.get("status") != "DECLINED"]
    starts = [when(one.get("time")) for one in paid]
    # Of one that has ended PayPal names no next time, and what was paid lasts all the same.
    periods = {
        str(one.get("id")): Period(start=start, end=end)
        for one, start, following in zip(paid, starts, [*starts[1:], next_at], strict=False)
        if (end := _until(start, following, plan))
    }
    for payment in ordered:
        yield from _payment(payment, {**about, "period": periods.get(str(payment.get("id")))})


def after(start: datetime, plan: Mapping[str, Any]) -> datetime | None:
    """When the time ends that a payment of a plan pays for, where the plan says how long it is."""
    cycles = plan.get("billing_cycles") or [{}]
    often = cycles[-1].get("frequency") or {}
    unit, count = str(often.get("interval_unit")), int(often.get("interval_count") or 1)
    if unit in {"DAY", "WEEK"}:
        return start + timedelta(days=count * (7 if unit == "WEEK" else 1))
    if unit not in {"MONTH", "YEAR"}:
        return None
    years, month = divmod(start.month - 1 + count * (12 if unit == "YEAR" else 1), 12)
    year, month = start.year + years, month + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))


def _payment(payment: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[PaymentFact]:
    kinds = {
        "COMPLETED": FactKind.CAPTURED,
        "PARTIALLY_REFUNDED": FactKind.CAPTURED,
        "REFUNDED": FactKind.CAPTURED,
        "DECLINED": FactKind.FAILED,
    }
    kind, shares = kinds.get(str(payment.get("status"))), payment.get("amount_with_breakdown") or {}
    if kind is None or "gross_amount" not in shares:
        return
    yield PaymentFact(
        kind=kind,
        id=str(payment["id"]),
        as_of=when(payment.get("time")),
        money=read(shares["gross_amount"]),
        fee=_fee(shares["fee_amount"]) if "fee_amount" in shares else None,
        tax=read(shares["tax_amount"]).amount if "tax_amount" in shares else 0,
        **about,
    )

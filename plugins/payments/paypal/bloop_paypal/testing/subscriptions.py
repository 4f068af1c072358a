"""Subscriptions: plans, consent, payments, and how they end.

developer.paypal.com/docs/api/subscriptions/v1, /docs/api/catalog-products/v1 and
/docs/subscriptions.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bloop_paypal.testing import refunds
from bloop_paypal.testing.books import (
    API,
    PAGES,
    Books,
    Object,
    RefusedError,
    found,
    links,
    money,
    needed,
    value_of,
    written,
)

_FEE = "-0.50"
"""Of a subscription's payments PayPal tells it as less than nothing."""
_CANCELLABLE = frozenset(["ACTIVE", "SUSPENDED"])


def create_plan(books: Books, sent: Mapping[str, Any]) -> Object:
    """POST /v1/billing/plans."""
    needed(sent, "product_id", "name", "billing_cycles", "payment_preferences")
    id_ = books.id("P-")
    books.plans[id_] = {"id": id_, "status": "ACTIVE", "create_time": books.time(), **sent}
    return books.plans[id_]


def create(books: Books, sent: Mapping[str, Any]) -> Object:
    """POST /v1/billing/subscriptions: it waits for its buyer's consent."""
    needed(sent, "plan_id")
    found(books.plans, sent["plan_id"])
    id_ = books.id("I-S")
    here = f"{API}/v1/billing/subscriptions/{id_}"
    books.subscriptions[id_] = {
        **sent,
        "id": id_,
        "status": "APPROVAL_PENDING",
        "create_time": books.time(),
        "start_time": books.time(),
        "links": links(self=here, approve=f"{PAGES}/webapps/billing/subscriptions?ba_token={id_}"),
    }
    books.payments[id_] = []
    books.happened("BILLING.SUBSCRIPTION.CREATED", books.subscriptions[id_])
    return books.subscriptions[id_]


def agree(books: Books, told: Object) -> None:
    """The buyer agrees: the first payment is taken, or the trial begins."""
    if told["status"] != "APPROVAL_PENDING":
        raise AssertionError(f"{told['id']} is {told['status']}: nobody can agree to it")
    told |= {"status": "ACTIVE", "status_update_time": books.time()}
    cycles = _plan(books, told)["billing_cycles"]
    trials = [one for one in cycles if one["tenure_type"] == "TRIAL"]
    if not trials:
        books.happened("BILLING.SUBSCRIPTION.ACTIVATED", told)
        pay(books, told)
        return
    end = _after(books.now, trials[0]["frequency"])
    told["billing_info"] = {
        "next_billing_time": written(end),
        "cycle_executions": _executed(cycles, 0),
        "failed_payments_count": 0,
    }
    books.happened("BILLING.SUBSCRIPTION.ACTIVATED", told)


def pay(books: Books, told: Object) -> Object:
    """A period's payment is taken; its event."""
    _active(told)
    price = _price(books, told)
    cycles = _plan(books, told)["billing_cycles"]
    until = written(_after(books.now, cycles[-1]["frequency"]))
    told["billing_info"] = {
        "cycle_executions": _executed(cycles, 1 + len(books.payments[told["id"]])),
        "failed_payments_count": 0,
        "last_payment": {"amount": price, "time": books.time()},
        "next_billing_time": until,
    }
    payment = {
        "id": books.id("SALE"),
        "status": "COMPLETED",
        "time": books.time(),
        "amount_with_breakdown": {
            "gross_amount": price,
            "fee_amount": money(_FEE, price["currency_code"]),
        },
    }
    books.payments[told["id"]].append(payment)
    sale = {"id": payment["id"], "state": "completed", "billing_agreement_id": told["id"]}
    return books.happened("PAYMENT.SALE.COMPLETED", sale)


def _executed(cycles: list[Object], paid: int) -> list[Object]:
    """How often each cycle was; of a trial PayPal counts the one that is under way."""
    return [
        {
            "tenure_type": one["tenure_type"],
            "sequence": one["sequence"],
            "cycles_completed": 1 if one["tenure_type"] == "TRIAL" else paid,
            "cycles_remaining": 0,
            "total_cycles": one["total_cycles"],
        }
        for one in cycles
    ]


def fail(books: Books, told: Object) -> Object:
    """A period's payment can't be taken; PayPal will try again. Its event."""
    _active(told)
    info = told["billing_info"]
    told["status_update_time"] = books.time()
    info["failed_payments_count"] = info.get("failed_payments_count", 0) + 1
    books.payments[told["id"]].append(
        {
            "id": books.id("SALE"),
            "status": "DECLINED",
            "time": books.time(),
            "amount_with_breakdown": {"gross_amount": _price(books, told)},
        }
    )
    return books.happened("BILLING.SUBSCRIPTION.PAYMENT.FAILED", told)


def suspend(books: Books, told: Object) -> Object:
    """PayPal has tried as often as the plan's ``payment_failure_threshold`` says; the event."""
    _active(told)
    told |= {"status": "SUSPENDED", "status_update_time": books.time()}
    return books.happened("BILLING.SUBSCRIPTION.SUSPENDED", told)


def cancel(books: Books, told: Object) -> None:
    """POST .../cancel: it ends at once."""
    if told["status"] not in _CANCELLABLE:
        raise RefusedError(422, "SUBSCRIPTION_STATUS_INVALID")
    # Later than the payment before it, though the clock stands still.
    told |= {"status": "CANCELLED", "status_update_time": books.time(timedelta(minutes=1))}
    # It names no next time, as there is none.
    told.get("billing_info", {}).pop("next_billing_time", None)
    books.happened("BILLING.SUBSCRIPTION.CANCELLED", told)


def revise(books: Books, told: Object, sent: Mapping[str, Any]) -> Object:
    """POST .../revise: another plan or number from the next payment on."""
    if told["status"] not in _CANCELLABLE:
        raise RefusedError(422, "SUBSCRIPTION_STATUS_INVALID")
    if "plan_id" in sent:
        plan = found(books.plans, sent["plan_id"])
        if plan["product_id"] != _plan(books, told)["product_id"]:
            raise RefusedError(422)
    if books.asks:
        page = f"{PAGES}/webapps/billing/subscriptions/update?ba_token={told['id']}"
        return {**sent, "links": links(approve=page)}
    told |= dict(sent) | {"update_time": books.time()}
    books.happened("BILLING.SUBSCRIPTION.UPDATED", told)
    return told


def transactions(books: Books, id_: str, query: Mapping[str, str]) -> Object:
    """GET .../transactions; without its span it is refused, and all are listed within any."""
    if not {"start_time", "end_time"} <= query.keys():
        raise RefusedError(400, "MISSING_REQUIRED_PARAMETER")
    return {"transactions": books.payments[id_]}


def give_back(books: Books, sale: str, amount: Mapping[str, str] | None) -> Object:
    """The seller gives a payment back in PayPal's own pages; its event."""
    payment = sold(books, sale)
    whole = payment["amount_with_breakdown"]["gross_amount"]
    made = refunds.given_back(books, sale, amount or whole, "")
    full = value_of(made["amount"]) == value_of(whole)
    payment["status"] = "REFUNDED" if full else "PARTIALLY_REFUNDED"
    return books.happened("PAYMENT.SALE.REFUNDED", {"id": made["id"], "sale_id": sale})


def sold(books: Books, sale: str) -> Object:
    """A payment of any subscription."""
    for payments in books.payments.values():
        for one in payments:
            if one["id"] == sale:
                return one
    raise AssertionError(f"there is no payment {sale}")


def _active(told: Object) -> None:
    if told["status"] != "ACTIVE":
        raise AssertionError(f"{told['id']} is {told['status']}: nothing is taken for it")


def _plan(books: Books, told: Object) -> Object:
    return books.plans[told["plan_id"]]


def _price(books: Books, told: Object) -> dict[str, str]:
    price = _plan(books, told)["billing_cycles"][-1]["pricing_scheme"]["fixed_price"]
    number = Decimal(told.get("quantity", "1"))
    return money(value_of(price) * number, price["currency_code"])


def _after(start: datetime, often: Mapping[str, Any]) -> datetime:
    """When a period that begins then ends."""
    count = int(often.get("interval_count", 1))
    days = {"DAY": 1, "WEEK": 7}.get(often["interval_unit"])
    if days:
        return start + timedelta(days=days * count)
    months = start.month - 1 + count * (12 if often["interval_unit"] == "YEAR" else 1)
    year, month = start.year + months // 12, months % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))

"""Orders v2: made, approved by a buyer, captured.

developer.paypal.com/docs/api/orders/v2, and its errors under /api/rest/reference/orders/v2/errors.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bloop_paypal.money import CURRENCIES
from bloop_paypal.testing.books import (
    API,
    PAGES,
    WHOLE,
    Books,
    Object,
    RefusedError,
    above,
    links,
    money,
    needed,
    value_of,
)

BALANCE, DECLINED, ECHECK = "balance", "declined", "echeck"
"""With what a buyer pays: money that is there, a card that is declined, a debit that takes days."""

_FEE, _FEE_WHOLE = "1.77", "2"


def create(books: Books, sent: Mapping[str, Any]) -> Object:
    """POST /v2/checkout/orders; its amounts have to add up."""
    needed(sent, "intent", "purchase_units")
    if sent["intent"] != "CAPTURE" or len(sent["purchase_units"]) != 1:
        raise RefusedError(400, "INVALID_PARAMETER_VALUE")  # This fake has one unit, captured.
    (unit,) = sent["purchase_units"]
    needed(unit, "amount")
    _check(unit)
    id_, paid_by = books.id("O"), "payment_source" in sent
    page = f"{PAGES}/checkoutnow?token={id_}"
    here = f"{API}/v2/checkout/orders/{id_}"
    shown = links(self=here, payer_action=page) if paid_by else links(self=here, approve=page)
    books.orders[id_] = {
        "id": id_,
        "intent": "CAPTURE",
        "status": "PAYER_ACTION_REQUIRED" if paid_by else "CREATED",
        "create_time": books.time(),
        "purchase_units": [{"reference_id": "default", **unit}],
        "links": shown,
    }
    return books.orders[id_]


def _check(unit: Mapping[str, Any]) -> None:
    amount = unit["amount"]
    needed(amount, "currency_code", "value")
    if amount["currency_code"] not in CURRENCIES:
        raise RefusedError(422, "CURRENCY_NOT_SUPPORTED")
    if amount["currency_code"] in WHOLE and "." in amount["value"]:
        raise RefusedError(422, "DECIMALS_NOT_SUPPORTED")
    parts, items = amount.get("breakdown", {}), unit.get("items", [])
    if items and "item_total" not in parts:
        raise RefusedError(422, "ITEM_TOTAL_REQUIRED")
    whole = sum((value_of(one["unit_amount"]) * int(one["quantity"]) for one in items), Decimal(0))
    if items and value_of(parts["item_total"]) != whole:
        raise RefusedError(422, "ITEM_TOTAL_MISMATCH")
    if parts:
        less = value_of(parts["discount"]) if "discount" in parts else Decimal(0)
        if value_of(amount) != value_of(parts["item_total"]) - less:
            raise RefusedError(422, "AMOUNT_MISMATCH")


def shown(books: Books, id_: str) -> Object:
    """GET /v2/checkout/orders/ID: an order with its captures and refunds."""
    order = copy.deepcopy(books.orders[id_])
    captures = [one for one in books.captures.values() if above(one) == id_]
    if captures:
        ids = {one["id"] for one in captures}
        refunds = [one for one in books.refunds.values() if above(one) in ids]
        payments = {"captures": captures, "refunds": refunds}
        order["purchase_units"][0]["payments"] = copy.deepcopy(payments)
    return order


def approve(books: Books, id_: str, method: str) -> None:
    """The buyer agrees on PayPal's page; no money moves."""
    order = books.orders[id_]
    if order["status"] == "COMPLETED":
        raise AssertionError(f"{id_} is paid: nobody can agree to it once more")
    order["status"], books.methods[id_] = "APPROVED", method
    books.happened("CHECKOUT.ORDER.APPROVED", order)


def capture(books: Books, id_: str) -> Object:
    """POST /v2/checkout/orders/ID/capture: take what the buyer has agreed to, once."""
    order, method = books.orders[id_], books.methods.get(id_, BALANCE)
    if order["status"] == "COMPLETED":
        raise RefusedError(422, "ORDER_ALREADY_CAPTURED")
    if order["status"] != "APPROVED":
        raise RefusedError(422, "ORDER_NOT_APPROVED")
    if method == DECLINED:
        raise RefusedError(422, "INSTRUMENT_DECLINED")
    order["status"] = "COMPLETED"
    (unit,) = order["purchase_units"]
    made = books.id("C")
    amount = money(unit["amount"]["value"], unit["amount"]["currency_code"])
    books.captures[made] = {
        "id": made,
        "status": "PENDING",
        "status_details": {"reason": "ECHECK"},
        "create_time": books.time(),
        "update_time": books.time(),
        "custom_id": unit.get("custom_id", ""),
        "amount": amount,
        "final_capture": True,
        "supplementary_data": {"related_ids": {"order_id": id_}},
        "links": links(
            self=f"{API}/v2/payments/captures/{made}", up=f"{API}/v2/checkout/orders/{id_}"
        ),
    }
    if method == ECHECK:
        books.happened("PAYMENT.CAPTURE.PENDING", books.captures[made])
    else:
        clear(books, books.captures[made], paid=True)
    return order


def clear(books: Books, made: Object, *, paid: bool) -> None:
    """A capture that was pending is paid, or is not."""
    if made["status"] != "PENDING":
        raise AssertionError(f"{made['id']} is {made['status']}, and waits for nothing")
    made["update_time"] = books.time()
    if not paid:
        made["status"] = "DECLINED"
        books.happened("PAYMENT.CAPTURE.DENIED", made)
        return
    currency = made["amount"]["currency_code"]
    fee = money(_FEE_WHOLE if currency in WHOLE else _FEE, currency)
    made["status"] = "COMPLETED"
    del made["status_details"]
    made["seller_receivable_breakdown"] = {
        "gross_amount": made["amount"],
        "paypal_fee": fee,
        "net_amount": money(value_of(made["amount"]) - value_of(fee), currency),
    }
    books.happened("PAYMENT.CAPTURE.COMPLETED", made)

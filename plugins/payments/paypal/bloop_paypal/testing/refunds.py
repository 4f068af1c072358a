"""Payments v2: captures that are given back, in parts or whole.

developer.paypal.com/docs/api/payments/v2, and its errors under /api/payments/v2/errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bloop_paypal.testing.books import (
    API,
    Books,
    Object,
    RefusedError,
    above,
    links,
    money,
    value_of,
)

_REFUNDABLE = timedelta(days=180)
_GONE = frozenset(["FAILED", "CANCELLED"])


def _left(books: Books, capture: Object) -> Decimal:
    """What is left of a capture."""
    back = [
        value_of(one["amount"])
        for one in books.refunds.values()
        if above(one) == capture["id"] and one["status"] not in _GONE
    ]
    return value_of(capture["amount"]) - sum(back, Decimal(0))


def refund(books: Books, capture: Object, sent: Mapping[str, Any]) -> Object:
    """POST /v2/payments/captures/ID/refund: all that is left where no amount is named."""
    if capture["status"] == "PENDING":
        raise RefusedError(422, "PENDING_CAPTURE")
    if books.now - datetime.fromisoformat(capture["create_time"]) > _REFUNDABLE:
        raise RefusedError(422, "REFUND_TIME_LIMIT_EXCEEDED")
    left, currency = _left(books, capture), capture["amount"]["currency_code"]
    if left == 0:
        raise RefusedError(422, "CAPTURE_FULLY_REFUNDED")
    amount = sent.get("amount") or money(left, currency)
    if amount["currency_code"] != currency:
        raise RefusedError(422, "REFUND_CAPTURE_CURRENCY_MISMATCH")
    if value_of(amount) > left:
        raise RefusedError(422, "REFUND_AMOUNT_EXCEEDED")
    if value_of(amount) < left and _disputed(books, capture["id"]):
        raise RefusedError(422, "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED")
    made = given_back(books, capture["id"], amount, str(sent.get("note_to_payer", "")))
    _mark(books, capture)
    books.happened("PAYMENT.CAPTURE.REFUNDED", made)
    return made


def given_back(books: Books, payment: str, amount: Mapping[str, str], note: str) -> Object:
    """A refund, of a capture or of a subscription's payment."""
    id_ = books.id("R")
    books.refunds[id_] = {
        "id": id_,
        "status": "COMPLETED",
        "create_time": books.time(),
        "update_time": books.time(),
        "amount": dict(amount),
        "note_to_payer": note,
        "links": links(
            self=f"{API}/v2/payments/refunds/{id_}", up=f"{API}/v2/payments/captures/{payment}"
        ),
    }
    return books.refunds[id_]


def fail(books: Books, made: Object) -> None:
    """A bank sends a refund back: the money is the account's again."""
    made |= {"status": "FAILED", "update_time": books.time()}
    if capture := books.captures.get(above(made)):
        _mark(books, capture)
    books.happened("PAYMENT.REFUND.FAILED", made)


def _mark(books: Books, capture: Object) -> None:
    left = _left(books, capture)
    whole = value_of(capture["amount"])
    status = "COMPLETED" if left == whole else "PARTIALLY_REFUNDED" if left else "REFUNDED"
    capture |= {"status": status, "update_time": books.time()}


def _disputed(books: Books, capture: str) -> bool:
    return any(
        one["status"] != "RESOLVED"
        and one["disputed_transactions"][0]["seller_transaction_id"] == capture
        for one in books.disputes.values()
    )

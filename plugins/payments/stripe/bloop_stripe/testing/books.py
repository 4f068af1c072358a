"""What the account holds: objects by their ids, a clock, events, and charges with their fees."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime
from typing import Any

from bloop_sdk.money import Money
from bloop_stripe import amounts
from bloop_stripe.api import VERSION
from bloop_stripe.testing.params import RefusedError

Object = dict[str, Any]

SETTLED_IN = "eur"
_PREFIXES = {
    "balance_transaction": "txn",
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "customer": "cus",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "line_item": "il",
    "payment_intent": "pi",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "subscription": "sub",
    "subscription_item": "si",
}
_TIMELESS = frozenset({"line_item"})
_MODELESS = frozenset({"balance_transaction", "refund", "subscription_item"})
"""Objects that do not say when they were made, and in which mode."""

_DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
}
"""Stripe's test cards, by the names of their payment methods, and why a bank declines them."""


class Books:
    """Everything of one account; ``now`` is its clock, in seconds."""

    def __init__(self) -> None:
        self.now = int(time.time())
        self.objects: dict[str, Object] = {}
        self.hidden: dict[str, Object] = {}
        """What sessions were asked for, beyond what they show."""
        self.moved: list[Money] = []
        self.tax = "active"
        self._count = 0

    def new(self, kind: str, **fields: Any) -> Object:
        """An object with an id of its own."""
        self._count += 1
        made = {"id": f"{_PREFIXES[kind]}_fake{self._count:012}", "object": kind, **fields}
        if kind not in _TIMELESS:
            made["created"] = self.now
        if kind not in _MODELESS:
            made["livemode"] = False
        self.objects[made["id"]] = made
        return made

    def get(self, kind: str, name: str) -> Object:
        """An object; refuses what there is not."""
        found = self.objects.get(name)
        if found is None or found["object"] != kind:
            what = kind.rpartition(".")[2]
            raise RefusedError(
                404, f"No such {what}: '{name}'", code="resource_missing", param="id"
            )
        return found

    def all(self, kind: str, **equal: Any) -> list[Object]:
        """Those of a kind with these values, in the order they were made."""
        return [
            one
            for one in self.objects.values()
            if one["object"] == kind and all(one.get(name) == equal[name] for name in equal)
        ]

    def happened(self, kind: str, about: Object) -> Object:
        """Say that something happened, with the object as it is now."""
        return self.new(
            "event",
            type=kind,
            api_version=VERSION,
            data={"object": copy.deepcopy(about)},
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
        )

    def charge(self, payment: Object, method: str) -> Object:
        """Try to take the money of a payment intent."""
        code = _DECLINES.get(method)
        charge = self.new(
            "charge",
            amount=payment["amount"],
            amount_captured=0,
            amount_refunded=0,
            balance_transaction=None,
            captured=False,
            currency=payment["currency"],
            customer=payment["customer"],
            disputed=False,
            failure_code="card_declined" if code else None,
            failure_message="Your card was declined." if code else None,
            metadata=dict(payment["metadata"]),
            outcome={"type": "issuer_declined" if code else "authorized", "reason": code},
            paid=False,
            payment_intent=payment["id"],
            payment_method=method,
            refunded=False,
            status="failed" if code else "pending",
        )
        payment["latest_charge"] = charge["id"]
        if code:
            payment["status"] = "requires_payment_method"
            payment["last_payment_error"] = {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": code,
            }
            self.happened("charge.failed", charge)
            self.happened("payment_intent.payment_failed", payment)
        elif method == "pm_sepaDebit":
            payment["status"] = "processing"
            self.happened("charge.pending", charge)
        else:
            self.capture(charge)
        return charge

    def capture(self, charge: Object) -> None:
        """The money of a charge has come."""
        payment = self.objects[charge["payment_intent"]]
        charge.update(
            amount_captured=charge["amount"], captured=True, paid=True, status="succeeded"
        )
        fee = charge["amount"] * 29 // 1000 + 25
        charge["balance_transaction"] = self.book(charge, charge["amount"], "charge", fee)["id"]
        payment.update(amount_received=charge["amount"], status="succeeded")
        self.happened("charge.succeeded", charge)
        self.happened("payment_intent.succeeded", payment)

    def book(self, about: Object, amount: int, kind: str, fee: int = 0) -> Object:
        """A line of the account's balance, in the currency that it settles in."""
        currency = about["currency"]
        rate = None if currency == SETTLED_IN else 0.5
        settled = amount if rate is None else amount // 2
        self.moved.append(amounts.read(amount, currency))
        return self.new(
            "balance_transaction",
            amount=settled,
            available_on=self.now + 7 * 86400,
            currency=SETTLED_IN,
            exchange_rate=rate,
            fee=fee,
            fee_details=[],
            net=settled - fee,
            reporting_category=kind,
            source=about["id"],
            status="pending",
            type=kind,
        )

    def payment(self, amount: int, currency: str, customer: str | None, **metadata: str) -> Object:
        """A payment intent."""
        made = self.new(
            "payment_intent",
            amount=amount,
            amount_received=0,
            currency=currency,
            customer=customer,
            last_payment_error=None,
            latest_charge=None,
            metadata=metadata,
            status="requires_payment_method",
        )
        self.happened("payment_intent.created", made)
        return made

    def after_months(self, seconds: int, months: int) -> int:
        """The same day so many months later, or the last one there."""
        then = datetime.fromtimestamp(seconds, UTC)
        count = then.month - 1 + months
        year, month = then.year + count // 12, count % 12 + 1
        for day in range(then.day, 0, -1):
            try:
                return int(then.replace(year=year, month=month, day=day).timestamp())
            except ValueError:
                continue
        raise AssertionError("every month has a first day")


def listed(objects: list[Object], url: str) -> Object:
    """Objects as a list within another one."""
    return {"object": "list", "data": objects, "has_more": False, "url": url}

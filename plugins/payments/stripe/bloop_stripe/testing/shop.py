"""Checkout sessions, refunds and disputes: what a shop and its buyers do."""

from __future__ import annotations

from typing import Any

from bloop_stripe.testing import billing
from bloop_stripe.testing.books import Books, Object
from bloop_stripe.testing.params import RefusedError

_SMALLEST = 50
_LARGEST = 99_999_999
_CURRENCIES = frozenset(
    ("bhd", "bif", "chf", "clp", "eur", "gbp", "huf", "isk", "jpy", "krw", "kwd", "mga", "sek",
     "tnd", "ugx", "usd")
)  # fmt: skip
TAX_PERCENT = 20
_PAGES = "//checkout.stripe.com/c/pay"


def _amount(text: str, currency: str, *, least: int = 0) -> int:
    """An amount as Stripe takes it."""
    amount = int(text)
    if not least <= amount <= _LARGEST:
        raise RefusedError(400, f"Amount must be between {least} and {_LARGEST}", param="amount")
    coarse = {"kwd": 10, "bhd": 10, "tnd": 10, "isk": 100, "ugx": 100}.get(currency, 1)
    if amount % coarse:
        raise RefusedError(400, f"Amount must be a multiple of {coarse} in {currency}")
    return amount


def create_session(books: Books, given: dict[str, Any]) -> Object:
    """POST /v1/checkout/sessions."""
    mode = given.get("mode", "payment")
    if mode not in {"payment", "subscription"}:
        raise RefusedError(400, "Invalid mode: must be one of payment, setup, or subscription")
    items = [_item(item, mode) for item in given.get("line_items", [])]
    currencies = {item["currency"] for item in items}
    if len(currencies) != 1:
        raise RefusedError(400, "All line items must have the same currency.", param="line_items")
    currency = currencies.pop()
    subtotal = sum(item["amount"] for item in items)
    discount = _discount(books, given, currency, subtotal)
    taxed = given.get("automatic_tax", {}).get("enabled") == "true"
    inclusive = items[0]["tax_behavior"] == "inclusive"
    due = subtotal - discount
    rate = (100 + TAX_PERCENT) if inclusive else 100
    tax = due * TAX_PERCENT // rate if taxed else 0
    total = due if inclusive else due + tax
    if mode == "payment" and total < _SMALLEST:
        raise RefusedError(
            400, "The Checkout Session's total amount is too small", code="amount_too_small"
        )
    session = books.new(
        "checkout.session",
        amount_subtotal=subtotal,
        amount_total=total,
        automatic_tax={"enabled": taxed, "status": "complete" if taxed else None},
        cancel_url=given.get("cancel_url"),
        client_reference_id=given.get("client_reference_id"),
        currency=currency,
        customer=None,
        customer_email=given.get("customer_email"),
        expires_at=books.now + 24 * 3600,
        invoice=None,
        locale=given.get("locale"),
        metadata=given.get("metadata", {}),
        mode=mode,
        payment_intent=None,
        payment_status="unpaid",
        status="open",
        subscription=None,
        success_url=given.get("success_url"),
        total_details={"amount_discount": discount, "amount_shipping": 0, "amount_tax": tax},
    )
    session["url"] = f"https:{_PAGES}/{session['id']}"
    books.hidden[session["id"]] = {"items": items, "given": given}
    return session


def _item(item: dict[str, Any], mode: str) -> dict[str, Any]:
    price = item["price_data"]
    currency, quantity = price["currency"], int(item.get("quantity", "1"))
    if currency not in _CURRENCIES:
        raise RefusedError(400, f"Invalid currency: {currency}.", param="currency")
    if ("recurring" in price) is not (mode == "subscription"):
        raise RefusedError(400, f"Prices of this kind cannot be used in {mode} mode.")
    unit = _amount(price["unit_amount"], currency)
    return {
        "currency": currency,
        "unit_amount": unit,
        "quantity": quantity,
        "amount": unit * quantity,
        "name": price["product_data"]["name"],
        "recurring": price.get("recurring"),
        "tax_behavior": price.get("tax_behavior", "unspecified"),
    }


def _discount(books: Books, given: dict[str, Any], currency: str, subtotal: int) -> int:
    names = [one["coupon"] for one in given.get("discounts", [])]
    coupons = [books.get("coupon", name) for name in names]
    if any(one["currency"] != currency for one in coupons):
        raise RefusedError(400, "The coupon's currency is not the session's.", param="discounts")
    off: int = sum(one["amount_off"] for one in coupons)
    return min(subtotal, off)


def create_coupon(books: Books, given: dict[str, Any]) -> Object:
    """POST /v1/coupons."""
    if given.get("duration", "once") not in {"once", "forever", "repeating"}:
        raise RefusedError(400, "Invalid duration", param="duration")
    if "amount_off" not in given and "percent_off" not in given:
        raise RefusedError(400, "You must pass either amount_off or percent_off")
    if given.get("id") in books.objects:
        raise RefusedError(400, "Coupon already exists.", code="resource_already_exists")
    made = {
        "id": given["id"],
        "object": "coupon",
        "created": books.now,
        "livemode": False,
        "amount_off": _amount(given["amount_off"], given["currency"], least=1),
        "currency": given["currency"],
        "duration": given["duration"],
        "max_redemptions": int(given.get("max_redemptions", "0")) or None,
        "metadata": {},
        "name": given.get("name"),
        "percent_off": None,
        "times_redeemed": 0,
        "valid": True,
    }
    books.objects[made["id"]] = made
    return made


def complete(books: Books, session: Object, method: str) -> None:
    """A buyer fills the page in with a payment method and presses the button."""
    if session["status"] != "open":
        raise AssertionError(f"{session['id']} is {session['status']}: nobody can pay it")
    if session["mode"] == "subscription":
        billing.begin(books, session, method)
        return
    hidden = books.hidden[session["id"]]
    if session["payment_intent"] is None:
        metadata = hidden["given"].get("payment_intent_data", {}).get("metadata", {})
        payment = books.payment(session["amount_total"], session["currency"], None, **metadata)
        session["payment_intent"] = payment["id"]
    charge = books.charge(books.objects[session["payment_intent"]], method)
    if charge["status"] != "failed":
        paid = charge["status"] == "succeeded"
        session.update(status="complete", payment_status="paid" if paid else "unpaid", url=None)
        books.happened("checkout.session.completed", session)


def clear(books: Books, session: Object, *, paid: bool) -> None:
    """A bank has, or has not, carried out the debit of a session that was completed."""
    payment = books.objects[session["payment_intent"]]
    charge = books.objects[payment["latest_charge"]]
    if paid:
        books.capture(charge)
        session["payment_status"] = "paid"
        books.happened("checkout.session.async_payment_succeeded", session)
    else:
        charge.update(status="failed", failure_code="debit_not_authorized")
        books.happened("charge.failed", charge)
        books.happened("checkout.session.async_payment_failed", session)


def expire(books: Books, session: Object) -> Object:
    """Nobody can pay it any more."""
    if session["status"] != "open":
        raise RefusedError(400, "Only Checkout Sessions with a status in [open] can be expired.")
    session.update(status="expired", url=None)
    books.happened("checkout.session.expired", session)
    return session


def refund(books: Books, given: dict[str, Any]) -> Object:
    """POST /v1/refunds."""
    charge = books.get("charge", given.get("charge", ""))
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = _amount(given.get("amount", str(left)), charge["currency"])
    if left == 0:
        raise RefusedError(
            400,
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
            saved=True,
        )
    if not 0 < amount <= left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise RefusedError(400, message, param="amount", saved=True)
    if charge["disputed"]:
        raise RefusedError(400, "This charge was charged back.", code="charge_disputed", saved=True)
    made = books.new(
        "refund",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        metadata=given.get("metadata", {}),
        payment_intent=charge["payment_intent"],
        reason=given.get("reason"),
        status="succeeded",
    )
    made["balance_transaction"] = books.book(made, -amount, "refund")["id"]
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    books.happened("charge.refunded", charge)
    books.happened("refund.created", made)
    return made


def fail_refund(books: Books, made: Object) -> None:
    """A bank has sent a refund back: the money is the account's again."""
    charge = books.objects[made["charge"]]
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    made.update(status="failed", failure_reason="expired_or_canceled_card")
    books.book(made, made["amount"], "refund_failure")
    books.happened("refund.failed", made)


def dispute(books: Books, charge: Object, outcome: str) -> Object:
    """A bank takes a charge back; ``inquiry``, ``open``, ``won`` or ``lost``."""
    charge["disputed"] = True
    made = books.new(
        "dispute",
        amount=charge["amount_captured"],
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        is_charge_refundable=outcome == "inquiry",
        metadata={},
        payment_intent=charge["payment_intent"],
        reason="fraudulent",
        status="warning_needs_response" if outcome == "inquiry" else "needs_response",
    )
    if outcome != "inquiry":
        taken = books.book(made, -made["amount"], "adjustment", fee=2000)
        made["balance_transactions"].append(taken)
        books.happened("charge.dispute.funds_withdrawn", made)
    books.happened("charge.dispute.created", made)
    if outcome in {"won", "lost"}:
        close_dispute(books, made, won=outcome == "won")
    return made


def close_dispute(books: Books, made: Object, *, won: bool) -> None:
    """The bank has decided."""
    made["status"] = "won" if won else "lost"
    if won:
        back = books.book(made, made["amount"], "adjustment")
        made["balance_transactions"].append(back)
        books.happened("charge.dispute.funds_reinstated", made)
    books.happened("charge.dispute.closed", made)

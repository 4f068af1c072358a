"""Subscriptions with their invoices: beginnings, renewals, failures, changes and ends."""

from __future__ import annotations

from typing import Any

from bloop_stripe.testing.books import Books, Object, listed
from bloop_stripe.testing.params import RefusedError

_MONTHS = {"month": 1, "year": 12}


def begin(books: Books, session: Object, method: str) -> None:
    """A buyer subscribes on the page of a session."""
    hidden = books.hidden[session["id"]]
    asked: dict[str, Any] = hidden["given"].get("subscription_data", {})
    days = int(asked.get("trial_period_days", "0"))
    interval = hidden["items"][0]["recurring"]["interval"]
    start = books.now
    end = start + days * 86400 if days else books.after_months(start, _MONTHS[interval])
    customer = session["customer"] or books.new("customer", email=session["customer_email"])["id"]
    session["customer"] = customer
    payment = None
    if not days and session["amount_total"]:
        payment = books.payment(session["amount_total"], session["currency"], customer)
        if books.charge(payment, method)["status"] == "failed":
            return  # The page is still open, for another card.
    items = [_item(books, item, (start, end)) for item in hidden["items"]]
    made = books.new(
        "subscription",
        cancel_at=None,
        cancel_at_period_end=False,
        canceled_at=None,
        collection_method="charge_automatically",
        currency=session["currency"],
        customer=customer,
        default_payment_method=method,
        ended_at=None,
        items=listed(items, "/v1/subscription_items"),
        latest_invoice=None,
        metadata=asked.get("metadata", {}),
        start_date=start,
        status="trialing" if days else "active",
        trial_end=end if days else None,
        trial_start=start if days else None,
    )
    books.happened("customer.subscription.created", made)
    tax = session["total_details"]["amount_tax"]
    total = 0 if days else session["amount_total"]
    invoice = _invoice(books, made, "subscription_create", (start, end), total, 0 if days else tax)
    _paid(books, invoice, payment)
    session.update(
        status="complete",
        payment_status="paid" if payment else "no_payment_required",
        subscription=made["id"],
        invoice=invoice["id"],
        url=None,
    )
    books.happened("checkout.session.completed", session)


def _item(books: Books, item: dict[str, Any], period: tuple[int, int]) -> Object:
    price = books.new(
        "price",
        active=True,
        currency=item["currency"],
        product=item.get("product") or books.new("product", name=item["name"])["id"],
        recurring={"interval": item["recurring"]["interval"], "interval_count": 1},
        tax_behavior=item["tax_behavior"],
        type="recurring",
        unit_amount=item["unit_amount"],
    )
    return books.new(
        "subscription_item",
        current_period_start=period[0],
        current_period_end=period[1],
        metadata={},
        price=price,
        quantity=item["quantity"],
    )


def _invoice(
    books: Books,
    subscription: Object,
    reason: str,
    period: tuple[int, int],
    total: int,
    tax: int = 0,
) -> Object:
    """An invoice; its own period is the one before, as Stripe's documentation warns."""
    before = (books.now, books.now)
    if reason == "subscription_cycle":
        before = (subscription["items"]["data"][0]["current_period_start"], period[0])
    proration = reason == "subscription_update"
    line = books.new(
        "line_item",
        amount=total,
        currency=subscription["currency"],
        period={"start": period[0], "end": period[1]},
        parent={
            "type": "subscription_item_details",
            "subscription_item_details": {
                "proration": proration,
                "subscription": subscription["id"],
            },
        },
    )
    invoice = books.new(
        "invoice",
        amount_due=max(total, 0),
        amount_paid=0,
        attempt_count=0,
        attempted=False,
        billing_reason=reason,
        currency=subscription["currency"],
        customer=subscription["customer"],
        lines=listed([line], "/v1/invoices/lines"),
        parent={
            "type": "subscription_details",
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
        },
        period_start=before[0],
        period_end=before[1],
        status="open",
        subtotal=total - tax,
        total=total,
        total_taxes=[{"amount": tax, "tax_behavior": "exclusive"}] if tax else [],
    )
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def _paid(books: Books, invoice: Object, payment: Object | None) -> None:
    """It is paid, by a payment or, where nothing is due, by itself."""
    if payment is not None:
        _link(books, invoice, payment)["status"] = "paid"
    invoice.update(status="paid", amount_paid=invoice["amount_due"])
    books.happened("invoice.paid", invoice)


def _link(books: Books, invoice: Object, payment: Object) -> Object:
    for one in books.all("invoice_payment", invoice=invoice["id"]):
        return one
    return books.new(
        "invoice_payment",
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": payment["id"]},
        status="open",
    )


def renew(books: Books, subscription: Object, *, paid: bool) -> None:
    """Its period is over: the next one is paid, or declined, or it ends."""
    item = subscription["items"]["data"][0]
    start = item["current_period_end"]
    books.now = max(books.now, start) + 1
    if subscription["cancel_at_period_end"]:
        end(books, subscription)
        return
    months = _MONTHS[item["price"]["recurring"]["interval"]]
    period = (start, books.after_months(start, months))
    items = subscription["items"]["data"]
    total = sum(one["price"]["unit_amount"] * one["quantity"] for one in items)
    invoice = _invoice(books, subscription, "subscription_cycle", period, total)
    for one in items:
        one.update(current_period_start=period[0], current_period_end=period[1])
    subscription["status"] = "active"
    customer = books.objects[subscription["customer"]]
    credit = min(total, -customer.get("balance", 0))
    customer["balance"] = customer.get("balance", 0) + credit
    invoice["amount_due"] -= credit
    if invoice["amount_due"]:
        pay(books, subscription, invoice, paid=paid)
    else:
        _paid(books, invoice, None)
        books.happened("customer.subscription.updated", subscription)


def pay(books: Books, subscription: Object, invoice: Object, *, paid: bool) -> None:
    """Try to take what an invoice asks for, for the first time or once more."""
    links = books.all("invoice_payment", invoice=invoice["id"])
    if links:
        payment = books.objects[links[0]["payment"]["payment_intent"]]
    else:
        payment = books.payment(
            invoice["amount_due"], invoice["currency"], subscription["customer"]
        )
        _link(books, invoice, payment)
    method = "pm_card_visa" if paid else "pm_card_chargeDeclinedInsufficientFunds"
    books.charge(payment, method)
    invoice["attempt_count"] += 1
    invoice["attempted"] = True
    if paid:
        subscription["status"] = "active"
        _paid(books, invoice, payment)
    else:
        subscription["status"] = "past_due"
        books.happened("invoice.payment_failed", invoice)
    books.happened("customer.subscription.updated", subscription)


def end(books: Books, subscription: Object) -> Object:
    """DELETE /v1/subscriptions/ID, or its last day."""
    if subscription["status"] == "canceled":
        name = subscription["id"]
        raise RefusedError(404, f"No such subscription: '{name}'", code="resource_missing")
    subscription.update(status="canceled", canceled_at=books.now, ended_at=books.now)
    books.happened("customer.subscription.deleted", subscription)
    return subscription


def update(books: Books, subscription: Object, given: dict[str, Any]) -> Object:
    """POST /v1/subscriptions/ID."""
    if subscription["status"] == "canceled":
        raise RefusedError(400, "A canceled subscription can only update its metadata.")
    if "items" in given:
        _change(books, subscription, given)
    if "cancel_at_period_end" in given:
        ends = given["cancel_at_period_end"] == "true"
        item = subscription["items"]["data"][0]
        subscription.update(
            cancel_at_period_end=ends,
            cancel_at=item["current_period_end"] if ends else None,
            canceled_at=books.now if ends else None,
        )
    subscription["metadata"] |= given.get("metadata", {})
    books.happened("customer.subscription.updated", subscription)
    return subscription


def _change(books: Books, subscription: Object, given: dict[str, Any]) -> None:
    """Other items for the rest of the period; the difference is invoiced at once."""
    items = {one["id"]: one for one in subscription["items"]["data"]}
    start, stop = (
        subscription["items"]["data"][0][f"current_period_{which}"] for which in ("start", "end")
    )
    left = max(0, stop - max(books.now, start))

    def cost(which: dict[str, Object]) -> int:
        whole = sum(one["price"]["unit_amount"] * one["quantity"] for one in which.values())
        return int(whole * left // (stop - start))

    changed = dict(items)
    for asked in given["items"]:
        changed.pop(asked["id"])
        if asked.get("deleted") == "true":
            continue
        price = asked["price_data"]
        books.get("product", price["product"])
        if price["currency"] != subscription["currency"]:
            raise RefusedError(400, "The price's currency is not the subscription's.")
        item = {
            "currency": price["currency"],
            "name": "",
            "product": price["product"],
            "recurring": price["recurring"],
            "tax_behavior": price.get("tax_behavior", "unspecified"),
            "unit_amount": int(price["unit_amount"]),
            "quantity": int(asked["quantity"]),
        }
        made = _item(books, item, (start, stop))
        books.objects.pop(made["id"])
        made["id"] = asked["id"]
        books.objects[made["id"]] = made
        changed = {made["id"]: made, **changed}
    due = 0 if subscription["status"] == "trialing" else cost(changed) - cost(items)
    if due > 0 and given.get("proration_behavior") == "always_invoice":
        payment = books.payment(due, subscription["currency"], subscription["customer"])
        charge = books.charge(payment, subscription["default_payment_method"])
        if charge["status"] == "failed":
            raise RefusedError(
                402,
                "Your card was declined.",
                kind="card_error",
                code="card_declined",
                saved=True,
            )
        reason, period = "subscription_update", (max(books.now, start), stop)
        _paid(books, _invoice(books, subscription, reason, period, due), payment)
    elif due < 0:
        customer = books.objects[subscription["customer"]]
        customer["balance"] = customer.get("balance", 0) + due
    subscription["items"]["data"] = list(changed.values())

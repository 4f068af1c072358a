"""Rows as programs see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bloop_commerce.entitlements import of_text
from bloop_commerce.ledger import Balance
from bloop_commerce.refunds import Preview
from bloop_commerce.tables import (
    Access,
    Coupon,
    Entitlement,
    Entry,
    Fact,
    Invoice,
    Line,
    Order,
    Price,
    Product,
    Refund,
)


def product(row: Product, prices: Sequence[Price]) -> dict[str, Any]:
    """A product with its prices."""
    names = ("id", "kind", "title", "summary", "courses", "items", "days", "seats", "interval")
    shown = {name: getattr(row, name) for name in names}
    return shown | {
        "trial_days": row.trial_days,
        "grace_days": row.grace_days,
        "on_sale": row.on_sale,
        "version": row.version,
        "prices": [price(one) for one in prices],
    }


def price(row: Price) -> dict[str, Any]:
    """A price; ``country`` is empty for everywhere else."""
    return {
        "id": row.id,
        "amount": row.amount,
        "currency": row.currency,
        "country": row.country,
    }


def coupon(row: Coupon) -> dict[str, Any]:
    """A coupon, and how often it is used."""
    names = ("id", "code", "percent", "amount", "currency", "most", "used")
    shown = {name: getattr(row, name) for name in names}
    return shown | {"product": row.product_id, "until": moment(row.until)}


def order(row: Order) -> dict[str, Any]:
    """An order as its buyer sees it."""
    names = (
        *("id", "number", "title", "kind", "quantity", "currency", "country", "unit_amount"),
        *("discount", "total", "interval", "trial_days", "state", "captured", "refunded"),
        *("disputed", "tax", "version", "checkout_url", "instructions", "provider"),
    )
    shown = {name: getattr(row, name) for name in names}
    return shown | {
        "product": row.product_id,
        "buyer": row.buyer_id,
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
    }


def books_of(
    row: Order,
    stated: Iterable[Fact],
    lines: Iterable[tuple[Entry, Line]],
    given: Entitlement | None,
    refunds: Iterable[Refund],
    papers: Iterable[Invoice],
) -> dict[str, Any]:
    """An order with all that is known of it, for who keeps the books."""
    return order(row) | {
        "faults": row.faults,
        "remote_id": row.remote_id,
        "subscription": row.subscription_id,
        "facts": [fact(one) for one in stated],
        "ledger": [line(*one) for one in lines],
        "entitlement": entitlement(given) if given else None,
        "refunds": [refund(one) for one in refunds],
        "invoices": [invoice(one) for one in papers],
    }


def fact(row: Fact) -> dict[str, Any]:
    """A fact as it is kept."""
    names = {"provider": row.provider, "kind": row.kind, "id": row.fact_id, "about": row.about}
    return names | {"as_of": moment(row.as_of), "order": row.order_id, **row.body}


def line(entry: Entry, row: Line) -> dict[str, Any]:
    """One line of the ledger."""
    return {
        "entry": entry.id,
        "provider": entry.provider,
        "kind": entry.kind,
        "fact": entry.fact_id,
        "number": entry.number,
        "occurred_at": moment(entry.occurred_at),
        "account": row.account,
        "amount": row.amount,
        "currency": row.currency,
    }


def entitlement(row: Entitlement) -> dict[str, Any]:
    """What an order gives, and when."""
    spans = [of_text(span) for span in row.spans]
    return {
        "source": row.source,
        "courses": row.courses,
        "items": row.items,
        "seats": row.seats,
        "version": row.version,
        "periods": [{"start": moment(one.start), "end": moment(one.end)} for one in spans],
    }


def refund(row: Refund) -> dict[str, Any]:
    """A refund, and what became of it."""
    names = ("id", "amount", "currency", "reason", "state", "error")
    return {name: getattr(row, name) for name in names} | {"asked_at": moment(row.asked_at)}


def preview(found: Preview) -> dict[str, Any]:
    """What a refund would do, and over which version of the order it is asked for."""
    return {
        "amount": found.money.amount,
        "left": found.left.amount,
        "currency": found.money.currency,
        "ends_access": found.ends_access,
        "version": found.version,
    }


def invoice(row: Invoice) -> dict[str, Any]:
    """An invoice, or a credit note, and where its PDF is."""
    names = ("number", "kind", "about", "total", "tax", "currency")
    return {name: getattr(row, name) for name in names} | {
        "issued_at": moment(row.issued_at),
        "pdf": f"/x/commerce/invoices/{row.number}.pdf",
    }


def access(row: Access) -> dict[str, Any]:
    """Whether somebody is let into a ``course`` or ``item``, and until when this is sure."""
    return {
        row.kind: row.subject_id,
        "open": row.is_open,
        "changes_at": moment(row.next_at),
        "version": row.version,
    }


def balance(row: Balance) -> dict[str, Any]:
    """What an account comes to."""
    return {"account": row.account, "currency": row.currency, "amount": row.amount}


def moment(at: datetime | None) -> str | None:
    """A time in ISO 8601."""
    return at.isoformat() if at else None

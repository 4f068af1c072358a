"""Receipts: buyers are told of what moved, in the transaction that learns of it, and once."""

from __future__ import annotations

from collections.abc import Iterable

from bloop_commerce import invoices
from bloop_commerce.config import config_of
from bloop_commerce.facts import Kept
from bloop_commerce.money import shown
from bloop_commerce.standing import OrderState, Stated, amount_of
from bloop_commerce.tables import Order
from bloop_sdk import Unit
from bloop_sdk.providers.payments import FactKind, PaymentFact

MOVES = (FactKind.CAPTURED, FactKind.REFUNDED)
WHERE = "You find it under My purchases."


def follow(
    unit: Unit, order: Order, before: str, kept: Iterable[Kept], papers: dict[str, str]
) -> list[str]:
    """Tell an order's buyer what they were not told yet; the ids of those facts, to be noted.

    ``before`` is how the order stood, ``papers`` the numbers of its papers by their subjects.
    """
    moved = [one for one in kept if one.stated.fact.kind in MOVES and amount_of(one.stated.fact)]
    is_first, told = True, []
    for one in sorted(moved, key=lambda one: (one.stated.since, one.stated.key[1:])):
        fact = one.stated.fact
        if not one.is_told:
            told.append(one.id)
            subject, words = _words(order, fact, is_renewal=bool(order.interval) and not is_first)
            _tell(unit, order, subject, words + _paper(papers, order, one.stated))
        is_first &= fact.kind is not FactKind.CAPTURED
    if order.state == OrderState.PAST_DUE != before:
        _tell(unit, order, "Your renewal failed", _failed(order))
    return told


def _words(order: Order, fact: PaymentFact, *, is_renewal: bool) -> tuple[str, str]:
    if fact.kind is FactKind.REFUNDED:
        return "Money back", _refund(fact)
    return "Renewed" if is_renewal else "Receipt", _payment(order, fact)


def _paper(papers: dict[str, str], order: Order, stated: Stated) -> str:
    kind = stated.fact.kind
    whole = invoices.subject_of_order(order.id)
    number = papers.get(invoices.subject_of(*stated.key)) or (
        papers.get(whole) if kind is FactKind.CAPTURED else None
    )
    name = "credit note" if kind is FactKind.REFUNDED else "invoice"
    return f"\n\nThe {name} is {number}. {WHERE}" if number else ""


def _payment(order: Order, fact: PaymentFact) -> str:
    words = f"Thank you: {fact.money} came."
    if order.state == OrderState.SHORT:
        words += f" Agreed was {shown(order.total, order.currency)}, so this does not open it yet."
    if order.interval and fact.period:
        words += f" It is paid until {fact.period.end:%Y-%m-%d}."
    return words


def _refund(fact: PaymentFact) -> str:
    return f"{fact.money} go back to you, the way they came. A bank may take some days for it."


def _failed(order: Order) -> str:
    keeps = ""
    if order.grace_days:
        keeps = f" You keep access for {order.grace_days} days after the time that is paid."
    return (
        f"The payment that renews it did not come through.{keeps} It is tried again by itself. "
        "See that the way you pay still works, or choose another one on the page of the purchase."
    )


def _tell(unit: Unit, order: Order, subject: str, words: str) -> None:
    config = config_of(unit)
    if not config.receipts:
        return
    parts = [words, f"Order {order.number}: {order.title}"]
    if config.seller_name:
        parts.append(config.seller_name)
    unit.tell(order.buyer_id, f"{subject}: {order.title}"[:200], "\n\n".join(parts) + "\n")

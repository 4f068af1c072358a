"""Receipts: buyers are told of what moved, in the transaction that learns of it, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bloop_commerce import invoices
from bloop_commerce.config import config_of
from bloop_commerce.facts import Kept
from bloop_commerce.money import shown
from bloop_commerce.standing import OrderState, Stated, amount_of
from bloop_commerce.tables import Order
from bloop_commerce.words import words_in
from bloop_sdk import Unit, gettext_noop
from bloop_sdk.providers.payments import FactKind, PaymentFact

Translate = Callable[[str], str]
MOVES = (FactKind.CAPTURED, FactKind.REFUNDED)


def follow(
    unit: Unit, order: Order, before: str, kept: Iterable[Kept], papers: dict[str, str]
) -> list[str]:
    """Tell an order's buyer what they were not told yet; the ids of those facts, to be noted.

    It is said in the language that they have chosen meanwhile, or else in that of the order.
    ``before`` is how the order stood, ``papers`` the numbers of its papers by their subjects.
    """
    _ = _language_of(unit, order)
    moved = [one for one in kept if one.stated.fact.kind in MOVES and amount_of(one.stated.fact)]
    is_first, told = True, []
    for one in sorted(moved, key=lambda one: (one.stated.since, one.stated.key[1:])):
        fact = one.stated.fact
        if not one.is_told:
            told.append(one.id)
            subject, words = _words(
                _, order, fact, is_renewal=bool(order.interval) and not is_first
            )
            _tell(_, unit, order, subject, words + _paper(_, papers, order, one.stated))
        is_first &= fact.kind is not FactKind.CAPTURED
    if order.state == OrderState.PAST_DUE != before:
        _tell(_, unit, order, gettext_noop("Your renewal failed"), _failed(_, order))
    return told


def _language_of(unit: Unit, order: Order) -> Translate:
    buyer = unit.contact(order.buyer_id)
    return words_in((buyer and buyer.language) or order.language).gettext


def _words(_: Translate, order: Order, fact: PaymentFact, *, is_renewal: bool) -> tuple[str, str]:
    if fact.kind is FactKind.REFUNDED:
        said = _("{money} go back to you, the way they came. A bank may take some days for it.")
        return gettext_noop("Money back"), said.format(money=fact.money)
    subject = gettext_noop("Renewed") if is_renewal else gettext_noop("Receipt")
    return subject, _payment(_, order, fact)


def _paper(_: Translate, papers: dict[str, str], order: Order, stated: Stated) -> str:
    kind = stated.fact.kind
    whole = invoices.subject_of_order(order.id)
    number = papers.get(invoices.subject_of(*stated.key)) or (
        papers.get(whole) if kind is FactKind.CAPTURED else None
    )
    if not number:
        return ""
    if kind is FactKind.REFUNDED:
        said = _("The credit note is {number}. You find it under My purchases.")
    else:
        said = _("The invoice is {number}. You find it under My purchases.")
    return f"\n\n{said.format(number=number)}"


def _payment(_: Translate, order: Order, fact: PaymentFact) -> str:
    words = [_("Thank you: {money} came.").format(money=fact.money)]
    if order.state == OrderState.SHORT:
        agreed = shown(order.total, order.currency)
        words.append(_("Agreed was {money}, so this does not open it yet.").format(money=agreed))
    if order.interval and fact.period:
        day = f"{fact.period.end:%Y-%m-%d}"
        words.append(_("It is paid until {day}.").format(day=day))
    return " ".join(words)


def _failed(_: Translate, order: Order) -> str:
    words = [_("The payment that renews it did not come through.")]
    if order.grace_days:
        keeps = _("You keep access for {days} days after the time that is paid.")
        words.append(keeps.format(days=order.grace_days))
    words.append(
        _(
            "It is tried again by itself. See that the way you pay still works, or choose another "
            "one on the page of the purchase."
        )
    )
    return " ".join(words)


def _tell(_: Translate, unit: Unit, order: Order, subject: str, words: str) -> None:
    config = config_of(unit)
    if not config.receipts:
        return
    named = _("Order {number}: {title}").format(number=order.number, title=order.title)
    parts = [words, named]
    if config.seller_name:
        parts.append(config.seller_name)
    unit.tell(order.buyer_id, f"{_(subject)}: {order.title}"[:200], "\n\n".join(parts) + "\n")

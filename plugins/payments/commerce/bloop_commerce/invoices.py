"""Invoices and credit notes: numbered without a gap, and never changed.

Like the ledger they follow the set of an order's facts: once all that was agreed has come, an
order's papers come to what came less what went back. What changes after that is corrected by a
further paper. Whoever calls holds the institution's books, so that a number is given once, and a
transaction that is undone takes its number back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, event, func, select

from bloop_commerce.books import listed
from bloop_commerce.config import config_of
from bloop_commerce.standing import Stated, Terms, amount_of, currency_of
from bloop_commerce.tables import Invoice, Order, now
from bloop_commerce.words import words_in
from bloop_sdk import FatalError, NotFoundError, Unit, gettext_noop
from bloop_sdk.providers.payments import FactKind

GONE = {
    FactKind.REFUNDED: gettext_noop("Given back"),
    FactKind.DISPUTE_LOST: gettext_noop("Charged back"),
}
"""What a credit note is for."""
INVOICE, CREDIT = "invoice", "credit"
PREFIX = {INVOICE: "", CREDIT: "C"}


@event.listens_for(Invoice, "before_update")
@event.listens_for(Invoice, "before_delete")
def _refuse(*_: object) -> None:
    raise FatalError(
        "an invoice that was issued stays as it is",
        cure="give money back, which issues a credit note",
    )


@dataclass(frozen=True, slots=True)
class Owed:
    """What the papers about a thing are to come to, ``tax`` in it; ``last`` is the payment."""

    subject: str
    total: int
    tax: int
    last: Stated


def owed(
    order: str, terms: Terms, stated: Iterable[Stated], *, credits_lost: bool = False
) -> list[Owed]:
    """What an order's papers are to come to: one for a purchase, one for each time of another.

    ``credits_lost`` is whether a dispute that is lost has a credit note, as a refund has.
    """
    facts = sorted(
        (one for one in stated if currency_of(one.fact) == terms.currency),
        key=lambda one: (one.since, one.key),
    )
    came = [one for one in facts if one.fact.kind is FactKind.CAPTURED and amount_of(one.fact)]
    if terms.repeats:
        made = [_owed(_subject(one), [one]) for one in came]
    elif came and sum(amount_of(one.fact) for one in came) >= terms.total:
        made = [_owed(subject_of_order(order), came)]
    else:
        return []
    gone = [one for one in facts if one.fact.kind is FactKind.REFUNDED]
    backs = [_owed(_subject(one), [one], -1) for one in gone]
    if credits_lost:
        backs += [_of_lost(one, facts) for one in facts if one.fact.kind is FactKind.DISPUTE_LOST]
    return [*made, *backs] if made else []


def _of_lost(lost: Stated, facts: Iterable[Stated]) -> Owed:
    """What a lost dispute took; nothing where it was won after all."""
    same = (one for one in facts if one.fact.id == lost.fact.id)
    won = (one.fact.as_of for one in same if one.fact.kind is FactKind.DISPUTE_WON)
    sign = 0 if any(at > lost.fact.as_of for at in won) else -1
    return _owed(_subject(lost), [lost], sign)


def _owed(subject: str, some: Sequence[Stated], sign: int = 1) -> Owed:
    total = sum(amount_of(one.fact) for one in some)
    tax = sum(one.fact.tax for one in some)
    return Owed(subject, sign * total, sign * tax, some[-1])


def _subject(one: Stated) -> str:
    return subject_of(*one.key)


def subject_of(provider: str, kind: str, fact: str) -> str:
    """What a paper about one payment or refund is kept under."""
    return f"{provider}/{kind}/{fact}"


def subject_of_order(order: str) -> str:
    """What the paper about a purchase that is paid once is kept under."""
    return f"order/{order}"


_SORTED = (Invoice.issued_at, Invoice.kind.desc(), Invoice.count)
_OF_ORDERS = select(Invoice).where(Invoice.order_id.in_(listed("orders"))).order_by(*_SORTED)


class Papers:
    """The papers of some orders, and those that are issued for them in this transaction."""

    def __init__(self, unit: Unit, orders: Sequence[str]) -> None:
        self._unit = unit
        self._counts: dict[tuple[str, int], int] = {}
        self._of: dict[str, dict[str, list[Invoice]]] = {}
        self._credits_lost = config_of(unit).credit_lost_disputes
        for row in unit.session.scalars(_OF_ORDERS, {"orders": orders}):
            self._of.setdefault(row.order_id, {}).setdefault(row.subject, []).append(row)

    def follow(self, order: Order, terms: Terms, stated: Iterable[Stated]) -> None:
        """Issue what is missing of an order's papers."""
        for one in owed(order.id, terms, stated, credits_lost=self._credits_lost):
            before = self._of.setdefault(order.id, {})
            rows = before.get(one.subject, [])
            total = one.total - sum(row.total for row in rows)
            tax = one.tax - sum(row.tax for row in rows)
            if total or tax:
                made = Owed(one.subject, total, tax, one.last)
                before.setdefault(one.subject, []).append(self._issue(order, made, before))

    def numbers(self, order: str) -> dict[str, str]:
        """The numbers of an order's papers by what they are about."""
        of_order = self._of.get(order, {})
        return {about: " ".join(row.number for row in rows) for about, rows in of_order.items()}

    def _issue(self, order: Order, owed: Owed, before: dict[str, list[Invoice]]) -> Invoice:
        at = now()
        kind = INVOICE if owed.total >= 0 else CREDIT
        count = self._next(kind, at.year)
        about = _about(order, owed, before)
        row = Invoice(
            institution_id=self._unit.institution,
            number=f"{PREFIX[kind]}{at.year}-{count:04}",
            kind=kind,
            year=at.year,
            count=count,
            order_id=order.id,
            subject=owed.subject,
            about=about,
            currency=order.currency,
            total=owed.total,
            tax=owed.tax,
            body=_body(self._unit, order, owed, about),
            issued_at=at,
        )
        self._unit.session.add(row)
        self._unit.audit("commerce.invoiced", f"order:{order.id}", {"number": row.number})
        return row

    def _next(self, kind: str, year: int) -> int:
        """The next number: who holds the books is alone in counting."""
        if (kind, year) not in self._counts:
            last = select(func.max(Invoice.count)).where(Invoice.kind == kind, Invoice.year == year)
            self._counts[kind, year] = self._unit.session.scalar(last) or 0
        self._counts[kind, year] += 1
        return self._counts[kind, year]


def _about(order: Order, owed: Owed, before: dict[str, list[Invoice]]) -> str:
    """The number of the paper that this one corrects; empty for the first of a payment."""
    if same := before.get(owed.subject):
        return same[-1].number
    fact = owed.last.fact
    if fact.kind not in GONE:
        return ""
    capture = subject_of(owed.last.provider, FactKind.CAPTURED, fact.about)
    found = before.get(capture) or before.get(subject_of_order(order.id))
    return (found or next(iter(before.values())))[0].number


def _body(unit: Unit, order: Order, owed: Owed, about: str) -> dict[str, Any]:
    """What people read, as of now."""
    config, buyer = config_of(unit), unit.contact(order.buyer_id)
    fact = owed.last.fact
    return {
        "language": order.language,
        "seller": {
            "name": config.seller_name,
            "address": config.seller_address,
            "tax_id": config.seller_tax_id,
            "note": config.invoice_note,
        },
        "buyer": {
            "id": order.buyer_id,
            "name": buyer.name if buyer else "",
            "email": (buyer.email if buyer else None) or "",
        },
        "order": order.number,
        "paid": {
            "provider": owed.last.provider,
            # Of what came by hand, how the bank calls it.
            "reference": (fact.reason if fact.kind is FactKind.CAPTURED else "") or fact.id,
            "on": owed.last.since.date().isoformat(),
        },
        **(_corrected(order, owed) if about else _sold(order, owed)),
    }


def _corrected(order: Order, owed: Owed) -> dict[str, Any]:
    words = GONE.get(owed.last.fact.kind, gettext_noop("Correction"))
    if owed.total > 0 and owed.last.fact.kind in GONE:
        words = gettext_noop("Not given back after all")
    return _single(f"{words_in(order.language).gettext(words)}: {order.title}", owed)


def _sold(order: Order, owed: Owed) -> dict[str, Any]:
    """The lines of what was sold, where they come to what was paid; else one for all of it."""
    times = {}
    if period := owed.last.fact.period:
        times = {"from": period.start.date().isoformat(), "to": period.end.date().isoformat()}
    for title, quantity, unit_amount, discount in _agreed(order):
        net = quantity * unit_amount - discount
        if net in {owed.total, owed.total - owed.tax}:
            line = {
                "title": title,
                "quantity": quantity,
                "unit": unit_amount,
                "amount": quantity * unit_amount,
            }
            is_added = net != owed.total
            return {"lines": [line | times], "discount": discount, "tax_is_added": is_added}
    return _single(order.title, owed, times)


def _agreed(order: Order) -> Iterator[tuple[str, int, int, int]]:
    """What was agreed at first, and under what a subscription may have changed to."""
    yield order.title, order.quantity, order.unit_amount, order.discount
    for plan in order.plans.values():
        yield plan["title"], order.quantity, plan["amount"], 0


def _single(title: str, owed: Owed, times: dict[str, str] | None = None) -> dict[str, Any]:
    line = {"title": title, "quantity": 1, "unit": None, "amount": owed.total - owed.tax}
    return {"lines": [line | (times or {})], "discount": 0, "tax_is_added": True}


def of_order(unit: Unit, order: str) -> Sequence[Invoice]:
    """An order's papers as they were issued."""
    some = select(Invoice).where(Invoice.order_id == order)
    return unit.session.scalars(some.order_by(*_SORTED)).all()


def numbers(unit: Unit, order: str | None = None) -> dict[str, str]:
    """The numbers of papers by what they are about; of all orders, or of one."""
    some = select(Invoice.subject, Invoice.number)
    return _joined(unit, some if order is None else some.where(Invoice.order_id == order))


def numbers_of_orders(unit: Unit, buyer: str | None = None) -> dict[str, str]:
    """The numbers of papers by their orders; of everybody, or of one buyer."""
    some = select(Invoice.order_id, Invoice.number)
    if buyer is not None:
        some = some.join(Order, Order.id == Invoice.order_id).where(Order.buyer_id == buyer)
    return _joined(unit, some)


def _joined(unit: Unit, some: Select[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, number in unit.session.execute(some.order_by(*_SORTED)):
        found[name] = f"{found[name]} {number}" if name in found else number
    return found


def unsigned(unit: Unit) -> Sequence[str]:
    """The numbers of the newest papers that don't say who sells."""
    some = select(Invoice).order_by(Invoice.issued_at.desc(), Invoice.id).limit(1)
    return [row.number for row in unit.session.scalars(some) if not row.body["seller"]["name"]]


def one(unit: Unit, number: str) -> Invoice:
    """A paper by its number; raises NotFoundError."""
    found = unit.session.scalar(select(Invoice).where(Invoice.number == number[:20]))
    if found is None:
        raise NotFoundError("there is no such invoice", cure="see your purchases")
    return found

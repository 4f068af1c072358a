"""CSV for accountants: the ledger line by line, orders, and a trial balance that comes to zero."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select

from bloop_commerce import invoices, ledger
from bloop_commerce.tables import Entry, Invoice, Line, Order
from bloop_sdk import NotFoundError, Unit
from bloop_sdk.money import Money
from bloop_sdk.providers.payments import FactKind

LINES = ("date", "order", "entry", "number", "provider", "kind", "reference", "account")
PAPER = "invoice"
AMOUNTS = ("debit", "credit", "currency", "minor_units")
ORDERS = ("number", "date", "product", "quantity", "state", "currency")
INVOICES = (
    "number",
    "date",
    "kind",
    "corrects",
    "order",
    "buyer",
    "net",
    "tax",
    "total",
    "currency",
    "provider",
    "reference",
)
SUMS = ("total", "discount", "captured", "refunded", "disputed", "tax")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
BATCH = 2000


def ledger_rows(unit: Unit, start: date | None, end: date | None) -> Iterator[Sequence[object]]:
    """The ledger's lines of a time, ``end`` included, by their booking."""
    yield (*LINES, *AMOUNTS, PAPER)
    papers = invoices.numbers(unit)
    both = select(Entry, Line, Order.number).join(Line, Line.entry_id == Entry.id)
    some = both.join(Order, Order.id == Entry.order_id)
    if start is not None:
        some = some.where(Entry.occurred_at >= _begin(start))
    if end is not None:
        some = some.where(Entry.occurred_at < _begin(end + timedelta(days=1)))
    sorted_ = some.order_by(Entry.occurred_at, Entry.id, Line.amount.desc(), Line.id)
    for entry, line, number in unit.session.execute(sorted_).yield_per(BATCH):
        yield (
            entry.occurred_at.date().isoformat(),
            number,
            entry.id,
            entry.number,
            entry.provider,
            entry.kind,
            entry.fact_id,
            line.account,
            *_columns(line.amount, line.currency),
            _paper(papers, entry),
        )


def _paper(papers: Mapping[str, str], entry: Entry) -> str:
    own = papers.get(invoices.subject_of(entry.provider, entry.kind, entry.fact_id))
    is_payment = entry.kind == FactKind.CAPTURED
    whole = papers.get(invoices.subject_of_order(entry.order_id)) if is_payment else None
    return own or whole or ""


def invoice_rows(unit: Unit, start: date | None, end: date | None) -> Iterator[Sequence[object]]:
    """The invoices and credit notes of a time, ``end`` included, by their numbers."""
    yield INVOICES
    some = select(Invoice)
    if start is not None:
        some = some.where(Invoice.issued_at >= _begin(start))
    if end is not None:
        some = some.where(Invoice.issued_at < _begin(end + timedelta(days=1)))
    sorted_ = some.order_by(Invoice.kind.desc(), Invoice.year, Invoice.count)
    for row in unit.session.scalars(sorted_).yield_per(BATCH):
        sums = (row.total - row.tax, row.tax, row.total)
        yield (
            row.number,
            row.issued_at.date().isoformat(),
            row.kind,
            row.about,
            row.body["order"],
            row.body["buyer"]["name"],
            *(Money(amount=one, currency=row.currency).decimal for one in sums),
            row.currency,
            row.body["paid"]["provider"],
            row.body["paid"]["reference"],
        )


def order_rows(unit: Unit, start: date | None, end: date | None) -> Iterator[Sequence[object]]:
    """The orders of a time, ``end`` included."""
    yield (*ORDERS, *SUMS, PAPER)
    papers = invoices.numbers_of_orders(unit)
    some = select(Order).order_by(Order.number)
    if start is not None:
        some = some.where(Order.created_at >= _begin(start))
    if end is not None:
        some = some.where(Order.created_at < _begin(end + timedelta(days=1)))
    for row in unit.session.scalars(some).yield_per(BATCH):
        sums = (Money(amount=getattr(row, name), currency=row.currency).decimal for name in SUMS)
        yield (
            row.number,
            row.created_at.date().isoformat(),
            row.title,
            row.quantity,
            row.state,
            row.currency,
            *sums,
            papers.get(row.id, ""),
        )


def balance_rows(unit: Unit) -> Iterator[Sequence[object]]:
    """What each account comes to, and that all together are zero in each currency."""
    yield ("account", *AMOUNTS)
    sums: dict[str, int] = {}
    for one in ledger.trial_balance(unit):
        sums[one.currency] = sums.get(one.currency, 0) + one.amount
        yield (one.account, *_columns(one.amount, one.currency))
    for currency, amount in sorted(sums.items()):
        yield ("together", *_columns(amount, currency))


def written(unit: Unit, what: str, start: date | None, end: date | None) -> str:
    """One of the :data:`EXPORTS` as CSV; raises NotFoundError for others."""
    if what == "balance":
        return to_csv(balance_rows(unit))
    if what not in EXPORTS:
        raise NotFoundError("there is no such export", cure=f"take one of {', '.join(EXPORTS)}")
    return to_csv(_OF_A_TIME[what](unit, start, end))


_OF_A_TIME = {"ledger": ledger_rows, "orders": order_rows, "invoices": invoice_rows}
EXPORTS = (*_OF_A_TIME, "balance")


def to_csv(rows: Iterable[Sequence[object]]) -> str:
    """CSV (RFC 4180) that no spreadsheet takes for formulas."""
    out = io.StringIO()
    csv.writer(out).writerows([_plain(cell) for cell in row] for row in rows)
    return out.getvalue()


def _plain(cell: object) -> object:
    is_formula = isinstance(cell, str) and cell.startswith(_FORMULA)
    return f"'{cell}" if is_formula else cell


def _columns(amount: int, currency: str) -> tuple[object, ...]:
    money = Money(amount=abs(amount), currency=currency).decimal
    debit, credit = (money, "") if amount >= 0 else ("", money)
    return debit, credit, currency, amount


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

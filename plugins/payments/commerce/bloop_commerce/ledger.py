"""The ledger: double entry, written once, corrected by further entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select

from bloop_commerce.base import new_id
from bloop_commerce.booking import Key, Lines
from bloop_commerce.books import listed
from bloop_commerce.standing import Standing, Stated
from bloop_commerce.tables import Entry, Line
from bloop_sdk import Unit


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account comes to in a currency; debit above zero."""

    account: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Booked:
    """What an order's facts came to so far, and how many entries each has."""

    sums: dict[Key, dict[tuple[str, str], int]]
    numbers: dict[Key, int]


_KEY = (Entry.order_id, Entry.provider, Entry.kind, Entry.fact_id, Line.account, Line.currency)
_SUMS = (
    select(*_KEY, func.max(Entry.number), func.sum(Line.amount))
    .join(Line, Line.entry_id == Entry.id)
    .where(Entry.order_id.in_(listed("orders")))
    .group_by(*_KEY)
)


def booked(unit: Unit, orders: Sequence[str]) -> defaultdict[str, Booked]:
    """What some orders' facts came to so far."""
    found: defaultdict[str, Booked] = defaultdict(lambda: Booked(defaultdict(dict), {}))
    for row in unit.session.execute(_SUMS, {"orders": orders}):
        order, provider, kind, fact, account, currency, count, sum_ = row
        of_fact, one = (provider, kind, fact), found[order]
        one.sums[of_fact][account, currency] = int(sum_)
        # Each of its lines counts: an entry need not touch all accounts.
        one.numbers[of_fact] = max(count, one.numbers.get(of_fact, 0))
    return found


def write(unit: Unit, orders: Iterable[tuple[str, Sequence[Stated], Standing]]) -> int:
    """Book what orders' facts mean now, beyond what was booked; how many entries that took.

    A fact that changed gets an entry more, by which all of its entries come to what it says now.
    """
    stands = list(orders)
    before = booked(unit, [order for order, _, _ in stands])
    entries: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    for order, stated, standing in stands:
        times = {one.key: one.fact.as_of for one in stated}
        for key, number, moved in _missing(standing, before[order]):
            entry = dict(zip(("provider", "kind", "fact_id"), key, strict=True)) | {
                "id": new_id(),
                "institution_id": unit.institution,
                "order_id": order,
                "number": number,
                "occurred_at": times[key],
            }
            entries.append(entry)
            lines += (
                {
                    "institution_id": unit.institution,
                    "entry_id": entry["id"],
                    "account": account,
                    "currency": currency,
                    "amount": amount,
                }
                for (account, currency), amount in moved.items()
            )
    if entries:
        unit.session.execute(insert(Entry), entries)
        unit.session.execute(insert(Line), lines)
    return len(entries)


def _missing(
    standing: Standing, before: Booked
) -> Iterator[tuple[Key, int, dict[tuple[str, str], int]]]:
    """Of facts whose entries come to something else than they say: the next number, and lines."""
    for key in sorted(standing.bookings.keys() | before.sums.keys()):
        lines = _difference(standing.bookings.get(key, {}), before.sums.get(key, {}))
        if lines:
            yield key, before.numbers.get(key, 0) + 1, lines


def differs(unit: Unit, order: str, standing: Standing) -> bool:
    """Whether an order's entries come to something else than its facts say."""
    return any(_missing(standing, booked(unit, [order])[order]))


def _difference(wanted: Lines, booked: Lines) -> dict[tuple[str, str], int]:
    every = sorted({*wanted, *booked})
    both = {one: wanted.get(one, 0) - booked.get(one, 0) for one in every}
    return {one: amount for one, amount in both.items() if amount}


def trial_balance(unit: Unit) -> list[Balance]:
    """What each account comes to; together they come to zero in each currency."""
    sums = select(Line.account, Line.currency, func.sum(Line.amount))
    rows = unit.session.execute(sums.group_by(Line.account, Line.currency))
    return sorted(
        (Balance(account, currency, int(amount)) for account, currency, amount in rows),
        key=lambda one: (one.currency, one.account),
    )


def of_order(unit: Unit, order: str) -> Sequence[tuple[Entry, Line]]:
    """An order's entries with their lines, as they were booked."""
    both = select(Entry, Line).join(Line, Line.entry_id == Entry.id)
    own = both.where(Entry.order_id == order)
    sorted_ = own.order_by(Entry.booked_at, Entry.id, Line.amount.desc(), Line.id)
    return [(entry, line) for entry, line in unit.session.execute(sorted_)]

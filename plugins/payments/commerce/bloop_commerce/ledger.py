"""The ledger: double entry, written once, corrected by further entries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from bloop_commerce.booking import Key, Lines
from bloop_commerce.standing import Standing, Stated
from bloop_commerce.tables import Entry, Line
from bloop_sdk import Unit


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account comes to in a currency; debit above zero."""

    account: str
    currency: str
    amount: int


def write(unit: Unit, order: str, stated: Sequence[Stated], standing: Standing) -> int:
    """Book what an order's facts mean now, beyond what was booked; how many entries that took.

    A fact that changed gets an entry more, by which all of its entries come to what it says now.
    """
    booked, numbers = _booked(unit, order)
    times = {one.key: one.fact.as_of for one in stated}
    written = 0
    for key in sorted(standing.bookings.keys() | booked.keys()):
        lines = _difference(standing.bookings.get(key, {}), booked.get(key, {}))
        if not lines:
            continue
        provider, kind, fact = key
        entry = Entry(
            institution_id=unit.institution,
            order_id=order,
            provider=provider,
            kind=kind,
            fact_id=fact,
            number=numbers.get(key, 0) + 1,
            occurred_at=times[key],
        )
        unit.session.add(entry)
        unit.session.flush()
        for (account, currency), amount in lines.items():
            line = Line(
                institution_id=unit.institution,
                entry_id=entry.id,
                account=account,
                currency=currency,
                amount=amount,
            )
            unit.session.add(line)
        written += 1
    unit.session.flush()
    return written


def differs(unit: Unit, order: str, standing: Standing) -> bool:
    """Whether an order's entries come to something else than its facts say."""
    booked, _ = _booked(unit, order)
    keys = standing.bookings.keys() | booked.keys()
    return any(_difference(standing.bookings.get(key, {}), booked.get(key, {})) for key in keys)


def _booked(unit: Unit, order: str) -> tuple[dict[Key, Lines], dict[Key, int]]:
    """What an order's facts came to so far, and how many entries each has."""
    sums: dict[Key, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
    numbers: dict[Key, int] = {}
    columns = select(Entry.provider, Entry.kind, Entry.fact_id, Entry.number, Line)
    joined = columns.join(Line, Line.entry_id == Entry.id).where(Entry.order_id == order)
    for provider, kind, fact, number, line in unit.session.execute(joined):
        key = (provider, kind, fact)
        sums[key][line.account, line.currency] += line.amount
        numbers[key] = max(number, numbers.get(key, 0))
    return dict(sums), numbers


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

"""What each fact means in the books: lines that come to zero. No I/O, no clock.

Debits are above zero, credits below. ``cash:<provider>`` is what lies with a provider, ``disputes``
what a bank holds until a dispute is decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypeVar

from bloop_sdk.providers.payments import FactKind, PaymentFact

Key: TypeAlias = tuple[str, str, str]
"""Provider, kind and id: what a fact is a statement of."""

Lines: TypeAlias = Mapping[tuple[str, str], int]
"""Amounts by account and currency."""

FEES, SALES, TAX = "fees", "sales", "tax"
REFUNDS, DISPUTES, CHARGEBACKS = "refunds", "disputes", "chargebacks"


def cash(provider: str) -> str:
    """The account of what lies with a provider."""
    return f"cash:{provider}"


_WITH_FEES = frozenset({FactKind.CAPTURED, FactKind.REFUNDED, FactKind.DISPUTED})
"""What a provider may keep something for; how a dispute ended may state the same fee again."""


Name = TypeVar("Name")
ENDS = frozenset({FactKind.DISPUTE_WON, FactKind.DISPUTE_LOST})


def last_ends(named: Iterable[tuple[Name, PaymentFact]]) -> dict[Name, PaymentFact]:
    """How each dispute ended last, by its name; at one moment, that it is lost holds."""
    found: dict[Name, PaymentFact] = {}
    for name, fact in named:
        if fact.kind in ENDS:
            found[name] = max(found.get(name, fact), fact, key=_end_rank)
    return found


def _end_rank(fact: PaymentFact) -> tuple[datetime, bool]:
    return fact.as_of, fact.kind is FactKind.DISPUTE_LOST


def bookings(facts: Sequence[tuple[Key, PaymentFact]]) -> dict[Key, Lines]:
    """The lines of each fact that has any."""
    opened = {(key[0], fact.id) for key, fact in facts if fact.kind is FactKind.DISPUTED}
    ends = [((key[0], fact.id), fact) for key, fact in facts if fact.kind in ENDS]
    last = last_ends(ends)
    # The one that came before the last; it may have been decided twice, and no more often.
    first = {name: fact for name, fact in ends if fact is not last[name]}
    made: dict[Key, Lines] = {}
    for key, fact in facts:
        lines: Counter[tuple[str, str]] = Counter()
        if fact.money is not None:
            name = key[0], fact.id
            moved = _moved(key[0], fact, fact.money.amount, is_opened=name in opened)
            if name in first and last.get(name) is fact:
                moved = _overruled(key[0], fact, first[name])
            lines.update({(account, fact.money.currency): n for account, n in moved.items()})
        if fact.fee is not None and fact.kind in _WITH_FEES:
            # What a provider keeps may be of another currency than the price.
            fee = fact.fee
            lines.update(
                {(cash(key[0]), fee.currency): -fee.amount, (FEES, fee.currency): fee.amount}
            )
        if found := {line: amount for line, amount in lines.items() if amount}:
            made[key] = found
    return made


def _overruled(provider: str, fact: PaymentFact, before: PaymentFact) -> dict[str, int]:
    """What moved as a dispute ended otherwise than ``before``, which was booked."""
    amount, tax = fact.money.amount if fact.money else 0, fact.tax
    if fact.kind is FactKind.DISPUTE_LOST:
        return {cash(provider): -amount, CHARGEBACKS: amount - tax, TAX: tax}
    return {cash(provider): amount, CHARGEBACKS: before.tax - amount, TAX: -before.tax}


def _moved(provider: str, fact: PaymentFact, amount: int, *, is_opened: bool) -> dict[str, int]:
    """What moved between accounts, in the fact's own currency."""
    tax = fact.tax
    match fact.kind:
        case FactKind.CAPTURED:
            return {cash(provider): amount, SALES: tax - amount, TAX: -tax}
        case FactKind.REFUNDED:
            return {cash(provider): -amount, REFUNDS: amount - tax, TAX: tax}
        case FactKind.DISPUTED:
            return {cash(provider): -amount, DISPUTES: amount}
        case FactKind.DISPUTE_WON:
            # One that was never told of as opened has taken nothing that could come back.
            back = amount if is_opened else 0
            return {cash(provider): back, DISPUTES: -back}
        case FactKind.DISPUTE_LOST:
            held = DISPUTES if is_opened else cash(provider)
            return {held: -amount, CHARGEBACKS: amount - tax, TAX: tax}
        case _:
            return {}

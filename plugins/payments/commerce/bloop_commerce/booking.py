"""What each fact means in the books: lines that come to zero. No I/O, no clock.

Debits are above zero, credits below. ``cash:<provider>`` is what lies with a provider, ``disputes``
what a bank holds until a dispute is decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

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


def bookings(facts: Sequence[tuple[Key, PaymentFact]]) -> dict[Key, Lines]:
    """The lines of each fact that has any."""
    opened = {(key[0], fact.id): fact for key, fact in facts if fact.kind is FactKind.DISPUTED}
    made: dict[Key, Lines] = {}
    for key, fact in facts:
        if fact.money is None:
            continue
        lines = _lines(key[0], fact, opened.get((key[0], fact.id)))
        if any(lines.values()):
            assert sum(lines.values()) == 0, f"a booking of {key} does not come to zero"
            currency = fact.money.currency
            made[key] = {(account, currency): n for account, n in lines.items() if n}
    return made


def _lines(provider: str, fact: PaymentFact, opened: PaymentFact | None) -> Counter[str]:
    amount, tax, fee = fact.money.amount if fact.money else 0, fact.tax, fact.fee
    lines: Counter[str] = Counter()
    match fact.kind:
        case FactKind.CAPTURED:
            lines.update({cash(provider): amount, SALES: tax - amount, TAX: -tax})
        case FactKind.REFUNDED:
            lines.update({cash(provider): -amount, REFUNDS: amount - tax, TAX: tax})
        case FactKind.DISPUTED:
            lines.update({cash(provider): -amount, DISPUTES: amount})
        case FactKind.DISPUTE_WON:
            # One that was never told of as opened has taken nothing that could come back.
            amount = amount if opened else 0
            lines.update({cash(provider): amount, DISPUTES: -amount})
        case FactKind.DISPUTE_LOST:
            held = DISPUTES if opened else cash(provider)
            lines.update({held: -amount, CHARGEBACKS: amount - tax, TAX: tax})
        case _:
            return lines
    lines.update({cash(provider): -fee, FEES: fee})
    return lines

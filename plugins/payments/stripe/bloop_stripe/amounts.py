"""Amounts as Stripe counts them, which is not always ISO 4217's minor unit.

Source: https://docs.stripe.com/currencies#minor-units. ISK and UGX have no decimals any more and
are still sent with two; MGA is sent without; the last of three decimals has to be 0.
"""

from __future__ import annotations

from bloop_sdk import UnsupportedError
from bloop_sdk.money import Money, decimals_of

_HUNDREDFOLD = frozenset({"ISK", "UGX"})
_HUNDREDTH = frozenset({"MGA"})


def sent(money: Money) -> int:
    """What Stripe calls an amount; raises UnsupportedError where it cannot take it exactly."""
    amount = money.amount
    if money.currency in _HUNDREDFOLD:
        return amount * 100
    coarse = 100 if money.currency in _HUNDREDTH else 10 if decimals_of(money.currency) > 2 else 1
    if amount % coarse:
        step = Money(amount=coarse, currency=money.currency)
        raise UnsupportedError(
            f"Stripe takes no amount of {money}", cure=f"use a price that is a multiple of {step}"
        )
    return amount // 100 if money.currency in _HUNDREDTH else amount


def read(amount: int, currency: str) -> Money:
    """An amount of Stripe's; what is less than a minor unit, as fees may be, counts as one."""
    code = currency.upper()
    if code in _HUNDREDFOLD:
        amount = -(-amount // 100)
    elif code in _HUNDREDTH:
        amount *= 100
    return Money(amount=amount, currency=code)

"""Amounts that may be asked for and believed; they are integers, never floats."""

from __future__ import annotations

from bloop_sdk import UnsupportedError, gettext_noop
from bloop_sdk.money import Money

LARGEST = 10**12
"""Minor units: what is above is a mistake, and JSON's readers still hold it exactly."""


def checked(amount: object, currency: object) -> Money:
    """Money of what somebody sent; raises UnsupportedError for what is none."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise UnsupportedError("an amount is a whole number of minor units", cure="4900 is 49.00")
    if not 0 <= amount <= LARGEST:
        raise UnsupportedError(f"an amount is between 0 and {LARGEST}")
    return Money(amount=amount, currency=currency_of(currency))


def currency_of(text: object) -> str:
    """A currency's three letters; raises UnsupportedError."""
    if isinstance(text, str) and len(text) == 3 and text.isascii() and text.isalpha():
        return text.upper()
    raise UnsupportedError(
        gettext_noop("a currency is written with three letters"), cure=gettext_noop("such as EUR")
    )


def country_of(text: object) -> str:
    """A country's two letters, or nothing for everywhere; raises UnsupportedError."""
    if text in {None, ""}:
        return ""
    if isinstance(text, str) and len(text) == 2 and text.isascii() and text.isalpha():
        return text.upper()
    raise UnsupportedError(
        gettext_noop("a country is written with two letters"), cure=gettext_noop("such as DE")
    )


def read(text: str, currency: str) -> Money:
    """What somebody wrote, such as ``49.00``; raises UnsupportedError for what is no amount."""
    try:
        return Money.parse(text, currency)
    except ValueError:
        like = Money(amount=4900, currency=currency_of(currency)).decimal
        raise UnsupportedError(
            gettext_noop("this is no amount of {currency}").format(currency=currency_of(currency)),
            cure=gettext_noop("write it like {like}").format(like=like),
        ) from None


def shown(amount: int, currency: str) -> str:
    """For people: ``49.00 EUR``."""
    return str(Money(amount=amount, currency=currency))

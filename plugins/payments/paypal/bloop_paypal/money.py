"""Amounts as PayPal writes them: text in the currency's unit, of three without decimals."""

from __future__ import annotations

from typing import Any

from bloop_sdk import MalformedRecordError, UnsupportedError
from bloop_sdk.money import Money, decimals_of

CURRENCIES = frozenset(
    [
        *("AUD", "BRL", "CAD", "CNY", "CZK", "DKK", "EUR", "HKD", "HUF", "ILS", "JPY", "MYR"),
        *("MXN", "TWD", "NZD", "NOK", "PHP", "PLN", "GBP", "SGD", "SEK", "CHF", "THB", "USD"),
    ]
)
"""What PayPal takes (developer.paypal.com/api/rest/reference/currency-codes)."""

_WHOLE = frozenset(["HUF", "JPY", "TWD"])
"""Currencies of which PayPal takes no decimals, whatever ISO 4217 says."""


def written(money: Money) -> dict[str, str]:
    """PayPal's form of an amount; raises UnsupportedError for one that it can't take."""
    if money.currency not in CURRENCIES:
        raise UnsupportedError(
            f"PayPal takes no {money.currency}", cure="give the product a price in another currency"
        )
    value = money.decimal
    if money.currency in _WHOLE:
        if value != value.to_integral_value():
            raise UnsupportedError(
                f"PayPal takes {money.currency} without decimals, and no {money}",
                cure="round the price",
            )
        value = value.to_integral_value()
    return {"currency_code": money.currency, "value": f"{value:f}"}


def read(told: Any) -> Money:
    """An amount of PayPal's; raises MalformedRecordError for what is none."""
    try:
        text, currency = str(told["value"]), str(told["currency_code"])
        # It writes 5.00 also where the currency has no decimals.
        whole, _, part = text.partition(".")
        kept = part[: decimals_of(currency)] + part[decimals_of(currency) :].rstrip("0")
        return Money.parse(f"{whole}.{kept}" if kept else whole, currency)
    except (KeyError, TypeError, ValueError) as err:
        raise MalformedRecordError(f"PayPal told an amount that is none: {told!r:.80}") from err

"""Amounts of money: integers in a currency's minor unit, and how people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DECIMALS = {name: digits for digits, names in _OTHER_DECIMALS.items() for name in names.split()}
_AMOUNT = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]+))?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def decimals_of(currency: str) -> int:
    """How many digits the minor unit of a currency has (ISO 4217): 2 for most."""
    return _DECIMALS.get(currency, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """``amount`` in minor units of the ISO 4217 ``currency`` (upper case): 4900 EUR are 49.00."""

    amount: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> Money:
        """``"49"`` or ``"49.00"`` of a currency; raises ValueError for what is no such amount."""
        currency = currency.strip().upper()
        if not _CURRENCY.fullmatch(currency):
            raise ValueError(f"{currency[:20]!r} is no currency: write three letters, such as EUR")
        digits = decimals_of(currency)
        match = _AMOUNT.fullmatch(text.strip())
        part = (match[3] or "") if match else ""
        if match is None or len(part) > digits:
            like = f"{Decimal(49):.{digits}f}"
            raise ValueError(f"{text[:30]!r} is no amount of {currency}: write it like {like}")
        minor = int(match[2] + part.ljust(digits, "0"))
        return cls(amount=-minor if match[1] else minor, currency=currency)

    @property
    def decimal(self) -> Decimal:
        """The amount in the currency's own unit, with all its digits."""
        return Decimal(self.amount).scaleb(-decimals_of(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal:f} {self.currency}"

"""Settings: the account of an institution, and what its buyers are told."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from bloop_sdk import PluginConfig, Scope, setting


def _iban(text: str) -> str:
    """An IBAN without spaces, whose check digits are right (ISO 13616); or none."""
    iban = "".join(text.split()).upper()
    if not iban:
        return iban
    plain = iban.isascii() and iban.isalnum() and 15 <= len(iban) <= 34
    if not plain or int("".join(str(int(one, 36)) for one in iban[4:] + iban[:4])) % 97 != 1:
        raise ValueError("this is no IBAN: compare it with your bank's, digit by digit")
    return iban


class InvoiceConfig(PluginConfig):
    """Where the money goes."""

    payee: str = setting(
        "", scope=Scope.INSTITUTION, max_length=70, description="Whose account it is"
    )
    iban: Annotated[str, AfterValidator(_iban)] = setting(
        "", scope=Scope.INSTITUTION, title="IBAN", description="Number of the account"
    )
    bank: str = setting(
        "", scope=Scope.INSTITUTION, max_length=100, description="Name of the bank, or its BIC"
    )
    note: str = setting(
        "",
        scope=Scope.INSTITUTION,
        max_length=1000,
        description="What buyers are told besides, such as where they can pay in cash",
    )
    days: int = setting(
        14, scope=Scope.INSTITUTION, ge=1, le=365, description="Days that buyers have to pay"
    )

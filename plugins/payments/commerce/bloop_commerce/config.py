"""Settings: what holds for a whole institution's sales."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import AfterValidator

from bloop_commerce.money import currency_of
from bloop_sdk import CallContext, PluginConfig, Scope, Unit, UnsupportedError, setting


def _currency(text: str) -> str:
    try:
        return currency_of(text)
    except UnsupportedError as err:
        raise ValueError(str(err)) from None


class CommerceConfig(PluginConfig):
    """Settings of commerce."""

    currency: Annotated[str, AfterValidator(_currency)] = setting(
        "EUR",
        scope=Scope.INSTITUTION,
        description="The currency in which prices are shown first, in three letters",
    )
    country: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="The country whose prices are shown first, in two letters",
        pattern=r"^([A-Z]{2})?$",
    )
    seller_name: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="Who sells, as it stands on invoices",
        max_length=200,
    )
    seller_address: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="The seller's address on invoices; commas part its lines",
        max_length=500,
    )
    seller_tax_id: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="The seller's tax or VAT number on invoices",
        max_length=60,
    )
    invoice_note: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="Words at the foot of each invoice, such as why no tax is charged",
        max_length=500,
    )
    credit_lost_disputes: bool = setting(
        False,
        scope=Scope.INSTITUTION,
        description="Whether a dispute that is lost has a credit note, as a refund has: "
        "your accountant decides",
    )
    receipts: bool = setting(
        True,
        scope=Scope.INSTITUTION,
        description="Whether buyers are told of payments, refunds and renewals that failed",
    )
    keep_days: int = setting(
        90, description="Calls of providers are kept so long, as they came", ge=1, le=3650
    )


def config_of(ctx: CallContext | Unit) -> CommerceConfig:
    """The settings that hold in the institution."""
    return cast("CommerceConfig", ctx.config)

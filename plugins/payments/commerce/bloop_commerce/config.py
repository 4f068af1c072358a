"""Settings: what holds for a whole institution's sales."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import AfterValidator

from bloop_commerce.money import currency_of
from bloop_sdk import CallContext, PluginConfig, Scope, UnsupportedError, setting


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
    keep_days: int = setting(
        90, description="Calls of providers are kept so long, as they came", ge=1, le=3650
    )


def config_of(ctx: CallContext) -> CommerceConfig:
    """The settings that hold in the caller's institution."""
    return cast("CommerceConfig", ctx.config)

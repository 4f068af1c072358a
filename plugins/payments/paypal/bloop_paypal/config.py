"""Settings: an institution's own PayPal app."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from bloop_sdk import PluginConfig, Scope, setting


class PayPalConfig(PluginConfig):
    """Credentials of a REST app, as PayPal's developer dashboard shows them."""

    client_id: str = setting(
        scope=Scope.INSTITUTION, title="Client ID", min_length=1, description="Of the REST app"
    )
    client_secret: SecretStr = setting(
        scope=Scope.INSTITUTION, description="Secret key of the REST app"
    )
    webhook_id: str = setting(
        "",
        scope=Scope.INSTITUTION,
        title="Webhook ID",
        description="Of the webhook that calls the hub; without it, what happens is only looked up",
    )
    mode: Literal["live", "sandbox"] = setting(
        "live", scope=Scope.INSTITUTION, description="Whether money is real"
    )
    brand: str = setting(
        "", scope=Scope.INSTITUTION, max_length=127, description="Name that buyers see at PayPal"
    )

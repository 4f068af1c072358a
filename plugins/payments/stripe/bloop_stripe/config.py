"""Settings of an institution: its own account with Stripe."""

from __future__ import annotations

import re

from pydantic import HttpUrl, SecretStr, field_validator

from bloop_sdk import PluginConfig, Scope, setting

_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9]+")
_SIGNING = re.compile(r"whsec_[A-Za-z0-9+/=]+")


class StripeConfig(PluginConfig):
    """The account's key, what its webhooks are signed with, and whether Stripe adds tax."""

    secret_key: SecretStr = setting(
        scope=Scope.INSTITUTION,
        title="API key",
        description="A restricted key (rk_live_...) with the permissions of the plugin's README, "
        "or the secret key (sk_live_...)",
    )
    webhook_secret: SecretStr | None = setting(
        None,
        scope=Scope.INSTITUTION,
        title="Signing secret of the webhook",
        description="What Stripe shows of the webhook's endpoint (whsec_...); without one, "
        "payments are only found when the buyer comes back, and by reconciliation",
    )
    second_webhook_secret: SecretStr | None = setting(
        None,
        scope=Scope.INSTITUTION,
        advanced=True,
        title="Second signing secret",
        description="Of a second endpoint with thin events, or the old one while it is rolled",
    )
    automatic_tax: bool = setting(
        default=False,
        scope=Scope.INSTITUTION,
        description="Have Stripe Tax work out and collect tax; it has to be set up there first",
    )
    prices_include_tax: bool = setting(
        default=False,
        scope=Scope.INSTITUTION,
        description="Prices are meant with tax in them, so that automatic tax adds nothing",
    )
    api_url: HttpUrl = setting(
        HttpUrl("https://api.stripe.com"),
        advanced=True,
        title="Address",
        description="Address of the API, if requests go through a gateway of yours",
    )

    @field_validator("secret_key")
    @classmethod
    def _is_key(cls, value: SecretStr) -> SecretStr:
        if not _KEY.fullmatch(value.get_secret_value()):
            raise ValueError(
                "must be a secret or restricted key of Stripe, which begins with sk_live_, "
                "rk_live_, sk_test_ or rk_test_; the publishable key (pk_) can do nothing here"
            )
        return value

    @field_validator("webhook_secret", "second_webhook_secret")
    @classmethod
    def _is_signing(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _SIGNING.fullmatch(value.get_secret_value()):
            raise ValueError("must be a signing secret of Stripe, which begins with whsec_")
        return value

    @property
    def key(self) -> str:
        """The API key itself."""
        return self.secret_key.get_secret_value()

    @property
    def is_live(self) -> bool:
        """Whether real money moves."""
        return "_live_" in self.key

    @property
    def is_restricted(self) -> bool:
        """Whether the key may only do what was chosen."""
        return self.key.startswith("rk_")

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """What webhooks may be signed with."""
        given = (self.webhook_secret, self.second_webhook_secret)
        return tuple(one.get_secret_value() for one in given if one is not None)

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return str(self.api_url).rstrip("/")

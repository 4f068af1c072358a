"""Settings of a connection: one workspace, and with what the hub comes to it."""

from __future__ import annotations

from typing import Self

from pydantic import HttpUrl, SecretStr, model_validator

from bloop_sdk import PluginConfig, Scope, setting


class NotionConfig(PluginConfig):
    """The token of an internal integration, or a public one whose token a login gives."""

    token: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        personal=True,
        title="Integration token",
        description="Token of an internal integration (ntn_...), made in Notion under Settings > "
        "Integrations; a login with a public integration puts its own here",
    )
    client_id: str | None = setting(
        None,
        scope=Scope.CONNECTION,
        description="OAuth client id of a public integration, for a login instead of a token",
        max_length=100,
    )
    client_secret: SecretStr | None = setting(
        None, scope=Scope.CONNECTION, description="OAuth client secret of the public integration"
    )
    refresh_token: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        renewed=True,
        personal=True,
        description="What the hub got at the login, to renew its token with",
    )
    webhook_token: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        advanced=True,
        description="Verification token of the webhook subscription; the hub keeps the one that "
        "Notion sends when the subscription is made",
    )
    base_url: HttpUrl = setting(
        HttpUrl("https://api.notion.com"),
        scope=Scope.CONNECTION,
        advanced=True,
        title="Address",
        description="Address of the API, if requests go through a gateway of yours",
    )
    file_hosts: tuple[HttpUrl, ...] = setting(
        (),
        scope=Scope.CONNECTION,
        advanced=True,
        description="Where Notion keeps your files, if not where it usually does; only downloads "
        "go there, without the token",
        max_length=10,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.client_secret or self.refresh_token) and not self.client_id:
            raise ValueError("client_id is missing: a public integration has an id and a secret")
        return self

    @property
    def lasting_token(self) -> SecretStr | None:
        """An internal integration's token. A login's is renewed and is no other connection's."""
        return None if self.refresh_token else self.token

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return str(self.base_url).rstrip("/")

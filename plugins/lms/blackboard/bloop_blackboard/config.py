"""Settings: which site, and as which application it is read."""

from __future__ import annotations

from pydantic import HttpUrl, SecretStr

from bloop_sdk import PluginConfig, Scope, setting


class BlackboardConfig(PluginConfig):
    """A connection is one application at one site, or one person who let it act for them."""

    base_url: HttpUrl = setting(
        scope=Scope.CONNECTION,
        title="Address",
        description="Address of the site, with https://",
    )
    application_key: str = setting(
        scope=Scope.CONNECTION,
        description="The application's key, as the developer portal gives it (not its id)",
        min_length=1,
        max_length=200,
    )
    application_secret: SecretStr = setting(
        scope=Scope.CONNECTION, description="The application's secret", min_length=1
    )
    refresh_token: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        renewed=True,
        description="Set by a login: the application then reads what that person may, and without "
        "it what the user may whom the site's administrator gave the application",
    )

    @property
    def site(self) -> str:
        """The address without a slash at its end."""
        return str(self.base_url).rstrip("/")

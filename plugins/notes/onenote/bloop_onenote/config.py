"""Settings of a connection: the app that the hub comes with, and whose notes it reads."""

from __future__ import annotations

from pydantic import HttpUrl, SecretStr

from bloop_onenote.graph.app import App
from bloop_onenote.graph.tokens import account_of
from bloop_sdk import PluginConfig, Scope, setting

READ, WRITE, WHO = "Notes.Read", "Notes.ReadWrite", "User.Read"


class OneNoteConfig(PluginConfig):
    """An app of Entra, and a login with it; OneNote knows no other credential."""

    client_id: str = setting(
        scope=Scope.CONNECTION,
        title="Application (client) ID",
        description="Of the app registration in Microsoft Entra that people log in with",
        pattern=r"^[0-9a-fA-F-]{36}$",
    )
    tenant: str = setting(
        "organizations",
        scope=Scope.CONNECTION,
        title="Tenant",
        description="Whose accounts may log in: a tenant's id or domain; organizations (any work "
        "or school account), consumers (personal accounts) or common (both)",
        pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{1,252}$",
    )
    client_secret: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        description="A secret of the app registration, for logging in with the browser; a login by "
        "code needs none",
    )
    read_only: bool = setting(
        default=False,
        scope=Scope.CONNECTION,
        advanced=True,
        description="Ask to read alone (Notes.Read); log in again after a change",
    )
    login: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        renewed=True,
        personal=True,
        description="What the hub got at the login, and renews",
    )
    graph_url: HttpUrl = setting(
        HttpUrl("https://graph.microsoft.com/v1.0"),
        scope=Scope.CONNECTION,
        advanced=True,
        description="Microsoft Graph; national clouds have their own, as https://graph.microsoft.us/v1.0",
    )
    login_url: HttpUrl = setting(
        HttpUrl("https://login.microsoftonline.com"),
        scope=Scope.CONNECTION,
        advanced=True,
        description="Where people log in; national clouds have their own, as "
        "https://login.microsoftonline.us",
    )

    @property
    def account(self) -> str | None:
        """Who has logged in, as Entra numbers people; None before that."""
        return account_of(self.login.get_secret_value() if self.login else None)

    @property
    def app(self) -> App:
        """The app registration, as tokens are asked for with it."""
        secret = self.client_secret
        return App(
            client_id=self.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            tenant=self.tenant.lower(),
            login_url=str(self.login_url).rstrip("/"),
            graph_url=str(self.graph_url).rstrip("/"),
            permissions=(READ if self.read_only else WRITE, WHO),
        )

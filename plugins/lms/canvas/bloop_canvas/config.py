"""Settings of a connection: where the Canvas is, and with what the hub comes to it."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from bloop_sdk import PluginConfig, Scope, setting


class CanvasConfig(PluginConfig):
    """A token that somebody made, or a developer key whose tokens the hub gets and renews."""

    base_url: HttpUrl = setting(
        scope=Scope.CONNECTION,
        title="Address",
        description="Address of your Canvas, as its start page shows it",
    )
    token: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        description="Access token, made in Canvas under Account > Settings; a login with a "
        "developer key puts its own here",
    )
    client_id: str | None = setting(
        None,
        scope=Scope.CONNECTION,
        description="Id of a developer key, for a login instead of a token",
        max_length=100,
    )
    client_secret: SecretStr | None = setting(
        None, scope=Scope.CONNECTION, description="Key (secret) of the developer key"
    )
    scopes: tuple[Annotated[str, Field(pattern=r"^\S{1,200}$")], ...] = setting(
        (),
        scope=Scope.CONNECTION,
        advanced=True,
        description="Scopes to ask for at a login, where the developer key enforces scopes: Canvas "
        "then refuses a login that names none, or one that the key does not allow",
        max_length=100,
    )
    refresh_token: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        renewed=True,
        description="What the hub got at the login, to renew its access token with",
    )
    account_id: str | None = setting(
        None,
        scope=Scope.CONNECTION,
        advanced=True,
        description="Id of an account whose courses are read, for its admins (self: the root "
        "account); without it, those that the token's owner is enrolled in",
        pattern=r"^(self|[0-9]{1,20})$",
    )
    file_hosts: tuple[HttpUrl, ...] = setting(
        (),
        scope=Scope.CONNECTION,
        advanced=True,
        description="Where a Canvas that you run keeps its files, if not at Instructure: addresses "
        "of its files domain or bucket; only downloads go there, without the token",
        max_length=10,
    )
    live_events: bool = setting(
        default=False,
        scope=Scope.CONNECTION,
        advanced=True,
        description="Take signed live events of Canvas Data Services as hints of what changed",
    )
    live_event_keys: str | None = setting(
        None,
        scope=Scope.CONNECTION,
        advanced=True,
        description="Keys (JWKS) that live events are signed with; without them Instructure's "
        "published ones are fetched",
        max_length=20_000,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.client_secret or self.refresh_token) and not self.client_id:
            raise ValueError("client_id is missing: a developer key has an id and a secret")
        return self

    @property
    def lasting_token(self) -> SecretStr | None:
        """The token that somebody made. A login's is renewed each hour and is no other's."""
        return None if self.refresh_token else self.token

    @property
    def base(self) -> str:
        """The address without a slash at its end."""
        return str(self.base_url).rstrip("/")

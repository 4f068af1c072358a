"""Settings: which providers people may log in with, and the hub's secret at each."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bloop_sdk import PluginConfig, Scope, setting

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
Scopes = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$", max_length=200)]
Preset = Literal["openid", "google", "microsoft", "github"]

TITLES: dict[Preset, str] = {
    "openid": "OpenID",
    "google": "Google",
    "microsoft": "Microsoft",
    "github": "GitHub",
}
_REFERENCES = frozenset({"env", "file"})


def is_safe(url: str) -> bool:
    """Whether a URL is one of https with a host; of http it may only be on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if not url.isprintable() or set(url) & set(' \\"<>') or "@" in parts.netloc or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ProviderSettings(BaseModel):
    """One provider: an ``issuer`` with discovery, or a preset that knows where everything is."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    preset: Preset = "openid"
    title: str | None = Field(None, min_length=1, max_length=60)
    issuer: str | None = Field(None, max_length=300)
    client_id: str = Field(min_length=1, max_length=300)
    scopes: tuple[Scopes, ...] = ("openid", "profile", "email")
    endpoints: tuple[str, ...] = ()
    tenants: tuple[UUID, ...] = ()
    choose_account: bool | None = None

    @field_validator("endpoints")
    @classmethod
    def _safe_endpoints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(is_safe, value)):
            raise ValueError("must be whole addresses that begin with https://")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.preset == "openid":
            # With braces it would be a name that several issuers share.
            if self.issuer is None or not is_safe(self.issuer) or set("?#{}") & set(self.issuer):
                raise ValueError("needs issuer, the whole address that begins with https://")
            if "openid" not in self.scopes:
                raise ValueError("scopes must hold openid")
        elif self.issuer is not None:
            raise ValueError(f"issuer is not for the preset {self.preset}, which knows its own")
        if (self.preset == "microsoft") is not bool(self.tenants):
            raise ValueError(
                "the preset microsoft needs tenants, the ids of the directories whose people may "
                "come in; no other preset has them"
            )
        return self

    @property
    def prompt(self) -> str | None:
        """Whether people are asked there which account it is to be (OpenID Connect, 3.1.2.1).

        Without it, whoever is logged in there with one account never gets to use another. Not
        every OpenID provider knows the word, the presets do.
        """
        is_asked = self.preset != "openid" if self.choose_account is None else self.choose_account
        return "select_account" if is_asked else None

    @property
    def shown(self) -> str:
        """What the button says."""
        return self.title or TITLES[self.preset]


class OIDCConfig(PluginConfig):
    """The providers by a key that is part of their redirect address, and their secrets."""

    providers: dict[Key, ProviderSettings] = setting(
        {},
        scope=Scope.INSTITUTION,
        description="Providers by key: preset or issuer, client_id, and where they differ, title, "
        "scopes, endpoints (further hosts), tenants (of Microsoft), choose_account",
        examples=[{"google": {"preset": "google", "client_id": "1234.apps.example"}}],
        max_length=20,
    )
    client_secrets: dict[Key, SecretStr] = setting(
        {},
        scope=Scope.INSTITUTION,
        description="The secret of each of these clients, by the provider's key",
    )

    @model_validator(mode="after")
    def _secrets_belong(self) -> Self:
        if reserved := _REFERENCES & self.providers.keys():
            raise ValueError(f"no provider can be called {min(reserved)}")
        if unknown := self.client_secrets.keys() - self.providers.keys():
            raise ValueError(f"client_secrets: there is no provider {min(unknown)}")
        return self

    def secret(self, key: str) -> str | None:
        """The secret of a client; None for a public one, which PKCE alone protects."""
        found = self.client_secrets.get(key)
        return found.get_secret_value() if found is not None else None

"""Capability ``identity`` (provisional): login with an account elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is elsewhere. Accounts are linked on ``(issuer, subject)`` only."""

    issuer: str
    subject: str
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class IdentityProvider(Protocol):
    """An OpenID provider or the like."""

    async def authorize_url(self, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where to send the browser; ``challenge`` is PKCE's S256."""
        ...

    async def exchange(
        self, params: Mapping[str, str], redirect_uri: str, nonce: str, verifier: str
    ) -> Identity:
        """The identity behind a callback's parameters; raises AuthError."""
        ...

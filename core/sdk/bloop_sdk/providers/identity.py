"""Capability ``identity`` (provisional): login with an account elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is elsewhere. Accounts are linked on ``(issuer, subject)`` only.

    ``email_verified`` means that the issuer answers for it that the address is this person's
    now: rules of membership trust it. ``claims`` are what such rules may compare; nothing that
    people can set of themselves belongs there.
    """

    issuer: str
    subject: str
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginOption:
    """One way to log in: ``key`` (``a-z``, digits and ``_``) stands in addresses, and stays."""

    key: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """One login, the same in both calls; ``verifier`` is PKCE's (RFC 7636), its challenge S256.

    ``redirect_uri`` is of this option alone. The hub has compared ``state`` with what the browser
    brings back, to which it belongs, once.
    """

    option: str
    redirect_uri: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@runtime_checkable
class IdentityProvider(Protocol):
    """OpenID providers or the like, as many as the settings name."""

    def options(self) -> Sequence[LoginOption]:
        """The ways to log in, in the order they are shown; without I/O."""
        ...

    async def authorize_url(self, request: LoginRequest) -> str:
        """Where to send the browser; it holds the challenge and never the verifier."""
        ...

    async def exchange(self, request: LoginRequest, params: Mapping[str, str]) -> Identity:
        """The identity behind a callback's parameters.

        Raises AuthError, with the code ``login_cancelled`` where the person said no.
        """
        ...

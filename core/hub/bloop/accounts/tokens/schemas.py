"""What is asked for and answered about tokens and keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bloop.accounts.tokens.keys import DAYS, MOST_DAYS

Name = Annotated[str, Field(min_length=1, max_length=120, examples=["Grade book"])]
Scope = Annotated[
    str,
    Field(
        max_length=4000,
        description="Actions, separated by spaces; without it, all that the holder may",
        examples=["content:read events:watch"],
    ),
]
Scopes = Annotated[
    list[str], Field(min_length=1, max_length=200, examples=[["content:read", "content:export"]])
]


class TokenIn(BaseModel):
    """A device that is to have tokens: what it is called, and by which app."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=120, examples=["Lea's phone"])] = ""
    client: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$", examples=["bloop-mobile"])
    ] = "bloop"
    scope: Scope | None = None


class RefreshIn(BaseModel):
    """A refresh token, which the request uses up."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    refresh_token: Annotated[str, Field(max_length=200)]


class TokenOut(BaseModel):
    """Tokens, as RFC 6749, section 5.1, has them, and which device's they are."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str = Field(description="For DELETE /api/v1/tokens/{id}")
    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Life of the access token in seconds", examples=[600])
    refresh_token: str
    refresh_expires_in: int = Field(description="Life of the refresh token in seconds")
    scope: str | None = Field(description="Null for all that the holder may")


class FamilyOut(BaseModel):
    """A device or program that holds tokens."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    client: str
    name: str
    scopes: list[str] | None
    address: str | None
    agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class FamilyList(BaseModel):
    """All of somebody's."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[FamilyOut]


class JwkOut(BaseModel):
    """A public key (RFC 7517, RFC 8037)."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["Ed25519"]


class JwksOut(BaseModel):
    """The keys that access tokens are signed with: the next, the current, and retired ones."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    keys: list[JwkOut]


class KeyIn(BaseModel):
    """An API key of somebody, with scopes that they have."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: Scopes
    days: Annotated[int, Field(ge=1, le=MOST_DAYS, description="How long it lasts")] = DAYS


class InstitutionKeyIn(KeyIn):
    """An API key of the institution, with a role of its own."""

    role: Literal["learner", "educator", "admin"]


class KeyOut(BaseModel):
    """An API key; ``hint`` is the end of its secret, ``role`` that of one of the institution."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    name: str
    role: str | None
    hint: str
    scopes: list[str]
    created_by: str = Field(examples=["user:019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"])
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the minute")


class KeyList(BaseModel):
    """The keys that have not been revoked, the oldest first."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[KeyOut]


class KeyMade(BaseModel):
    """A new API key, which no later answer holds."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    key: str = Field(examples=["bloop_pat_..."])

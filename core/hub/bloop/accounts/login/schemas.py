"""What the API of logging in takes and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

LONGEST_TYPED = 1000
"""Far beyond any password: what is longer is no try to log in."""

Typed = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_TYPED)]


class LoginIn(BaseModel):
    """``login`` is an e-mail address, or the name of an account without one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    login: str = Field(min_length=1, max_length=320, examples=["ada@example.org"])
    password: Typed
    institution: str = Field("", max_length=60, description="Its slug, where the hub has several")


class ResetIn(BaseModel):
    """The token of a link to a new password, and the password."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: str = Field(min_length=1, max_length=200)
    password: Typed


class SecondFactorOut(BaseModel):
    """What is still to be proved, by one of ``ways``, within ``seconds``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    token: str
    ways: list[str]
    seconds: int


class LoginOut(BaseModel):
    """Who came in, with what a browser's changes carry in ``X-CSRF-Token``.

    With ``second_factor`` nobody has come in yet, and nothing else is there.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    user: str | None = None
    csrf_token: str | None = None
    second_factor: SecondFactorOut | None = None


class PasswordIn(BaseModel):
    """The password one has (empty for none), and the one to come."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    old: Annotated[SecretStr, Field(max_length=LONGEST_TYPED)] = SecretStr("")
    password: Typed


class SessionOut(BaseModel):
    """Where somebody is logged in. ``current`` is the session that asks."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    method: str = Field(examples=["password"])
    second_factor: bool
    browser: str | None = Field(examples=["Firefox"])
    system: str | None = Field(examples=["Linux"])
    address: str | None
    created_at: datetime
    seen_at: datetime
    current: bool


class SessionList(BaseModel):
    """Sessions: the one that asks, then the last used first."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[SessionOut]


class ResetOut(BaseModel):
    """A link that its holder chooses a password with, once. It is shown this once."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    url: str
    minutes: int

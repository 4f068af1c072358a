"""Requests and answers about factors, second factors of a login, and step-up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bloop_sdk import Role

Code = Annotated[str, Field(min_length=1, max_length=64, examples=["492039"])]
Credential = Annotated[
    dict[str, Any], Field(description="What PublicKeyCredential.toJSON() gives in a browser")
]
Token = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[!-~]+$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class TotpOut(_Out):
    """An authenticator app."""

    id: str
    created_at: datetime
    last_used_at: datetime | None


class PasskeyOut(_Out):
    """A passkey; a ``synced`` one is on more than one device."""

    id: str
    name: str = Field(examples=["Ada's phone"])
    synced: bool
    created_at: datetime
    last_used_at: datetime | None


class FactorsOut(_Out):
    """What the caller has set up; ``required`` says that this session still lacks one."""

    totp: TotpOut | None
    passkeys: list[PasskeyOut]
    recovery_codes: int = Field(description="How many are left")
    required: bool


class EnrolmentOut(_Out):
    """A key for an authenticator app; ``svg`` is ``uri`` as a QR code."""

    id: str
    key: str
    uri: str = Field(examples=["otpauth://totp/Hub:ada?secret=...&issuer=Hub"])
    svg: str


class CodeIn(_In):
    """What the app shows."""

    code: Code


class AddedOut(_Out):
    """A new factor; with the first one come recovery codes, which no later answer holds."""

    id: str
    recovery_codes: list[str]


class PasskeyIn(_In):
    """A new passkey, and what to call it."""

    name: str = Field(
        min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["Ada's phone"]
    )
    credential: Credential


class CodesOut(_Out):
    """Recovery codes, which no later answer holds; those before are worth nothing any more."""

    codes: list[str]


class OptionsOut(_Out):
    """What a browser's navigator.credentials is given, as JSON of WebAuthn level 3."""

    options: dict[str, Any]


class StepUpIn(_In):
    """A fresh proof: a password or code in ``text``, or a passkey's answer in ``credential``."""

    way: Literal["password", "totp", "recovery_code", "passkey"]
    text: str = Field("", max_length=1024)
    credential: Credential | None = None


class StepUpOut(_Out):
    """So long what asks for a fresh proof may be done, in seconds, with the session's new token.

    A browser has it in its cookie, and here only what its changes carry in ``X-CSRF-Token``.
    """

    seconds: int
    token: str | None = Field(description="In place of the one that was sent as a bearer's")
    csrf_token: str | None


class WaysOut(_Out):
    """By which ways the caller can prove again who they are."""

    ways: list[str]


class PendingIn(_In):
    """A login that waits for its second factor."""

    token: Token


class SecondFactorIn(_In):
    """The second factor of a login: a code in ``text``, or a passkey's answer."""

    token: Token
    way: Literal["totp", "recovery_code", "passkey"]
    text: str = Field("", max_length=1024)
    credential: Credential | None = None


class PasskeyLoginIn(_In):
    """A passkey's answer to a challenge for nobody in particular."""

    credential: Credential


class LoggedInOut(_Out):
    """Who came in; the session is the cookie. ``csrf_token`` goes into ``X-CSRF-Token``."""

    user: str
    csrf_token: str


class RequirementOut(_Out):
    """The roles that need a second factor."""

    roles: list[Role]
    row_version: int


class RequirementIn(_In):
    """The roles that are to need a second factor; none, nobody."""

    roles: list[Literal["learner", "educator", "admin", "operator"]] = Field([], max_length=4)

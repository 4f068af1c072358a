"""By what somebody proves who they are: a way, and what was given for it."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from bloop.accounts.mfa import passkeys, recovery, totp
from bloop.accounts.mfa.errors import ProofRefusedError, TooManyTriesError
from bloop.accounts.mfa.party import Party
from bloop.accounts.mfa.passkeys import Asked
from bloop.store.unit import UnitOfWork

Refusal = ProofRefusedError | TooManyTriesError


class Way(enum.StrEnum):
    """How somebody proves who they are."""

    PASSKEY = "passkey"
    TOTP = "totp"
    RECOVERY_CODE = "recovery_code"
    PASSWORD = "password"  # noqa: S105 - a name, no secret


@dataclass(frozen=True, slots=True)
class Proof:
    """What was given: ``text`` is a code or a password, ``credential`` a passkey's answer."""

    way: Way
    text: str = ""
    credential: dict[str, Any] | None = None
    party: Party | None = None

    def __repr__(self) -> str:
        return f"Proof({self.way})"


@dataclass(frozen=True, slots=True)
class Passwords:
    """What the login by password answers for step-up.

    ``has`` says whether somebody has one; ``check`` whether a text is that of who sent a request,
    and counts those that are not.
    """

    has: Callable[[UnitOfWork, str], bool]
    check: Callable[[Request, str], Awaitable[bool]]


def ways_of(unit: UnitOfWork, user_id: str) -> tuple[Way, ...]:
    """By which second factors somebody can prove who they are, the best first."""
    found: list[Way] = []
    if passkeys.passkeys_of(unit, user_id):
        found.append(Way.PASSKEY)
    if totp.in_use(unit, user_id) is not None:
        found.append(Way.TOTP)
    # The codes stand in for a factor, and are none on their own.
    if found and recovery.left(unit, user_id):
        found.append(Way.RECOVERY_CODE)
    return tuple(found)


def check(unit: UnitOfWork, asked: Asked, user_id: str, proof: Proof) -> Refusal | None:
    """Whether a second factor is proved; whatever it was, it is used up."""
    if proof.way is Way.TOTP:
        return totp.check(unit, user_id, proof.text)
    if proof.way is Way.RECOVERY_CODE:
        return recovery.check(unit, user_id, proof.text)
    assert proof.credential is not None, "a passkey's answer comes along"
    assert proof.party is not None, "and whom it was given to"
    return passkeys.check(unit, asked, proof.party, user_id, proof.credential)

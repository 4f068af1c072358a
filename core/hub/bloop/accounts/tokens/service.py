"""Commands of tokens: a pair for a device, the next pair, and the end of all of them.

What is refused is told by the value that is returned, so that what it led to is committed; the
codes are those of RFC 6749, section 5.2.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

import bloop.accounts.tokens.topics  # noqa: F401 - declares what is said here
from bloop.accounts.devices import NOWHERE, Device
from bloop.accounts.models import User
from bloop.accounts.service import end_links, token_hash
from bloop.accounts.tokens import forms
from bloop.accounts.tokens.access_tokens import ACCESS_SECONDS, AccessTokens
from bloop.accounts.tokens.forms import Form
from bloop.accounts.tokens.models import RefreshToken, TokenFamily
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError

FAMILY_LIFE = timedelta(days=90)
"""After so long a device has to log in again, however often it came."""
IDLE_LIFE = timedelta(days=14)
"""After so long without a refresh, too."""
RETRY_GRACE = timedelta(minutes=5)
"""So long the same request gets the same refresh token again."""
RETRY_KEY_LETTERS = 16
"""A shorter idempotency key could be guessed."""


class GrantRefusedError(BloopError):
    """A refresh token is unknown, used, expired or revoked: the client has to log in again."""

    code = "invalid_grant"


class Refusal(enum.Enum):
    """Why there are no new tokens."""

    UNKNOWN = "unknown"
    REUSED = "reused"


class Ended(enum.StrEnum):
    """Why a family ended."""

    REVOKED = "revoked"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token and the refresh token for the next pair; lives in seconds."""

    family: str
    access_token: str
    refresh_token: str
    scopes: frozenset[str] | None
    refresh_seconds: int
    access_seconds: int = ACCESS_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a device asks tokens for: its app, its name, and the scopes it is content with."""

    client: str = "bloop"
    name: str = ""
    scopes: Collection[str] | None = None


def grant(
    unit: UnitOfWork,
    access: AccessTokens,
    user: User,
    asked: Asked,
    device: Device = NOWHERE,
    *,
    second_factor: bool = False,
    proved_at: datetime | None = None,
) -> Pair:
    """The first pair for a device whose user has proved who they are by all that is asked."""
    now = utcnow()
    family = TokenFamily(
        institution_id=unit.institution,
        user_id=user.id,
        client=asked.client,
        name=asked.name,
        scopes=None if asked.scopes is None else sorted(asked.scopes),
        second_factor=second_factor,
        address=device.address,
        agent=device.agent,
        proved_at=proved_at or now,
        expires_at=now + FAMILY_LIFE,
    )
    unit.session.add(family)
    unit.session.flush()
    unit.audit.append("tokens.granted", f"token_family:{family.id}", {"client": asked.client})
    return _pair(unit, access, family, forms.mint(Form.REFRESH, unit.institution))


def refresh(
    unit: UnitOfWork, access: AccessTokens, token: str, retry_key: str | None = None
) -> Pair | Refusal:
    """The next pair for a refresh token, which is used up by it.

    One that comes again ends its family, for one of its two holders has stolen it; except with the
    same ``retry_key`` within :data:`RETRY_GRACE`, as long as its successor is unused.
    """
    now = utcnow()
    salt = None if retry_key is None else os.urandom(forms.SECRET_BYTES)
    used = unit.session.scalar(
        update(RefreshToken)
        .where(
            RefreshToken.token_hash == token_hash(token),
            RefreshToken.used_at.is_(None),
            RefreshToken.expires_at > now,
            RefreshToken.family_id.in_(_alive(now)),
        )
        .values(used_at=now, salt=salt, retry_key=_digest(retry_key))
        .returning(RefreshToken.family_id)
        .execution_options(synchronize_session=False)
    )
    if used is None:
        return _second_use(unit, access, token, retry_key, now)
    family = unit.get(TokenFamily, used)
    family.last_used_at = now
    return _pair(unit, access, family, _successor(unit.institution, token, retry_key, salt))


@command("tokens:write")
def end_family(unit: UnitOfWork, family_id: str, user_id: str) -> None:
    """End all tokens of one device of somebody; raises NotFoundError where it is not theirs."""
    if not _end(unit, Ended.REVOKED, TokenFamily.id == family_id, TokenFamily.user_id == user_id):
        raise NotFoundError(f"no tokens {family_id[:40]}")
    end_links(unit, user_id)
    unit.audit.append("tokens.revoked", f"token_family:{family_id}")


def end_families(unit: UnitOfWork, user_id: str) -> int:
    """End all tokens of all devices of somebody, as a new password does; how many devices."""
    ended = _end(unit, Ended.REVOKED, TokenFamily.user_id == user_id)
    if ended:
        unit.audit.append("tokens.all_revoked", f"user:{user_id}", {"families": ended})
    return ended


def _second_use(
    unit: UnitOfWork, access: AccessTokens, token: str, retry_key: str | None, now: datetime
) -> Pair | Refusal:
    row: RefreshToken | None = unit.session.scalar(
        select(RefreshToken).where(RefreshToken.token_hash == token_hash(token))
    )
    if row is None or row.used_at is None:
        return Refusal.UNKNOWN
    family = unit.get(TokenFamily, row.family_id)
    if family.ended_at is not None or family.expires_at <= now:
        return Refusal.UNKNOWN
    if retry_key is not None and row.retry_key is not None and now - row.used_at < RETRY_GRACE:
        same = hmac.compare_digest(row.retry_key, _digest(retry_key) or "")
        successor = _successor(unit.institution, token, retry_key, row.salt)
        if same and _is_fresh(unit, successor, now):
            return _again(access, unit, family, successor)
    if not _end(unit, Ended.REUSED, TokenFamily.id == family.id):
        return Refusal.UNKNOWN  # Somebody else came second, and has ended it.
    end_links(unit, family.user_id)
    unit.audit.append("tokens.reused", f"token_family:{family.id}", {"user": family.user_id})
    unit.outbox.append(
        "user.token_reused",
        f"user:{family.user_id}",
        {"id": family.user_id, "family": family.id},
    )
    return Refusal.REUSED


def _pair(unit: UnitOfWork, access: AccessTokens, family: TokenFamily, token: str) -> Pair:
    """Keep a new refresh token, and sign an access token beside it."""
    unit.session.add(
        RefreshToken(
            institution_id=unit.institution,
            token_hash=token_hash(token),
            family_id=family.id,
            expires_at=min(utcnow() + IDLE_LIFE, family.expires_at),
        )
    )
    return _again(access, unit, family, token)


def _again(access: AccessTokens, unit: UnitOfWork, family: TokenFamily, token: str) -> Pair:
    scopes = None if family.scopes is None else frozenset(family.scopes)
    life = min(IDLE_LIFE, family.expires_at - utcnow())
    return Pair(
        family=family.id,
        access_token=access.sign(unit, family, scopes),
        refresh_token=token,
        scopes=scopes,
        refresh_seconds=int(life.total_seconds()),
    )


def _successor(institution: str, token: str, retry_key: str | None, salt: bytes | None) -> str:
    """A random token; with a retry key one that is derived, from what the database never holds.

    The salt alone leads nowhere without the token, and the token nowhere without the salt.
    """
    if retry_key is None or salt is None:
        return forms.mint(Form.REFRESH, institution)
    secret = hmac.digest(salt, f"bloop refresh {token} {retry_key}".encode(), "sha256")
    return forms.mint(Form.REFRESH, institution, secret)


def _is_fresh(unit: UnitOfWork, token: str, now: datetime) -> bool:
    found = unit.session.scalar(
        select(RefreshToken.token_hash).where(
            RefreshToken.token_hash == token_hash(token),
            RefreshToken.used_at.is_(None),
            RefreshToken.family_id.in_(_alive(now)),
        )
    )
    return found is not None


def _alive(now: datetime) -> Any:
    """The families that can go on: neither ended nor expired, of an account that is enabled."""
    return (
        select(TokenFamily.id)
        .join(
            User,
            (User.id == TokenFamily.user_id) & (User.institution_id == TokenFamily.institution_id),
        )
        .where(
            TokenFamily.ended_at.is_(None),
            TokenFamily.expires_at > now,
            User.disabled_at.is_(None),
        )
    )


def _end(unit: UnitOfWork, reason: Ended, *which: Any) -> int:
    ended: Any = unit.session.execute(
        update(TokenFamily)
        .where(TokenFamily.ended_at.is_(None), *which)
        .values(ended_at=utcnow(), ended_reason=reason)
        .execution_options(synchronize_session=False)
    )
    return int(ended.rowcount)


def _digest(retry_key: str | None) -> str | None:
    return None if retry_key is None else hashlib.sha256(retry_key.encode()).hexdigest()

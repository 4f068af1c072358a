"""A login elsewhere from its begin to the browser's return: one state, one browser, one use.

The browser carries two secrets: ``state`` goes with it to the provider and back, its cookie never
leaves it. Nonce and PKCE's verifier come out of both, so that an answer brought by another browser,
or a stolen code, has no verifier to be exchanged with.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select, update

from bloop.accounts.identities.models import IdentityLogin
from bloop.accounts.login.entry import own_path
from bloop.accounts.service import new_token, token_hash
from bloop.store.commands import command
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk.providers.identity import LoginRequest

MINUTES = 10


class Refusal(enum.StrEnum):
    """Why somebody did not come in."""

    UNKNOWN = "unknown_state"
    REPLAYED = "state_used_before"
    EXPIRED = "state_expired"
    OTHER_BROWSER = "other_browser"
    OTHER_PROVIDER = "other_provider"
    CANCELLED = "cancelled"
    PROVIDER_FAILED = "provider_failed"
    NO_MEMBER = "no_member"
    ADDRESS_TAKEN = "address_taken"
    DISABLED = "account_disabled"
    LINKED_ELSEWHERE = "linked_to_another"
    OTHER_PERSON = "other_person"


@dataclass(frozen=True, slots=True)
class Begun:
    """What goes with the browser: ``browser`` into its cookie, ``state`` to the provider."""

    state: str = field(repr=False)
    browser: str = field(repr=False)

    def request(self, option: str, redirect_uri: str) -> LoginRequest:
        """The login as its provider gets it, at both ends."""
        return LoginRequest(
            option=option,
            redirect_uri=redirect_uri,
            state=self.state,
            nonce=self._derived("nonce"),
            verifier=self._derived("verifier"),
        )

    def _derived(self, purpose: str) -> str:
        made = hmac.new(self.browser.encode(), f"bloop {purpose} {self.state}".encode(), "sha256")
        return urlsafe_b64encode(made.digest()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Taken:
    """A login whose browser is back. ``user_id`` is who connects an account; None: a login."""

    provider: str
    user_id: str | None
    next_path: str


@command("hub:visit")
def begin(
    unit: UnitOfWork, provider: str, next_path: str = "/", user_id: str | None = None
) -> Begun:
    """Begin a login with a provider; those that expired an hour ago go."""
    now = utcnow()
    unit.session.execute(
        delete(IdentityLogin).where(
            IdentityLogin.institution_id == unit.institution,
            IdentityLogin.expires_at < now - timedelta(hours=1),
        )
    )
    begun = Begun(new_token(unit.institution), secrets.token_urlsafe(32))
    unit.session.add(
        IdentityLogin(
            institution_id=unit.institution,
            state_hash=token_hash(begun.state),
            browser_hash=_hash(begun.browser),
            provider=provider,
            user_id=user_id,
            next_path=own_path(next_path),
            expires_at=now + timedelta(minutes=MINUTES),
        )
    )
    return begun


def take(unit: UnitOfWork, provider: str, state: str, browser: str) -> Taken | Refusal:
    """Use a begun login up, once; what is refused stands in the audit log."""
    row = unit.session.execute(
        update(IdentityLogin)
        .where(
            IdentityLogin.institution_id == unit.institution,
            IdentityLogin.state_hash == token_hash(state),
            IdentityLogin.browser_hash == _hash(browser),
            IdentityLogin.provider == provider,
            IdentityLogin.used_at.is_(None),
            IdentityLogin.expires_at > utcnow(),
        )
        .values(used_at=utcnow())
        .returning(IdentityLogin.user_id, IdentityLogin.next_path)
    ).first()
    if row is not None:
        return Taken(provider, *row)
    return refused(unit, provider, _why(unit, provider, state, browser))


def refused(unit: UnitOfWork, provider: str, why: Refusal) -> Refusal:
    """Keep that somebody did not come in, and why."""
    unit.audit.append("account.login_refused", f"identity:{provider}"[:120], {"reason": str(why)})
    return why


def _why(unit: UnitOfWork, provider: str, state: str, browser: str) -> Refusal:
    row = unit.session.scalar(
        select(IdentityLogin).where(
            IdentityLogin.institution_id == unit.institution,
            IdentityLogin.state_hash == token_hash(state),
        )
    )
    if row is None:
        return Refusal.UNKNOWN
    if not hmac.compare_digest(row.browser_hash, _hash(browser)):
        return Refusal.OTHER_BROWSER
    if row.provider != provider:
        return Refusal.OTHER_PROVIDER
    return Refusal.EXPIRED if row.used_at is None else Refusal.REPLAYED


def _hash(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()

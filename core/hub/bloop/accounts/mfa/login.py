"""Between the first factor and the session: the pending login; and logins by a passkey alone.

A session begins here with a token of its own, which nobody has seen before.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from bloop.accounts.devices import Device
from bloop.accounts.mfa import passkeys, proofs, traces
from bloop.accounts.mfa.challenges import NOBODY, Purpose, take
from bloop.accounts.mfa.errors import login_over, passkey_refused
from bloop.accounts.mfa.models import PendingLogin
from bloop.accounts.mfa.party import Party
from bloop.accounts.mfa.passkeys import Asked
from bloop.accounts.mfa.proofs import Proof, Refusal, Way
from bloop.accounts.models import User
from bloop.accounts.service import (
    Method,
    SecondFactorNeeded,
    StartedSession,
    new_token,
    start_session,
    token_hash,
)
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

PENDING_SECONDS = 600
MOST_ATTEMPTS = 10
"""So many tries one pending login has; a wrong code also makes the app's next one wait."""


def second_factor_needed(unit: UnitOfWork, user: User, method: Method) -> SecondFactorNeeded | None:
    """What somebody has to prove besides the first factor; None for who has no second one."""
    ways = proofs.ways_of(unit, user.id)
    if not ways:
        return None
    now = utcnow()
    unit.session.execute(
        delete(PendingLogin).where(
            PendingLogin.institution_id == unit.institution,
            or_(PendingLogin.expires_at <= now, PendingLogin.used_at.is_not(None)),
        )
    )
    token = new_token(unit.institution)
    unit.session.add(
        PendingLogin(
            institution_id=unit.institution,
            token_hash=token_hash(token),
            user_id=user.id,
            method=method,
            expires_at=now + timedelta(seconds=PENDING_SECONDS),
        )
    )
    return SecondFactorNeeded(token, PENDING_SECONDS, tuple(str(way) for way in ways))


def pending_ways(unit: UnitOfWork, token: str) -> tuple[Way, ...] | None:
    """By which ways a pending login can be completed; None where it is over."""
    row = _open(unit, token)
    return proofs.ways_of(unit, row.user_id) if row else None


def pending_options(unit: UnitOfWork, token: str, party: Party) -> passkeys.JSONObject | None:
    """The challenge for a passkey of a pending login's account; None where it is over."""
    row = _open(unit, token)
    if row is None:
        return None
    return passkeys.assertion_options(unit, _asked(row), party, row.user_id)


def complete(
    unit: UnitOfWork, token: str, proof: Proof, device: Device
) -> StartedSession | Refusal:
    """Prove the second factor of a pending login, which that uses up. A try counts at once."""
    row = _open(unit, token)
    if row is None or proof.way is Way.PASSWORD or not _counted(unit, row):
        return login_over()
    refusal = proofs.check(unit, _asked(row), row.user_id, proof)
    if refusal is not None:
        return refusal
    used = unit.session.execute(
        update(PendingLogin)
        .where(
            PendingLogin.institution_id == unit.institution,
            PendingLogin.token_hash == row.token_hash,
            PendingLogin.used_at.is_(None),
            PendingLogin.expires_at > utcnow(),
        )
        .values(used_at=utcnow())
        .returning(PendingLogin.token_hash)
        .execution_options(synchronize_session=False)
    ).all()
    user = _user(unit, row.user_id)
    if not used or user is None:
        return login_over()
    unit.audit.append("mfa.proved", f"user:{user.id}", {"way": proof.way})
    return start_session(unit, user, Method(row.method), device, second_factor=True)


def passkey_options(unit: UnitOfWork, party: Party) -> passkeys.JSONObject:
    """The challenge for somebody who has said nothing of themselves yet."""
    return passkeys.assertion_options(unit, Asked(Purpose.LOGIN, NOBODY), party)


def take_login_challenge(unit: UnitOfWork, credential: passkeys.JSONObject) -> bytes | None:
    """Use up the challenge that an assertion answers; None where it answers none of ours."""
    challenge = passkeys.challenge_in(credential)
    if challenge is None or not take(unit, Purpose.LOGIN, NOBODY, challenge):
        unit.audit.append("mfa.refused", "account:unknown", {"way": "passkey", "reason": "login"})
        return None
    return challenge


def log_in_by_passkey(
    unit: UnitOfWork,
    user_id: str,
    party: Party,
    challenge: bytes,
    credential: passkeys.JSONObject,
    device: Device,
) -> StartedSession | Refusal:
    """Log somebody in who has a passkey, and whom their device knew: that is two factors."""
    user = _user(unit, user_id)
    if user is None:
        return passkey_refused()
    refusal = passkeys.verify(unit, party, user.id, challenge, credential)
    if refusal is not None:
        return refusal
    unit.audit.append("mfa.passkey_login", f"user:{user.id}")
    return start_session(unit, user, Method.PASSKEY, device, second_factor=True)


def end_pending(unit: UnitOfWork, user_id: str) -> None:
    """End all pending logins of somebody."""
    unit.session.execute(
        delete(PendingLogin).where(
            PendingLogin.institution_id == unit.institution, PendingLogin.user_id == user_id
        )
    )


def _open(unit: UnitOfWork, token: str) -> PendingLogin | None:
    return unit.session.scalar(
        select(PendingLogin).where(
            PendingLogin.token_hash == token_hash(token),
            PendingLogin.used_at.is_(None),
            PendingLogin.expires_at > utcnow(),
        )
    )


def _counted(unit: UnitOfWork, row: PendingLogin) -> bool:
    """Count a try; False where there were too many, which is said once."""
    found = unit.session.execute(
        update(PendingLogin)
        .where(
            PendingLogin.institution_id == unit.institution,
            PendingLogin.token_hash == row.token_hash,
            PendingLogin.used_at.is_(None),
            PendingLogin.attempts < MOST_ATTEMPTS,
        )
        .values(attempts=PendingLogin.attempts + 1)
        .returning(PendingLogin.attempts)
        .execution_options(synchronize_session=False)
    ).all()
    if not found:
        traces.refused(unit, row.user_id, "login", "too_many")
    return bool(found)


def _asked(row: PendingLogin) -> Asked:
    return Asked(Purpose.SECOND_FACTOR, row.token_hash)


def _user(unit: UnitOfWork, user_id: str) -> User | None:
    return unit.session.scalar(select(User).where(User.id == user_id, User.disabled_at.is_(None)))

"""Challenges for passkeys: 256 random bits, for one answer of whoever was asked, within minutes."""

from __future__ import annotations

import enum
import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete

from bloop.accounts.mfa.models import Challenge
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

SECONDS = 300
NOBODY = ""
"""The holder of a challenge that is shown before anybody said who they are."""


class Purpose(enum.StrEnum):
    """What the answer to a challenge is good for; for nothing else it is."""

    REGISTER = "register"
    LOGIN = "login"
    SECOND_FACTOR = "second_factor"
    STEP_UP = "step_up"


def ask(unit: UnitOfWork, purpose: Purpose, holder: str) -> bytes:
    """A new challenge for ``holder``: a session, or a pending login. Those too old are deleted."""
    now = utcnow()
    unit.session.execute(
        delete(Challenge).where(
            Challenge.institution_id == unit.institution, Challenge.expires_at <= now
        )
    )
    made = secrets.token_bytes(32)
    unit.session.add(
        Challenge(
            institution_id=unit.institution,
            hash=hashlib.sha256(made).hexdigest(),
            purpose=purpose,
            holder=holder,
            expires_at=now + timedelta(seconds=SECONDS),
        )
    )
    return made


def take(unit: UnitOfWork, purpose: Purpose, holder: str, challenge: bytes) -> bool:
    """Use a challenge up; False for one that is gone, too old, or somebody else's."""
    taken = unit.session.execute(
        delete(Challenge)
        .where(
            Challenge.institution_id == unit.institution,
            Challenge.hash == hashlib.sha256(challenge).hexdigest(),
            Challenge.purpose == purpose,
            Challenge.holder == holder,
            Challenge.expires_at > utcnow(),
        )
        .returning(Challenge.hash)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(taken)

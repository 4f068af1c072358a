"""Recovery codes: ten, shown once, each good for one login without any other factor.

A code has 120 random bits, so its plain SHA-256 is enough (OWASP ASVS 5.0, 6.5.2).
"""

from __future__ import annotations

import secrets

from sqlalchemy import delete, func, select, update

from bloop.accounts.mfa import traces
from bloop.accounts.mfa.errors import ProofRefusedError, wrong_code
from bloop.accounts.mfa.models import RecoveryCode
from bloop.accounts.service import token_hash
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

CODES = 10
GROUPS, GROUP = 4, 6
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 of them, without those that are mistaken for others."""


def make(unit: UnitOfWork, user_id: str) -> tuple[str, ...]:
    """Ten new codes for somebody; those before are worth nothing any more."""
    remove(unit, user_id)
    codes = tuple(_code() for _ in range(CODES))
    unit.session.add_all(
        RecoveryCode(institution_id=unit.institution, user_id=user_id, code_hash=_hash(code))
        for code in codes
    )
    traces.added(unit, user_id, "recovery_codes")
    return codes


def check(unit: UnitOfWork, user_id: str, code: str) -> ProofRefusedError | None:
    """Use a code up."""
    used = unit.session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.institution_id == unit.institution,
            RecoveryCode.user_id == user_id,
            RecoveryCode.code_hash == _hash(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=utcnow())
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not used:
        traces.refused(unit, user_id, "recovery_code", "wrong")
        return wrong_code()
    unit.audit.append("mfa.recovery_code_used", f"user:{user_id}", {"left": left(unit, user_id)})
    return None


def left(unit: UnitOfWork, user_id: str) -> int:
    """How many codes somebody still has."""
    found = unit.session.scalar(
        select(func.count(RecoveryCode.id)).where(
            RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
        )
    )
    return found or 0


def remove(unit: UnitOfWork, user_id: str) -> None:
    """Forget all of somebody's codes."""
    unit.session.execute(
        delete(RecoveryCode).where(
            RecoveryCode.institution_id == unit.institution, RecoveryCode.user_id == user_id
        )
    )


def _code() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))


def _hash(code: str) -> str:
    return token_hash("".join(code.lower().split()).replace("-", ""))

"""Authenticator apps: codes of six digits by time (RFC 6238), each good for one use."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from bloop.accounts.mfa import traces
from bloop.accounts.mfa.errors import ProofRefusedError, TooManyTriesError, wrong_code
from bloop.accounts.mfa.models import TotpFactor
from bloop.accounts.models import User
from bloop.store.ids import new_id
from bloop.store.sealing import Place
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

STEP_SECONDS = 30
DRIFT_STEPS = 1
"""A clock may be wrong by so many steps (RFC 6238, section 5.2)."""

ENROLMENT = timedelta(hours=1)
FREE_TRIES = 3
LONGEST_WAIT = 900
"""Seconds between tries, once they have doubled often enough: then a code is guessed in decades."""

Refusal = ProofRefusedError | TooManyTriesError


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An app that is to be confirmed: the key as one types it, and as a QR code holds it."""

    id: str
    key: str
    uri: str

    @property
    def grouped(self) -> str:
        """The key in groups of four, which are typed with fewer mistakes."""
        return " ".join(self.key[at : at + 4] for at in range(0, len(self.key), 4))

    def svg(self) -> str:
        """The QR code, black on white whatever the page's colours, as inline SVG."""
        import segno

        made = segno.make(self.uri, error="m", micro=False)
        return made.svg_inline(omitsize=True, border=4, light="#fff", dark="#000")


def enrol(unit: UnitOfWork, user: User, issuer: str) -> Enrolment:
    """A new key for somebody; what they began before and did not confirm is gone."""
    import pyotp

    unit.session.execute(
        delete(TotpFactor).where(
            TotpFactor.institution_id == unit.institution,
            TotpFactor.user_id == user.id,
            TotpFactor.confirmed_at.is_(None),
        )
    )
    now, id_, key = utcnow(), new_id(), pyotp.random_base32()
    sealed = unit.sealer.seal(key.encode(), _place(id_))
    unit.session.add(
        TotpFactor(
            institution_id=unit.institution,
            id=id_,
            user_id=user.id,
            secret=sealed,
            retry_at=now,
            created_at=now,
        )
    )
    return _enrolment(id_, key, user, issuer)


def enrolment(unit: UnitOfWork, user: User, issuer: str) -> Enrolment | None:
    """What somebody has begun and not confirmed yet."""
    row = _unconfirmed(unit, user.id)
    return _enrolment(row.id, _key(unit, row), user, issuer) if row else None


def confirm(unit: UnitOfWork, user_id: str, code: str) -> Refusal | None:
    """Take the app into use by its first code; one that was in use before is replaced."""
    row = _unconfirmed(unit, user_id)
    step = _step(_key(unit, row), code) if row else None
    if row is None or step is None:
        traces.refused(unit, user_id, "totp", "wrong" if row else "not_begun")
        return wrong_code()
    now = utcnow()
    confirmed = unit.session.execute(
        update(TotpFactor)
        .where(
            TotpFactor.institution_id == unit.institution,
            TotpFactor.id == row.id,
            TotpFactor.confirmed_at.is_(None),
        )
        .values(confirmed_at=now, last_used_at=now, last_step=step)
        .returning(TotpFactor.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not confirmed:
        traces.refused(unit, user_id, "totp", "reused")
        return wrong_code()
    unit.session.execute(
        delete(TotpFactor)
        .where(
            TotpFactor.institution_id == unit.institution,
            TotpFactor.user_id == user_id,
            TotpFactor.id != row.id,
        )
        .execution_options(synchronize_session=False)
    )
    traces.added(unit, user_id, "totp", row.id)
    return None


def check(unit: UnitOfWork, user_id: str, code: str) -> Refusal | None:
    """Whether a code proves that somebody has their app; it does so once.

    A try counts before the code is looked at, so that many at once are no more tries.
    """
    row = in_use(unit, user_id)
    if row is None:
        traces.refused(unit, user_id, "totp", "no_app")
        return wrong_code()
    now = utcnow()
    if row.retry_at > now or not _counted(unit, row, now):
        traces.refused(unit, user_id, "totp", "too_many")
        return TooManyTriesError(max(1.0, (row.retry_at - now).total_seconds()))
    step = _step(_key(unit, row), code)
    if step is None:
        traces.refused(unit, user_id, "totp", "wrong")
        return wrong_code()
    used = unit.session.execute(
        update(TotpFactor)
        .where(
            TotpFactor.institution_id == unit.institution,
            TotpFactor.id == row.id,
            TotpFactor.last_step < step,
        )
        .values(last_step=step, last_used_at=now, failures=0, retry_at=now)
        .returning(TotpFactor.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not used:
        traces.refused(unit, user_id, "totp", "reused")
        return wrong_code()
    return None


def in_use(unit: UnitOfWork, user_id: str) -> TotpFactor | None:
    """Somebody's app, once confirmed."""
    return unit.session.scalar(
        select(TotpFactor)
        .where(TotpFactor.user_id == user_id, TotpFactor.confirmed_at.is_not(None))
        .order_by(TotpFactor.id.desc())
        .limit(1)
    )


def remove(unit: UnitOfWork, user_id: str) -> bool:
    """Forget somebody's app, and what they may have begun; whether one was in use."""
    row = in_use(unit, user_id)
    unit.session.execute(
        delete(TotpFactor).where(
            TotpFactor.institution_id == unit.institution, TotpFactor.user_id == user_id
        )
    )
    if row is not None:
        traces.removed(unit, user_id, "totp", row.id)
    return row is not None


def wait_after(failures: int) -> int:
    """Seconds until the next try after so many wrong codes in a row."""
    return min(LONGEST_WAIT, 2 ** (failures - FREE_TRIES)) if failures >= FREE_TRIES else 0


def _counted(unit: UnitOfWork, row: TotpFactor, now: datetime) -> bool:
    """Count a try; False where another one is under way."""
    failures = row.failures + 1
    found = unit.session.execute(
        update(TotpFactor)
        .where(
            TotpFactor.institution_id == unit.institution,
            TotpFactor.id == row.id,
            TotpFactor.failures == row.failures,
            TotpFactor.retry_at <= now,
        )
        .values(failures=failures, retry_at=now + timedelta(seconds=wait_after(failures)))
        .returning(TotpFactor.id)
        .execution_options(synchronize_session=False)
    ).all()
    return bool(found)


def _unconfirmed(unit: UnitOfWork, user_id: str) -> TotpFactor | None:
    return unit.session.scalar(
        select(TotpFactor)
        .where(
            TotpFactor.user_id == user_id,
            TotpFactor.confirmed_at.is_(None),
            TotpFactor.created_at > utcnow() - ENROLMENT,
        )
        .order_by(TotpFactor.id.desc())
        .limit(1)
    )


def _step(key: str, code: str) -> int | None:
    """The time step that a code belongs to; None for one of no step near now."""
    import pyotp

    given = "".join(code.split()).encode()
    now = int(utcnow().timestamp()) // STEP_SECONDS
    codes = pyotp.TOTP(key)
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(codes.generate_otp(step).encode(), given):
            found = step
    return found


def _key(unit: UnitOfWork, row: TotpFactor) -> str:
    return unit.sealer.open(row.secret, _place(row.id)).decode()


def _place(id_: str) -> Place:
    return Place(TotpFactor.__tablename__, "secret", id_)


def _enrolment(id_: str, key: str, user: User, issuer: str) -> Enrolment:
    import pyotp

    uri = pyotp.TOTP(key).provisioning_uri(name=user.email or user.name, issuer_name=issuer)
    return Enrolment(id_, key, uri)

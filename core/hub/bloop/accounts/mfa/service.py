"""Commands of who is logged in: setting factors up and removing them, and proving oneself again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.mfa import login, passkeys, proofs, recovery, totp, traces
from bloop.accounts.mfa.challenges import Purpose
from bloop.accounts.mfa.errors import ProofRefusedError
from bloop.accounts.mfa.guard import StepUpRequiredError
from bloop.accounts.mfa.models import Passkey, TotpFactor
from bloop.accounts.mfa.party import Party
from bloop.accounts.mfa.passkeys import Asked
from bloop.accounts.mfa.proofs import Passwords, Proof, Refusal, Way
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import new_token, token_hash
from bloop.accounts.tokens.service import end_families
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Role

_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody has set up."""

    totp: TotpFactor | None
    passkeys: Sequence[Passkey]
    recovery_codes: int

    @property
    def any(self) -> bool:
        """Whether a login takes more than the first factor."""
        return self.totp is not None or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class Added:
    """A new factor; with the first one came ``recovery_codes``, which are shown this once."""

    id: str
    recovery_codes: tuple[str, ...]


@command("account:read")
def factors_of(unit: UnitOfWork, user_id: str) -> Factors:
    """What somebody has set up."""
    return Factors(
        totp.in_use(unit, user_id),
        passkeys.passkeys_of(unit, user_id),
        recovery.left(unit, user_id),
    )


@command("account:write")
def require_shown(unit: UnitOfWork, user_id: str, session: str | None) -> None:
    """Raise StepUpRequiredError where an account has a second factor that a session has not shown.

    A session may be older than the first factor; who began it with a stolen password could add a
    factor of their own otherwise.
    """
    if not _has_shown(unit, user_id, session):
        raise StepUpRequiredError(
            "this account has a second factor, and this session has not shown it",
            cure="POST /api/v1/account/step-up with it (a browser: /step-up), then send it again",
        )


@command("account:write")
def begin_totp(unit: UnitOfWork, user_id: str, issuer: str) -> totp.Enrolment:
    """A key for an authenticator app, of use once it is confirmed."""
    return totp.enrol(unit, unit.get(User, user_id), issuer)


@command("account:write")
def show_totp(unit: UnitOfWork, user_id: str, issuer: str) -> totp.Enrolment | None:
    """The key that waits to be confirmed."""
    return totp.enrolment(unit, unit.get(User, user_id), issuer)


@command("account:write")
def confirm_totp(unit: UnitOfWork, user_id: str, session: str | None, code: str) -> Added | Refusal:
    """Take an authenticator app into use."""
    refusal = totp.confirm(unit, user_id, code)
    if refusal is not None:
        return refusal
    found = totp.in_use(unit, user_id)
    assert found is not None, "it was confirmed just now"
    return _added(unit, user_id, session, found.id)


@command("account:write")
def begin_passkey(unit: UnitOfWork, user_id: str, holder: str, party: Party) -> passkeys.JSONObject:
    """The challenge for a new passkey."""
    return passkeys.registration_options(unit, unit.get(User, user_id), holder, party)


@command("account:write")
def add_passkey(
    unit: UnitOfWork,
    user_id: str,
    session: str | None,
    party: Party,
    name: str,
    credential: passkeys.JSONObject,
) -> Added | Refusal:
    """Keep a new passkey."""
    holder = session or user_id
    made = passkeys.register(unit, user_id, holder, party, name, credential)
    return _added(unit, user_id, session, made) if isinstance(made, str) else made


@command("account:write")
def remove_totp(unit: UnitOfWork, user_id: str) -> None:
    """Forget somebody's authenticator app; raises NotFoundError without one."""
    if not totp.remove(unit, user_id):
        raise NotFoundError("there is no authenticator app")
    _tidy(unit, user_id)


@command("account:write")
def remove_passkey(unit: UnitOfWork, user_id: str, passkey_id: str) -> None:
    """Forget one of somebody's passkeys."""
    passkeys.remove(unit, user_id, passkey_id)
    _tidy(unit, user_id)


@command("account:write")
def make_codes(unit: UnitOfWork, user_id: str) -> tuple[str, ...]:
    """Ten new recovery codes; raises NotFoundError where they would stand in for nothing."""
    if not factors_of(unit, user_id).any:
        raise NotFoundError(
            "recovery codes stand in for a factor, and there is none",
            cure="set up an authenticator app or a passkey first",
        )
    return recovery.make(unit, user_id)


@command("account:read")
def step_up_ways(
    unit: UnitOfWork, user_id: str, session: str | None, passwords: Passwords
) -> tuple[Way, ...]:
    """How somebody who is logged in can prove again who they are.

    A password does as long as it adds to what the session has shown, or is all there is.
    """
    own = proofs.ways_of(unit, user_id)
    by_password = passwords.has(unit, user_id) and _has_shown(unit, user_id, session)
    return (*own, Way.PASSWORD) if by_password else own


@command("account:write")
def step_up_options(
    unit: UnitOfWork, user_id: str, holder: str, party: Party
) -> passkeys.JSONObject:
    """The challenge for one of somebody's passkeys."""
    return passkeys.assertion_options(unit, Asked(Purpose.STEP_UP, holder), party, user_id)


@command("account:write")
def step_up(
    unit: UnitOfWork,
    user_id: str,
    session: str,
    proof: Proof,
    passwords: Passwords,
    *,
    password_right: bool = False,
) -> Refusal | str:
    """Prove again who one is, for the session's new token; with a second factor it has two.

    The old token ends with it: who had found it does not get what the proof opens.

    A password has been compared before, outside of any transaction: ``password_right``.
    """
    refusal: Refusal | None
    if proof.way is not Way.PASSWORD:
        refusal = proofs.check(unit, Asked(Purpose.STEP_UP, session), user_id, proof)
    elif password_right and Way.PASSWORD in step_up_ways(unit, user_id, session, passwords):
        refusal = None
    else:
        traces.refused(unit, user_id, Way.PASSWORD, "wrong")
        refusal = ProofRefusedError(
            "the password is wrong, or not enough for this account",
            cure="try again, or prove it another way: GET /api/v1/account/step-up lists them",
        )
    if refusal is not None:
        return refusal
    token = new_token(unit.institution)
    _prove(unit, session, second_factor=proof.way is not Way.PASSWORD, token=token)
    unit.audit.append("mfa.stepped_up", f"user:{user_id}", {"way": proof.way})
    unit.outbox.append("user.stepped_up", f"user:{user_id}", {"id": user_id, "way": proof.way})
    return token


@command("mfa:reset")
def reset(unit: UnitOfWork, user_id: str, role: Role) -> None:
    """Remove all of somebody's factors, sessions and tokens, for who has lost them all.

    Raises NotFoundError, and ForbiddenError where they stand above ``role``.
    """
    user = unit.get(User, user_id)
    if _RANK[Role(user.role)] > _RANK[role]:
        raise ForbiddenError(
            f"a {role} may not reset the factors of a {user.role}",
            cure=f"ask somebody who is {user.role} or more",
        )
    totp.remove(unit, user_id)
    for passkey in passkeys.passkeys_of(unit, user_id):
        passkeys.remove(unit, user_id, passkey.id)
    recovery.remove(unit, user_id)
    login.end_pending(unit, user_id)
    unit.session.execute(
        delete(LoginSession).where(
            LoginSession.institution_id == unit.institution, LoginSession.user_id == user_id
        )
    )
    end_families(unit, user_id)
    unit.audit.append("mfa.reset", f"user:{user_id}")
    unit.outbox.append("user.factors_reset", f"user:{user_id}", {"id": user_id})


def people_named(unit: UnitOfWork, name: str) -> list[User]:
    """Everybody whose id, e-mail or name this is."""
    return list(
        unit.session.scalars(
            select(User)
            .where((User.id == name) | (User.email == name) | (User.name == name))
            .order_by(User.id)
        )
    )


def _has_shown(unit: UnitOfWork, user_id: str, session: str | None) -> bool:
    """Whether a session has shown a second factor, where its account has one."""
    if not factors_of(unit, user_id).any:
        return True
    shown = select(LoginSession.second_factor).where(
        LoginSession.id == session, LoginSession.user_id == user_id
    )
    return bool(unit.session.scalar(shown))


def _added(unit: UnitOfWork, user_id: str, session: str | None, factor: str) -> Added:
    """With the first factor come recovery codes; whoever has just shown one has proved both."""
    has_codes = recovery.left(unit, user_id) > 0
    if session is not None:
        _prove(unit, session, second_factor=True)
    return Added(factor, () if has_codes else recovery.make(unit, user_id))


def _prove(
    unit: UnitOfWork, session: str, *, second_factor: bool, token: str | None = None
) -> None:
    values: dict[str, Any] = {"proved_at": utcnow()}
    if token is not None:
        values["token_hash"] = token_hash(token)
    if second_factor:
        values["second_factor"] = True
    unit.session.execute(
        update(LoginSession)
        .where(LoginSession.institution_id == unit.institution, LoginSession.id == session)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _tidy(unit: UnitOfWork, user_id: str) -> None:
    """Without any factor, recovery codes are none either, nor has any session a second one."""
    if factors_of(unit, user_id).any:
        return
    recovery.remove(unit, user_id)
    unit.session.execute(
        update(LoginSession)
        .where(LoginSession.institution_id == unit.institution, LoginSession.user_id == user_id)
        .values(second_factor=False)
        .execution_options(synchronize_session=False)
    )

"""Commands that give somebody a new password: by the old one, or by a link that is good once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import delete, select, update

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.devices import Device
from bloop.accounts.login import delays
from bloop.accounts.login.delays import ACCOUNT, ADDRESS, Charge, Delayed, Rule
from bloop.accounts.login.errors import ResetRefusedError
from bloop.accounts.login.models import PasswordCredential, PasswordReset
from bloop.accounts.login.passwords import find, load, normal_login, note_locked_out
from bloop.accounts.login.service import end_all, in_reach, log_in
from bloop.accounts.messages.letters import Letter
from bloop.accounts.messages.service import queue
from bloop.accounts.models import User
from bloop.accounts.service import (
    Method,
    SecondFactorNeeded,
    StartedSession,
    new_token,
    token_hash,
)
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.inserting import INSERT
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

RESET_MINUTES = 30


@dataclass(frozen=True, slots=True)
class Change:
    """A password that is to be changed: its hash, if there is one, and words about its owner."""

    hash: str | None = field(repr=False)
    about: tuple[str, ...]
    subjects: dict[str, Rule]
    charge: Charge


@command("account:write")
def begin_change(unit: UnitOfWork, user_id: str, *, fresh: bool) -> Change | Delayed:
    """Charge a try to change one's own password.

    Raises ForbiddenError for a first password unless its owner has ``fresh`` proof of who they are.
    """
    user, credential = load(unit, user_id)
    if user is None:
        raise NotFoundError("this account is gone")
    if credential is None:
        if not fresh:
            raise ForbiddenError(
                "a first password is set right after logging in", cure="log in again"
            )
        return Change(None, about(user), {}, Charge())
    subjects = {delays.subject(ACCOUNT, f"change of {user_id}"): ACCOUNT}
    charged = delays.charge(unit, subjects)
    if isinstance(charged, Delayed):
        return charged
    return Change(credential.hash, about(user), subjects, charged)


@command("account:write")
def refuse_change(unit: UnitOfWork, user_id: str, change: Change) -> None:
    """Write down that the old password was wrong."""
    unit.audit.append("account.password_refused", f"user:{user_id}")
    note_locked_out(unit, user_id, change.charge, None)


@command("account:write")
def settle_change(
    unit: UnitOfWork,
    user_id: str,
    session_id: str | None,
    change: Change,
    hashed: str,
    email: str | None,
) -> bool:
    """Set one's own password, and an ``email`` where one has none; all other sessions end.

    Gives False where another change came first. Raises ConflictError for an e-mail of others.
    """
    user, credential = load(unit, user_id)
    if user is None or (credential.hash if credential else None) != change.hash:
        return False
    if email is not None and user.email is None:
        _set_email(unit, user, email)
    delays.clear(unit, change.subjects)
    set_password(unit, user, hashed, by_link=False)
    end_all(unit, user_id, but=session_id)
    return True


def issue_reset(unit: UnitOfWork, user: User) -> str:
    """A token that lets its holder choose this user's password, once; earlier ones end."""
    _end_resets(unit, user.id)
    token = new_token(unit.institution)
    unit.session.add(
        PasswordReset(
            institution_id=unit.institution,
            token_hash=token_hash(token),
            user_id=user.id,
            expires_at=utcnow() + timedelta(minutes=RESET_MINUTES),
        )
    )
    unit.audit.append("account.reset_issued", f"user:{user.id}")
    return token


@command("users:recover")
def issue_reset_for(unit: UnitOfWork, user_id: str) -> str:
    """The same for somebody else; raises NotFoundError, ForbiddenError."""
    return issue_reset(unit, in_reach(unit.call, unit.get(User, user_id)))


def issue_reset_named(unit: UnitOfWork, name: str) -> tuple[User, str]:
    """The same for whom this e-mail, name or id names; raises NotFoundError."""
    found = find(unit, name)
    user = found[0] if found else load(unit, name)[0]
    if user is None:
        raise NotFoundError(
            f"nobody here has the e-mail {name!r}, nor, without an e-mail, that name alone",
            cure="name them by e-mail or by id",
        )
    return user, issue_reset(unit, user)


def ask_reset(
    unit: UnitOfWork,
    login: str,
    device: Device,
    nowhere: str = "",
    letter: Letter | None = None,
) -> Delayed | None:
    """Note that somebody says to have forgotten their password, whether there is one or not.

    ``nowhere`` is an institution that there is not. With a ``letter``, which says what to write of
    a token, who has an e-mail address is sent a link.
    """
    subjects = {delays.subject(ACCOUNT, f"reset of {nowhere}/{normal_login(login)}"): ACCOUNT}
    if device.address is not None:
        subjects[delays.subject(ADDRESS, delays.site_of(device.address))] = ADDRESS
    charged = delays.charge(unit, subjects)
    if isinstance(charged, Delayed):
        return charged
    found = find(unit, "" if nowhere else login)
    user = found[0] if found else None
    id_ = user.id if user else None
    who = f"user:{id_ or 'unknown'}"
    unit.audit.append("account.reset_asked", who, personal={"address": device.address})
    unit.outbox.append("user.reset_asked", who, {"id": id_})
    if user and user.email and letter is not None:
        text = letter(issue_reset(unit, user), user.language)
        queue(unit, "password_reset", user.email, text)
    return None


def about_reset(unit: UnitOfWork, token: str) -> tuple[str, ...]:
    """Words about whose password a token is for, which it stays good for.

    Raises ResetRefusedError.
    """
    user = unit.session.scalar(
        select(User)
        .join(PasswordReset, PasswordReset.user_id == User.id)
        .where(
            PasswordReset.token_hash == token_hash(token),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > utcnow(),
            User.disabled_at.is_(None),
        )
    )
    if user is None:
        raise ResetRefusedError
    return about(user)


def note_refused_reset(unit: UnitOfWork, token: str) -> None:
    """Write down that a link came again; what never was one leaves no trace."""
    user_id = unit.session.scalar(
        select(PasswordReset.user_id).where(PasswordReset.token_hash == token_hash(token))
    )
    if user_id is not None:
        unit.audit.append("account.reset_refused", f"user:{user_id}")


def use_reset(
    unit: UnitOfWork, token: str, hashed: str, device: Device
) -> tuple[str, StartedSession | SecondFactorNeeded]:
    """Set the password that a token is for, end every session, and let its holder in.

    Gives whose it is, and the login. Raises ResetRefusedError; of two at once, for one.
    """
    now = utcnow()
    user_id = unit.session.scalar(
        update(PasswordReset)
        .where(
            PasswordReset.institution_id == unit.institution,
            PasswordReset.token_hash == token_hash(token),
            PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > now,
        )
        .values(used_at=now)
        .returning(PasswordReset.user_id)
    )
    user, _ = load(unit, user_id)
    if user is None or user.disabled_at is not None:
        raise ResetRefusedError
    set_password(unit, user, hashed, by_link=True)
    end_all(unit, user.id)
    return user.id, log_in(unit, user, Method.LINK, device)


def set_password(unit: UnitOfWork, user: User, hashed: str, *, by_link: bool) -> None:
    """Give somebody a new password: links to one end, and what failed so far is forgotten."""
    now = utcnow()
    add = INSERT[unit.dialect](PasswordCredential).values(
        institution_id=unit.institution, user_id=user.id, hash=hashed, changed_at=now
    )
    unit.session.execute(
        add.on_conflict_do_update(
            index_elements=["user_id"], set_={"hash": hashed, "changed_at": now}
        )
    )
    _end_resets(unit, user.id)
    names = {normal_login(name) for name in about(user)}
    delays.clear(unit, (delays.subject(ACCOUNT, name) for name in names))
    who = f"user:{user.id}"
    unit.audit.append("account.password_changed", who, {"by_link": by_link})
    unit.outbox.append("user.password_changed", who, {"id": user.id, "by_link": by_link})


def about(user: User) -> tuple[str, ...]:
    """What those who know somebody would try as their password; last what they log in by."""
    return tuple(text for text in (user.name, user.email) if text)


def _end_resets(unit: UnitOfWork, user_id: str) -> None:
    unit.session.execute(
        delete(PasswordReset).where(
            PasswordReset.institution_id == unit.institution,
            PasswordReset.user_id == user_id,
            PasswordReset.used_at.is_(None) | (PasswordReset.expires_at < utcnow()),
        )
    )


def _set_email(unit: UnitOfWork, user: User, email: str) -> None:
    found = find(unit, email)
    if found is not None and found[0].id != user.id:
        raise ConflictError("another account has this e-mail address", cure="use another one")
    user.email = email
    unit.audit.append("account.email_set", f"user:{user.id}")

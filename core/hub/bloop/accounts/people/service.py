"""Commands on the users of an institution. Each checks who acts, and leaves a line and an event."""

from __future__ import annotations

import unicodedata
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from bloop.accounts.emails import normalised
from bloop.accounts.models import LoginSession, User
from bloop.accounts.people import guards
from bloop.accounts.people.followers import addressed
from bloop.accounts.people.invitations import withdraw_beyond
from bloop.accounts.people.topics import How
from bloop.accounts.seen import is_seen
from bloop.accounts.tokens.service import end_families
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Role

LONGEST_NAME = 200


@command("users:write")
def create(unit: UnitOfWork, *, name: str, email: str | None, role: Role) -> str:
    """A new user's id; raises ForbiddenError, InvalidError, ConflictError for a known e-mail."""
    guards.check_role(unit, role)
    user = add_user(unit, name=name, email=email, role=role, how="added")
    unit.audit.append("users:create", f"user:{user.id}", {"role": role})
    return user.id


@command("users:write")
def change(unit: UnitOfWork, user_id: str, version: int | None, changes: dict[str, Any]) -> None:
    """Change ``name``, ``email``, ``role`` or ``disabled``; what stays the same says nothing.

    Raises NotFoundError, ForbiddenError, InvalidError, and ConflictError for another version, an
    e-mail that is known, and the last of a kind.
    """
    guards.hold_people(unit)
    user = unit.get(User, user_id)
    unit.expect(user, version)
    guards.check_reach(unit, user)
    _describe(unit, user, changes)
    role = Role(changes.get("role", user.role))
    if role != user.role:
        _give_role(unit, user, role)
    if "disabled" in changes:
        _switch(unit, user, disabled=changes["disabled"])
    _flush(unit)


@command("users:write")
def remove(unit: UnitOfWork, user_id: str, version: int | None) -> None:
    """Disable a user and end their sessions; what they did stays. Raises as :func:`change`."""
    change(unit, user_id, version, {"disabled": True})


def add_user(
    unit: UnitOfWork,
    *,
    name: str,
    email: str | None,
    role: Role,
    how: How,
    waiting: bool = False,
) -> User:
    """The one way in which people get an account; who may give the role was asked before.

    Raises InvalidError, and ConflictError where the institution knows the e-mail already.
    """
    user = User(
        institution_id=unit.institution,
        name=clean_name(name),
        email=None if email is None else normalised(email),
        role=role,
        disabled_at=utcnow() if waiting else None,
        waiting=waiting,
    )
    _refuse_known(unit, user)
    unit.session.add(user)
    _flush(unit)
    payload = {"id": user.id, "role": role, "how": how, "waiting": waiting}
    unit.outbox.append("user.created", f"user:{user.id}", payload)
    addressed(unit, user)
    return user


def clean_name(name: str, *, longest: int = LONGEST_NAME) -> str:
    """A name in one line, Unicode composed; raises InvalidError for what is none."""
    clean = " ".join(unicodedata.normalize("NFC", name).split())
    if len(clean) > longest or not is_seen(clean):
        raise InvalidError(f"a name has 1 to {longest} characters that can be seen", field="name")
    return clean


def _describe(unit: UnitOfWork, user: User, changes: dict[str, Any]) -> None:
    fields = []
    if "name" in changes and (name := clean_name(changes["name"])) != user.name:
        user.name = name
        fields.append("name")
    if "email" in changes:
        email = None if changes["email"] is None else normalised(changes["email"])
        if email != user.email:
            with unit.session.no_autoflush:
                user.email, user.email_verified_at = email, None
                _refuse_known(unit, user)
            _flush(unit)
            addressed(unit, user)
            fields.append("email")
    if fields:
        unit.audit.append("users:change", f"user:{user.id}", {"fields": fields})
        payload = {"id": user.id, "fields": fields}
        unit.outbox.append("user.changed", f"user:{user.id}", payload)


def _give_role(unit: UnitOfWork, user: User, role: Role) -> None:
    guards.check_role(unit, role)
    guards.check_last(unit, user, role)
    before, user.role = Role(user.role), role
    told = {"role": role, "before": before}
    unit.audit.append("users:role", f"user:{user.id}", told)
    unit.outbox.append("user.role_changed", f"user:{user.id}", {"id": user.id, **told})
    withdraw_beyond(unit, user.id, role)


def _switch(unit: UnitOfWork, user: User, *, disabled: bool) -> None:
    if disabled == (user.disabled_at is not None) and not (disabled and user.waiting):
        return
    if disabled:
        guards.check_last(unit, user, None)
        unit.session.execute(delete(LoginSession).where(LoginSession.user_id == user.id))
        end_families(unit, user.id)
        withdraw_beyond(unit, user.id, None)
    user.disabled_at, user.waiting = utcnow() if disabled else None, False
    topic = "user.disabled" if disabled else "user.enabled"
    unit.audit.append("users:disable" if disabled else "users:enable", f"user:{user.id}")
    unit.outbox.append(topic, f"user:{user.id}", {"id": user.id})


def _refuse_known(unit: UnitOfWork, user: User) -> None:
    known = user.email and unit.session.scalar(
        select(User.id).where(User.email == user.email, User.id != (user.id or ""))
    )
    if known:
        raise _known()


def _flush(unit: UnitOfWork) -> None:
    try:
        unit.session.flush()
    except IntegrityError as err:
        raise _known() from err  # Somebody else took the address in this very moment.


def _known() -> ConflictError:
    return ConflictError(
        "a user of this institution has this e-mail address already",
        cure="look among the disabled accounts too, or take another address",
    )

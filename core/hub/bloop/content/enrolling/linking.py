"""Whose account a person of another system is: by a verified e-mail address, or by hand.

What was linked by an address ends with it; what somebody linked, or took apart, by hand stays.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select

import bloop.content.enrolling.topics  # noqa: F401 - declares what is said here
from bloop.accounts.models import User
from bloop.accounts.people.followers import ADDRESSED
from bloop.content.enrolling.models import LinkedBy, PersonLink
from bloop.content.models import Person
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.unit import UnitOfWork


def link_people(unit: UnitOfWork, connection: str) -> int:
    """Link the people of a connection whose address a user here has verified; how many are new.

    Links by an address that the system has changed since are taken away before.
    """
    if unit.connection.scalar(_ANYBODY, {"of": unit.institution, "by": connection}) is None:
        return 0
    mine = Person.connection_id == connection
    stale = select(Person.id).join(
        PersonLink,
        (PersonLink.institution_id == Person.institution_id) & (PersonLink.person_id == Person.id),
    )
    stale = stale.join(
        User,
        (User.institution_id == PersonLink.institution_id) & (User.id == PersonLink.user_id),
    ).where(
        Person.institution_id == unit.institution,
        mine,
        PersonLink.how == LinkedBy.EMAIL,
        func.lower(func.coalesce(Person.email, "")) != func.coalesce(User.email, ""),
    )
    if gone := unit.session.scalars(stale).all():
        _take_away(unit, PersonLink.person_id.in_(gone))
    return _link(unit, f"connection:{connection}", mine)


_ANYBODY = (
    select(Person.id)
    .where(Person.institution_id == bindparam("of"), Person.connection_id == bindparam("by"))
    .limit(1)
)


def link_user(unit: UnitOfWork, user: User) -> None:
    """Settle whose people a user is, after their address became another, or verified."""
    if user.email is None or user.email_verified_at is None:
        _take_away(unit, (PersonLink.user_id == user.id) & (PersonLink.how == LinkedBy.EMAIL))
    else:
        _link(unit, f"user:{user.id}", func.lower(Person.email) == user.email)


@command("users:write")
def link(unit: UnitOfWork, person_id: str, user_id: str) -> None:
    """Say that a person of another system is a user here; raises NotFoundError, InvalidError."""
    person = _person(unit, person_id)
    user = unit.get(User, user_id)
    if user.erased_at is not None:
        raise InvalidError("user: this account is erased", field="user")
    _set(unit, person.id, user.id)


@command("users:write")
def unlink(unit: UnitOfWork, person_id: str) -> None:
    """Say that a person of another system is nobody here; raises NotFoundError."""
    _set(unit, _person(unit, person_id).id, None)


def _person(unit: UnitOfWork, person_id: str) -> Person:
    found = unit.session.get(Person, (unit.institution, person_id))
    if found is None:
        raise NotFoundError(f"no person {person_id[:40]}")
    if found.connection_id is not None:
        unit.get(Connection, found.connection_id)  # Whoever is known over one's own is not others'.
    return found


def _set(unit: UnitOfWork, person: str, user: str | None) -> None:
    row = unit.session.get(PersonLink, (unit.institution, person))
    before = row.user_id if row else None
    if row is None:
        row = PersonLink(institution_id=unit.institution, person_id=person)
        unit.session.add(row)
    row.user_id, row.how = user, LinkedBy.HAND
    if before == user:
        return
    unit.audit.append("people:link", f"person:{person}", {"user": user, "before": before})
    if before is not None:
        _tell(unit, "unlinked", person, before)
    if user is not None:
        _tell(unit, "linked", person, user)


def _take_away(unit: UnitOfWork, which: ColumnElement[bool]) -> None:
    gone = unit.session.execute(
        select(PersonLink.person_id, PersonLink.user_id).where(
            PersonLink.institution_id == unit.institution, which
        )
    ).all()
    for person, user in gone:
        assert user is not None, "one that was taken apart by hand is no link by an address"
        unit.session.execute(
            delete(PersonLink).where(
                PersonLink.institution_id == unit.institution, PersonLink.person_id == person
            )
        )
        _tell(unit, "unlinked", person, user)


def _link(unit: UnitOfWork, about: str, which: ColumnElement[bool]) -> int:
    """Link those that nobody has linked or taken apart, where the address is a user's alone."""
    linked: Any = select(PersonLink.person_id).where(PersonLink.institution_id == unit.institution)
    found = unit.session.execute(
        select(Person.id, User.id)
        .join(
            User,
            (User.institution_id == Person.institution_id)
            & (User.email == func.lower(Person.email)),
        )
        .where(
            Person.institution_id == unit.institution,
            User.institution_id == unit.institution,
            which,
            Person.state == "active",
            User.email_verified_at.is_not(None),
            User.erased_at.is_(None),
            Person.id.not_in(linked),
        )
        .order_by(Person.id)
    ).all()
    for person, user in found:
        unit.session.add(
            PersonLink(
                institution_id=unit.institution,
                person_id=person,
                user_id=user,
                how=LinkedBy.EMAIL,
            )
        )
        _tell(unit, "linked", person, user)
    unit.session.flush()
    if found:
        unit.audit.append("people:linked", about, {"count": len(found)})
    return len(found)


def _tell(unit: UnitOfWork, what: str, person: str, user: str) -> None:
    payload = {"id": user, "person": person}
    unit.outbox.append(f"user.person_{what}", f"user:{user}", payload)


ADDRESSED.append(link_user)

"""Commands on groups of users: classes, cohorts, departments."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from bloop.accounts.models import User
from bloop.accounts.people.followers import grouped
from bloop.accounts.people.models import Group, GroupMember
from bloop.accounts.people.service import clean_name
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.unit import UnitOfWork

MOST_AT_ONCE = 500


@command("groups:write")
def create(unit: UnitOfWork, *, name: str) -> str:
    """A new group's id; raises InvalidError, and ConflictError for a name that another has."""
    group = Group(institution_id=unit.institution, name=clean_name(name))
    unit.session.add(group)
    _flush(unit)
    unit.audit.append("groups:create", f"group:{group.id}", {"name": group.name})
    unit.outbox.append("user.group_created", f"group:{group.id}", {"id": group.id})
    return group.id


@command("groups:write")
def rename(unit: UnitOfWork, group_id: str, version: int | None, *, name: str) -> None:
    """Give a group another name; raises NotFoundError, InvalidError, ConflictError."""
    group = unit.get(Group, group_id)
    unit.expect(group, version)
    if (clean := clean_name(name)) == group.name:
        return
    group.name = clean
    _flush(unit)
    unit.audit.append("groups:rename", f"group:{group.id}", {"name": clean})
    unit.outbox.append("user.group_renamed", f"group:{group.id}", {"id": group.id})


@command("groups:write")
def remove(unit: UnitOfWork, group_id: str, version: int | None) -> None:
    """End a group, and what its members had by it; raises NotFoundError."""
    group = unit.get(Group, group_id)
    unit.expect(group, version)
    _out(unit, group.id, members_of(unit, group.id))
    grouped(unit, group.id, (), joined=False)
    unit.session.delete(group)
    unit.audit.append("groups:remove", f"group:{group.id}", {"name": group.name})
    unit.outbox.append("user.group_removed", f"group:{group.id}", {"id": group.id})


@command("groups:write")
def add(unit: UnitOfWork, group_id: str, users: Collection[str]) -> int:
    """Put users into a group; how many were not in it before.

    Raises NotFoundError for a group that is not there, InvalidError for such a user or too many.
    """
    group, wanted = unit.get(Group, group_id), set(users)
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidError(f"users: more than {MOST_AT_ONCE} at once", field="users")
    known = set(
        unit.session.scalars(
            select(User.id).where(
                User.institution_id == unit.institution,
                User.id.in_(wanted),
                User.erased_at.is_(None),
            )
        )
    )
    if strangers := sorted(wanted - known):
        raise InvalidError(f"users: no user {strangers[0][:40]}", field="users")
    new = sorted(wanted - set(members_of(unit, group.id)))
    unit.session.add_all(
        GroupMember(institution_id=unit.institution, group_id=group.id, user_id=one) for one in new
    )
    grouped(unit, group.id, new, joined=True)
    for user in new:
        _tell(unit, "joined", group.id, user)
    return len(new)


@command("groups:write")
def take_out(unit: UnitOfWork, group_id: str, user_id: str) -> None:
    """Take a user out of a group; nothing for one who is not in it. Raises NotFoundError."""
    group = unit.get(Group, group_id)
    if user_id in members_of(unit, group.id):
        _out(unit, group.id, [user_id])


def members_of(unit: UnitOfWork, group_id: str) -> list[str]:
    """The ids of a group's users."""
    return list(
        unit.session.scalars(
            select(GroupMember.user_id)
            .where(GroupMember.institution_id == unit.institution, GroupMember.group_id == group_id)
            .order_by(GroupMember.user_id)
        )
    )


def _out(unit: UnitOfWork, group_id: str, users: Collection[str]) -> None:
    if not users:
        return
    unit.session.execute(
        delete(GroupMember).where(
            GroupMember.institution_id == unit.institution,
            GroupMember.group_id == group_id,
            GroupMember.user_id.in_(users),
        )
    )
    grouped(unit, group_id, users, joined=False)
    for user in users:
        _tell(unit, "left", group_id, user)


def _tell(unit: UnitOfWork, what: str, group_id: str, user_id: str) -> None:
    unit.audit.append(f"groups:{what}", f"group:{group_id}", {"user": user_id})
    payload = {"id": user_id, "group": group_id}
    unit.outbox.append(f"user.{what}_group", f"user:{user_id}", payload)


def _flush(unit: UnitOfWork) -> None:
    try:
        unit.session.flush()
    except IntegrityError as err:
        raise ConflictError(
            "another group of this institution has this name", cure="take another name"
        ) from err

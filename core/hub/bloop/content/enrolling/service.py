"""Commands on enrolments: who is in a course, and whom it is for."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

import bloop.content.enrolling.topics  # noqa: F401 - declares what is said here
from bloop.accounts.actions import ACTIONS, ForbiddenError, may
from bloop.accounts.emails import normalised
from bloop.accounts.models import User
from bloop.accounts.people.followers import GROUPED
from bloop.accounts.people.groups import members_of
from bloop.accounts.people.models import Group
from bloop.content.enrolling.models import AUDIENCES, CourseEnrolment, CourseRole
from bloop.content.models import Container
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of

WRITE = "enrolments:write"


@command(WRITE)
def enrol(
    unit: UnitOfWork,
    container_id: str,
    *,
    user: str | None = None,
    email: str | None = None,
    group: str | None = None,
    role: str = CourseRole.LEARNER,
) -> str:
    """Enrol a user, by id or e-mail address, or a group; the enrolment's id.

    Who is enrolled already gets the role. Raises NotFoundError and InvalidError.
    """
    container = unit.get(Container, container_id)
    _refuse_owned(container)
    if sum(one is not None for one in (user, email, group)) != 1:
        raise InvalidError("name one of user, email and group", field="user")
    if role not in set(CourseRole):
        raise InvalidError(f"role: {role[:40]!r} is none", field="role", cure="learner, educator")
    if container.state == "trashed":
        raise ConflictError(f"container {container.id} is in the trash", cure="restore it first")
    user_id = None if group else _user(unit, user, email)
    if group is not None:
        unit.get(Group, group)
    row = unit.session.scalar(
        select(CourseEnrolment).where(
            CourseEnrolment.institution_id == unit.institution,
            CourseEnrolment.container_id == container.id,
            CourseEnrolment.source == "",
            CourseEnrolment.user_id == user_id
            if group is None
            else CourseEnrolment.group_id == group,
        )
    )
    if row is None:
        row = CourseEnrolment(
            institution_id=unit.institution,
            container_id=container.id,
            user_id=user_id,
            group_id=group,
            role=role,
            created_by=actor_of(unit.call),
        )
        unit.session.add(row)
    elif row.role == role:
        return row.id
    row.role = role
    unit.session.flush()
    unit.audit.append(
        "enrolments:enrol",
        f"container:{container.id}",
        {"user": user_id, "group": group, "role": role},
    )
    _tell(unit, "enrolled", row, _users(unit, row))
    return row.id


@command(WRITE)
def end(unit: UnitOfWork, container_id: str, enrolment_id: str) -> None:
    """End an enrolment that people made; raises NotFoundError and ConflictError."""
    container = unit.get(Container, container_id)
    row = unit.session.get(CourseEnrolment, (unit.institution, enrolment_id))
    if row is None or row.container_id != container.id:
        raise NotFoundError(f"no enrolment {enrolment_id[:40]} in this course")
    if row.source:
        raise ConflictError(
            f"this enrolment is the plugin {row.source}'s",
            cure="end what it stands for there, such as a purchase",
        )
    _end(unit, row, _users(unit, row))


def admit(unit: UnitOfWork, container_id: str, user: str, source: str) -> None:
    """Enrol a user on behalf of a plugin, beside what people decide; again changes nothing.

    Raises NotFoundError for a course or user that is not there.
    """
    row = _of_source(unit, container_id, user, source)
    if row is not None:
        return
    container = unit.get(Container, container_id)
    row = CourseEnrolment(
        institution_id=unit.institution,
        container_id=container.id,
        user_id=_user(unit, user, None),
        role=CourseRole.LEARNER,
        source=source,
        created_by=f"plugin:{source}",
    )
    unit.session.add(row)
    unit.session.flush()
    unit.audit.append(
        "enrolments:enrol", f"container:{container.id}", {"user": user, "source": source}
    )
    _tell(unit, "enrolled", row, [user])


def dismiss(unit: UnitOfWork, container_id: str, user: str, source: str) -> None:
    """End what :func:`admit` made for this plugin; what else lets the user in stays."""
    row = _of_source(unit, container_id, user, source)
    if row is not None:
        _end(unit, row, [user])


def _of_source(
    unit: UnitOfWork, container_id: str, user: str, source: str
) -> CourseEnrolment | None:
    return unit.session.scalar(
        select(CourseEnrolment).where(
            CourseEnrolment.institution_id == unit.institution,
            CourseEnrolment.container_id == container_id,
            CourseEnrolment.user_id == user,
            CourseEnrolment.source == source,
        )
    )


@command(WRITE)
def set_audience(unit: UnitOfWork, container_id: str, version: int | None, audience: str) -> None:
    """Decide whom a course is for, wherever it comes from; raises InvalidError.

    Raises ForbiddenError for somebody who only teaches the course: it may be another system's.
    """
    container = unit.get(Container, container_id)
    unit.expect(container, version)
    _refuse_owned(container)
    if audience not in AUDIENCES:
        raise InvalidError(
            f"audience: {audience[:40]!r} is none", field="audience", cure=", ".join(AUDIENCES)
        )
    if not may(unit.call, WRITE):
        raise ForbiddenError(
            "those who teach a course don't decide whom it is for",
            cure=f"ask somebody who is {ACTIONS[WRITE]} or more",
        )
    before = container.audience
    if before == audience:
        return
    container.audience, container.updated_at = audience, utcnow()
    unit.session.flush()
    told = {"audience": str(audience), "before": str(before)}
    about = f"container:{container.id}"
    unit.audit.append("enrolments:audience", about, told)
    payload = {"container": container.id, **told}
    unit.outbox.append("learning.audience_changed", about, payload)


def _refuse_owned(container: Container) -> None:
    if container.owner_id is not None:
        raise ConflictError(
            "this notebook is its owner's alone",
            cure="write what is for others into a course or notebook of the institution",
        )


def _user(unit: UnitOfWork, user: str | None, email: str | None) -> str:
    which = User.email == normalised(email) if email is not None else User.id == user
    found: str | None = unit.session.scalar(
        select(User.id).where(
            User.institution_id == unit.institution, which, User.erased_at.is_(None)
        )
    )
    if found is None:
        field = "email" if email is not None else "user"
        raise InvalidError(
            f"{field}: nobody here has it", field=field, cure="invite them first, then enrol them"
        )
    return found


def _users(unit: UnitOfWork, row: CourseEnrolment) -> Collection[str]:
    return [row.user_id] if row.user_id else members_of(unit, row.group_id or "")


def _end(unit: UnitOfWork, row: CourseEnrolment, users: Collection[str]) -> None:
    _tell(unit, "unenrolled", row, users)
    unit.audit.append(
        "enrolments:end",
        f"container:{row.container_id}",
        {"user": row.user_id, "group": row.group_id},
    )
    unit.session.delete(row)
    unit.session.flush()


def _tell(unit: UnitOfWork, what: str, row: CourseEnrolment, users: Collection[str]) -> None:
    for user in users:
        payload = {
            "id": user,
            "container": row.container_id,
            "role": str(row.role),
            "group": row.group_id,
        }
        unit.outbox.append(f"learning.{what}", f"user:{user}", payload)


def _follow_groups(unit: UnitOfWork, group: str, users: Collection[str], joined: bool) -> None:  # noqa: FBT001 - a follower's form
    """Say who is enrolled with a group from now on, or no longer; a group that ends is in none."""
    rows = unit.session.scalars(
        select(CourseEnrolment)
        .where(
            CourseEnrolment.institution_id == unit.institution, CourseEnrolment.group_id == group
        )
        .order_by(CourseEnrolment.id)
    ).all()
    for row in rows:
        if not joined and not users:
            _end(unit, row, ())
        else:
            _tell(unit, "enrolled" if joined else "unenrolled", row, users)


GROUPED.append(_follow_groups)

"""Who is in a course, as parts of SQL: everybody who is enrolled in it, and who learns in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, union

from bloop.accounts.models import User
from bloop.accounts.people.models import GroupMember
from bloop.content.enrolling.models import CourseEnrolment, PersonLink
from bloop.content.enrolling.visibility import OF_GROUP, OF_PERSON, ONGOING, TEACHING
from bloop.content.models import Enrolment
from bloop.store.statements import institution


def enrolled_in(course: Any, *, teaching: bool = False) -> Any:
    """The ids of the users who are enrolled in a course, or only of those who teach in it.

    By name, in a group, or in the system that the course comes from.
    """
    own: list[Any] = [CourseEnrolment.role.in_(TEACHING)] if teaching else []
    theirs: list[Any] = [Enrolment.role.in_(TEACHING)] if teaching else []
    here = (
        CourseEnrolment.institution_id == institution,
        CourseEnrolment.container_id == course,
        *own,
    )
    by_name = select(CourseEnrolment.user_id).where(*here, CourseEnrolment.user_id.is_not(None))
    in_group = (
        select(GroupMember.user_id)
        .join(
            CourseEnrolment,
            OF_GROUP,
        )
        .where(*here, GroupMember.institution_id == institution)
    )
    elsewhere = (
        select(PersonLink.user_id)
        .join(
            Enrolment,
            OF_PERSON,
        )
        .where(
            Enrolment.institution_id == institution,
            PersonLink.institution_id == institution,
            Enrolment.container_id == course,
            ONGOING,
            *theirs,
        )
    )
    return union(by_name, in_group, elsewhere)


def learners_of(course: Any) -> Any:
    """A select of ``id`` and ``name`` of who learns in a course: neither teachers nor disabled."""
    columns: Any = (User.id, User.name)
    return select(*columns).where(
        User.institution_id == institution,
        User.disabled_at.is_(None),
        User.id.in_(enrolled_in(course)),
        User.id.not_in(enrolled_in(course, teaching=True)),
    )

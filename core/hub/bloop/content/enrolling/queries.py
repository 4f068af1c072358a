"""Registered reads of who is in a course, and of somebody's courses."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select, union

from bloop.accounts.models import User
from bloop.accounts.people.models import Group, GroupMember
from bloop.content.enrolling.learners import enrolled_in, learners_of
from bloop.content.enrolling.models import CourseEnrolment, ItemGrant, PersonLink
from bloop.content.enrolling.visibility import (
    OF_GROUP,
    OF_PERSON,
    ONGOING,
    container_reachable,
    container_visible,
    inside_reachable,
    item_visible,
    teaches,
    viewer,
    with_container,
)
from bloop.content.models import Container, Enrolment, Item, Person
from bloop.store.statements import institution, register

VISIBLE_AT_ONCE = 50

_enrolment: Any = CourseEnrolment
_COLUMNS: Any = (
    CourseEnrolment.id,
    CourseEnrolment.role,
    CourseEnrolment.source,
    CourseEnrolment.user_id.label("user"),
    CourseEnrolment.group_id.label("group"),
    func.coalesce(User.name, Group.name).label("name"),
    CourseEnrolment.created_at,
    CourseEnrolment.row_version,
)
_enrolments: Any = (
    select(*_COLUMNS)
    .select_from(_enrolment)
    .outerjoin(
        User,
        (User.institution_id == CourseEnrolment.institution_id)
        & (User.id == CourseEnrolment.user_id),
    )
    .outerjoin(
        Group,
        (Group.institution_id == CourseEnrolment.institution_id)
        & (Group.id == CourseEnrolment.group_id),
    )
    .where(
        CourseEnrolment.institution_id == institution,
        CourseEnrolment.container_id == bindparam("container"),
        inside_reachable(CourseEnrolment.container_id),
    )
)

ENROLMENTS = register(
    "content.enrolments",
    _enrolments.where(CourseEnrolment.id > bindparam("after"))
    .order_by(CourseEnrolment.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Who is enrolled here in a course: users and groups by their names."""

ENROLMENT = register(
    "content.enrolment", _enrolments.where(CourseEnrolment.id == bindparam("id")), heavy=True
)
"""One of them."""

ROSTER = register(
    "content.roster",
    select(
        Enrolment.id,
        Enrolment.person_id.label("person"),
        Person.name,
        Enrolment.role,
        PersonLink.user_id.label("user"),
        PersonLink.how.label("linked_by"),
    )
    .join(
        Person,
        and_(Person.institution_id == Enrolment.institution_id, Person.id == Enrolment.person_id),
    )
    .outerjoin(
        PersonLink,
        OF_PERSON,
    )
    .where(
        Enrolment.institution_id == institution,
        Person.institution_id == institution,
        or_(PersonLink.institution_id == institution, PersonLink.institution_id.is_(None)),
        Enrolment.container_id == bindparam("container"),
        inside_reachable(Enrolment.container_id),
        ONGOING,
        Enrolment.id > bindparam("after"),
    )
    .order_by(Enrolment.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""Who is enrolled in the system that a course comes from, and which user of the hub that is."""

_by_name = select(CourseEnrolment.container_id).where(
    CourseEnrolment.institution_id == institution, CourseEnrolment.user_id == viewer
)
_in_group = (
    select(CourseEnrolment.container_id)
    .join(
        GroupMember,
        OF_GROUP,
    )
    .where(
        CourseEnrolment.institution_id == institution,
        GroupMember.institution_id == institution,
        GroupMember.user_id == viewer,
    )
)
_elsewhere = (
    select(Enrolment.container_id)
    .join(
        PersonLink,
        OF_PERSON,
    )
    .where(
        Enrolment.institution_id == institution,
        PersonLink.institution_id == institution,
        PersonLink.user_id == viewer,
        ONGOING,
    )
)

MEMBERSHIPS = (_by_name, _in_group, _elsewhere)
"""The courses in which whoever asks is enrolled, in each of the three ways, as parts of a union."""

OWN_COURSES = register(
    "content.own_courses",
    select(
        Container.id,
        Container.kind,
        Container.title,
        Container.code,
        Container.published,
        Container.state,
        teaches.label("teaches"),
    )
    .where(
        Container.institution_id == institution,
        Container.id > bindparam("after"),
        Container.id.in_(union(*MEMBERSHIPS)),
        container_visible,
    )
    .order_by(Container.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The courses in which whoever asks is enrolled, as far as they may see them."""

_COURSE: Any = bindparam("container")
VIEWERS = register(
    "content.viewers",
    select(User.id).where(User.institution_id == institution, User.id.in_(enrolled_in(_COURSE))),
    heavy=True,
    whole="the hub asks who hears of a change in a course",
)
"""The users who are enrolled in a course."""

LEARNERS = register(
    "content.learners",
    learners_of(_COURSE)
    .where(inside_reachable(_COURSE))
    .order_by(User.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The users who learn in a course: ids and names."""

LEARNER = register(
    "content.learner",
    learners_of(_COURSE)
    .add_columns(User.role)
    .where(inside_reachable(_COURSE), User.id == bindparam("user")),
    heavy=True,
)
"""One of them, with their role in the institution."""

GRANTEES = register(
    "content.grantees",
    select(ItemGrant.user_id).where(
        ItemGrant.institution_id == institution, ItemGrant.item_id == bindparam("item")
    ),
    heavy=True,
    whole="the hub asks who hears of a change of an item",
)
"""The users to whom an item was granted by itself."""

_SLOTS: list[Any] = [bindparam(f"id_{number}") for number in range(VISIBLE_AT_ONCE)]
_ASKED: Any = (Item.id, Container.id.label("container"))


def _asked(name: str, *conditions: Any) -> Any:
    return register(
        name,
        select(*_ASKED)
        .join_from(Item, Container, with_container)
        .where(
            Item.institution_id == institution,
            Container.institution_id == institution,
            Item.id.in_(_SLOTS),
            *conditions,
        ),
    )


VISIBLE_ITEMS = _asked("content.visible_items", item_visible)
"""Which of some items whoever asks may see, who does not write content by their role."""

KNOWN_ITEMS = _asked(
    "content.known_items",
    container_reachable,
    Item.state != "trashed",
    Container.state != "trashed",
)
"""The same for who does."""

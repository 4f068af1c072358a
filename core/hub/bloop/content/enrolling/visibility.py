"""What somebody may see of content, as conditions of SQL: one place for every read.

The conditions are about the tables of the statement they stand in; ``:viewer`` and ``:writer`` are
filled in from the call. Whoever may write content by their role in the institution is given the
reads that show everything, and needs none of this.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select

from bloop.accounts.people.models import GroupMember
from bloop.content.enrolling.models import Audience, CourseEnrolment, CourseRole, PersonLink
from bloop.content.models import Container, Enrolment, Item
from bloop.store.statements import caller_parameter, institution
from bloop_sdk import Call, PrincipalKind

WRITE = "content:write"

TEACHING = (CourseRole.EDUCATOR.value, "admin")
"""The roles of an enrolment that write in its course; another system's may be its admin."""


def _viewer(call: Call) -> str:
    return "" if call.principal.kind is PrincipalKind.GUEST else call.principal.id


def _writer(call: Call) -> str:
    scopes = call.principal.scopes
    return _viewer(call) if scopes is None or WRITE in scopes else ""


viewer = caller_parameter("viewer", _viewer)
"""The id of whoever asks, empty for a guest."""
writer = caller_parameter("writer", _writer)
"""The same, empty as well where a token or a plugin leaves out writing content."""

container_shown = and_(Container.published.is_(True), Container.state == "active")
item_shown = and_(Item.published.is_(True), Item.state == "active", Item.concealed.is_(False))


def _in_course(who: Any, course: Any, *, teaching: bool) -> ColumnElement[bool]:
    """Whether ``who`` is enrolled in ``course``: by name, in a group, or in the system it is of."""
    own: list[Any] = [CourseEnrolment.role.in_(TEACHING)] if teaching else []
    theirs: list[Any] = [Enrolment.role.in_(TEACHING)] if teaching else []
    by_name = exists(
        select(CourseEnrolment.id).where(
            CourseEnrolment.institution_id == institution,
            CourseEnrolment.container_id == course,
            CourseEnrolment.user_id == who,
            *own,
        )
    )
    in_group = exists(
        select(CourseEnrolment.id)
        .join(
            GroupMember,
            and_(
                GroupMember.institution_id == CourseEnrolment.institution_id,
                GroupMember.group_id == CourseEnrolment.group_id,
            ),
        )
        .where(
            CourseEnrolment.institution_id == institution,
            GroupMember.institution_id == institution,
            CourseEnrolment.container_id == course,
            GroupMember.user_id == who,
            *own,
        )
    )
    elsewhere = exists(
        select(Enrolment.id)
        .join(
            PersonLink,
            and_(
                PersonLink.institution_id == Enrolment.institution_id,
                PersonLink.person_id == Enrolment.person_id,
            ),
        )
        .where(
            Enrolment.institution_id == institution,
            PersonLink.institution_id == institution,
            Enrolment.container_id == course,
            Enrolment.active.is_(True),
            Enrolment.state == "active",
            PersonLink.user_id == who,
            *theirs,
        )
    )
    return or_(by_name, in_group, elsewhere)


enrolled = _in_course(viewer, Container.id, teaching=False)
admitted = or_(
    Container.audience == Audience.OPEN.value,
    and_(viewer != "", or_(Container.audience == Audience.MEMBERS.value, enrolled)),
)
"""Whether the container is for whoever asks, once it is shown at all."""

teaches = and_(writer != "", _in_course(writer, Container.id, teaching=True))
"""Whether whoever asks is enrolled in the container as one who writes in it."""

container_visible = or_(
    and_(container_shown, admitted), and_(Container.state != "trashed", teaches)
)
"""Of a container: it is shown and for them, or they teach it."""

item_visible = or_(
    and_(item_shown, container_shown, admitted),
    and_(Item.state != "trashed", Container.state != "trashed", teaches),
)
"""The same of an item, joined with its container (:func:`with_container`)."""

with_container = and_(
    Container.institution_id == Item.institution_id, Container.id == Item.container_id
)
"""How an item is joined with its container."""

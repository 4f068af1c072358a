"""What somebody may see of content, as conditions of SQL: one place for every read.

The conditions are about the tables of the statement they stand in; ``:viewer``, ``:writer``,
``:reader`` and ``:asked_at`` are filled in from the call. Whoever may write content by their role
in the institution is given the reads that show everything, and needs of this only what keeps others
out of what somebody owns: :data:`container_reachable`, :func:`inside_reachable` and
:func:`connection_reachable`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from bloop.accounts.people.models import GroupMember
from bloop.content.enrolling.models import (
    Audience,
    CourseEnrolment,
    CourseRole,
    ItemGrant,
    PersonLink,
)
from bloop.content.models import Container, Enrolment, Item
from bloop.kernel.models import Connection
from bloop.store.statements import caller_parameter, institution, reachable, reader
from bloop.store.types import utcnow
from bloop_sdk import Call, Kind, PrincipalKind

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

asked_at = caller_parameter("asked_at", lambda _call: f"{utcnow():%Y-%m-%dT%H:%M:%SZ}")
"""The moment it is asked at, as texts of an item's data have it."""

container_reachable = reachable(Container.owner_id)
"""Of a container: it is nobody's, or of whoever asks. Whatever their role, nobody gets past it."""

_owned = Container.owner_id.is_not(None)
"""Beside each comparison with an owner: of nobody's it would be NULL, which is no answer."""

owns = and_(_owned, reader != "", Container.owner_id == reader)

_Home = aliased(Container, name="home")


def inside_reachable(container: Any) -> ColumnElement[bool]:
    """The same of what is in a container, by the column that names that."""
    return ~exists(
        select(_Home.id).where(
            _Home.institution_id == institution, _Home.id == container, ~reachable(_Home.owner_id)
        )
    )


def inside_own(container: Any) -> ColumnElement[bool]:
    """Whether what is in a container is the caller's own."""
    return exists(
        select(_Home.id).where(
            _Home.institution_id == institution,
            _Home.id == container,
            reader != "",
            _Home.owner_id == reader,
        )
    )


_Source = aliased(Connection, name="source")


def connection_reachable(connection: Any) -> ColumnElement[bool]:
    """The same of what came over a connection, or tells of one."""
    return ~exists(
        select(_Source.id).where(
            _Source.institution_id == institution,
            _Source.id == connection,
            ~reachable(_Source.owner_id),
        )
    )


container_shown = and_(Container.published.is_(True), Container.state == "active")
item_shown = and_(Item.published.is_(True), Item.state == "active", Item.concealed.is_(False))


OF_GROUP = and_(
    GroupMember.institution_id == CourseEnrolment.institution_id,
    GroupMember.group_id == CourseEnrolment.group_id,
)
"""Joins a group's enrolments with its members."""
OF_PERSON = and_(
    PersonLink.institution_id == Enrolment.institution_id,
    PersonLink.person_id == Enrolment.person_id,
)
"""Joins enrolments of another system with the users that its people are."""
ONGOING = and_(Enrolment.active.is_(True), Enrolment.state == "active")


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
            OF_GROUP,
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
            OF_PERSON,
        )
        .where(
            Enrolment.institution_id == institution,
            PersonLink.institution_id == institution,
            Enrolment.container_id == course,
            ONGOING,
            PersonLink.user_id == who,
            *theirs,
        )
    )
    return or_(by_name, in_group, elsewhere)


enrolled = _in_course(viewer, Container.id, teaching=False)
admitted = and_(
    container_reachable,
    or_(
        owns,
        Container.audience == Audience.OPEN.value,
        and_(viewer != "", or_(Container.audience == Audience.MEMBERS.value, enrolled)),
    ),
)
"""Whether the container is for whoever asks, once it is shown at all."""

teaches = and_(
    writer != "",
    container_reachable,
    or_(
        and_(_owned, Container.owner_id == writer),
        _in_course(writer, Container.id, teaching=True),
    ),
)
"""Whether whoever asks writes in the container: as one who is enrolled so, or as its owner."""

container_visible = or_(
    and_(container_shown, admitted), and_(Container.state != "trashed", teaches)
)
"""Of a container: it is shown and for them, or they teach it."""

granted = and_(
    viewer != "",
    exists(
        select(ItemGrant.id).where(
            ItemGrant.institution_id == institution,
            ItemGrant.item_id == Item.id,
            ItemGrant.user_id == viewer,
        )
    ),
)
"""Whether an item was granted to whoever asks by itself; nothing else of its course was by that."""

item_visible = or_(
    and_(item_shown, container_shown, or_(admitted, and_(container_reachable, granted))),
    and_(Item.state != "trashed", Container.state != "trashed", teaches),
)
"""The same of an item, joined with its container (:func:`with_container`); or it was granted."""

_shown_from = Item.data["shown_from"].as_string()
text_visible = or_(
    Item.kind.not_in([str(Kind.ASSIGNMENT), str(Kind.QUIZ)]),
    _shown_from.is_(None),
    _shown_from <= asked_at,
    teaches,
)
"""Whether more of a visible item is for whoever asks than its title and its dates."""

with_container = and_(
    Container.institution_id == Item.institution_id, Container.id == Item.container_id
)
"""How an item is joined with its container."""

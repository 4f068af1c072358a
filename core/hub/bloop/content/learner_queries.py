"""Registered reads of what people did in other systems, and of what takes place when."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, select

from bloop.content.enrolling.visibility import inside_reachable
from bloop.content.models import CalendarEvent, Item, Person, Submission
from bloop.store.statements import institution, register

_OF_CONTAINER: Any = bindparam("container")
_AFTER: Any = bindparam("after")
_LIMIT: Any = bindparam("limit")


def _item_of(model: Any) -> Any:
    """The item that a row is about, where the hub holds it."""
    return and_(
        Item.institution_id == model.institution_id,
        Item.connection_id == model.connection_id,
        Item.kind == model.item_kind,
        Item.remote_id == model.item_remote_id,
    )


_SUBMISSION = (
    Submission.id,
    Submission.container_id.label("container"),
    Submission.person_id.label("person"),
    Person.name.label("person_name"),
    Item.id.label("item"),
    Item.title.label("item_title"),
    Submission.status,
    Submission.attempt,
    Submission.score,
    Submission.points,
    Submission.grade,
    Submission.late,
    Submission.submitted_at,
    Submission.graded_at,
    Submission.comments,
    Submission.state,
    Submission.row_version,
)


def _submissions(*conditions: Any) -> Any:
    columns: tuple[Any, ...] = _SUBMISSION
    return (
        select(*columns)
        .join_from(
            Submission,
            Person,
            and_(
                Person.institution_id == Submission.institution_id,
                Person.id == Submission.person_id,
            ),
        )
        .join(Item, _item_of(Submission), isouter=True)
        .where(
            Submission.institution_id == institution,
            Person.institution_id == institution,
            Item.institution_id.is_(None) | (Item.institution_id == institution),
            inside_reachable(Submission.container_id),
            *conditions,
        )
    )


SUBMISSION = register("content.submission", _submissions(Submission.id == bindparam("id")))
"""One person's work and its grade."""

SUBMISSIONS = register(
    "content.submissions",
    _submissions(
        Submission.container_id == _OF_CONTAINER,
        Submission.state == "active",
        Submission.id > _AFTER,
    )
    .order_by(Submission.id)
    .limit(_LIMIT),
)
"""The work handed in to one container."""

CALENDAR = register(
    "content.calendar",
    select(
        CalendarEvent.id,
        CalendarEvent.container_id.label("container"),
        CalendarEvent.title,
        CalendarEvent.html,
        CalendarEvent.starts_at,
        CalendarEvent.ends_at,
        CalendarEvent.all_day,
        CalendarEvent.location,
        CalendarEvent.url,
    )
    .where(
        CalendarEvent.institution_id == institution,
        CalendarEvent.container_id == _OF_CONTAINER,
        inside_reachable(CalendarEvent.container_id),
        CalendarEvent.state == "active",
        CalendarEvent.starts_at >= bindparam("since"),
    )
    .order_by(CalendarEvent.starts_at, CalendarEvent.id)
    .limit(_LIMIT),
)
"""What takes place in one container from a time on, the next first."""

"""Registered reads of somebody's day: their courses, their reviews, and what is due soon."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    String,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union,
    union_all,
)

from bloop.content.enrolling.queries import MEMBERSHIPS
from bloop.content.enrolling.visibility import (
    container_reachable,
    container_visible,
    item_shown,
    item_visible,
    teaches,
    viewer,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.learning.models import Answer
from bloop.learning.progress.models import ItemProgress
from bloop.learning.progress.queries import COUNTED
from bloop.learning.quizzes.models import Attempt, QuizResponse
from bloop.learning.quizzes.queries import with_attempt, with_item
from bloop.learning.today.models import LastOpened
from bloop.store.models import ID
from bloop.store.statements import Statement, institution, register
from bloop.store.types import UtcDateTime

_LIMIT: Any = bindparam("limit")

# -- courses

_opened = select(LastOpened.container_id).where(
    LastOpened.institution_id == institution, viewer != "", LastOpened.user_id == viewer
)
_MINE = Container.id.in_(union(*MEMBERSHIPS, _opened))
_lessons = (
    select(func.count(Item.id))
    .where(
        Item.institution_id == institution,
        Item.container_id == Container.id,
        Item.kind.in_(COUNTED),
        item_shown,
    )
    .correlate(Container)
    .scalar_subquery()
    .label("lessons")
)
_done = (
    select(func.count(ItemProgress.done_at))
    .join(
        Item,
        and_(Item.institution_id == ItemProgress.institution_id, Item.id == ItemProgress.item_id),
    )
    .where(
        ItemProgress.institution_id == institution,
        ItemProgress.user_id == viewer,
        ItemProgress.container_id == Container.id,
        Item.institution_id == institution,
        Item.kind.in_(COUNTED),
        item_shown,
    )
    .correlate(Container)
    .scalar_subquery()
    .label("done")
)
_place: Any = (
    Item.id.label("item"),
    Item.title.label("item_title"),
    Item.kind.label("item_kind"),
    LastOpened.opened_at,
)


def _courses(name: str, seen: ColumnElement[bool], inside: ColumnElement[bool]) -> Statement:
    """``seen`` says which containers are shown, ``inside`` which of their items."""
    columns: Any = (
        Container.id,
        Container.kind,
        Container.title,
        Container.code,
        Container.published,
        Container.state,
        teaches.label("teaches"),
        Container.id.in_(union(*MEMBERSHIPS)).label("enrolled"),
        _lessons,
        _done,
        *_place,
    )
    return register(
        name,
        select(*columns)
        .select_from(Container)
        .outerjoin(
            LastOpened,
            and_(
                LastOpened.institution_id == Container.institution_id,
                LastOpened.container_id == Container.id,
                LastOpened.user_id == viewer,
            ),
        )
        .outerjoin(
            Item,
            and_(
                Item.institution_id == LastOpened.institution_id,
                Item.id == LastOpened.item_id,
                with_container,
                inside,
            ),
        )
        .where(
            Container.institution_id == institution,
            or_(LastOpened.institution_id.is_(None), LastOpened.institution_id == institution),
            or_(Item.institution_id.is_(None), Item.institution_id == institution),
            _MINE,
            seen,
        )
        .order_by(LastOpened.opened_at.is_(None), LastOpened.opened_at.desc(), Container.id)
        .limit(_LIMIT),
        heavy=True,
    )


COURSES = _courses("learning.today_courses", container_visible, item_visible)
"""The courses that the caller is enrolled in or has opened something of, the last opened first.

With how many lessons they show and how many of these are done; ``item`` is what was opened last,
none where that is not to be seen any more.
"""

ALL_COURSES = _courses(
    "learning.today_all_courses",
    and_(container_reachable, Container.state != "trashed"),
    Item.state != "trashed",
)
"""The same for who writes content by their role, and sees drafts."""

HISTORY = register(
    "learning.answered_lately",
    select(
        Answer.id,
        Answer.item_id.label("item"),
        Item.title,
        Container.id.label("container"),
        Container.title.label("course"),
        Answer.part,
        Answer.score,
        Answer.at,
        Answer.source,
        Answer.key.like("review:%").label("reviewed"),
    )
    .join_from(
        Answer,
        Item,
        and_(Item.institution_id == Answer.institution_id, Item.id == Answer.item_id),
    )
    .join(Container, with_container)
    .where(
        Answer.institution_id == institution,
        Item.institution_id == institution,
        Container.institution_id == institution,
        container_reachable,
        viewer != "",
        Answer.user_id == viewer,
        or_(
            Answer.at < bindparam("at", type_=UtcDateTime),
            and_(Answer.at == bindparam("at", type_=UtcDateTime), Answer.id < bindparam("id")),
        ),
    )
    .order_by(Answer.at.desc(), Answer.id.desc())
    .limit(_LIMIT),
    heavy=True,
)
"""What the caller answered before a time and an answer of that time, the last first."""

# -- what is due, and what was graded

_NEVER = cast(null(), UtcDateTime)
_due = (
    select(
        literal("due").label("what"),
        Item.id.label("item"),
        Item.title,
        Item.kind,
        Item.container_id.label("container"),
        Container.title.label("course"),
        Item.data["due_at"].as_string().label("due_at"),
        cast(null(), ID).label("attempt"),
        cast(null(), Integer).label("place"),
        cast(null(), Double).label("score"),
        cast(null(), Text).label("comment"),
        _NEVER.label("graded_at"),
    )
    .join(Container, with_container)
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        Container.id.in_(union(*MEMBERSHIPS)),
        Item.kind.in_(("assignment", "quiz", "discussion")),
        item_visible,
        Item.data["due_at"].as_string() >= bindparam("since", type_=String),
        Item.data["due_at"].as_string() < bindparam("until", type_=String),
        ~teaches,
        ~exists(
            select(ItemProgress.item_id).where(
                ItemProgress.institution_id == institution,
                ItemProgress.user_id == viewer,
                ItemProgress.item_id == Item.id,
                ItemProgress.done_at.is_not(None),
            )
        ),
    )
    .order_by(Item.data["due_at"].as_string(), Item.id)
    .limit(_LIMIT)
    .subquery("due")
)
_graded = (
    select(
        literal("graded").label("what"),
        Item.id.label("item"),
        Item.title,
        Item.kind,
        Item.container_id.label("container"),
        Container.title.label("course"),
        cast(null(), String).label("due_at"),
        Attempt.id.label("attempt"),
        QuizResponse.place,
        QuizResponse.score,
        QuizResponse.feedback_html.label("comment"),
        QuizResponse.graded_at,
    )
    .select_from(Attempt)
    .join(QuizResponse, with_attempt)
    .join(Item, with_item)
    .join(Container, with_container)
    .where(
        Attempt.institution_id == institution,
        QuizResponse.institution_id == institution,
        Item.institution_id == institution,
        Container.institution_id == institution,
        container_reachable,
        Item.state != "trashed",
        viewer != "",
        Attempt.user_id == viewer,
        QuizResponse.graded_at >= bindparam("graded_since", type_=UtcDateTime),
    )
    .order_by(QuizResponse.graded_at.desc(), Attempt.id, QuizResponse.place)
    .limit(bindparam("graded_limit"))
    .subquery("graded")
)
_dated = union_all(select(*_due.c), select(*_graded.c)).subquery("dated")
DATED = register("learning.today_dated", select(*_dated.c), heavy=True)
"""What is ``due`` in the courses that the caller learns in, and not done; and what of theirs was
``graded`` by people since a time, in no order.

``since`` and ``until`` are days as text: times are kept as their source writes them.
"""

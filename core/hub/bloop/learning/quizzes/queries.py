"""Registered reads of attempts: one's own, and for who teaches those of others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam, case, func, select

from bloop.accounts.models import User
from bloop.content.enrolling.visibility import (
    connection_reachable,
    inside_reachable,
    viewer,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.kernel.models import Connection
from bloop.learning.quizzes.models import OPEN, Attempt, QuizResponse, QuizVersion
from bloop.store.statements import institution, register

_ID: Any = bindparam("id")
_LIMIT: Any = bindparam("limit")

_ATTEMPT: Any = (
    Attempt.id,
    Attempt.item_id.label("item"),
    Attempt.number,
    Attempt.status,
    Attempt.score,
    Attempt.points,
    Attempt.started_at,
    Attempt.ends_at,
    Attempt.finished_at,
)


def _own(*columns: Any) -> Any:
    return (
        select(*columns)
        .join_from(
            Attempt,
            Item,
            and_(Item.institution_id == Attempt.institution_id, Item.id == Attempt.item_id),
        )
        .join(Container, with_container)
        .where(
            Attempt.institution_id == institution,
            Item.institution_id == institution,
            Container.institution_id == institution,
            viewer != "",
            Attempt.user_id == viewer,
            inside_reachable(Item.container_id),
        )
    )


OWN = register(
    "learning.own_attempt",
    _own(
        *_ATTEMPT,
        Attempt.hash,
        Item.title,
        Item.container_id.label("container"),
        Container.title.label("course"),
        Item.language,
        QuizVersion.data,
        Item.data.label("now"),
    )
    .join(
        QuizVersion,
        and_(
            QuizVersion.institution_id == Attempt.institution_id,
            QuizVersion.item_id == Attempt.item_id,
            QuizVersion.hash == Attempt.hash,
        ),
    )
    .where(QuizVersion.institution_id == institution, Attempt.id == _ID),
)
"""An attempt of the caller's, with its questions and those that the quiz has now."""

OWN_RESPONSES = register(
    "learning.own_responses",
    select(
        QuizResponse.place,
        QuizResponse.part,
        QuizResponse.response,
        QuizResponse.score,
        QuizResponse.answered_at,
    )
    .join(
        Attempt,
        and_(
            Attempt.institution_id == QuizResponse.institution_id,
            Attempt.id == QuizResponse.attempt_id,
        ),
    )
    .where(
        QuizResponse.institution_id == institution,
        Attempt.institution_id == institution,
        viewer != "",
        Attempt.user_id == viewer,
        QuizResponse.attempt_id == _ID,
    )
    .order_by(QuizResponse.place),
    whole="only whoever made the attempt reads it, and they made it when they saw the quiz",
)
"""What the caller answered in an attempt of theirs."""

OWN_OF_ITEM = register(
    "learning.own_attempts",
    _own(*_ATTEMPT).where(Attempt.item_id == _ID).order_by(Attempt.number.desc()).limit(_LIMIT),
)
"""The caller's attempts at a quiz, the last first."""

OF_ITEM = register(
    "learning.attempts",
    select(*_ATTEMPT, Attempt.user_id.label("user"), User.name.label("user_name"))
    .join(Item, and_(Item.institution_id == Attempt.institution_id, Item.id == Attempt.item_id))
    .join(User, and_(User.institution_id == Attempt.institution_id, User.id == Attempt.user_id))
    .where(
        Attempt.institution_id == institution,
        Item.institution_id == institution,
        User.institution_id == institution,
        inside_reachable(Item.container_id),
        Attempt.item_id == bindparam("item"),
        Attempt.id > bindparam("after"),
    )
    .order_by(Attempt.id)
    .limit(_LIMIT),
    heavy=True,
)
"""Everybody's attempts at a quiz."""

COUNTS = register(
    "learning.attempt_counts",
    select(
        func.count(Attempt.id).label("all"),
        func.coalesce(func.sum(case((Attempt.status == OPEN, 1), else_=0)), 0).label("open"),
    )
    .join(Item, and_(Item.institution_id == Attempt.institution_id, Item.id == Attempt.item_id))
    .where(
        Attempt.institution_id == institution,
        Item.institution_id == institution,
        inside_reachable(Item.container_id),
        Attempt.item_id == _ID,
    ),
    heavy=True,
)
"""How many attempts at a quiz there are, and how many of them are under way."""

SOURCE = register(
    "learning.quiz_source",
    select(Connection.name, Connection.settings)
    .join(
        Item,
        and_(
            Item.institution_id == Connection.institution_id,
            Item.connection_id == Connection.id,
        ),
    )
    .where(
        Connection.institution_id == institution,
        Item.institution_id == institution,
        Item.id == _ID,
        inside_reachable(Item.container_id),
        connection_reachable(Connection.id),
    ),
)
"""The connection that brings a quiz, if one does."""

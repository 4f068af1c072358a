"""Registered reads of attempts: one's own, and for who teaches those of others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, and_, bindparam, case, func, literal_column, or_, select

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

with_attempt = and_(
    Attempt.institution_id == QuizResponse.institution_id, Attempt.id == QuizResponse.attempt_id
)
"""How a response is joined with its attempt."""
with_item = and_(Item.institution_id == Attempt.institution_id, Item.id == Attempt.item_id)
"""How an attempt is joined with its quiz."""

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
        .join_from(Attempt, Item, with_item)
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


_WHOLE: Any = (
    *_ATTEMPT,
    Attempt.hash,
    Item.title,
    Item.container_id.label("container"),
    Container.title.label("course"),
    Item.language,
    QuizVersion.data,
    Item.data.label("now"),
)
_of_version = and_(
    QuizVersion.institution_id == Attempt.institution_id,
    QuizVersion.item_id == Attempt.item_id,
    QuizVersion.hash == Attempt.hash,
)
OWN = register(
    "learning.own_attempt",
    _own(*_WHOLE)
    .join(QuizVersion, _of_version)
    .where(QuizVersion.institution_id == institution, Attempt.id == _ID),
)
"""An attempt of the caller's, with its questions and those that the quiz has now."""

_RESPONSE: Any = (
    QuizResponse.place,
    QuizResponse.part,
    QuizResponse.response,
    QuizResponse.score,
    QuizResponse.answered_at,
    QuizResponse.graded_at,
    QuizResponse.feedback_html,
)


def _responses(*columns: Any) -> Any:
    return (
        select(*columns)
        .join(Attempt, with_attempt)
        .where(QuizResponse.institution_id == institution, Attempt.institution_id == institution)
    )


OWN_RESPONSES = register(
    "learning.own_responses",
    _responses(*_RESPONSE)
    .where(viewer != "", Attempt.user_id == viewer, QuizResponse.attempt_id == _ID)
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
    .join(Item, with_item)
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

# -- for who teaches

_QUIZ: Any = bindparam("quiz")

ATTEMPT_OF = register(
    "learning.attempt_of",
    select(*_WHOLE, Attempt.user_id.label("user"), User.name.label("user_name"))
    .join_from(Attempt, Item, with_item)
    .join(Container, with_container)
    .join(User, and_(User.institution_id == Attempt.institution_id, User.id == Attempt.user_id))
    .join(QuizVersion, _of_version)
    .where(
        Attempt.institution_id == institution,
        Item.institution_id == institution,
        Container.institution_id == institution,
        User.institution_id == institution,
        QuizVersion.institution_id == institution,
        inside_reachable(Item.container_id),
        Attempt.item_id == _QUIZ,
        Attempt.id == _ID,
    ),
)
"""Somebody's attempt at a quiz."""

RESPONSES_OF = register(
    "learning.responses_of",
    _responses(*_RESPONSE)
    .join(Item, with_item)
    .where(
        Item.institution_id == institution,
        inside_reachable(Item.container_id),
        Attempt.item_id == _QUIZ,
        QuizResponse.attempt_id == _ID,
    )
    .order_by(QuizResponse.place),
)
"""What was answered in it."""

_waits = (
    select(func.count())
    .select_from(QuizResponse)
    .where(
        QuizResponse.institution_id == institution,
        QuizResponse.attempt_id == Attempt.id,
        QuizResponse.score.is_(None),
    )
    .scalar_subquery()
)
LATEST = register(
    "learning.latest_attempts",
    select(
        *_ATTEMPT,
        Attempt.user_id.label("user"),
        User.name.label("user_name"),
        _waits.label("waits"),
    )
    .join(Item, with_item)
    .join(User, and_(User.institution_id == Attempt.institution_id, User.id == Attempt.user_id))
    .where(
        Attempt.institution_id == institution,
        Item.institution_id == institution,
        User.institution_id == institution,
        inside_reachable(Item.container_id),
        Attempt.item_id == _QUIZ,
        Attempt.id < bindparam("before"),
        or_(bindparam("waiting", type_=Integer) == 0, _waits > 0),
    )
    .order_by(Attempt.id.desc())
    .limit(_LIMIT),
    heavy=True,
)
"""Everybody's attempts, the last first; ``waits`` is how many answers a person has to grade."""

_IN_COURSE: Any = (
    QuizResponse.institution_id == institution,
    Attempt.institution_id == institution,
    Item.institution_id == institution,
    QuizResponse.score.is_(None),
    Item.container_id == _ID,
    Item.state != "trashed",
    inside_reachable(Item.container_id),
)
TO_GRADE = register(
    "learning.answers_to_grade",
    _responses(
        Attempt.item_id.label("quiz"),
        Item.title,
        Attempt.id.label("attempt"),
        QuizResponse.place,
        Attempt.user_id.label("user"),
        User.name.label("user_name"),
        QuizResponse.answered_at,
    )
    .join(Item, with_item)
    .join(User, and_(User.institution_id == Attempt.institution_id, User.id == Attempt.user_id))
    .where(*_IN_COURSE, User.institution_id == institution)
    .order_by(QuizResponse.answered_at, Attempt.id, QuizResponse.place)
    .limit(_LIMIT),
    heavy=True,
)
"""What was answered in a course's quizzes and waits for a person, the first answered first."""

TO_GRADE_COUNT = register(
    "learning.answers_to_grade_count",
    _responses(func.count(QuizResponse.place).label("count"))
    .join(Item, with_item)
    .where(*_IN_COURSE),
    heavy=True,
)
"""How many answers of a course wait."""

# Written out, so that it is the same expression wherever it stands.
_other = case((QuizResponse.score < literal_column("1"), QuizResponse.response))
ANSWERS = register(
    "learning.quiz_answers",
    _responses(
        Attempt.hash,
        QuizResponse.part,
        QuizResponse.score,
        _other.label("response"),
        func.count().label("count"),
    )
    .join(Item, with_item)
    .where(
        Item.institution_id == institution,
        inside_reachable(Item.container_id),
        Attempt.item_id == _QUIZ,
    )
    .group_by(Attempt.hash, QuizResponse.part, QuizResponse.score, _other)
    .order_by(func.count().desc())
    .limit(_LIMIT),
    heavy=True,
)
"""How often a question was answered with which score, and those not right also with what."""

VERSIONS = register(
    "learning.quiz_versions",
    select(QuizVersion.hash, QuizVersion.data)
    .join(
        Item,
        and_(Item.institution_id == QuizVersion.institution_id, Item.id == QuizVersion.item_id),
    )
    .where(
        QuizVersion.institution_id == institution,
        Item.institution_id == institution,
        inside_reachable(Item.container_id),
        QuizVersion.item_id == _QUIZ,
    )
    .order_by(QuizVersion.created_at.desc())
    .limit(_LIMIT),
    heavy=True,
)
"""A quiz as it was shown, the newest first."""

COUNTS = register(
    "learning.attempt_counts",
    select(
        func.count(Attempt.id).label("all"),
        func.coalesce(func.sum(case((Attempt.status == OPEN, 1), else_=0)), 0).label("open"),
    )
    .join(Item, with_item)
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

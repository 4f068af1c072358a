"""Registered reads of what is due, what is asked of it, and what was answered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, literal, or_, select, true

from bloop.content.enrolling.visibility import (
    container_reachable,
    inside_reachable,
    item_visible,
    viewer,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.graph.models import Concept, Coverage, Role, Standing
from bloop.learning.models import Answer
from bloop.learning.quizzes.models import QuizVersion
from bloop.learning.reviews.models import ReviewCard, ReviewResponse
from bloop.store.listing import is_one_of
from bloop.store.statements import institution, reader, register
from bloop.store.types import UtcDateTime

_columns: Any = (
    ReviewCard.subject,
    ReviewCard.concept_id.label("concept"),
    Concept.name.label("concept_name"),
    ReviewCard.item_id.label("item"),
    Item.title.label("item_title"),
    ReviewCard.part,
    ReviewCard.due,
    ReviewCard.at.label("last"),
    ReviewCard.stability,
    ReviewCard.answers,
    ReviewCard.lapses,
)
_standing = or_(
    ReviewCard.concept_id.is_(None),
    and_(Concept.institution_id == institution, Concept.standing != Standing.REJECTED.value),
)
_may_be_opened = exists(
    select(Item.id)
    .join(Container, with_container)
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        Item.id == ReviewCard.item_id,
        container_reachable,
        or_(item_visible, and_(reader == "", Item.state == "active")),
    )
    .correlate(ReviewCard)
)
"""What was hidden since, or is of a course that they left, learners are not told of.

The hub itself, which the command line asks as, is nobody: it is told of all that is active.
"""
DUE = register(
    "learning.due",
    select(*_columns)
    .join_from(
        ReviewCard,
        Concept,
        and_(
            Concept.institution_id == ReviewCard.institution_id,
            Concept.id == ReviewCard.concept_id,
        ),
        isouter=True,
    )
    .join(
        Item,
        and_(
            Item.institution_id == ReviewCard.institution_id,
            Item.id == ReviewCard.item_id,
            Item.institution_id == institution,
        ),
        isouter=True,
    )
    .where(
        ReviewCard.institution_id == institution,
        ReviewCard.user_id == bindparam("user"),
        ReviewCard.due <= bindparam("until"),
        _standing,
        or_(ReviewCard.item_id.is_(None), _may_be_opened),
    )
    .order_by(ReviewCard.due, ReviewCard.subject)
    .limit(bindparam("limit")),
    heavy=True,
)
"""What a user is to be asked again until a time, the longest overdue first."""

_due: Any = ReviewCard.due
LOAD = register(
    "learning.load",
    select(_due)
    .where(
        ReviewCard.institution_id == institution,
        ReviewCard.user_id == bindparam("user"),
        ReviewCard.concept_id.is_not(None),
        ReviewCard.due < bindparam("until"),
    )
    .order_by(ReviewCard.due)
    .limit(bindparam("limit")),
    heavy=True,
)
"""When concepts are due: a concept's own questions would count the same work twice."""

# -- what is asked

MOST_QUESTIONS = 1000
AWAY_SECONDS = 600
"""Whoever took longer for an answer was away."""

can_be_asked: Any = and_(
    Item.kind == "quiz",
    Item.data["restricted"].as_boolean().is_not(True),
    item_visible,
)
"""Of the item of a question, joined with its container: exams elsewhere are not told of here."""

_UNTIL: Any = bindparam("until", type_=UtcDateTime)
_nothing = select(literal(1).label("one")).subquery("one_row")
_of_concept = ReviewCard.__table__.alias("of_concept")
_mine = (ReviewCard.institution_id == institution, viewer != "", ReviewCard.user_id == viewer)


def _covers(item: Any, part: Any) -> ColumnElement[bool]:
    """Which coverage an answer to a question may count for."""
    return and_(
        Coverage.institution_id == institution,
        Coverage.item_id == item,
        or_(Coverage.part == part, Coverage.part == ""),
        Coverage.role != Role.MENTIONS.value,
        Coverage.standing != Standing.REJECTED.value,
    )


_holds = and_(
    Concept.institution_id == institution,
    Concept.id == Coverage.concept_id,
    Concept.standing != Standing.REJECTED.value,
)
_this_question = _covers(ReviewCard.item_id, ReviewCard.part)
_concept_is_due = exists(
    select(Coverage.concept_id)
    .join(Concept, _holds)
    .join(
        _of_concept,
        and_(
            _of_concept.c.institution_id == institution,
            _of_concept.c.user_id == viewer,
            _of_concept.c.subject == "concept:" + Coverage.concept_id,
        ),
    )
    .where(_this_question, _of_concept.c.due < _UNTIL)
    .correlate(ReviewCard)
)
_is_about_something = exists(
    select(Coverage.concept_id).join(Concept, _holds).where(_this_question).correlate(ReviewCard)
)
_question: Any = (
    ReviewCard.item_id.label("item"),
    ReviewCard.part,
    ReviewCard.due,
    ReviewCard.last,
    Item.title,
    Item.container_id.label("container"),
    Container.title.label("course"),
    Item.language,
    Coverage.part.label("covered"),
    Coverage.role,
    Concept.id.label("concept"),
    Concept.name.label("concept_name"),
    _of_concept.c.due.label("concept_due"),
)
_of_item = and_(Item.institution_id == ReviewCard.institution_id, Item.id == ReviewCard.item_id)
_asked: Any = (
    select(*_question)
    .join_from(ReviewCard, Item, _of_item)
    .join(Container, with_container)
    .outerjoin(Coverage, _this_question)
    .outerjoin(Concept, _holds)
    .outerjoin(
        _of_concept,
        and_(
            _of_concept.c.institution_id == institution,
            _of_concept.c.user_id == viewer,
            _of_concept.c.subject == "concept:" + Concept.id,
        ),
    )
    .where(
        *_mine,
        Item.institution_id == institution,
        Container.institution_id == institution,
        ReviewCard.part != "",
        or_(_concept_is_due, and_(ReviewCard.due < _UNTIL, ~_is_about_something)),
        can_be_asked,
    )
    .order_by(ReviewCard.due, ReviewCard.subject, Concept.id)
    .limit(MOST_QUESTIONS)
    .subquery("asked")
)
_other = ReviewCard.__table__.alias("other")
_later: Any = (
    select(ReviewCard.due)
    .where(
        *_mine,
        ReviewCard.due >= _UNTIL,
        or_(
            # A concept that a question can be asked about.
            exists(
                select(Coverage.concept_id)
                .join(Concept, _holds)
                .join(_other, _covers(_other.c.item_id, _other.c.part))
                .join(
                    Item,
                    and_(
                        Item.institution_id == _other.c.institution_id,
                        Item.id == _other.c.item_id,
                    ),
                )
                .join(Container, with_container)
                .where(
                    Coverage.concept_id == ReviewCard.concept_id,
                    _other.c.institution_id == institution,
                    _other.c.user_id == viewer,
                    _other.c.part != "",
                    Item.institution_id == institution,
                    Container.institution_id == institution,
                    can_be_asked,
                )
                .correlate(ReviewCard)
            ),
            # A question that is about none.
            and_(
                ReviewCard.part != "",
                ~_is_about_something,
                exists(
                    select(Item.id)
                    .join(Container, with_container)
                    .where(
                        Item.institution_id == institution,
                        Container.institution_id == institution,
                        Item.id == ReviewCard.item_id,
                        can_be_asked,
                    )
                    .correlate(ReviewCard)
                ),
            ),
        ),
    )
    .order_by(ReviewCard.due)
    .limit(1)
    .scalar_subquery()
    .label("next")
)
_lately = (
    select(Answer.seconds)
    .where(
        Answer.institution_id == institution,
        Answer.user_id == viewer,
        Answer.seconds < AWAY_SECONDS,
    )
    .order_by(Answer.at.desc(), Answer.id.desc())
    .limit(50)
    .subquery("lately")
)
ASKED = register(
    "learning.review_questions",
    select(
        _later,
        select(func.avg(_lately.c.seconds)).scalar_subquery().label("seconds"),
        *_asked.c,
    ).select_from(_nothing.outerjoin(_asked, true())),
    heavy=True,
)
"""The questions that the caller can be asked about what is due ``until`` a time.

A row for each concept that a question may count for, whole or by its part, with when that is due;
``last`` is the id of the last answer to the question. One row at least, for ``next``, when
something is due after that, and ``seconds``, how long answers took lately.
"""

ASKED_DATA = register(
    "learning.review_quizzes",
    select(Item.id, Item.data)
    .join(Container, with_container)
    .where(
        Item.institution_id == institution,
        Container.institution_id == institution,
        is_one_of(Item.id, "ids"),
        can_be_asked,
    ),
    heavy=True,
)
"""The questions of some quizzes, with their answers."""

# -- what was answered

_response: Any = (
    ReviewResponse.id,
    ReviewResponse.item_id.label("item"),
    ReviewResponse.part,
    ReviewResponse.score,
    ReviewResponse.answered_at,
    ReviewResponse.response,
    Item.title,
    Item.container_id.label("container"),
    Container.title.label("course"),
    Item.language,
    QuizVersion.data,
    ReviewCard.due,
)
_responses: Any = (
    select(*_response)
    .join_from(
        ReviewResponse,
        Item,
        and_(
            Item.institution_id == ReviewResponse.institution_id,
            Item.id == ReviewResponse.item_id,
        ),
    )
    .join(Container, with_container)
    .join(
        QuizVersion,
        and_(
            QuizVersion.institution_id == ReviewResponse.institution_id,
            QuizVersion.item_id == ReviewResponse.item_id,
            QuizVersion.hash == ReviewResponse.hash,
        ),
    )
    .outerjoin(
        ReviewCard,
        and_(
            ReviewCard.institution_id == ReviewResponse.institution_id,
            ReviewCard.user_id == ReviewResponse.user_id,
            ReviewCard.item_id == ReviewResponse.item_id,
            ReviewCard.part == ReviewResponse.part,
        ),
    )
    .where(
        ReviewResponse.institution_id == institution,
        Item.institution_id == institution,
        Container.institution_id == institution,
        QuizVersion.institution_id == institution,
        or_(ReviewCard.institution_id.is_(None), ReviewCard.institution_id == institution),
        viewer != "",
        ReviewResponse.user_id == viewer,
        inside_reachable(Item.container_id),
    )
)
RESPONSE = register(
    "learning.review_response", _responses.where(ReviewResponse.id == bindparam("id")), heavy=True
)
"""What the caller answered to a question that was due, with the quiz as it was; ``due`` is next."""

RESPONSES = register(
    "learning.review_responses",
    _responses.where(ReviewResponse.answered_at >= bindparam("since", type_=UtcDateTime))
    .order_by(ReviewResponse.answered_at, ReviewResponse.id)
    .limit(bindparam("limit")),
    heavy=True,
)
"""The same since a time, the first first."""

ANSWERED_SINCE = register(
    "learning.reviewed_since",
    select(func.count(ReviewResponse.id)).where(
        ReviewResponse.institution_id == institution,
        viewer != "",
        ReviewResponse.user_id == viewer,
        ReviewResponse.answered_at >= bindparam("since", type_=UtcDateTime),
    ),
    whole="only whoever answered counts it, and they were asked what they may see",
)
"""How many of them."""

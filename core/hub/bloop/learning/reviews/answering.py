"""Answering a question that is due: once, whatever is sent twice.

Only what somebody has answered before is asked again, and what was right they were told then: so
no quiz is told of before it is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import select

import bloop.learning.following  # noqa: F401 - hears of answers in every process
from bloop.content.enrolling.seen import item_seen
from bloop.content.models import Item
from bloop.graph.questions import parts_of
from bloop.learning.answers import Given, record
from bloop.learning.log import concepts_of, rows_of
from bloop.learning.quizzes.grading import grade
from bloop.learning.quizzes.questions import Manner, Question, manner_of
from bloop.learning.quizzes.responses import checked
from bloop.learning.quizzes.service import (
    LONGEST_SECONDS,
    check_unrestricted,
    insert_new,
    keep_version,
    user_of,
)
from bloop.learning.reviews.models import ReviewCard, ReviewResponse
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.types import dumps, utcnow
from bloop.store.unit import UnitOfWork

LATE = timedelta(days=30)
"""So long an answer may have waited on a device that was offline."""
KEY = r"[A-Za-z0-9_-]{8,64}"


def key_of(item: str, part: str, last: str) -> str:
    """What names an answer to a question before it is given, by the last answer to it."""
    return sha256(dumps([item, part, last]).encode()).hexdigest()[:32]


def version_of(question: Question) -> str:
    """By which a question is known to be as it was when it was asked."""
    return sha256(dumps(question).encode()).hexdigest()[:16]


@command("account:write")
def answer(
    unit: UnitOfWork,
    item_id: str,
    part: str,
    given: Any,
    *,
    key: str,
    version: str,
    seconds: float | None = None,
    at: datetime | None = None,
) -> str:
    """Answer a question again that the caller has answered before; the response's id.

    The same ``key`` again changes nothing, whatever is given; with a new one, None is refused.
    ``version`` is the question's, as it was asked. ``at`` is when it was answered, where that was
    on a device without the hub; aware. The clock of a device may be wrong: one of the future counts
    as now, one of longer ago than :data:`LATE` as of then, and none from before the last answer.

    Raises NotFoundError, InvalidError for an answer that is none, and ConflictError where the
    question has changed, was answered since, is not due, or is not asked here.
    """
    user = user_of(unit)
    if (known := _known(unit, user, key, item_id, part)) is not None:
        return known
    if given is None:
        raise ConflictError("this question is not due any more", cure="go on with the next")
    quiz = item_seen(unit, item_id)
    question, card = _asked(unit, user, quiz, part)
    # Its twin may have been kept while this one waited for the card.
    if (known := _known(unit, user, key, item_id, part)) is not None:
        return known
    now = utcnow()
    _check_due(unit, card, key, now)
    if version_of(question) != version:
        raise ConflictError(
            "the question has changed since you were asked it", cure="answer it as it is now"
        )
    response = checked(question, given)
    score = grade(question, response).score
    assert score is not None, "only what is graded is asked"
    values: dict[str, Any] = {
        "institution_id": unit.institution,
        "id": new_id(),
        "user_id": user,
        "item_id": quiz.id,
        "part": part,
        "hash": keep_version(unit, quiz),
        "key": key,
        "score": score,
        "answered_at": _when(at, now, card.at),
        "seconds": seconds if seconds is not None and 0 <= seconds <= LONGEST_SECONDS else None,
        "response": response,
    }
    # Of two that are sent at once, one is kept.
    unit.connection.execute(insert_new(unit, ReviewResponse).values(**values))
    kept = _known(unit, user, key, quiz.id, part)
    assert kept is not None, "it was there or has been made"
    if kept == values["id"]:
        told = Given(
            item=quiz.id,
            part=part,
            key=f"review:{kept}",
            score=score,
            at=values["answered_at"],
            seconds=values["seconds"],
        )
        record(unit, user, [told])
    return kept


def _known(unit: UnitOfWork, user: str, key: str, item: str, part: str) -> str | None:
    columns: Any = (ReviewResponse.id, ReviewResponse.item_id, ReviewResponse.part)
    row = unit.session.execute(
        select(*columns).where(
            ReviewResponse.institution_id == unit.institution,
            ReviewResponse.user_id == user,
            ReviewResponse.key == key,
        )
    ).first()
    if row is None:
        return None
    if (row.item_id, row.part) != (item, part):
        raise ConflictError(
            "this key was used for another question",
            cure="use the key that the question came with",
        )
    return str(row.id)


def _asked(unit: UnitOfWork, user: str, quiz: Item, part: str) -> tuple[Question, ReviewCard]:
    """A question that may be asked of somebody again, and its card."""
    check_unrestricted(quiz.data)
    questions = quiz.data.get("questions", ())
    by_part: Mapping[str, Question] = dict(zip(parts_of(questions), questions, strict=True))
    question = by_part.get(part)
    subject = (unit.institution, user, f"item:{quiz.id}:{part}")
    card = unit.session.get(ReviewCard, subject, with_for_update=True)
    if question is None or card is None:
        raise NotFoundError(
            f"you have no question {part[:40]} to review in this quiz", cure="take the quiz first"
        )
    if manner_of(question) is not Manner.GRADED:
        raise ConflictError("this question cannot be reviewed here", cure="go on with the next")
    return question, card


def _check_due(unit: UnitOfWork, card: ReviewCard, key: str, now: datetime) -> None:
    """Raise ConflictError unless a key is the one to answer a question under now.

    An answer counts once for each time that it is asked for: under the key of the answer before,
    and where the question, or a concept that it is about, is due today.
    """
    assert card.item_id is not None, "it is a question's"
    if key != key_of(card.item_id, card.part, card.last):
        raise ConflictError("this question is not due any more", cure="go on with the next")
    place = (card.item_id, card.part)
    subjects = [f"concept:{one}" for one in concepts_of(unit, {place})[place]]
    cards = [card, *rows_of(unit, ReviewCard.subject, card.user_id, subjects).values()]
    due = min(one.due for one in cards)
    if due >= day_after(now):
        raise ConflictError(
            f"this question is not due before {due.date()}", cure="go on with the next"
        )


def day_after(now: datetime) -> datetime:
    """When the day ends, in UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _when(at: datetime | None, now: datetime, last: datetime) -> datetime:
    if at is None:
        return now
    if at.tzinfo is None:
        raise InvalidError("at: it has no time zone", field="at", cure="2026-01-31T08:00:00Z")
    # Dated before the answer that it follows, it would change nothing, and be asked for again.
    return max(last, min(max(at, now - LATE), now).astimezone(UTC))

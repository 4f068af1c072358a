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
    on a device without the hub; aware.

    Raises NotFoundError, InvalidError for an answer that is none, and ConflictError where the
    question has changed, or is not asked here.
    """
    user = user_of(unit)
    if (known := _known(unit, user, key, item_id, part)) is not None:
        return known
    if given is None:
        raise ConflictError("this question is not due any more", cure="go on with the next")
    quiz = item_seen(unit, item_id)
    question = _asked(unit, user, quiz, part)
    if version_of(question) != version:
        raise ConflictError(
            "the question has changed since you were asked it", cure="answer it as it is now"
        )
    response, now = checked(question, given), utcnow()
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
        "answered_at": _when(at, now),
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


def _asked(unit: UnitOfWork, user: str, quiz: Item, part: str) -> Question:
    """A question that may be asked of somebody again."""
    check_unrestricted(quiz.data)
    questions = quiz.data.get("questions", ())
    by_part: Mapping[str, Question] = dict(zip(parts_of(questions), questions, strict=True))
    question = by_part.get(part)
    card = (unit.institution, user, f"item:{quiz.id}:{part}")
    if question is None or unit.session.get(ReviewCard, card) is None:
        raise NotFoundError(
            f"you have no question {part[:40]} to review in this quiz", cure="take the quiz first"
        )
    if manner_of(question) is not Manner.GRADED:
        raise ConflictError("this question cannot be reviewed here", cure="go on with the next")
    return question


def _when(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if at.tzinfo is None:
        raise InvalidError("at: it has no time zone", field="at", cure="2026-01-31T08:00:00Z")
    if at < now - LATE:
        raise InvalidError(f"at: longer ago than {LATE.days} days", field="at", cure="leave it out")
    return min(at.astimezone(UTC), now)

"""Grading by people: an essay, or what the hub graded otherwise than whoever teaches would."""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from bloop.content.models import Item
from bloop.content.texts import html_of_markdown
from bloop.learning.answers import Given, record, take_back
from bloop.learning.progress.service import attempted
from bloop.learning.quizzes.models import FINISHED, Attempt, QuizResponse
from bloop.learning.quizzes.service import question_at, tally, version_of
from bloop.learning.topics import GRADED
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import dumps, utcnow
from bloop.store.unit import UnitOfWork

LONGEST_FEEDBACK = 20_000


@command("content:write")
def mark(
    unit: UnitOfWork,
    quiz_id: str,
    attempt_id: str,
    place: int,
    *,
    points: float | None,
    feedback: str | None = None,
    seen: str | None = None,
) -> None:
    """Give what was answered at ``place``, from 1, of an attempt points of the question's.

    ``points`` of None gives none and leaves the score as it is; ``feedback`` is Markdown, None
    leaves it. ``seen`` is :func:`told_apart` of the grade as whoever grades saw it: raises
    ConflictError where it is another by now. The attempt's score, its lesson's progress and what
    is known of the learner follow in the same unit; the same again changes nothing.
    """
    attempt, response = _found(unit, quiz_id, attempt_id, place)
    if seen is not None and seen != told_apart(response.score, response.feedback_html):
        raise ConflictError(
            "somebody else has graded this meanwhile",
            current=0,
            cure="look at their grade, and send yours again if it is to stay",
        )
    version = version_of(unit, attempt).data
    score = response.score if points is None else _share(version["questions"], place, points)
    html = response.feedback_html if feedback is None else _html(feedback)
    if (response.score, response.feedback_html) == (score, html):
        return
    regraded = response.score != score
    response.score, response.feedback_html = score, html
    response.graded_at = utcnow()
    unit.session.flush()
    if regraded and score is not None:
        _follow(unit, attempt, response, version)
    _tell(unit, attempt, response)


def told_apart(score: float | None, feedback_html: str) -> str:
    """What tells one grade from another, for who has to know which one they saw."""
    return sha256(dumps([score, feedback_html]).encode()).hexdigest()[:32]


def _found(
    unit: UnitOfWork, quiz_id: str, attempt_id: str, place: int
) -> tuple[Attempt, QuizResponse]:
    """The attempt, held until the commit, and the response; raises NotFoundError."""
    quiz = unit.get(Item, quiz_id)
    attempt = unit.session.scalar(
        select(Attempt)
        .where(
            Attempt.institution_id == unit.institution,
            Attempt.id == attempt_id,
            Attempt.item_id == quiz.id,
        )
        .with_for_update()
    )
    key = (unit.institution, attempt_id, place)
    response = None if attempt is None else unit.session.get(QuizResponse, key)
    if attempt is None or response is None:
        raise NotFoundError(f"nothing was answered at {place} of the attempt {attempt_id[:40]}")
    return attempt, response


def _share(questions: list[Mapping[str, Any]], place: int, points: float) -> float:
    whole = float(question_at(questions, place)["points"] or 0) or 1.0
    if not (math.isfinite(points) and 0 <= points <= whole):
        raise InvalidError(
            f"points: {points:g} is not from 0 to {whole:g}",
            field="points",
            cure=f"the question gives {whole:g} at most",
        )
    return points / whole


def _html(feedback: str) -> str:
    text = feedback.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_FEEDBACK or "\x00" in text:
        raise InvalidError(
            f"feedback: a text of up to {LONGEST_FEEDBACK} characters", field="feedback"
        )
    return html_of_markdown(text) if text else ""


def _follow(
    unit: UnitOfWork, attempt: Attempt, response: QuizResponse, version: Mapping[str, Any]
) -> None:
    """What a new score is for the attempt, the lesson, and what the learner knows."""
    tally(unit, attempt, version["questions"])
    unit.session.flush()
    key = f"attempt:{attempt.id}:{response.place}"
    take_back(unit, attempt.user_id, [key])
    assert response.score is not None, "it was given one"
    told = Given(
        item=attempt.item_id,
        part=response.part,
        key=key,
        score=response.score,
        at=response.answered_at,
        seconds=response.seconds,
    )
    record(unit, attempt.user_id, [told])
    quiz = unit.session.get(Item, (unit.institution, attempt.item_id))
    if quiz is not None and attempt.status == FINISHED:
        attempted(unit, attempt.user_id, quiz, attempt.score, version.get("pass_mark"))


def _tell(unit: UnitOfWork, attempt: Attempt, response: QuizResponse) -> None:
    unit.audit.append(
        "learning.response_graded", f"item:{attempt.item_id}", {"attempt": attempt.id}
    )
    told = {
        "attempt": attempt.id,
        "user": attempt.user_id,
        "item": attempt.item_id,
        "place": response.place,
        "score": response.score,
        "total": attempt.score,
    }
    unit.outbox.append(GRADED, f"user:{attempt.user_id}", told)

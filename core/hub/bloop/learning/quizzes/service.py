"""Taking a quiz: begin or go on, answer a question, finish.

Each answer is graded by the questions as they were when the attempt began, and kept and told in
the same unit (:mod:`bloop.learning.answers`). A question is answered once in an attempt: what was
right about it is shown at once. The same answer sent again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from math import fsum
from typing import Any

from sqlalchemy import Insert, func, select

import bloop.learning.following  # noqa: F401 - hears of answers in every process
from bloop.accounts.actions import ForbiddenError
from bloop.content.enrolling.seen import item_seen
from bloop.content.models import Item
from bloop.graph.questions import parts_of
from bloop.jobs.ledger import enqueue
from bloop.learning.answers import Given, record
from bloop.learning.progress.service import attempted, begun
from bloop.learning.quizzes.grading import grade
from bloop.learning.quizzes.models import FINISHED, OPEN, Attempt, QuizResponse, QuizVersion
from bloop.learning.quizzes.questions import Manner, manner_of
from bloop.learning.quizzes.responses import checked
from bloop.learning.statements.out import tell
from bloop.learning.topics import FINISHED as ATTEMPT_FINISHED
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.types import dumps, utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, Kind, PrincipalKind

WRITE = "account:write"
CLOSE_JOB = "learning.close_attempt"
LEEWAY = 5.0
"""So many seconds after its time is over an attempt is closed: an answer may be on its way."""
MOST_MINUTES = 366 * 24 * 60.0
"""A limit beyond that is none."""
LONGEST_SECONDS = 3600.0
"""Whoever needs longer for a question was away."""
_NONE: Mapping[int, float | None] = {}


@command(WRITE)
def start(unit: UnitOfWork, item_id: str) -> str:
    """Begin an attempt of the caller's at a quiz, or go on with the one that is open; its id.

    Raises ConflictError where no attempt is left, or nothing in it can be answered here.
    """
    user, quiz = user_of(unit), item_seen(unit, item_id)
    if quiz.kind != Kind.QUIZ:
        raise InvalidError(f"item: a {quiz.kind} is not answered", field="item", cure="take a quiz")
    last = _last(unit, user, quiz.id)
    now = utcnow()
    if last is not None and last.status == OPEN:
        if not is_over(last, now):
            return last.id
        _close(unit, last, now)
    _check_open(quiz.data, 0 if last is None else last.number)
    return _begin(unit, user, quiz, 1 if last is None else last.number + 1, now)


def _check_open(data: Mapping[str, Any], taken: int) -> None:
    check_unrestricted(data)
    asked = [one for one in data["questions"] if manner_of(one) is not Manner.LEFT_OUT]
    if data.get("bank") or not asked:
        what = "is a pool of questions" if data.get("bank") else "has no questions to answer here"
        raise ConflictError(f"this quiz {what}", cure="take it in the system that it comes from")
    most = data.get("attempts")
    if most is not None and taken >= most:
        raise ConflictError(
            f"you have taken this quiz {taken} times, and no attempt is left",
            cure="look at an earlier attempt, or ask whoever teaches the course",
        )


def check_unrestricted(data: Mapping[str, Any]) -> None:
    """Raise ConflictError for an exam: else it would be told here before it is sat there."""
    if data.get("restricted"):
        raise ConflictError(
            "who takes this quiz, when, or what is told of it is restricted in its own system",
            cure="take it in the system that it comes from",
        )


def _begin(unit: UnitOfWork, user: str, quiz: Item, number: int, now: datetime) -> str:
    of = {"institution_id": unit.institution, "item_id": quiz.id}
    of["hash"] = keep_version(unit, quiz)
    limit = _limit(quiz.data)
    values = {
        **of,
        "id": new_id(),
        "user_id": user,
        "number": number,
        "status": OPEN,
        "score": 0.0,
        "points": sum(points_of(quiz.data["questions"]).values()),
        "started_at": now,
        "ends_at": now + limit if limit else None,
    }
    # Of two tabs that begin at once one begins, and both have that attempt.
    unit.connection.execute(insert_new(unit, Attempt).values(**values))
    begun(unit, user, quiz)
    attempt = _last(unit, user, quiz.id)
    assert attempt is not None, "it was there or has been made"
    if limit:
        delay = limit.total_seconds() + LEEWAY
        enqueue(unit, CLOSE_JOB, {"attempt": attempt.id}, key=attempt.id, delay=delay)
    return attempt.id


def keep_version(unit: UnitOfWork, quiz: Item) -> str:
    """Keep a quiz as it is now, for what is answered in it; its hash."""
    hashed = hash_of(quiz.data)
    unit.session.flush()
    unit.connection.execute(
        insert_new(unit, QuizVersion).values(
            institution_id=unit.institution,
            item_id=quiz.id,
            hash=hashed,
            created_at=utcnow(),
            data=_kept(quiz.data),
        )
    )
    return hashed


def _limit(data: Mapping[str, Any]) -> timedelta | None:
    """The time for an attempt, where there is a limit that makes sense."""
    minutes = data.get("time_limit") or 0.0
    return timedelta(minutes=minutes) if 0 < minutes <= MOST_MINUTES else None


def insert_new(unit: UnitOfWork, model: Any) -> Insert:
    """An insert that does nothing where there is such a row."""
    make = INSERT[unit.dialect]
    found: Insert = make(model).on_conflict_do_nothing()
    return found


@command(WRITE)
def answer(unit: UnitOfWork, attempt_id: str, place: int, given: Any) -> None:
    """Answer the question at a place, counted from 1, of an attempt of the caller's.

    Raises NotFoundError, InvalidError for an answer that is none, and ConflictError where the
    question has another answer already, the attempt is over, or it is not answered here.
    """
    attempt = _own(unit, attempt_id)
    quiz = item_seen(unit, attempt.item_id)
    check_unrestricted(quiz.data)
    questions = version_of(unit, attempt).data["questions"]
    question = question_at(questions, place)
    if manner_of(question) is Manner.LEFT_OUT:
        raise ConflictError("this question cannot be answered here", cure="go on with the next")
    response = checked(question, given)
    before = unit.session.get(QuizResponse, (unit.institution, attempt.id, place))
    if before is not None and before.response == response:
        return
    now = utcnow()
    _check_answerable(attempt, before, now)
    graded = grade(question, response)
    row = QuizResponse(
        institution_id=unit.institution,
        attempt_id=attempt.id,
        place=place,
        part=parts_of(questions)[place - 1],
        score=graded.score,
        answered_at=now,
        seconds=_seconds(unit, attempt, now),
        response=response,
    )
    unit.session.add(row)
    unit.session.flush()
    _tally(unit, attempt, questions)
    if graded.score is not None:
        key = f"attempt:{attempt.id}:{place}"
        told = Given(
            item=quiz.id,
            part=row.part,
            key=key,
            score=graded.score,
            at=now,
            seconds=row.seconds,
        )
        record(unit, attempt.user_id, [told])


def _check_answerable(attempt: Attempt, before: QuizResponse | None, now: datetime) -> None:
    if before is not None:
        raise ConflictError(
            "this question is answered already, in this attempt",
            cure="look at what was right, and try it again in another attempt",
        )
    if attempt.status != OPEN or is_over(attempt, now):
        what = "is finished" if attempt.status != OPEN else "is over: its time has run out"
        raise ConflictError(f"this attempt {what}", cure="begin another one, if one is left")


def _seconds(unit: UnitOfWork, attempt: Attempt, now: datetime) -> float | None:
    last = unit.session.scalar(
        select(func.max(QuizResponse.answered_at)).where(
            QuizResponse.institution_id == unit.institution,
            QuizResponse.attempt_id == attempt.id,
        )
    )
    seconds = (now - (last or attempt.started_at)).total_seconds()
    return round(seconds, 3) if 0 <= seconds <= LONGEST_SECONDS else None


def _tally(unit: UnitOfWork, attempt: Attempt, questions: Sequence[Mapping[str, Any]]) -> None:
    """Bring the score to what was answered; the last answer finishes the attempt."""
    scores = tally(unit, attempt, questions)
    asked = [
        place for place, one in enumerate(questions, 1) if manner_of(one) is not Manner.LEFT_OUT
    ]
    if all(place in scores for place in asked):
        _close(unit, attempt, utcnow())
    unit.session.flush()


def tally(
    unit: UnitOfWork, attempt: Attempt, questions: Sequence[Mapping[str, Any]]
) -> dict[int, float | None]:
    """Bring an attempt's score and points to its responses; their scores by their places."""
    query = select(QuizResponse.place, QuizResponse.score).where(
        QuizResponse.institution_id == unit.institution,
        QuizResponse.attempt_id == attempt.id,
    )
    scores = {row.place: row.score for row in unit.session.execute(query)}
    points = points_of(questions, scores)
    attempt.points = fsum(points.values())
    attempt.score = share_of(points, scores)
    return scores


def points_of(
    questions: Sequence[Mapping[str, Any]], scores: Mapping[int, float | None] = _NONE
) -> dict[int, float]:
    """The points of each graded question by its place; all count alike where none gives any.

    What a person grades counts from then on: where ``scores`` has one.
    """
    graded = {
        place: max(0.0, float(one["points"] or 0))
        for place, one in enumerate(questions, 1)
        if manner_of(one) is Manner.GRADED or scores.get(place) is not None
    }
    return graded if any(graded.values()) else dict.fromkeys(graded, 1.0)


def share_of(points: Mapping[int, float], scores: Mapping[int, float | None]) -> float:
    """The share of all points that the scores reach, from 0 to 1."""
    whole = fsum(points.values())
    reached = fsum(points.get(place, 0.0) * (score or 0.0) for place, score in scores.items())
    return min(1.0, reached / whole) if whole else 0.0


@command(WRITE)
def finish(unit: UnitOfWork, attempt_id: str) -> None:
    """Finish an attempt of the caller's; one that is finished stays as it is."""
    attempt = _own(unit, attempt_id)
    if attempt.status == OPEN:
        _close(unit, attempt, utcnow())


def close_over(unit: UnitOfWork, attempt_id: str) -> bool:
    """Finish an attempt whose time has run out, whoever takes it; whether that was to do.

    What was answered in time counts, also where nobody comes back to it.
    """
    attempt = unit.session.scalar(
        select(Attempt)
        .where(Attempt.institution_id == unit.institution, Attempt.id == attempt_id)
        .with_for_update()
    )
    if attempt is None or attempt.status != OPEN or attempt.ends_at is None:
        return False
    _close(unit, attempt, attempt.ends_at)
    return True


def _close(unit: UnitOfWork, attempt: Attempt, now: datetime) -> None:
    attempt.status = FINISHED
    attempt.finished_at = min(now, attempt.ends_at) if attempt.ends_at else now
    unit.session.flush()
    told = {
        "id": attempt.id,
        "user": attempt.user_id,
        "item": attempt.item_id,
        "number": attempt.number,
        "score": attempt.score,
    }
    tell(
        unit,
        attempt.user_id,
        "completed",
        attempt.item_id,
        at=attempt.finished_at,
        result={"completion": True, "score": {"scaled": round(attempt.score, 6)}},
    )
    quiz = unit.session.get(Item, (unit.institution, attempt.item_id))
    if quiz is not None:
        mark = version_of(unit, attempt).data.get("pass_mark")
        attempted(unit, attempt.user_id, quiz, attempt.score, mark)
    unit.outbox.append(ATTEMPT_FINISHED, f"user:{attempt.user_id}", told)


def is_over(attempt: Attempt, now: datetime) -> bool:
    """Whether an attempt's time has run out."""
    return attempt.ends_at is not None and now >= attempt.ends_at


def question_at(questions: Sequence[Any], place: int) -> Mapping[str, Any]:
    """The question at a place from 1; raises NotFoundError."""
    if not 1 <= place <= len(questions):
        raise NotFoundError(f"this quiz has no question {place}")
    found: Mapping[str, Any] = questions[place - 1]
    return found


def user_of(unit: UnitOfWork) -> str:
    """The id of the user who asks; raises ForbiddenError for anybody else."""
    return user_in(unit.call)


def user_in(call: Call) -> str:
    """The id of the user whose call it is; raises ForbiddenError for anybody else's."""
    principal = call.principal
    if principal.kind is not PrincipalKind.USER:
        raise ForbiddenError(f"a {principal.kind} learns nothing", cure="log in as a user")
    return principal.id


def hash_of(data: Mapping[str, Any]) -> str:
    """The SHA-256 of what an attempt is held to."""
    return sha256(dumps(_kept(data)).encode()).hexdigest()


def _kept(data: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: data.get(name) for name in ("questions", "due_at", "time_limit", "attempts")}
    # What most quizzes do not have is named only where it says something.
    return kept | {name: data[name] for name in ("shuffle", "pass_mark") if data.get(name)}


def _own(unit: UnitOfWork, attempt_id: str) -> Attempt:
    """An attempt of the caller's, held until the commit; raises NotFoundError."""
    row = unit.session.scalar(
        select(Attempt)
        .where(
            Attempt.institution_id == unit.institution,
            Attempt.id == attempt_id,
            Attempt.user_id == user_of(unit),
        )
        .with_for_update()
    )
    if row is None:
        raise NotFoundError(f"you have no attempt {attempt_id[:40]}")
    return row


def _last(unit: UnitOfWork, user: str, item: str) -> Attempt | None:
    return unit.session.scalar(
        select(Attempt)
        .where(
            Attempt.institution_id == unit.institution,
            Attempt.user_id == user,
            Attempt.item_id == item,
        )
        .order_by(Attempt.number.desc())
        .limit(1)
        .with_for_update()
    )


def version_of(unit: UnitOfWork, attempt: Attempt) -> QuizVersion:
    """The quiz as an attempt has it."""
    key = (unit.institution, attempt.item_id, attempt.hash)
    row = unit.session.get(QuizVersion, key)
    assert row is not None, "an attempt has its questions by its foreign key"
    return row

"""Writing a quiz: its settings and its questions, as a draft and as what learners take.

A draft may be incomplete, what is published may not. Whoever is in the middle of an attempt goes on
with the questions that it began with (:class:`bloop.learning.quizzes.models.QuizVersion`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bloop.content import service as content
from bloop.content.changing import editable, refuse_live
from bloop.content.models import Item
from bloop.content.service import RefusePublish
from bloop.graph.questions import parts_of
from bloop.store.commands import command
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

Questions = list[dict[str, Any]]

SETTINGS = ("due_at", "time_limit", "attempts", "shuffle", "pass_mark")
TEXTS = ("title", "html", "markdown", "language")
MOST_QUESTIONS = 1000
MOST_ATTEMPTS = 1000
LONGEST = 366 * 24 * 60.0
"""Minutes: of a longer limit an attempt takes no notice."""


@command("content:write")
def change(unit: UnitOfWork, quiz_id: str, version: int | None, changes: Mapping[str, Any]) -> Item:
    """Change texts, settings or questions of a quiz; what is not named stays.

    ``changes`` names fields of :data:`TEXTS`, of :data:`SETTINGS`, and ``questions``. Raises
    InvalidError naming the field, and :class:`~bloop.learning.quizzes.problems.IncompleteError`
    where it is published and would be incomplete.
    """
    row = _quiz(unit, quiz_id, version)
    refuse_live(unit, row)
    _check(changes)
    data = {**row.data, **{name: changes[name] for name in SETTINGS if name in changes}}
    if "questions" in changes:
        data["questions"] = named(changes["questions"])
        data["points"] = sum(float(one["points"] or 0) for one in data["questions"]) or None
    texts = {name: changes[name] for name in TEXTS if name in changes}
    return content.update_item(unit, row.id, version, {**texts, "data": data})


@command("content:write")
def add(
    unit: UnitOfWork, quiz_id: str, version: int | None, questions: Sequence[Mapping[str, Any]]
) -> Item:
    """Put questions behind those of a quiz; raises what :func:`change` does."""
    row = _quiz(unit, quiz_id, version)
    return change(unit, quiz_id, version, {"questions": [*row.data["questions"], *questions]})


@command("content:publish")
def publish(unit: UnitOfWork, quiz_id: str, version: int | None, refuse: RefusePublish) -> Item:
    """Show a quiz to learners; refused where a question can't be asked, as by whatever does so."""
    row = _quiz(unit, quiz_id, version)
    return content.publish(unit, Item, row.id, version, refuse)


def _quiz(unit: UnitOfWork, quiz_id: str, version: int | None) -> Item:
    row = editable(unit, Item, quiz_id, version)
    if row.kind != Kind.QUIZ:
        raise NotFoundError(f"no quiz {quiz_id[:40]}", cure=f"this is a {row.kind}")
    return row


def _check(changes: Mapping[str, Any]) -> None:
    """Raise InvalidError for a setting out of its bounds."""
    attempts, limit, mark = (changes.get(name) for name in ("attempts", "time_limit", "pass_mark"))
    if attempts is not None and not 1 <= attempts <= MOST_ATTEMPTS:
        raise _out("attempts", f"a whole number from 1 to {MOST_ATTEMPTS}, or none for any number")
    if limit is not None and not 0 < limit <= LONGEST:
        raise _out("time_limit", f"minutes, up to {LONGEST:.0f}, or none for no limit")
    if mark is not None and not 0 <= mark <= 1:
        raise _out("pass_mark", "a share of the points from 0 to 1")
    questions = changes.get("questions", ())
    if len(questions) > MOST_QUESTIONS:
        raise _out("questions", f"at most {MOST_QUESTIONS}")
    for place, one in enumerate(questions, 1):
        points = one.get("points")
        if points is not None and not (math.isfinite(points) and 0 <= points <= 1e6):
            raise _out("points", "a number from 0 to 1000000", place)
        weights = [choice.get("weight", 0.0) for choice in one.get("choices", ())]
        if not all(-100 <= weight <= 100 for weight in weights):
            raise _out("weight", "per cent from -100 to 100", place)


def _out(field: str, cure: str, place: int = 0) -> InvalidError:
    where = f"question {place}: " if place else ""
    return InvalidError(f"{where}{field} is out of its bounds", field=field, cure=cure)


# -- questions in their list


def named(questions: Sequence[Mapping[str, Any]]) -> Questions:
    """Questions and choices of which each has an id: what is known of them hangs on it."""
    found = []
    for question in questions:
        choices, used = [], {str(one.get("id") or "") for one in question.get("choices", ())}
        for choice in question.get("choices", ()):
            name = str(choice.get("id") or "") or next(
                str(number) for number in range(1, 10_000) if str(number) not in used
            )
            used.add(name)
            choices.append({**choice, "id": name})
        id_ = str(question.get("id") or "") or new_id()
        found.append({**question, "id": id_, "choices": choices})
    return found


def place_of(questions: Sequence[Mapping[str, Any]], part: str) -> int:
    """The place from 1 of the question that ``part`` names; raises NotFoundError."""
    parts = parts_of(questions)
    if part not in parts:
        raise NotFoundError(
            "this quiz has no such question", cure="somebody may have deleted it: look at the quiz"
        )
    return parts.index(part) + 1


def put(
    questions: Sequence[Mapping[str, Any]], part: str, question: Mapping[str, Any]
) -> Questions:
    """The questions with one in the place of ``part``, or at the end where that is empty."""
    found = [dict(one) for one in questions]
    if part:
        found[place_of(found, part) - 1] = dict(question)
    else:
        found.append(dict(question))
    return found


def arranged(questions: Sequence[Mapping[str, Any]], part: str, act: str) -> Questions:
    """The questions after ``up``, ``down``, ``double`` or ``delete`` was done to one.

    Beyond an end it stays there; a copy stands right behind it and is a question of its own.
    """
    found = [dict(one) for one in questions]
    place = place_of(questions, part)
    one = found.pop(place - 1)
    if act in {"up", "down"}:
        to = place + (1 if act == "down" else -1)
        found.insert(min(max(to, 1), len(found) + 1) - 1, one)
    elif act == "double":
        found[place - 1 : place - 1] = [one, {**one, "id": new_id()}]
    elif act != "delete":
        raise InvalidError("do: this is none", field="do", cure="up, down, double, delete")
    return found

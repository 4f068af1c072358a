"""An attempt as whoever takes it is shown it: no answers before they have answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bloop.graph.questions import parts_of
from bloop.learning.quizzes.grading import grade, right_answers, verdict_of
from bloop.learning.quizzes.models import OPEN
from bloop.learning.quizzes.questions import (
    Manner,
    Question,
    manner_of,
    menus_of,
    sides,
)
from bloop.learning.quizzes.service import hash_of, points_of
from bloop.store.statements import moment, parsed


def attempt_view(row: Mapping[str, Any], given: Sequence[Any], now: datetime) -> dict[str, Any]:
    """An attempt with its questions; ``row`` and ``given`` are as the registered reads have them.

    ``over`` says that nothing more can be answered in it, ``late`` that it was finished after the
    quiz was due, ``changed`` that the quiz has other questions by now.
    """
    data, by_place = parsed(row["data"]), {one["place"]: one for one in given}
    found = {name: row[name] for name in row if name not in {"data", "now", "hash"}}
    questions = data["questions"]
    worth, parts = points_of(questions), parts_of(questions)
    ends = row["ends_at"]
    over = row["status"] != OPEN or (ends is not None and now >= moment(ends))
    end = moment(row["finished_at"]) if row["finished_at"] else now
    due = data.get("due_at")
    return found | {
        "over": over,
        "late": bool(due) and end > moment(due),
        "due_at": due,
        "changed": hash_of(parsed(row["now"])) != row["hash"],
        "questions": [
            {
                "place": place,
                "part": parts[place - 1],
                "worth": worth.get(place, 0.0),
                **question_view(question),
                "answered": answered(question, by_place[place]) if place in by_place else None,
            }
            for place, question in enumerate(questions, 1)
        ],
    }


def question_view(question: Question) -> dict[str, Any]:
    """A question without its answers: what there is to choose, and how to name it."""
    kind, manner = question["kind"], manner_of(question)
    found: dict[str, Any] = {"choices": [], "blanks": [], "lefts": [], "rights": []}
    if manner is Manner.GRADED:
        bare = {one["id"]: one["html"] for one in question["choices"]}
        if kind in {"choice", "true_false", "multiple"}:
            found["choices"] = [{"id": id_, "html": html} for id_, html in bare.items()]
        elif kind == "blanks":
            found["blanks"] = [
                {"name": name, "choices": [{"id": id_, "html": bare[id_]} for id_ in menu]}
                for name, menu in menus_of(question).items()
            ]
        elif kind == "matching":
            lefts, rights = sides(question)
            found["lefts"], found["rights"] = _numbered(lefts), _numbered(rights)
    shown = {name: question[name] for name in ("kind", "title", "html", "points")}
    return shown | {"manner": manner.value} | found


def _numbered(texts: Sequence[str]) -> list[dict[str, str]]:
    return [{"id": str(number), "html": html} for number, html in enumerate(texts, 1)]


def answered(question: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was answered, what it is worth, and what was right."""
    response = parsed(given["response"])
    return {
        "response": response,
        "score": given["score"],
        "verdict": verdict_of(given["score"]).value,
        "feedback": list(grade(question, response).feedback),
        "right": [{"of": one.of, "html": one.html} for one in right_answers(question)],
        "answered_at": given["answered_at"],
    }

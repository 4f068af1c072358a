"""An attempt as whoever takes it is shown it: no answers before they have answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

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
    scores = {place: one["score"] for place, one in by_place.items()}
    worth, parts = points_of(questions, scores), parts_of(questions)
    seed = row["id"] if data.get("shuffle") else ""
    ends, due = row["ends_at"], data.get("due_at")
    over = row["status"] != OPEN or (ends is not None and now >= moment(ends))
    end = moment(row["finished_at"]) if row["finished_at"] else now
    return found | {
        "over": over,
        "late": bool(due) and end > moment(due),
        "due_at": due,
        "pass_mark": data.get("pass_mark"),
        "changed": hash_of(parsed(row["now"])) != row["hash"],
        "questions": [
            {
                "place": place,
                "number": number,
                "part": parts[place - 1],
                "worth": worth.get(place, 0.0),
                **question_view(questions[place - 1], f"{seed}:{place}" if seed else ""),
                "answered": answered(questions[place - 1], by_place[place])
                if place in by_place
                else None,
            }
            for number, place in enumerate(places(questions, seed), 1)
        ],
    }


def places(questions: Sequence[Question], seed: str) -> list[int]:
    """The places of questions in the order in which they are asked, by the seed of an attempt.

    What is to read stays where it is, and what is asked after it stays behind it.
    """
    found: list[int] = []
    run: list[int] = []
    for place, one in enumerate(questions, 1):
        if one["kind"] == "text":
            found += [*_mixed(run, seed), place]
            run = []
        else:
            run.append(place)
    return found + _mixed(run, seed)


T = TypeVar("T")


def _mixed(some: Sequence[T], seed: str, name: Callable[[T], str] = str) -> list[T]:
    """Things in an order that is the seed's own, as they stand without one."""
    if not seed:
        return list(some)
    return sorted(some, key=lambda one: sha256(f"{seed}:{name(one)}".encode()).digest())


def question_view(question: Question, seed: str = "") -> dict[str, Any]:
    """A question without its answers: what there is to choose, and how to name it.

    With a ``seed``, what there is to choose has an order of its own.
    """
    kind, manner = question["kind"], manner_of(question)
    found: dict[str, Any] = {"choices": [], "blanks": [], "lefts": [], "rights": []}
    if manner is Manner.GRADED:
        bare = {one["id"]: one["html"] for one in question["choices"]}
        if kind in {"choice", "true_false", "multiple"}:
            shown = [{"id": id_, "html": html} for id_, html in bare.items()]
            # True stands before false.
            mixed = seed if kind != "true_false" else ""
            found["choices"] = _mixed(shown, mixed, _id_of)
        elif kind == "blanks":
            found["blanks"] = [
                {
                    "name": name,
                    "choices": [{"id": id_, "html": bare[id_]} for id_ in _mixed(menu, seed)],
                }
                for name, menu in menus_of(question).items()
            ]
        elif kind == "matching":
            lefts, rights = sides(question)
            found["lefts"], found["rights"] = _numbered(lefts), _numbered(rights)
    head = {name: question[name] for name in ("kind", "title", "html", "points")}
    return head | {"manner": manner.value} | found


def _id_of(choice: Mapping[str, str]) -> str:
    return choice["id"]


def _numbered(texts: Sequence[str]) -> list[dict[str, str]]:
    return [{"id": str(number), "html": html} for number, html in enumerate(texts, 1)]


def answered(question: Question, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was answered, what it is worth, what was right, and what whoever teaches says to it.

    Nobody grades what was answered in a review: ``given`` says nothing of that there.
    """
    response = parsed(given["response"])
    return {
        "response": response,
        "score": given["score"],
        "verdict": verdict_of(given["score"]).value,
        "feedback": list(grade(question, response).feedback),
        "right": [{"of": one.of, "html": one.html} for one in right_answers(question)],
        "answered_at": given["answered_at"],
        "graded_at": given.get("graded_at"),
        "comment": given.get("feedback_html", ""),
    }

"""How hard each question of a quiz was: who had it right, and what was answered instead."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop.graph.questions import parts_of
from bloop.learning.quizzes.grading import Verdict, verdict_of
from bloop.learning.quizzes.questions import Question
from bloop.store.types import dumps

_ASKED = ("kind", "case_sensitive")
_OF_CHOICE = ("id", "html", "weight", "group", "low", "high")


@dataclass(slots=True)
class Hardness:
    """What became of a question.

    ``wrong`` is what was answered and not wholly right, with how often, most first. ``earlier``
    counts answers from when the question asked for others: they are in nothing else.
    """

    place: int
    part: str
    right: int = 0
    partly: int = 0
    wrong_count: int = 0
    waiting: int = 0
    earlier: int = 0
    points: float = 0.0
    wrong: list[tuple[Any, int]] = field(default_factory=list)

    @property
    def graded(self) -> int:
        """How many answers have a score."""
        return self.right + self.partly + self.wrong_count

    @property
    def share(self) -> float | None:
        """The mean score, from 0 to 1; None before there is one."""
        return self.points / self.graded if self.graded else None


def hardness_of(
    questions: Sequence[Question],
    versions: Mapping[str, Sequence[Question]],
    rows: Sequence[Mapping[str, Any]],
) -> list[Hardness]:
    """For each question of a quiz as it is now, what was answered.

    ``versions`` are the questions by the hash of the quiz that had them, ``rows`` how often a part
    had which ``score`` and, where it was not right, which ``response``.
    """
    parts = parts_of(questions)
    asks = {part: _asked(one) for part, one in zip(parts, questions, strict=True)}
    same = {
        (name, part)
        for name, of_version in versions.items()
        for part, one in zip(parts_of(of_version), of_version, strict=True)
        if asks.get(part) == _asked(one)
    }
    found = {part: Hardness(place, part) for place, part in enumerate(parts, 1)}
    wrong: defaultdict[str, Counter[str]] = defaultdict(Counter)
    given: dict[str, Any] = {}
    for row in rows:
        one = found.get(row["part"])
        if one is None:
            continue
        if (row["hash"], row["part"]) not in same:
            one.earlier += row["count"]
            continue
        _count(one, row["score"], row["count"])
        if row["response"] is not None and row["score"] is not None:
            key = dumps(row["response"])
            given[key] = row["response"]
            wrong[row["part"]][key] += row["count"]
    for part, counted in wrong.items():
        found[part].wrong = [(given[key], count) for key, count in counted.most_common(3)]
    return list(found.values())


def _count(one: Hardness, score: float | None, count: int) -> None:
    verdict = verdict_of(score)
    one.points += (score or 0.0) * count
    if verdict is Verdict.RIGHT:
        one.right += count
    elif verdict is Verdict.PARTLY:
        one.partly += count
    elif verdict is Verdict.WRONG:
        one.wrong_count += count
    else:
        one.waiting += count


def _asked(question: Question) -> str:
    """What an answer is held to; how it is worded may change meanwhile."""
    choices = [[one.get(name) for name in _OF_CHOICE] for one in question["choices"]]
    return dumps([[question.get(name) for name in _ASKED], choices])

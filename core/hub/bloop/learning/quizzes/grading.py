"""What an answer to a question is worth, and what is said to it: pure functions over its data."""

from __future__ import annotations

import enum
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bloop.content.texts import text_of_html
from bloop.learning.quizzes.questions import (
    Choice,
    Manner,
    Question,
    bounds_of,
    manner_of,
    menus_of,
    number_of,
    sides,
)
from bloop.learning.quizzes.responses import Response

_ROUNDING = 1e-9
"""Bounds are sums of floats: so much of a number's size is none."""


class Verdict(enum.StrEnum):
    """What became of an answer."""

    RIGHT = "right"
    PARTLY = "partly"
    WRONG = "wrong"
    UNGRADED = "ungraded"


def verdict_of(score: float | None) -> Verdict:
    """A score from 0 to 1 in a word; None is nobody's grade yet."""
    if score is None:
        return Verdict.UNGRADED
    return Verdict.RIGHT if score >= 1 else Verdict.PARTLY if score > 0 else Verdict.WRONG


@dataclass(frozen=True, slots=True)
class Graded:
    """A score from 0 to 1, or None of what a person has to grade; and what is said to it, HTML."""

    score: float | None
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """A right answer as HTML; ``of`` is the blank or left side that it belongs to."""

    html: str
    of: str = ""


# -- what it is worth


def grade(question: Question, response: Response) -> Graded:
    """What a checked answer is worth, and what the question says to it."""
    kind = question["kind"]
    if kind == "essay":
        return Graded(None, _said(question["feedback_html"]))
    score, chosen = _GRADERS[kind](question, response)
    score = max(0.0, min(1.0, score))
    verdict = "correct_html" if score >= 1 else "incorrect_html"
    told = [one["feedback_html"] for one in chosen]
    return Graded(score, _said(*told, question[verdict], question["feedback_html"]))


Grader = Callable[[Question, Any], tuple[float, list[Choice]]]


def _choice(question: Question, response: str) -> tuple[float, list[Choice]]:
    chosen = next(one for one in question["choices"] if one["id"] == response)
    return chosen["weight"] / 100, [chosen]


def _multiple(question: Question, response: list[str]) -> tuple[float, list[Choice]]:
    """Shares add up; where nothing wrong costs anything by itself, it costs as much as one right.

    Some systems give each right choice 100 per cent, others its share: the sum of all is 1.
    """
    rights = [one for one in question["choices"] if one["weight"] > 0]
    wrongs = [one for one in question["choices"] if one["weight"] <= 0]
    whole = sum(one["weight"] for one in rights)
    scale = whole if all(one["weight"] == 100 for one in rights) else max(whole, 100.0)
    chosen = [one for one in question["choices"] if one["id"] in response]
    score = sum(one["weight"] for one in chosen) / scale
    if not any(one["weight"] < 0 for one in wrongs):
        score -= sum(one["weight"] <= 0 for one in chosen) / len(rights)
    return (1.0 if chosen == rights else min(score, 1 - _ROUNDING)), chosen


def _blank(question: Question, response: str) -> tuple[float, list[Choice]]:
    inside = question.get("raw_type") == "cc.pattern_match.v0p1"
    return _typed(question["choices"], response, question["case_sensitive"], inside)


def _typed(
    choices: Sequence[Choice],
    response: str,
    exact_case: bool,  # noqa: FBT001 - the question's own word
    inside: bool = False,  # noqa: FBT001, FBT002
) -> tuple[float, list[Choice]]:
    """The best of the accepted texts that the answer is, or holds where it is a pattern."""

    def form(text: str) -> str:
        plain = " ".join(unicodedata.normalize("NFKC", text).split())
        return plain if exact_case else plain.casefold()

    answer = form(response)
    accepted = [(form(text_of_html(one["html"])), one) for one in choices]
    hits = [
        one for text, one in accepted if text and (text == answer or (inside and text in answer))
    ]
    return _best(hits)


def _best(hits: Sequence[Choice]) -> tuple[float, list[Choice]]:
    if not hits:
        return 0.0, []
    best = max(hits, key=lambda one: one["weight"])
    return best["weight"] / 100, [best]


def _numeric(question: Question, response: str) -> tuple[float, list[Choice]]:
    number = number_of(response)
    hits = []
    for one in question["choices"]:
        bounds = bounds_of(one)
        off = _ROUNDING * abs(number)
        if bounds is not None and bounds[0] - off <= number <= bounds[1] + off:
            hits.append(one)
    return _best(hits)


def _blanks(question: Question, response: dict[str, str]) -> tuple[float, list[Choice]]:
    total, told = 0.0, []
    menus = menus_of(question)
    for group, ids in menus.items():
        of_group = [one for one in question["choices"] if one["group"] == group]
        given = response.get(group, "")
        hits = [one for one in of_group if one["id"] == given] if ids else []
        score, chosen = _best(hits) if ids else _typed(of_group, given, question["case_sensitive"])
        total += max(0.0, min(1.0, score))
        told += chosen
    return total / len(menus), told


def _matching(question: Question, response: dict[str, str]) -> tuple[float, list[Choice]]:
    lefts, rights = sides(question)
    hits = [
        one
        for number, right in response.items()
        for one in question["choices"]
        if one["weight"] > 0
        and one["group"] == lefts[int(number) - 1]
        and one["html"] == rights[int(right) - 1]
    ]
    return len({one["group"] for one in hits}) / len(lefts), hits


_GRADERS: Mapping[str, Grader] = {
    "choice": _choice,
    "true_false": _choice,
    "multiple": _multiple,
    "blank": _blank,
    "numeric": _numeric,
    "blanks": _blanks,
    "matching": _matching,
}


# -- what is shown


def right_answers(question: Question) -> list[Right]:
    """What would have been right, best first."""
    kind = question["kind"]
    if manner_of(question) is not Manner.GRADED:
        return []
    rights = sorted(
        (one for one in question["choices"] if one["weight"] > 0), key=lambda one: -one["weight"]
    )
    if kind in {"choice", "true_false"}:
        return [Right(rights[0]["html"])]
    if kind == "numeric":
        return [Right(_range(one)) for one in rights if bounds_of(one) is not None]
    if kind in {"blanks", "matching"}:
        found: dict[str, Right] = {}
        for one in rights:
            if one["group"]:
                found.setdefault(one["group"], Right(one["html"], one["group"]))
        order = sides(question)[0] if kind == "matching" else list(menus_of(question))
        return [found[name] for name in order]
    return [Right(one["html"]) for one in rights]


def _range(choice: Choice) -> str:
    low, high = bounds_of(choice) or (0.0, 0.0)
    if low == high:
        return f"{low:.12g}"
    ends = ("" if math.isinf(one) else f"{one:.12g}" for one in (low, high))
    return " – ".join(ends).strip()


def _said(*texts: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in texts if one))

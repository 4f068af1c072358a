"""What a question of a quiz is made of, and whether it can be asked here.

A question is the JSON that an item of kind ``quiz`` holds, a :class:`bloop_sdk.records.Question`.
"""

from __future__ import annotations

import enum
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from bloop.content.texts import text_of_html
from bloop.store.errors import InvalidError

Question = Mapping[str, Any]
Choice = Mapping[str, Any]

MOST_PARTS = 500
FIELD = "answer"


class Manner(enum.StrEnum):
    """What is done with a question: it is graded, only kept for a person, or left out."""

    GRADED = "graded"
    KEPT = "kept"
    LEFT_OUT = "left_out"


def manner_of(question: Question) -> Manner:
    """Whether a question is asked here, and graded."""
    kind, choices = question["kind"], question["choices"]
    if kind == "essay":
        return Manner.KEPT
    rights = [one for one in choices if one["weight"] > 0]
    ids = [one["id"] for one in choices]
    graded = bool(rights) and len(choices) <= MOST_PARTS
    if kind in {"choice", "true_false", "multiple"}:
        graded = graded and len(set(ids)) == len(ids)
    elif kind == "numeric":
        graded = graded and any(bounds_of(one) is not None for one in rights)
    elif kind == "matching":
        graded = graded and any(one["group"] for one in rights)
    elif kind == "blanks":
        graded = graded and all(
            group and any(one["weight"] > 0 for one in choices if one["group"] == group)
            for group in {one["group"] for one in choices}
        )
    elif kind != "blank":
        graded = False
    return Manner.GRADED if graded else Manner.LEFT_OUT


def sides(question: Question) -> tuple[list[str], list[str]]:
    """The left and the right sides of a matching question, in the order of their numbers from 1.

    The right ones stand once each and in order of their text: no place tells a pair.
    """
    choices = question["choices"]
    lefts = dict.fromkeys(one["group"] for one in choices if one["weight"] > 0 and one["group"])
    return list(lefts), sorted({one["html"] for one in choices})


def menus_of(question: Question) -> dict[str, list[str]]:
    """For each blank the ids to choose from; none where all its choices are right, as one types."""
    menus: dict[str, list[str]] = {}
    for group in dict.fromkeys(one["group"] for one in question["choices"] if one["group"]):
        of_group = [one for one in question["choices"] if one["group"] == group]
        typed = all(one["weight"] > 0 for one in of_group)
        menus[group] = [] if typed else ids_of(of_group)
    return menus


def pairs_of(question: Question) -> dict[str, list[str]]:
    """For each left side, by its number, the numbers of the right ones."""
    lefts, rights = sides(question)
    numbers = [str(number) for number in range(1, len(rights) + 1)]
    return {str(number): numbers for number in range(1, len(lefts) + 1)}


def ids_of(choices: Sequence[Choice]) -> list[str]:
    """The ids of choices, in their order."""
    return [one["id"] for one in choices]


def bounds_of(choice: Choice) -> tuple[float, float] | None:
    """From where to where a number is right; None where the choice names no number."""
    low, high = choice["low"], choice["high"]
    if low is None and high is None:
        try:
            low = high = number_of(text_of_html(choice["html"]))
        except InvalidError:
            return None
    return (-math.inf if low is None else low), (math.inf if high is None else high)


_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?\Z", re.IGNORECASE)


def number_of(text: str) -> float:
    """A number as people write it, ``1.5`` or ``1,5``; raises InvalidError.

    ``1,000`` may be one or a thousand, and is refused.
    """
    plain = re.sub(r"[\s_'’]", "", unicodedata.normalize("NFKC", text)).replace("−", "-")
    if plain.count(",") == 1 and "." not in plain:
        if re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", plain):
            raise invalid(f"{text[:40]!r} can be read in two ways", "1000, or 1.0")
        plain = plain.replace(",", ".")
    if len(plain) > 100 or not _NUMBER.match(plain) or not math.isfinite(float(plain)):
        raise invalid(f"{text[:40]!r} is no number", "a number like 12 or 0.5")
    return float(plain)


def invalid(what: str, cure: str) -> InvalidError:
    """What is raised for an answer that is none."""
    return InvalidError(f"{FIELD}: {what}", field=FIELD, cure=cure)

"""Answers to questions as people give them, brought into the one form that is kept.

An answer is, by the question's kind:

- ``choice``, ``true_false``: the id of a choice;
- ``multiple``: a list of such ids;
- ``blank``, ``numeric``, ``essay``: a text;
- ``blanks``: for each blank by its name the id of a choice of its menu, or a text if it has none;
- ``matching``: for each left side by its number the number of a right one
  (:func:`bloop.learning.quizzes.questions.sides`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bloop.learning.quizzes.questions import (
    Question,
    ids_of,
    invalid,
    menus_of,
    number_of,
    pairs_of,
)

Response = str | list[str] | dict[str, str]

LONGEST_TEXT = 20_000


def checked(question: Question, given: Any) -> Response:
    """An answer in the one form that it is kept in; raises InvalidError for what is none."""
    kind = question["kind"]
    if kind in {"choice", "true_false"}:
        return _one_of(_text(given, "choose one of the answers"), ids_of(question["choices"]))
    if kind == "multiple":
        if not isinstance(given, list) or not given:
            raise invalid("choose one answer or more", "a list of ids of choices")
        known = ids_of(question["choices"])
        chosen = {_one_of(_text(one, "choose one answer or more"), known) for one in given}
        return [one for one in known if one in chosen]
    if kind in {"blank", "numeric", "essay"}:
        text = _text(given, "write an answer").strip()
        if not text:
            raise invalid("write an answer", "a text")
        if kind == "numeric":
            number_of(text)
        return text
    fields = menus_of(question) if kind == "blanks" else pairs_of(question)
    return _fields(given, fields)


def _text(given: Any, wish: str) -> str:
    if not isinstance(given, str) or not given:
        raise invalid(wish, "a text")
    if len(given) > LONGEST_TEXT:
        raise invalid(f"{len(given)} characters are too many", f"at most {LONGEST_TEXT}")
    if "\x00" in given:
        raise invalid("it holds a NUL character", "a text without it")
    return given


def _one_of(given: str, known: Sequence[str]) -> str:
    if given not in known:
        raise invalid(f"{given[:40]!r} is none to choose", f"one of {', '.join(known[:20])}")
    return given


def _fields(given: Any, fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """An answer of several; ``fields`` says what may be chosen for each, none where one types."""
    if not isinstance(given, dict):
        raise invalid("fill in each part", f"by name: {', '.join(list(fields)[:20])}")
    found: dict[str, str] = {}
    for name, value in given.items():
        if name not in fields:
            raise invalid(f"{str(name)[:40]!r} is no part of it", ", ".join(list(fields)[:20]))
        if not isinstance(value, str):
            raise invalid(f"{str(name)[:40]}: no text", "a text")
        if value.strip():
            text = _text(value, "write an answer").strip()
            found[name] = _one_of(text, fields[name]) if fields[name] else text
    if not found:
        raise invalid("fill in one part at least", ", ".join(list(fields)[:20]))
    return {name: found[name] for name in fields if name in found}

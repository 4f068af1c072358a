"""Questions as items hold them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bloop_sdk.records import Choice, Question, QuestionKind


def question(
    kind: str, *choices: tuple[Any, ...], name: str = "q", **fields: Any
) -> dict[str, Any]:
    """A question's data; a choice is (id, html, weight) and maybe (group, low, high)."""
    names = ("id", "html", "weight", "group", "low", "high")
    made = tuple(Choice(**dict(zip(names, one, strict=False))) for one in choices)
    fields = {"html": "<p>?</p>", **fields}
    found = asdict(Question(id=name, kind=QuestionKind(kind), choices=made, **fields))
    return {**found, "kind": kind, "choices": [dict(one) for one in found["choices"]]}


CHOICE = question(
    "choice",
    ("a", "<p>NaCl</p>", 100.0),
    ("b", "KCl", 50.0),
    ("c", "H2O", 0.0),
    name="salt",
    correct_html="Well done",
    incorrect_html="<p>Look again</p>",
)
MULTIPLE = question(
    "multiple", ("a", "1", 100.0), ("b", "2", 100.0), ("c", "3", 0.0), name="primes"
)
BLANK = question("blank", ("1", "Fish &amp; Chips", 100.0), ("2", "Chips", 50.0), name="dish")
NUMERIC = question("numeric", ("1", "", 100.0, None, 0.1, 0.3), name="number")
MATCHING = question(
    "matching",
    ("1", "<b>Paris</b>", 100.0, "France"),
    ("2", "Rome", 100.0, "Italy"),
    ("3", "Oslo", 0.0),
    name="capitals",
)
BLANKS = question(
    "blanks",
    ("a", "red", 100.0, "colour"),
    ("b", "blue", 0.0, "colour"),
    ("c", "round", 100.0, "form"),
    name="apple",
)
ESSAY = question("essay", name="essay", feedback_html="<p>Somebody reads it.</p>")
FORMULA = question("formula", ("f", "x+1", 100.0, "formula", 0.0, 0.0), name="formula")
TEXT = question("text", name="text", points=0.0)

"""What a learner may see of an item's data, where that is less than all of it.

A quiz: the questions without what tells their answers. A note: not the Markdown whose comments are
for its author alone; what it says is in its HTML.

Of one that is restricted in its system (:class:`bloop_sdk.records.Quiz`) they see no question.
"""

from __future__ import annotations

import re
from typing import Any

_SHOWN = ("id", "kind", "title", "html", "points", "case_sensitive")
_COMMENT = re.compile("%%|<!--")
_TYPED = frozenset({"blank", "numeric", "formula", "essay", "upload", "text"})
"""Kinds whose choices are accepted answers: none of them is shown."""


def learner_view(kind: str, data: dict[str, Any]) -> dict[str, Any] | None:
    """``data`` without answers, feedback and comments; None where it holds none."""
    if kind == "note" and _COMMENT.search(data.get("markdown") or ""):
        return {**data, "markdown": None}
    if kind != "quiz":
        return None
    shown = () if data.get("restricted") else data["questions"]
    return {**data, "questions": [_question(question) for question in shown]}


def _question(question: dict[str, Any]) -> dict[str, Any]:
    shown = {key: question[key] for key in _SHOWN}
    kind, choices = question["kind"], question["choices"]
    if kind == "matching":
        shown["groups"] = _groups(choices)
        shown["choices"] = _pool(choices)
    elif kind == "blanks":
        shown["groups"] = _groups(choices)
        shown["choices"] = [choice for group in shown["groups"] for choice in _menu(choices, group)]
    elif kind in _TYPED or kind == "opaque":
        shown["choices"] = []
    else:
        shown["choices"] = [_bare(choice) for choice in choices]
    return shown


def _bare(choice: dict[str, Any]) -> dict[str, Any]:
    return {"id": choice["id"], "html": choice["html"]}


def _groups(choices: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(choice["group"] for choice in choices if choice["group"]))


def _pool(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Right sides once each and in order of their text: neither place nor number tells a pair."""
    return [{"html": html} for html in sorted({choice["html"] for choice in choices})]


def _menu(choices: list[dict[str, Any]], group: str) -> list[dict[str, Any]]:
    """A blank with wrong choices is a menu; with right ones alone it is typed, and they are it."""
    of_group = [choice for choice in choices if choice["group"] == group]
    if all(choice["weight"] > 0 for choice in of_group):
        return []
    return [{**_bare(choice), "group": group} for choice in of_group]

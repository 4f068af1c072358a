"""Why something is recommended: a sentence that the facts of its candidate fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Translate = Callable[[str], str]


def sentence(kind: str, facts: Mapping[str, Any], _: Translate = str) -> str:
    """The reason in the language that ``_`` translates to."""
    known: list[str] = facts.get("known") or []
    goal = facts.get("goal")
    names = (_("{first} and {second}") if len(known) > 1 else "{first}").format(
        first=known[0] if known else "", second=known[1] if len(known) > 1 else ""
    )
    if kind == "next" and known and goal and goal != facts["concept"]:
        text = _("You know {known}; {concept} is next on the way to {goal}.")
    elif kind == "next" and known:
        text = _("You know {known}; {concept} is next.")
    elif kind == "next" and goal and goal != facts["concept"]:
        text = _("The way to {goal} begins with {concept}.")
    elif kind == "next":
        text = _("Nothing has to be known before {concept}.")
    elif kind == "weak":
        text = _("You have begun with {concept}, and your answers are not sure yet.")
    elif kind == "due" and facts.get("concept"):
        text = _("It is time to look at {concept} again; days since you last did: {days}.")
    elif kind == "due":
        text = _("It is time to answer this again; days since you last did: {days}.")
    elif kind == "pinned":
        text = _("Chosen by those who teach this course.")
    else:
        text = _("It comes next in this course.")
    return text.format(**{**facts, "known": names})

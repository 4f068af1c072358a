"""What Moodle shows learners at some times only, and its services show to who may see all.

Conditions of date are as sure as a clock. Of the others (groups, grades, what was completed) the
hub cannot tell for whom they hold: what has them is shown to everybody in the course, and says so.
"""

from __future__ import annotations

from typing import Any

from bloop_moodle.values import inner_json, integer

FOR_SOME = "for whom it is: Moodle has conditions, such as groups or what was completed before"


def is_closed(availability: Any, at: int) -> bool:
    """Whether conditions (JSON in a string) keep all learners out ``at`` a time."""
    tree = inner_json(availability)
    return isinstance(tree, dict) and _holds(tree, at) is False


def is_for_some(availability: Any) -> bool:
    """Whether there are conditions of another kind than dates."""
    tree = inner_json(availability)
    return isinstance(tree, dict) and any(kind != "date" for kind in _kinds(tree))


def _kinds(tree: Any) -> list[str]:
    if not isinstance(tree, dict):
        return []
    parts = tree.get("c")
    if isinstance(parts, list):
        return [kind for one in parts for kind in _kinds(one)]
    return [str(tree.get("type"))]


def _holds(tree: Any, at: int) -> bool | None:
    """Whether a tree of conditions holds for everybody (True) or nobody; None if it depends."""
    if not isinstance(tree, dict):
        return None
    parts = tree.get("c")
    if isinstance(parts, list):
        found = [_holds(one, at) for one in parts]
        how = str(tree.get("op"))
        if not found:
            return True
        decides = how.endswith("|")
        held = decides if decides in found else None if None in found else not decides
        return held if held is None or not how.startswith("!") else not held
    moment = integer(tree.get("t"))
    if tree.get("type") != "date" or moment is None:
        return None
    return at >= moment if tree.get("d") == ">=" else at < moment

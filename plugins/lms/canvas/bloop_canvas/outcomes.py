"""Outcomes of a course, and the groups that they are linked into."""

from __future__ import annotations

from typing import Any

from bloop_canvas.fields import identifier, kept, needed, text
from bloop_canvas.place import Place
from bloop_sdk import MalformedRecordError, Outcome, Record
from bloop_sdk.records import JSONObject

# What the token may do with it, and whether somebody was assessed by it, are not the outcome's.
_NOISE = frozenset({"can_edit", "can_unlink", "assessed", "has_updateable_rubrics", "friendly"})


def group(place: Place, item: JSONObject) -> list[Record]:
    """A group as a wider outcome; the root, which all others are in, has the course's name."""
    parent = item.get("parent_outcome_group")
    record = Outcome(
        remote_id=_group_id(place, item),
        container=place.course,
        title=needed(item, "title"),
        html=text(item, "description"),
        parent=_group_id(place, parent) if isinstance(parent, dict) else None,
        raw=kept(item, frozenset({"can_edit", "import_url", "subgroups_url", "outcomes_url"})),
    )
    return [record]


def link(place: Place, item: JSONObject) -> list[Record]:
    """An outcome where it is linked: one of an account is linked into many courses."""
    found: Any = item.get("outcome")
    if not isinstance(found, dict):
        raise MalformedRecordError("it holds no outcome")
    above = item.get("outcome_group")
    parent = _group_id(place, above) if isinstance(above, dict) else None
    lost = []
    if found.get("mastery_points") is not None or found.get("ratings"):
        lost.append("its ratings and the points of mastery")
    record = Outcome(
        remote_id=place.id(identifier(found)),
        container=place.course,
        title=needed(found, "display_name", "title"),
        html=text(found, "description"),
        parent=parent,
        lost=tuple(lost),
        raw={**kept(found, _NOISE), "group": parent},
    )
    return [record]


def _group_id(place: Place, item: JSONObject) -> str:
    return place.id(f"g{identifier(item)}")

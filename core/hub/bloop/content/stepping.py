"""Where a node of a tree goes that takes one step: up, down, into the module before it, or out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WAYS = ("up", "down", "in", "out")


def step(nodes: Sequence[Mapping[str, Any]], id_: str, way: str) -> tuple[str | None, int] | None:
    """The parent and the index among its children, without the node itself; None: no such step.

    ``nodes`` are a container's, with ``id``, ``parent`` and ``kind`` (None: a module), siblings in
    order, as :data:`bloop.content.queries.TREE` gives them.
    """
    by_id = {node["id"]: node for node in nodes}
    node = by_id.get(id_)
    if node is None:
        return None
    parent = node["parent"]
    among = [one["id"] for one in nodes if one["parent"] == parent]
    place = among.index(id_)
    if way == "up" and place > 0:
        return parent, place - 1
    if way == "down" and place + 1 < len(among):
        return parent, place + 1
    if way == "in" and place > 0 and by_id[among[place - 1]]["kind"] is None:
        before = among[place - 1]
        return before, sum(one["parent"] == before for one in nodes)
    if way == "out" and parent in by_id:
        above = by_id[parent]["parent"]
        uncles = [one["id"] for one in nodes if one["parent"] == above]
        return above, uncles.index(parent) + 1
    return None


def steps(nodes: Sequence[Mapping[str, Any]], id_: str) -> list[str]:
    """The ways that are open to a node."""
    return [way for way in WAYS if step(nodes, id_, way) is not None]

"""The tree of nodes, as rows hold it: parents by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def in_cycle(parents: Mapping[str, str | None], node: str) -> bool:
    """Whether following the parents of ``node`` leads back to a node seen on the way."""
    seen = {node}
    above = parents.get(node)
    while above is not None:
        if above in seen:
            return True
        seen.add(above)
        above = parents.get(above)
    return False


def nested(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with ``id`` and ``parent``, siblings in order, as trees with ``children``.

    A row whose parent is not among them is left out with all below it: the parent is hidden.
    """
    below: dict[str | None, list[dict[str, Any]]] = {}
    for row in rows:
        row["children"] = below.setdefault(row["id"], [])
        below.setdefault(row.pop("parent"), []).append(row)
    return below.get(None, [])

"""The tree of nodes, as rows hold it: parents by id."""

from __future__ import annotations

from collections.abc import Mapping


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

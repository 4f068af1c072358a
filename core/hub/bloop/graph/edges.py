"""What an edge of the graph is, and which are refused."""

from __future__ import annotations

import enum
import math
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from bloop.graph.links import Pair
from bloop.store.errors import InvalidError


class EdgeKind(enum.StrEnum):
    """What an edge says of its source and its target."""

    PREREQUISITE = "prerequisite"
    """The source has to be known before the target."""
    PART_OF = "part_of"
    """The source is a part of the target."""
    RELATED = "related"
    """They have to do with each other."""


class Edge(NamedTuple):
    """A directed edge between two concepts; a plain tuple of the same will do.

    ``weight``, finite and at least 0, is what it costs to get from a prerequisite to what builds on
    it; other kinds have no use for it.
    """

    kind: EdgeKind
    source: str
    target: str
    weight: float = 1.0


AnyEdge = Edge | tuple[str, str, str, float]
LINKS = (EdgeKind.PART_OF, EdgeKind.RELATED)
"""The kinds that say nothing of what has to be known before."""


def prerequisites(
    edges: Iterable[AnyEdge], concepts: Container[str], links: dict[EdgeKind, set[Pair]]
) -> Iterator[tuple[str, str, float]]:
    """Check edges, give prerequisites as source, target and weight, and put others into ``links``.

    Raises InvalidError for the first edge that is refused.
    """
    wanted, infinite = EdgeKind.PREREQUISITE.value, math.inf  # Names cost time in this loop.
    last: object = None  # Edges mostly come by target.
    for kind, source, target, weight in edges:
        if target is not last:
            if target not in concepts:
                raise _refused(kind, source, target, concepts)
            last = target
        if source not in concepts or source == target:
            raise _refused(kind, source, target, concepts)
        if kind == wanted:
            if not 0 <= weight < infinite:
                raise InvalidError(
                    f"edge {source} -> {target}: the weight {weight} is not 0 or more",
                    field="weight",
                )
            yield source, target, weight
        elif kind in links:
            links[EdgeKind(kind)].add((source, target))
        else:
            raise InvalidError(
                f"edge {source} -> {target}: unknown kind {kind!r}",
                field="kind",
                cure=f"one of {', '.join(EdgeKind)}",
            )


def _refused(kind: str, source: str, target: str, concepts: Container[str]) -> InvalidError:
    named = f"{kind} {source} -> {target}"
    if source == target:
        return InvalidError(f"edge {named}: it leads to where it began", field="target")
    field, missing = ("target", target) if source in concepts else ("source", source)
    return InvalidError(f"edge {named}: there is no concept {missing}", field=field)

"""What is on a concept map: which concepts, where they stand, and how far the reader is in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from bloop.graph.edges import EdgeKind
from bloop.graph.extract import extract
from bloop.graph.layout import HEIGHT, WIDTH, draw
from bloop.graph.live import Graph
from bloop.graph.snapshot import Mask, Snapshot
from bloop.learning.mastery.service import KNOWN_FROM

MOST = 120
"""So many concepts are on a map; more are no picture any more."""
NEXT = 5
"""So many of them are pointed out as what to learn next."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a map is of: ``kind`` is ``course``, ``concept``, ``goal`` or ``all``.

    ``first`` are the concepts that stay where there are too many, the most important first, and
    ``whole`` those that are not folded into what they are a part of.
    """

    kind: str
    id: str | None
    name: str | None
    concepts: Sequence[str]
    first: Sequence[str] = ()
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """How far somebody is: the chances of a right answer, and what is due for review."""

    p: Mapping[str, float] = field(default_factory=dict)
    due: frozenset[str] = frozenset()

    @property
    def known(self) -> list[str]:
        """What their answers show that they know."""
        return [one for one, p in self.p.items() if p >= KNOWN_FROM]

    def of(self, concept: str) -> str:
        """``unknown``, ``started``, ``known``, or ``due``, whatever it was before."""
        if concept in self.due:
            return "due"
        if concept not in self.p:
            return "unknown"
        return "known" if self.p[concept] >= KNOWN_FROM else "started"


def around(graph: Graph, concept: str, levels: int) -> Scope:
    """A concept, what so many levels before it and behind it hold, and its parts."""
    snapshot = graph.snapshot
    parts = snapshot.sources(concept, EdgeKind.PART_OF)
    first = [concept]
    for depth in range(1, levels + 1):
        first += snapshot.prerequisites(concept, depth)
        first += snapshot.opens(concept, depth)
    first = list(dict.fromkeys([*first, *parts]))
    whole = frozenset((concept, *parts))
    return Scope("concept", concept, graph.names[concept], first, first, whole)


def way(graph: Graph, goal: str) -> Scope:
    """All that leads to a goal."""
    before = graph.snapshot.prerequisites(goal)
    return Scope("goal", goal, graph.names[goal], [*before, goal], [goal], frozenset((goal,)))


def picture(
    graph: Graph, scope: Scope, goals: Sequence[str], own: Standing | None
) -> dict[str, Any]:
    """The map as the API gives it; ``own`` is None where nobody's standing may be shown."""
    snapshot = graph.snapshot
    mask = snapshot.mask(own.known if own else ())
    wanted = [scope.id] if scope.kind == "goal" and scope.id else list(goals)
    ahead = _ahead(snapshot, mask, wanted) if own else {}
    found = extract(
        snapshot,
        [one for one in scope.concepts if one in graph.names],
        most=MOST,
        first=[*scope.first, *ahead, *chain.from_iterable(ahead.values())],
        whole=scope.whole.union(wanted),
    )
    shown = set(found.shown)
    on_way = {one for goal in wanted if goal in shown for one in ahead.get(goal, ())} & shown
    names = graph.names
    drawn = draw(
        tuple(sorted(found.shown, key=lambda one: (names[one].casefold(), one))), found.edges
    )
    coming = _next(snapshot, mask, [one for one in wanted if one in shown], shown) if own else ()
    return {
        "version": graph.version,
        "scope": {"kind": scope.kind, "id": scope.id, "name": scope.name},
        "width": drawn.width,
        "height": drawn.height,
        "box": {"width": WIDTH, "height": HEIGHT},
        "nodes": [
            {
                "id": one,
                "name": names[one],
                "level": box.level,
                "x": box.x,
                "y": box.y,
                "state": own.of(one) if own else None,
                "next": one in coming,
                "goal": one in wanted,
                "on_way": one in on_way,
                "folded": len(found.folded.get(one, ())),
            }
            for one, box in drawn.boxes.items()
        ],
        "edges": [
            {
                "source": line.source,
                "target": line.target,
                "points": line.points,
                "on_way": {line.source, line.target} <= on_way,
            }
            for line in drawn.lines
        ],
        "folded": sum(map(len, found.folded.values())),
        "left_out": found.left_out,
    }


def _ahead(snapshot: Snapshot, mask: Mask, goals: Iterable[str]) -> dict[str, list[str]]:
    """What is still to be learned for each goal."""
    return {goal: snapshot.path(mask, goal) for goal in goals}


def _next(snapshot: Snapshot, mask: Mask, goals: Sequence[str], shown: set[str]) -> frozenset[str]:
    """What to learn next of what is shown: for the goals in it, or what opens the most."""
    found = [one for goal in goals for one in snapshot.next(mask, goal)] or snapshot.next(mask)
    return frozenset([one for one in dict.fromkeys(found) if one in shown][:NEXT])

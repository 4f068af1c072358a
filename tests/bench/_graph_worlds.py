"""Random graphs for tests/bench/graph.py, and the peers that hold them.

Run by itself, `_graph_worlds.py KIND NODES PROGRAMME` loads one graph in a fresh process and prints
the CPU seconds of that, the MB that the process has grown by, and for ours the time of a question.
Edges come one by one, as from a database's cursor, so that no input is counted.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from bloop.graph.snapshot import EdgeKind, Snapshot

PARENTS = 10
NEEDS = EdgeKind.PREREQUISITE.value


@dataclass(frozen=True)
class World:
    """Programmes of random prerequisites: each concept needs ten random ones that come earlier."""

    nodes: int
    programme: int

    def ids(self) -> list[str]:
        """Ids of 36 characters, as the hub's are, in no order."""
        bits = partial(random.Random(1).getrandbits, 32)
        return [f"{bits():08x}-0000-7000-8000-{n:012x}" for n in range(self.nodes)]

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Edges as numbers, a prerequisite and what needs it; each once."""
        draw = random.Random(2).random
        for begin in range(0, self.nodes, self.programme):
            for at in range(1, min(self.programme, self.nodes - begin)):
                few = range(at) if at <= PARENTS else None
                sources = {int(draw() * at) for _ in range(PARENTS)} if few is None else few
                yield from ((begin + source, begin + at) for source in sources)


def ours(ids: list[str], pairs: Iterable[tuple[int, int]]) -> Snapshot:
    """The snapshot of a world."""
    edges = ((NEEDS, ids[source], ids[target], 1.0) for source, target in pairs)
    return Snapshot.build(1, ids, edges)


def networkx(ids: list[str], pairs: Iterable[tuple[int, int]]) -> Any:
    """A DiGraph whose nodes are the ids."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_weighted_edges_from((ids[source], ids[target], 1.0) for source, target in pairs)
    return graph


def networkx_bare(ids: list[str], pairs: Iterable[tuple[int, int]]) -> Any:
    """The same without weights."""
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(ids)
    graph.add_edges_from((ids[source], ids[target]) for source, target in pairs)
    return graph


def rustworkx(ids: list[str], pairs: Iterable[tuple[int, int]]) -> tuple[Any, dict[str, int]]:
    """A PyDiGraph that holds the ids, and the index of each."""
    import rustworkx as rx

    graph = rx.PyDiGraph(multigraph=False, node_count_hint=len(ids))
    index = dict(zip(ids, graph.add_nodes_from(ids), strict=True))
    graph.add_edges_from([(source, target, 1.0) for source, target in pairs])
    return graph, index


LOADS = {
    "bloop": ours,
    "networkx": networkx,
    "networkx, no weights": networkx_bare,
    "rustworkx": rustworkx,
}


def learner(snapshot: Snapshot, goal: str) -> list[str]:
    """Who is half way to a goal."""
    path = snapshot.path([], goal)
    return path[: len(path) // 2]


def questions(snapshot: Snapshot, ids: list[str]) -> dict[str, float]:
    """Microseconds of each question, over 100 goals, each asked before."""
    goals = random.Random(3).sample(ids, 100)
    cases = [(snapshot.mask(learner(snapshot, goal)), goal) for goal in goals]

    def each(ask: Any) -> float:
        [ask(mask, goal) for mask, goal in cases]
        begin = time.process_time()
        for mask, goal in cases:
            ask(mask, goal)
        return (time.process_time() - begin) / len(cases) * 1e6

    return {
        "ancestors": each(lambda _, goal: snapshot.prerequisites(goal)),
        "path": each(snapshot.path),
        "next": each(snapshot.next),
    }


def main() -> None:
    """Load one, and print what it took."""
    kind, nodes, programme = sys.argv[1], *map(int, sys.argv[2:])
    world = World(nodes, programme)
    process = psutil.Process()
    LOADS[kind](["a", "b"], [(0, 1)])  # Nobody pays for imports.
    gc.collect()
    before = process.memory_info().rss
    ids = world.ids()
    begin = time.process_time()
    alone = sum(1 for _ in world.pairs())
    drawn = time.process_time()
    graph = LOADS[kind](ids, world.pairs())
    loaded = time.process_time()
    found = {"edges": alone, "load": (loaded - drawn) - (drawn - begin)}
    if isinstance(graph, Snapshot):
        found |= questions(graph, ids)
        for concept in ids[:: programme // 2]:  # Every programme's closures are counted, both ways.
            graph.prerequisites(concept)
            graph.opens(concept)
    gc.collect()
    found["memory"] = (process.memory_info().rss - before) / 2**20
    print(json.dumps(found))


if __name__ == "__main__":
    main()

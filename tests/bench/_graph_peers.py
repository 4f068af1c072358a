"""The questions of tests/bench/graph.py, asked of networkx, rustworkx and scipy.

Each is what the peer's documentation leads to; answers are sets, or an order for a path.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np
import rustworkx as rx
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order


class NetworkX:
    """A DiGraph of ids; ``known`` is a set of them."""

    def __init__(self, graph: nx.DiGraph) -> None:
        self.graph = graph

    def ancestors(self, goal: str) -> set[str]:
        """All prerequisites."""
        return nx.ancestors(self.graph, goal)

    def path(self, known: set[str], goal: str) -> list[str]:
        """Unknown prerequisites and the goal, in order; ``known`` holds its own prerequisites."""
        missing = (nx.ancestors(self.graph, goal) | {goal}) - known
        return list(nx.topological_sort(self.graph.subgraph(missing)))

    def next(self, known: set[str], goal: str) -> list[str]:
        """What of the path can be learned now, in no order."""
        missing = (nx.ancestors(self.graph, goal) | {goal}) - known
        before = self.graph.pred
        return [concept for concept in missing if known.issuperset(before[concept])]

    def anywhere(self, known: set[str]) -> list[str]:
        """What of the whole graph can be learned now, in no order."""
        before = self.graph.pred
        return [c for c in self.graph if c not in known and known.issuperset(before[c])]


class RustworkX:
    """A PyDiGraph; concepts are its indices all along, which spares it the way from and to ids."""

    def __init__(self, graph: Any, index: dict[str, int]) -> None:
        self.graph = graph
        self.index = index

    def known(self, ids: Iterable[str]) -> set[int]:
        """Ids as indices."""
        return {self.index[concept] for concept in ids}

    def names(self, found: Iterable[int]) -> list[str]:
        """Indices as ids, to compare."""
        return [self.graph[node] for node in found]

    def ancestors(self, goal: int) -> set[int]:
        """All prerequisites."""
        return rx.ancestors(self.graph, goal)

    def path(self, known: set[int], goal: int) -> list[str]:
        """Unknown prerequisites and the goal, in order; a subgraph gives its nodes new indices."""
        missing = (rx.ancestors(self.graph, goal) | {goal}) - known
        part = self.graph.subgraph(list(missing))
        return [part[node] for node in rx.topological_sort(part)]

    def next(self, known: set[int], goal: int) -> list[int]:
        """What of the path can be learned now, in no order."""
        missing = (rx.ancestors(self.graph, goal) | {goal}) - known
        before = self.graph.predecessor_indices
        return [node for node in missing if known.issuperset(before(node))]


class Scipy:
    """Edges turned around in a CSR matrix; concepts are numbers."""

    def __init__(self, nodes: int, pairs: Iterable[tuple[int, int]]) -> None:
        ends = np.array(list(pairs), dtype=np.int32)
        ones = np.ones(len(ends), dtype=np.int8)
        self.matrix = csr_matrix((ones, (ends[:, 1], ends[:, 0])), shape=(nodes, nodes))

    def ancestors(self, goal: int) -> np.ndarray:
        """All prerequisites, and the goal first."""
        return breadth_first_order(self.matrix, goal, return_predecessors=False)

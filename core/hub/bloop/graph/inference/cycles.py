"""Edges without cycles: where some close one, the least sure of it gives way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar


class Arrow(Protocol):
    """From one key to another, with how sure it is."""

    @property
    def source(self) -> str: ...

    @property
    def target(self) -> str: ...

    @property
    def confidence(self) -> float: ...


A = TypeVar("A", bound=Arrow)


def without_cycles(edges: Sequence[A]) -> list[A]:
    """Those that may stay, in their order.

    Of every strongly connected component the least sure edge is removed until none is left; each
    round takes as long as the component is large.
    """
    gone: set[int] = set()
    waiting = [list(range(len(edges)))]
    while waiting:
        numbers = waiting.pop()
        component = components((edges[n].source, edges[n].target) for n in numbers)
        inside: dict[int, list[int]] = defaultdict(list)
        for number in numbers:
            edge = edges[number]
            if edge.source == edge.target:
                gone.add(number)
            elif component[edge.source] == component[edge.target]:
                inside[component[edge.source]].append(number)
        for some in inside.values():
            weakest = min(
                some, key=lambda n: (edges[n].confidence, edges[n].source, edges[n].target)
            )
            gone.add(weakest)
            waiting.append([number for number in some if number != weakest])
    return [edge for number, edge in enumerate(edges) if number not in gone]


def components(pairs: Iterable[tuple[str, str]]) -> dict[str, int]:
    """The number of each node's strongly connected component (Tarjan 1972, without recursion)."""
    after: dict[str, list[str]] = defaultdict(list)
    nodes: dict[str, None] = {}
    for source, target in pairs:
        after[source].append(target)
        nodes[source] = nodes[target] = None
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    made: dict[str, int] = {}
    stack: list[str] = []
    for root in nodes:
        if root in index:
            continue
        low[root] = len(index)
        index[root] = low[root]
        stack.append(root)
        work = [(root, iter(after[root]))]
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    _take(stack, node, made)
            elif following not in index:
                low[following] = len(index)
                index[following] = low[following]
                stack.append(following)
                work.append((following, iter(after[following])))
            elif following not in made:
                low[node] = min(low[node], index[following])
    return made


def _take(stack: list[str], node: str, made: dict[str, int]) -> None:
    number = len(made)
    while True:
        top = stack.pop()
        made[top] = number
        if top == node:
            return

"""Levels of a graph without cycles, and an order in each that makes few lines cross.

The first two steps of a layered drawing (Sugiyama, Tagawa, Toda 1981); coordinates are the third.
What hangs on the rest by one edge and has nothing behind it is taken off first, again and again,
and put back last, beside what it hangs on. So a leaf that comes or goes leaves the order of
everything else as it was, and what is ordered by trial is small.

A node is a number; a line that passes a level does so by a bend, a node of its own there.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise

Edge = tuple[int, int]
Rows = list[list[int]]
_ROUNDS = 8


@dataclass(slots=True)
class Layered:
    """Nodes by level, in order: ``links`` lead from one level to the next, maybe by ``bends``."""

    rows: Rows
    links: list[Edge]
    bends: dict[Edge, list[int]] = field(default_factory=dict)
    """The bends of each edge that passes levels, in order."""
    core: list[int] = field(default_factory=list)
    """What is left when all that hangs on one edge is taken off."""


def layered(nodes: Iterable[int], edges: Iterable[Edge], free: int) -> Layered:
    """Levels and orders of what hangs together; ``free`` is the first number for a bend."""
    nodes, edges = sorted(nodes), sorted(edges)
    order, above = _sorted(nodes, edges)
    trees = _trees(order, edges)
    core = [one for one in order if one not in trees]
    inner = [edge for edge in edges if edge[1] not in trees]
    level = _levels(core, inner, above)
    made = Layered(_filled(core, level), [], core=sorted(core))
    for source, target in inner:
        passed = range(level[source] + 1, level[target])
        chain = [source, *range(free, free + len(passed)), target]
        for bend, at in zip(chain[1:-1], passed, strict=True):
            made.rows[at].append(bend)
        made.links += pairwise(chain)
        if passed:
            made.bends[source, target] = chain[1:-1]
        free += len(passed)
    made.rows = untangled(made.rows, made.links)
    _hang(made, trees, [one for one in order if one in trees])
    return made


def _sorted(nodes: Sequence[int], edges: Iterable[Edge]) -> tuple[list[int], dict[int, list[int]]]:
    """All nodes, each after what leads to it, and what that is."""
    above: dict[int, list[int]] = {one: [] for one in nodes}
    for source, target in edges:
        above[target].append(source)
    return list(TopologicalSorter(above).static_order()), above


def _trees(order: Sequence[int], edges: Iterable[Edge]) -> dict[int, int]:
    """What hangs on the rest by one edge, with all that is behind it, and what it hangs on."""
    above, below = _neighbours(edges)
    found: dict[int, int] = {}
    for one in reversed(order):
        if len(above[one]) == 1 and all(other in found for other in below[one]):
            found[one] = above[one][0]
    return found


def _levels(
    order: Sequence[int], edges: Sequence[Edge], above: Mapping[int, Sequence[int]]
) -> dict[int, int]:
    """The first one possible; or right before what it leads to, where more leaves it than comes."""
    _, below = _neighbours(edges)
    level: dict[int, int] = {}
    for one in order:
        level[one] = max((level[other] + 1 for other in above[one]), default=0)
    for one in reversed(order):
        if len(below[one]) > len(above[one]):
            level[one] = min(level[other] for other in below[one]) - 1
    return level


def _filled(nodes: Iterable[int], level: Mapping[int, int]) -> Rows:
    rows: Rows = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for one in sorted(nodes):
        rows[level[one]].append(one)
    return rows


def _neighbours(edges: Iterable[Edge]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        above[target].append(source)
        below[source].append(target)
    return above, below


def crossings(rows: Rows, links: Iterable[Edge]) -> int:
    """How many pairs of links cross, if all are straight."""
    _, below = _neighbours(links)
    places = [{one: at for at, one in enumerate(row)} for row in rows]
    found = 0
    for row, place in zip(rows, places[1:], strict=False):
        seen: list[int] = []
        for one in row:
            ends = sorted(place[other] for other in below[one])
            found += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return found


def untangled(rows: Rows, links: Sequence[Edge]) -> Rows:
    """The rows in an order with fewer crossings, or as they are: barycentres, then exchanges."""
    above, below = _neighbours(links)
    best, fewest = rows, crossings(rows, links)
    now = [list(row) for row in rows]
    for turn in range(_ROUNDS):
        if not fewest:
            break
        down = turn % 2 == 0
        for at in range(1, len(now)) if down else range(len(now) - 2, -1, -1):
            beside, links_of = (now[at - 1], above) if down else (now[at + 1], below)
            now[at] = _by_barycentre(now[at], beside, links_of)
        for at in range(len(now)):
            _exchange(now, at, above, below)
        found = crossings(now, links)
        if found < fewest:
            best, fewest = [list(row) for row in now], found
    return best


def _by_barycentre(
    row: Sequence[int], beside: Sequence[int], links: Mapping[int, Sequence[int]]
) -> list[int]:
    """A row by where its neighbours stand on average; what has none keeps its place."""
    place = {one: at for at, one in enumerate(beside)}
    means = {
        one: sum(place[other] for other in links[one]) / len(links[one])
        for one in row
        if links.get(one)
    }
    moved = iter(sorted(means, key=means.__getitem__))
    return [next(moved) if one in means else one for one in row]


def _exchange(
    rows: Rows, at: int, above: Mapping[int, Sequence[int]], below: Mapping[int, Sequence[int]]
) -> None:
    """Exchange neighbours in a row as long as that takes crossings away."""
    row, sides = rows[at], []
    for other, links in ((at - 1, above), (at + 1, below)):
        if 0 <= other < len(rows):
            place = {one: number for number, one in enumerate(rows[other])}
            sides.append({one: sorted(place[end] for end in links.get(one, ())) for one in row})
    for _ in range(len(row)):
        changed = False
        for left in range(len(row) - 1):
            one, other = row[left : left + 2]
            gain = sum(_crossed(side[one], side[other]) for side in sides)
            gain -= sum(_crossed(side[other], side[one]) for side in sides)
            if gain > 0:
                row[left : left + 2] = other, one
                changed = True
        if not changed:
            return


def _crossed(first: Sequence[int], second: Sequence[int]) -> int:
    """How often links cross of two neighbours in this order; each has its ends in order."""
    return sum(len(first) - bisect_right(first, end) for end in second)


def _hang(made: Layered, trees: Mapping[int, int], order: Sequence[int]) -> None:
    """Put what was taken off right behind what it hangs on, where it crosses least."""
    hanging: dict[int, list[int]] = defaultdict(list)
    for one in sorted(order):
        hanging[trees[one]].append(one)
    for at, row in enumerate(made.rows):
        hung = [(parent, hanging[parent]) for parent in row if parent in hanging]
        if not hung:
            continue
        if at + 1 == len(made.rows):
            made.rows.append([])  # The loop goes on with it.
        place = {one: number for number, one in enumerate(row)}
        ends: dict[int, list[int]] = defaultdict(list)
        for source, target in made.links:
            if source in place:
                ends[target].append(place[source])
        made.rows[at + 1] = _merged(made.rows[at + 1], ends, hung, place)
        made.links += [(parent, one) for parent, children in hung for one in children]


def _merged(
    row: Sequence[int],
    ends: Mapping[int, Sequence[int]],
    hung: Iterable[tuple[int, list[int]]],
    place: Mapping[int, int],
) -> list[int]:
    """A row of the core with what hangs on the row before; neither loses its order.

    The first of the best places is the same or a later one for a later parent.
    """
    slots: list[list[int]] = [[] for _ in range(len(row) + 1)]
    for parent, children in hung:
        cost = best = slot = 0
        for at, one in enumerate(row, 1):
            cost += sum((end > place[parent]) - (end < place[parent]) for end in ends.get(one, ()))
            if cost < best:
                best, slot = cost, at
        slots[slot] += children
    merged = list(slots[0])
    for one, after in zip(row, slots[1:], strict=True):
        merged += [one, *after]
    return merged

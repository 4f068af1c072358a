"""A layered drawing of a graph without cycles: where each box stands, and how each line runs.

Levels go from left to right, so that names, which are wider than high, stand close; who reads from
right to left mirrors it. It is made of nodes and edges alone: the same ones give the same drawing.
Lengths are in pixels at full size, from the top left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from bloop.graph.layers import Edge, Layered, layered

WIDTH, HEIGHT = 196, 46
"""Of a box."""
BETWEEN_LEVELS, BETWEEN_BOXES, BETWEEN_LINES, BETWEEN_PARTS = 56, 14, 12, 34
PITCH = WIDTH + BETWEEN_LEVELS
ABREAST = 4
"""So many boxes without lines stand beside each other, or more where there are more levels."""
_SWEEPS = 16
_STAYS = 0.01
"""How much a box stays where it is, where a line between boxes pulls with 1."""
_PULL = (1.0, 2.0, 8.0)
"""How much a link pulls, by the bends among its ends: long lines run straight."""


class Box(NamedTuple):
    """A node: its top left corner, and its level from 1, which is 0 where it has no edges."""

    x: int
    y: int
    level: int


class Line(NamedTuple):
    """An edge, by points at which it runs level: it leaves a column and comes to the next one."""

    source: str
    target: str
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes in the order in which they are read: level by level, each from above."""

    boxes: Mapping[str, Box]
    lines: tuple[Line, ...]
    width: int
    height: int


@lru_cache(maxsize=128)
def draw(nodes: tuple[str, ...], edges: tuple[tuple[str, str], ...]) -> Drawing:
    """A drawing in which no line leads back and no boxes overlap.

    Where lines do not say otherwise, an earlier node stands above a later one. Edges are between
    ``nodes``; a cycle is a graphlib.CycleError.
    """
    number = {one: at for at, one in enumerate(nodes)}
    numbered = sorted({(number[source], number[target]) for source, target in edges})
    boxes: dict[int, Box] = {}
    lines: list[Line] = []
    top = 0
    for made, own in _parts(len(nodes), numbered):
        centres = _centres(made, len(nodes))
        y = {one: top + round(centre) for one, centre in centres.items()}
        for at, row in enumerate(made.rows):
            for one in row:
                if one < len(nodes):
                    boxes[one] = Box(at * PITCH, y[one] - HEIGHT // 2, at + 1)
        for edge in own:
            points = tuple(_points(boxes, edge, [y[one] for one in made.bends.get(edge, ())]))
            lines.append(Line(nodes[edge[0]], nodes[edge[1]], points))
        top = max(y.values()) + HEIGHT // 2 + BETWEEN_PARTS
    levels = max((box.level for box in boxes.values()), default=0)
    alone = [one for one in range(len(nodes)) if one not in boxes]
    abreast, top = max(ABREAST, levels), top + (BETWEEN_PARTS // 2 if boxes else 0)
    for at, one in enumerate(alone):
        down, column = divmod(at, abreast)
        boxes[one] = Box(column * PITCH, top + down * (HEIGHT + BETWEEN_BOXES), 0)
    read = sorted(boxes, key=lambda one: _reading(boxes[one]))
    return Drawing(
        {nodes[one]: boxes[one] for one in read},
        tuple(lines),
        width=max((box.x + WIDTH for box in boxes.values()), default=0),
        height=max((box.y + HEIGHT for box in boxes.values()), default=0),
    )


def _reading(box: Box) -> tuple[bool, int, int, int]:
    return not box.level, box.level, box.y, box.x


def _parts(count: int, edges: Sequence[Edge]) -> list[tuple[Layered, list[Edge]]]:
    """What hangs together, with its edges: the most entangled first."""
    part = list(range(count))

    def root(one: int) -> int:
        while part[one] != one:
            part[one] = part[part[one]]
            one = part[one]
        return one

    for source, target in edges:
        part[root(source)] = root(target)
    own: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        own[root(edge[0])].append(edge)
    made = [
        (layered({one for edge in some for one in edge}, some, count), some)
        for some in own.values()
    ]
    return sorted(made, key=lambda one: (-len(one[0].core), one[0].core[0]))


def _points(
    boxes: Mapping[int, Box], edge: Edge, bends: Sequence[int]
) -> Iterator[tuple[int, int]]:
    source, target = boxes[edge[0]], boxes[edge[1]]
    yield source.x + WIDTH, source.y + HEIGHT // 2
    for at, y in enumerate(bends, source.level):
        yield at * PITCH, y
        yield at * PITCH + WIDTH, y
    yield target.x, target.y + HEIGHT // 2


def _centres(made: Layered, bends: int) -> dict[int, float]:
    """How far below the top the middle of each node is; those from ``bends`` on have no height.

    Each row in turn goes to where the rows beside it pull it: what is nearest to the mean of its
    neighbours, by least squares, with the order and the gaps kept.
    """
    pulls: list[dict[int, list[tuple[int, float]]]] = [defaultdict(list), defaultdict(list)]
    for source, target in made.links:
        pull = _PULL[(source >= bends) + (target >= bends)]
        pulls[0][target].append((source, pull))
        pulls[1][source].append((target, pull))
    gaps = [[_gap(one, other, bends) for one, other in pairwise(row)] for row in made.rows]
    centre = {one: 0.0 for row in made.rows for one in row}
    for turn in range(_SWEEPS):
        # Both sides pull in the last turns: before, one would hold back what the other moves.
        sides = pulls if turn >= _SWEEPS - 4 else [pulls[turn % 2]]
        rows = range(len(made.rows))
        for at in rows if turn % 2 == 0 else reversed(rows):
            row = made.rows[at]
            wanted = [_wanted(one, centre, sides) for one in row]
            centre.update(zip(row, _apart(wanted, gaps[at]), strict=True))
    top = min(centre[one] - _half(one, bends) for one in centre)
    return {one: found - top for one, found in centre.items()}


def _half(one: int, bends: int) -> float:
    return 0 if one >= bends else HEIGHT / 2


def _gap(one: int, other: int, bends: int) -> float:
    """Between the middles of two that follow each other."""
    between = BETWEEN_LINES if min(one, other) >= bends else BETWEEN_BOXES
    return _half(one, bends) + between + _half(other, bends)


def _wanted(
    one: int,
    centre: Mapping[int, float],
    sides: Sequence[Mapping[int, Sequence[tuple[int, float]]]],
) -> tuple[float, float]:
    """Where a node is pulled to, and how much."""
    total, weight = _STAYS * centre[one], _STAYS
    for side in sides:
        for other, pull in side.get(one, ()):
            total += pull * centre[other]
            weight += pull
    return total / weight, weight


def _apart(wanted: Sequence[tuple[float, float]], gaps: Sequence[float]) -> list[float]:
    """The places nearest to those that are wanted with the gaps kept: pool adjacent violators."""
    offset, offsets = 0.0, []
    for gap in (0.0, *gaps):
        offset += gap
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []  # Where without gaps, how much, how many.
    for (value, weight), shift in zip(wanted, offsets, strict=True):
        pool = (value - shift, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            mean = (before[0] * before[1] + pool[0] * pool[1]) / total
            pool = (mean, total, before[2] + pool[2])
        pools.append(pool)
    free = [value for value, _, many in pools for _ in range(many)]
    return [value + shift for value, shift in zip(free, offsets, strict=True)]

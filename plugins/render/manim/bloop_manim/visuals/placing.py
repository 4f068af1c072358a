"""Places for the boxes of a graph: in ranks, as a tree, or on a circle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bloop_manim.drawing.canvas import Box
from bloop_manim.visuals.layering import Link, ranked

Size = tuple[float, float]
_SLACK = 0.005
Spot = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Gaps:
    """The least distances between boxes: in a rank, and from rank to rank."""

    beside: float
    between: float


def layered(
    nodes: Sequence[str],
    links: Sequence[Link],
    sizes: Mapping[str, Size],
    box: Box,
    gaps: tuple[Gaps, Gaps],
    *,
    directed: bool,
) -> dict[str, Spot]:
    """In ranks downwards or to the right (with ``gaps`` for each), whichever needs less room."""
    rows = ranked(nodes, links, directed=directed)
    near = _near(rows, links)
    down = _in_rows(rows, near, sizes, gaps[0])
    turned = {name: (high, wide) for name, (wide, high) in sizes.items()}
    across = {n: (-y, -x) for n, (x, y) in _in_rows(rows, near, turned, gaps[1]).items()}
    choices = [(_need(down, sizes, box), down, False), (_need(across, sizes, box), across, True)]
    _, places, sideways = min(choices, key=lambda one: one[0])
    return _spread(places, sizes, box, sideways=sideways)


def _near(rows: Sequence[Sequence[str]], links: Sequence[Link]) -> dict[str, list[str]]:
    level = {name: n for n, row in enumerate(rows) for name in row}
    near: dict[str, list[str]] = {name: [] for name in level}
    for number, (a, b) in enumerate(links):
        low, high = (a, b) if level[a] < level[b] else (b, a)
        chain = [low, *(f"~{number}~{n}" for n in range(level[low] + 1, level[high])), high]
        for one, other in pairwise(chain):
            if one != other and level[one] != level[other]:
                near[one].append(other)
                near[other].append(one)
    return near


def _in_rows(
    rows: Sequence[Sequence[str]],
    near: Mapping[str, Sequence[str]],
    sizes: Mapping[str, Size],
    gaps: Gaps,
) -> dict[str, Spot]:
    """Ranks from the top; boxes of one rank keep their distance and stand near to their own."""
    xs: dict[str, float] = {}
    for row in rows:
        x = 0.0
        for name in row:
            wide = sizes.get(name, (0.3, 0))[0]
            xs[name] = x + wide / 2
            x += wide + gaps.beside
        for name in row:
            xs[name] -= (x - gaps.beside) / 2
    for turn in range(10):
        for row in rows if turn % 2 == 0 else list(rows)[::-1]:
            wanted = [
                sum(xs[one] for one in near[name]) / len(near[name]) if near[name] else xs[name]
                for name in row
            ]
            xs |= dict(zip(row, _apart(row, wanted, sizes, gaps.beside), strict=True))
    middle = (min(xs.values()) + max(xs.values())) / 2
    y, spots = 0.0, {}
    for row in rows:
        high = max(sizes.get(name, (0, 0.2))[1] for name in row)
        for name in row:
            spots[name] = (xs[name] - middle, y - high / 2)
        y -= high + gaps.between
    return spots


def _apart(
    row: Sequence[str], wanted: Sequence[float], sizes: Mapping[str, Size], gap: float
) -> list[float]:
    """The places nearest to those wanted in which nothing touches."""
    halves = [sizes.get(name, (0.3, 0))[0] / 2 for name in row]
    left, right = list(wanted), list(wanted)
    for n in range(1, len(row)):
        left[n] = max(left[n], left[n - 1] + halves[n - 1] + halves[n] + gap)
    for n in range(len(row) - 2, -1, -1):
        right[n] = min(right[n], right[n + 1] - halves[n + 1] - halves[n] - gap)
    return [(a + b) / 2 for a, b in zip(left, right, strict=True)]


def _extent(places: Mapping[str, Spot], sizes: Mapping[str, Size]) -> Box:
    sides = [(x, y, *sizes.get(name, (0.1, 0.1))) for name, (x, y) in places.items()]
    return Box(
        min(x - w / 2 for x, _, w, _ in sides),
        min(y - h / 2 for _, y, _, h in sides),
        max(x + w / 2 for x, _, w, _ in sides),
        max(y + h / 2 for _, y, _, h in sides),
    )


def _need(places: Mapping[str, Spot], sizes: Mapping[str, Size], box: Box) -> float:
    extent = _extent(places, sizes)
    return max(extent.width / box.width, extent.height / box.height)


def _spread(
    places: Mapping[str, Spot], sizes: Mapping[str, Size], box: Box, *, sideways: bool
) -> dict[str, Spot]:
    """Opened up towards the room there is, within reason, and put into its middle."""
    extent = _extent(places, sizes)
    wide, high = (1.0, 1.0)
    if extent.width > 0 and extent.height > 0:
        most_x, most_y = (1.6, 1.35) if sideways else (1.5, 1.7)
        wide = min(max(1.0, box.width * 0.94 / extent.width), most_x)
        high = min(max(1.0, box.height * 0.96 / extent.height), most_y)
    opened = {name: (x * wide, y * high) for name, (x, y) in places.items()}
    extent = _extent(opened, sizes)
    return {n: (x - extent.x + box.x, y - extent.y + box.y) for n, (x, y) in opened.items()}


def tree(
    nodes: Sequence[str], links: Sequence[Link], sizes: Mapping[str, Size], box: Box, gaps: Gaps
) -> tuple[dict[str, Spot], bool]:
    """Children below their parent, which stands over their middle; True: as an outline."""
    children, roots = _family(nodes, links)
    down = _grown(roots, children, sizes, gaps)
    turned = {name: (high, wide) for name, (wide, high) in sizes.items()}
    across = {n: (-y, -x) for n, (x, y) in _grown(roots, children, turned, gaps).items()}
    needs = _need(across, sizes, box), _need(down, sizes, box)
    if min(needs) > 1 + _SLACK:
        return _indented(roots, children, sizes, box, gaps), True
    sideways = needs[0] < needs[1] * 0.8
    return _spread(across if sideways else down, sizes, box, sideways=sideways), False


def _indented(
    roots: Sequence[str],
    children: Mapping[str, Sequence[str]],
    sizes: Mapping[str, Size],
    box: Box,
    gaps: Gaps,
) -> dict[str, Spot]:
    """One below the other like an outline, where a tree has no room: children further in."""
    order: list[tuple[str, int]] = []

    def walk(name: str, depth: int) -> None:
        order.append((name, depth))
        for child in children[name]:
            walk(child, depth + 1)

    for root in roots:
        walk(root, 0)
    step, gap = gaps.beside * 0.9, gaps.beside * 0.36
    room = box.height - sum(sizes[name][1] for name, _ in order)
    gap = max(gap, min(gap * 2.4, room / max(1, len(order) - 1)))
    spots, y = {}, 0.0
    for name, depth in order:
        wide, high = sizes[name]
        spots[name] = (depth * step + wide / 2, y - high / 2)
        y -= high + gap
    extent = _extent(spots, sizes)
    return {n: (x - extent.x + box.x, at - extent.y + box.y) for n, (x, at) in spots.items()}


def _family(nodes: Sequence[str], links: Sequence[Link]) -> tuple[dict[str, list[str]], list[str]]:
    """Each node below the first that leads to it."""
    children: dict[str, list[str]] = {name: [] for name in nodes}
    entered = {b for a, b in links if a != b}
    roots = [name for name in nodes if name not in entered] or [nodes[0]]
    seen, roots_found = set(), []
    for start in [*roots, *nodes]:
        if start in seen:
            continue
        roots_found.append(start)
        seen.add(start)
        queue = [start]
        while queue:
            here = queue.pop(0)
            for a, b in links:
                if a == here and b not in seen:
                    seen.add(b)
                    children[here].append(b)
                    queue.append(b)
    return children, roots_found


def _grown(
    roots: Sequence[str],
    children: Mapping[str, Sequence[str]],
    sizes: Mapping[str, Size],
    gaps: Gaps,
) -> dict[str, Spot]:
    depth: dict[str, int] = {}
    xs: dict[str, float] = {}
    edge = [0.0]

    def settle(name: str, level: int) -> None:
        depth[name] = level
        wide = sizes[name][0]
        if not children[name]:
            xs[name] = edge[0] + wide / 2
            edge[0] += wide + gaps.beside
            return
        start = edge[0]
        for child in children[name]:
            settle(child, level + 1)
        xs[name] = (xs[children[name][0]] + xs[children[name][-1]]) / 2
        short = start + wide / 2 - xs[name]
        if short > 0:
            _move(children, xs, name, short)
            edge[0] += short
        edge[0] = max(edge[0], xs[name] + wide / 2 + gaps.beside)

    for root in roots:
        settle(root, 0)
    tops, y = [], 0.0
    for level in range(max(depth.values()) + 1):
        high = max(sizes[name][1] for name in depth if depth[name] == level)
        tops.append(y - high / 2)
        y -= high + gaps.between
    return {name: (xs[name], tops[depth[name]]) for name in depth}


def _move(
    children: Mapping[str, Sequence[str]], xs: dict[str, float], name: str, by: float
) -> None:
    xs[name] += by
    for child in children[name]:
        _move(children, xs, child, by)


def circle(nodes: Sequence[str], sizes: Mapping[str, Size], box: Box) -> dict[str, Spot]:
    """On an ellipse, beginning at the top and going round with the clock."""
    if len(nodes) == 1:
        return {nodes[0]: (box.x, box.y)}
    wide, high = max(w for w, _ in sizes.values()), max(h for _, h in sizes.values())
    around = min((box.height - high) / 2, 2.6)
    across = min((box.width - wide) / 2, max(around * 1.7, wide * 1.3))
    spots = {}
    for n, name in enumerate(nodes):
        angle = math.pi / 2 - 2 * math.pi * n / len(nodes)
        spots[name] = (box.x + across * math.cos(angle), box.y + around * math.sin(angle))
    return spots

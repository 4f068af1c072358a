"""Nodes and edges."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bloop_manim.drawing.arrows import Spot, path, tip
from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.drawing.text import Block, longest_word
from bloop_manim.visuals.placing import Gaps, circle, layered, tree
from bloop_sdk.storyboard import Edge, Graph


@dataclass(slots=True)
class _Drawn:
    """What is on the picture already, for labels to keep clear of."""

    nodes: dict[str, Box]
    labels: list[Box] = field(default_factory=list)


def draw(sketch: Sketch, visual: Graph, scale: float) -> None:
    """Labelled boxes; lines from edge to edge of them, with tips where they have a direction."""
    canvas, box = sketch.canvas, sketch.box
    size = canvas.body * scale * (1.0 if len(visual.nodes) <= 8 else 0.9)
    small = max(canvas.label * scale, size * 0.72)
    widest = (2.9 if canvas.wide else 2.2 if not canvas.tall else 1.5) * max(scale, 0.6)
    words = max(longest_word(node.label, "body", sketch.language) for node in visual.nodes)
    widest = min(max(widest, words * size * 1.01), box.width - size)
    blocks = {
        node.id: sketch.text(
            node.label, size, width=widest, align="middle", balanced=True, leading=1.25
        )
        for node in visual.nodes
    }
    sizes = {
        name: (max(b.width + size * 0.95, size * 2.1), b.height + size * 0.62)
        for name, b in blocks.items()
    }
    links = [(edge.source, edge.target) for edge in visual.edges]
    named = max((sketch.text(e.label, small).width for e in visual.edges if e.label), default=0.0)
    gaps = Gaps(size * 1.1, max(size * 1.9, small * 2.6 if named else 0.0))
    names = [node.id for node in visual.nodes]
    room = box.inset(0.04)
    outlined = False
    if visual.layout == "circle":
        places = circle(names, sizes, room)
    elif visual.layout == "tree":
        places, outlined = tree(names, links, sizes, room, gaps)
    else:
        wide = Gaps(gaps.beside, max(gaps.between, named + size * 1.9 if named else 0.0))
        places = layered(names, links, sizes, room, (gaps, wide), directed=visual.directed)
    nodes = {
        name: Box(
            x - sizes[name][0] / 2,
            y - sizes[name][1] / 2,
            x + sizes[name][0] / 2,
            y + sizes[name][1] / 2,
        )
        for name, (x, y) in places.items()
        if name in sizes
    }
    drawn = _Drawn(nodes)
    routes = [
        _route(n, edge, visual, nodes, places, size, outlined=outlined)
        for n, edge in enumerate(visual.edges)
    ]
    for number, (edge, route) in enumerate(zip(visual.edges, routes, strict=True), 1):
        _edge(sketch, visual, number, edge, route, size)
    for name, block in blocks.items():
        _node(sketch, name, block, nodes[name], visual)
    for number, (edge, route) in enumerate(zip(visual.edges, routes, strict=True), 1):
        if edge.label:
            _label(sketch, number, edge, route, small, drawn)


def _node(sketch: Sketch, name: str, block: Block, box: Box, visual: Graph) -> None:
    theme = sketch.theme
    label = next(node.label for node in visual.nodes if node.id == name)
    radius = min(0.16, box.height / 2)
    fill = theme.tint(theme.primary, 0.09)
    sketch.add(card(box, fill, theme.primary, radius=radius, width=2.2), name)
    glow = card(box, theme.tint(theme.primary, 0.2), theme.primary, radius=radius, width=5.0)
    sketch.add(glow, name, glow=True, motion="fade", box=box)
    block.centre(box.x, box.y)
    sketch.write(block, label, theme.ink, name, paper=theme.tint(theme.primary, 0.2), label=True)


def _route(
    number: int,
    edge: Edge,
    visual: Graph,
    nodes: Mapping[str, Box],
    places: Mapping[str, Spot],
    size: float,
    *,
    outlined: bool,
) -> list[Spot]:
    """The spots that a line goes through, from border to border."""
    a, b = nodes[edge.source], nodes[edge.target]
    if edge.source == edge.target:
        return _loop(a, size)
    between = sorted(
        (int(name.rsplit("~", 1)[1]), spot)
        for name, spot in places.items()
        if name.startswith(f"~{number}~")
    )
    middle = [spot for _, spot in between]
    if middle and math.dist(middle[0], (a.x, a.y)) > math.dist(middle[-1], (a.x, a.y)):
        middle.reverse()
    same = [e for e in visual.edges if {e.source, e.target} == {edge.source, edge.target}]
    outlined = outlined and _outlined(a, b)
    if not middle and not outlined and (len(same) > 1 or _blocked(edge, nodes)):
        middle = [_bowed(edge, visual, nodes, number, size)]
    if outlined:
        x = a.left + min(size * 0.5, (b.left - a.left) * 0.6)
        return [(x, a.bottom - 0.02), (x, b.y), (b.left - (0.05 if visual.directed else 0.02), b.y)]
    start = _border(a, middle[0] if middle else (b.x, b.y), 0.02)
    end = _border(b, middle[-1] if middle else (a.x, a.y), 0.05 if visual.directed else 0.02)
    return [start, *middle, end]


def _outlined(parent: Box, child: Box) -> bool:
    """Whether a child stands below its parent and a little further in, as in an outline."""
    return child.top < parent.bottom and 0 < child.left - parent.left < 1 and child.x > parent.left


def _blocked(edge: Edge, nodes: Mapping[str, Box]) -> bool:
    a, b = nodes[edge.source], nodes[edge.target]
    for name, box in nodes.items():
        if name in {edge.source, edge.target}:
            continue
        for share in np.linspace(0.08, 0.92, 22):
            x, y = a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share
            if box.left < x < box.right and box.bottom < y < box.top:
                return True
    return False


def _bowed(edge: Edge, visual: Graph, nodes: Mapping[str, Box], number: int, size: float) -> Spot:
    """The middle of a line that keeps clear of another between the same two, or of a node."""
    a, b = nodes[edge.source], nodes[edge.target]
    before = Counter(frozenset((e.source, e.target)) for e in visual.edges[:number])[
        frozenset((edge.source, edge.target))
    ]
    # Seen from one and the same end, so that there and back lie on different sides.
    if edge.source > edge.target:
        a, b = b, a
    along = np.array([b.x - a.x, b.y - a.y])
    across = np.array([-along[1], along[0]]) / (float(np.hypot(*along)) or 1.0)
    far = size * (0.85 + 0.8 * (before // 2))
    if _blocked(edge, nodes):
        far = max(size * 1.4, *(box.height for box in nodes.values())) * 0.9 + size * 0.5
    side = 1 if before % 2 == 0 else -1
    middle = np.array([(a.x + b.x) / 2, (a.y + b.y) / 2]) + across * far * side
    return float(middle[0]), float(middle[1])


def _loop(box: Box, size: float) -> list[Spot]:
    reach = size * 0.8
    return [
        (box.right - size * 0.75, box.top + 0.02),
        (box.right - size * 0.6, box.top + reach),
        (box.right + reach * 0.7, box.top + reach * 0.55),
        (box.right + 0.05, box.top - size * 0.4),
    ]


def _border(box: Box, towards: Spot, gap: float) -> Spot:
    """Where a line from the middle of a box leaves it."""
    dx, dy = towards[0] - box.x, towards[1] - box.y
    if not dx and not dy:
        return box.x, box.top
    share = min(
        (box.width / 2 + gap) / abs(dx) if dx else math.inf,
        (box.height / 2 + gap) / abs(dy) if dy else math.inf,
    )
    return box.x + dx * share, box.y + dy * share


def _edge(
    sketch: Sketch, visual: Graph, number: int, edge: Edge, route: Sequence[Spot], size: float
) -> None:
    theme, part = sketch.theme, f"edge-{number}"
    needs = (part, edge.source, edge.target)
    for glow in (False, True):
        color, width = (theme.accent, 5.5) if glow else (theme.muted, 2.6)
        head = size * (0.44 if glow else 0.36)
        shaft = list(route)
        if visual.directed:
            shaft[-1] = _shorter(route[-2], route[-1], head * 0.8)
        line = path(shaft, color, width, bowed=edge.source == edge.target, angular=_angular(shaft))
        sketch.add(line, part, needs=needs, glow=glow, motion="fade")
        if visual.directed:
            before = (
                route[-2] if len(route) == 2 else tuple(line.get_end()[:2] - _heading(line) * 0.3)
            )
            made = tip(route[-1], (float(before[0]), float(before[1])), head, color)
            sketch.add(made, part, needs=needs, glow=glow, motion="fade")


def _angular(route: Sequence[Spot]) -> bool:
    """Whether a line goes down and then across, as in an outline."""
    return len(route) == 3 and route[0][0] == route[1][0] and route[1][1] == route[2][1]


def _heading(line: object) -> np.ndarray:
    points = line.points  # type: ignore[attr-defined]
    along = points[-1] - points[-2]
    return np.asarray(along[:2] / (float(np.hypot(*along[:2])) or 1.0))


def _shorter(before: Spot, end: Spot, by: float) -> Spot:
    length = math.dist(before, end) or 1.0
    share = max(0.0, 1 - by / length)
    return before[0] + (end[0] - before[0]) * share, before[1] + (end[1] - before[1]) * share


def _label(
    sketch: Sketch, number: int, edge: Edge, route: Sequence[Spot], small: float, drawn: _Drawn
) -> None:
    theme, part = sketch.theme, f"edge-{number}"
    block = sketch.text(edge.label, small, align="middle")
    best, least = route[0], math.inf
    line = path(route, theme.muted, 1, bowed=edge.source == edge.target)
    for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74):
        x, y, _ = line.point_from_proportion(share)
        place = Box(
            x - block.width / 2, y - block.height / 2, x + block.width / 2, y + block.height / 2
        )
        cost = abs(share - 0.5) * 0.3 + 10 * sum(
            place.overlap(one) for one in (*drawn.nodes.values(), *drawn.labels)
        )
        cost += 50 * (not place.within(sketch.box, 0.02))
        if cost < least:
            best, least = (float(x), float(y)), cost
    block.centre(*best)
    drawn.labels.append(block.box)
    needs = (part, edge.source, edge.target)
    plate = block.box.inset(-small * 0.16, small * 0.12)
    sketch.add(card(plate, theme.paper, radius=0.06), part, needs=needs, marks=(), motion="fade")
    sketch.write(block, edge.label, theme.ink, part, needs=needs, label=True, motion="fade")

"""Figures of the plane."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from bloop_manim.drawing.arrows import Spot, path, tip
from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import disc, polyline
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.visuals.labels import beside
from bloop_sdk.storyboard import Geometry, Shape

_RIGHT = math.pi / 2


@dataclass(slots=True)
class _Plane:
    """The figures' scale and middle on the picture, and what labels keep clear of."""

    factor: float
    x: float
    y: float
    box: Box
    size: float
    ink: list[Spot] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)
    heart: Spot = (0.0, 0.0)

    def at(self, x: float, y: float) -> Spot:
        return self.box.x + (x - self.x) * self.factor, self.box.y + (y - self.y) * self.factor

    def spots(self, shape: Shape) -> list[Spot]:
        return [self.at(v.x, v.y) for v in shape.vertices]


def draw(sketch: Sketch, visual: Geometry, scale: float) -> None:
    """Scaled as a whole; filled figures below, lines, angles, then points; labels outside."""
    size = sketch.canvas.body * scale
    plane = _plane(sketch, visual, size)
    order = ("polygon", "circle", "angle", "segment", "vector", "point")
    shapes = sorted(visual.shapes, key=lambda shape: order.index(shape.shape))
    for shape in shapes:
        _figure(sketch, shape, plane)
    spots = [spot for shape in shapes for spot in plane.spots(shape)]
    plane.heart = (sum(x for x, _ in spots) / len(spots), sum(y for _, y in spots) / len(spots))
    for shape in sorted(shapes, key=lambda s: s.shape not in {"angle", "polygon"}):
        if shape.label:
            _label(sketch, shape, plane)


def _plane(sketch: Sketch, visual: Geometry, size: float) -> _Plane:
    xs, ys = [], []
    for shape in visual.shapes:
        reach = shape.radius or 0.0
        for vertex in shape.vertices:
            xs += [vertex.x - reach, vertex.x + reach]
            ys += [vertex.y - reach, vertex.y + reach]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    widest = max((sketch.text(s.label, size).width for s in visual.shapes if s.label), default=0.0)
    box = sketch.box
    room_x = max(box.width * 0.4, box.width - 2 * min(widest + size * 0.6, box.width * 0.25))
    room_y = max(box.height * 0.4, box.height - 2 * size * 1.9)
    factors = [room / span for room, span in ((room_x, wide), (room_y, high)) if span > 1e-9]
    factor = min(factors, default=1.0)
    return _Plane(factor, (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2, box, size)


def _figure(sketch: Sketch, shape: Shape, plane: _Plane) -> None:
    spots = plane.spots(shape)
    match shape.shape:
        case "polygon":
            _polygon(sketch, shape, spots, plane)
        case "circle":
            _circle(sketch, shape, spots[0], plane)
        case "segment" | "vector":
            _segment(sketch, shape, spots, plane)
        case "angle":
            _angle(sketch, shape, spots, plane)
        case _:
            _point(sketch, shape, spots[0], plane)


def _polygon(sketch: Sketch, shape: Shape, spots: list[Spot], plane: _Plane) -> None:
    theme = sketch.theme
    sketch.add(polyline(spots, theme.primary, closed=True, opacity=0.1), shape.id, motion="fade")
    edge = polyline(spots, None, theme.primary, 3.4, closed=True)
    sketch.add(edge, shape.id, motion="fade")
    bright = polyline(spots, theme.accent, theme.accent, 6, closed=True, opacity=0.14)
    sketch.add(bright, shape.id, glow=True, motion="fade")
    for a, b in zip(spots, [*spots[1:], spots[0]], strict=True):
        plane.ink += _along(a, b)


def _circle(sketch: Sketch, shape: Shape, spot: Spot, plane: _Plane) -> None:
    theme, radius = sketch.theme, (shape.radius or 0.0) * plane.factor
    sketch.add(
        disc(*spot, radius, theme.primary, theme.primary, 3.4, opacity=0.05),
        shape.id,
        motion="fade",
    )
    sketch.add(disc(*spot, radius, None, theme.accent, 6), shape.id, glow=True, motion="fade")
    for n in range(48):
        turn = 2 * math.pi * n / 48
        plane.ink.append((spot[0] + radius * math.cos(turn), spot[1] + radius * math.sin(turn)))


def _segment(sketch: Sketch, shape: Shape, spots: list[Spot], plane: _Plane) -> None:
    theme, (a, b) = sketch.theme, spots
    directed = shape.shape == "vector"
    head = min(plane.size * 0.5, math.dist(a, b) * 0.5)
    color = theme.accent if directed else theme.ink
    for glow in (False, True):
        shade, width = (theme.accent, 6.5) if glow else (color, 4.0 if directed else 3.4)
        if directed:
            share = max(0.0, 1 - head * 0.8 / (math.dist(a, b) or 1.0))
            end = (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
            line = path([a, end], shade, width)
            sketch.add(line, shape.id, glow=glow, motion="fade")
            sketch.add(
                tip(b, a, head * (1.15 if glow else 1), shade), shape.id, glow=glow, motion="fade"
            )
        else:
            line = path([a, b], shade, width)
            sketch.add(line, shape.id, glow=glow, motion="fade")
    plane.ink += _along(a, b)


def _angle(sketch: Sketch, shape: Shape, spots: list[Spot], plane: _Plane) -> None:
    """An arc between the arms; two short lines where it is a right angle."""
    theme = sketch.theme
    first, span, radius = _turns(spots, plane)
    apex = np.array([*spots[1], 0.0])

    def out(turn: float, far: float) -> np.ndarray:
        return apex + far * np.array([math.cos(turn), math.sin(turn), 0.0])

    if abs(abs(span) - _RIGHT) < 0.009:
        far = radius * 0.62
        corner = out(first, far) + out(first + span, far) - apex
        rim = [out(first, far), corner, out(first + span, far)]
    else:
        rim = [out(first + span * n / 24, radius) for n in range(25)]
    spots_ = [(float(p[0]), float(p[1])) for p in rim]
    wedge = [(float(apex[0]), float(apex[1])), *spots_]
    sketch.add(polyline(wedge, theme.accent, closed=True, opacity=0.16), shape.id, motion="fade")
    for glow in (False, True):
        arc = polyline(spots_, None, theme.accent, 6 if glow else 3.2)
        sketch.add(arc, shape.id, glow=glow, motion="fade")


def _turns(spots: list[Spot], plane: _Plane) -> tuple[float, float, float]:
    """Where an angle begins, how far it goes (under half a turn), and its radius."""
    a, apex, b = spots
    first = math.atan2(a[1] - apex[1], a[0] - apex[0])
    span = math.atan2(b[1] - apex[1], b[0] - apex[0]) - first
    span = (span + math.pi) % (2 * math.pi) - math.pi
    arms = [math.dist(apex, one) for one in (a, b)]
    return first, span, min(plane.size * 1.7, max(0.05, min(arms) * 0.42))


def _point(sketch: Sketch, shape: Shape, spot: Spot, plane: _Plane) -> None:
    theme, radius = sketch.theme, plane.size * 0.17
    sketch.add(disc(*spot, radius, theme.ink, theme.paper, 2), shape.id, motion="fade")
    bright = disc(*spot, radius * 1.4, theme.accent, theme.paper, 2)
    sketch.add(bright, shape.id, glow=True, motion="fade")
    plane.taken.append(Box(spot[0] - radius, spot[1] - radius, spot[0] + radius, spot[1] + radius))


def _along(a: Spot, b: Spot) -> list[Spot]:
    count = max(2, int(math.dist(a, b) / 0.08))
    return [
        (a[0] + (b[0] - a[0]) * n / count, a[1] + (b[1] - a[1]) * n / count)
        for n in range(count + 1)
    ]


def _label(sketch: Sketch, shape: Shape, plane: _Plane) -> None:
    theme, size = sketch.theme, plane.size
    color = {
        "vector": theme.accent,
        "angle": theme.accent,
        "point": theme.ink,
        "segment": theme.ink,
    }
    style = "bold" if shape.shape == "point" else "body"
    block = sketch.text(shape.label, size, style=style)  # type: ignore[arg-type]
    if shape.shape == "angle":
        place = _in_angle(shape, plane, block.width, block.height)
    else:
        spot, towards, distance = _anchor(shape, plane)
        place = beside(spot, block, distance, plane.taken, plane.ink, sketch.box, towards=towards)
    plane.taken.append(place)
    block.place(place.left, place.top)
    sketch.write(
        block,
        shape.label,
        color.get(shape.shape, theme.primary),
        shape.id,
        motion="fade",
        halo=True,
    )


def _in_angle(shape: Shape, plane: _Plane, wide: float, high: float) -> Box:
    """Beyond the arc on the line that halves the angle, where the arms are wide enough apart."""
    spots = plane.spots(shape)
    first, span, radius = _turns(spots, plane)
    out = (math.cos(first + span / 2), math.sin(first + span / 2))
    reach = abs(out[0]) * wide / 2 + abs(out[1]) * high * 0.36
    half = abs(out[1]) * wide / 2 + abs(out[0]) * high * 0.36
    apart = half / max(0.12, math.sin(abs(span) / 2))
    far = max(radius + reach + plane.size * 0.16, min(apart, plane.size * 4))
    x, y = spots[1][0] + out[0] * far, spots[1][1] + out[1] * far
    return Box(x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)


def _anchor(shape: Shape, plane: _Plane) -> tuple[Spot, Spot | None, float]:
    """Where a label belongs, the side on which it would best be, and how far off."""
    spots, size = plane.spots(shape), plane.size
    middle = (sum(x for x, _ in spots) / len(spots), sum(y for _, y in spots) / len(spots))
    away = (middle[0] - plane.heart[0], middle[1] - plane.heart[1])
    match shape.shape:
        case "point":
            return spots[0], away if any(away) else (1.0, 1.0), size * 0.3
        case "circle":
            reach = (shape.radius or 0.0) * plane.factor * math.sqrt(0.5)
            return (spots[0][0] + reach, spots[0][1] + reach), (1.0, 1.0), size * 0.2
        case "polygon":
            return middle, (0.0, 0.0), -size * 0.6
        case _:
            (ax, ay), (bx, by) = spots
            length = math.dist(*spots) or 1.0
            across = (-(by - ay) / length, (bx - ax) / length)
            side = 1.0 if across[0] * away[0] + across[1] * away[1] >= 0 else -1.0
            return middle, (across[0] * side, across[1] * side), size * 0.4

"""Curves and points over axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card, disc, line, outline
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.drawing.text import Block
from bloop_manim.visuals.curves import Point, fitting, sampled, traced, value_of
from bloop_manim.visuals.labels import Spread, beside
from bloop_manim.visuals.ticks import Tick, ticks
from bloop_sdk.storyboard import Plot

_CIRCULAR: Final = ("sin(", "cos(", "tan(")


@dataclass(slots=True)
class _Plane:
    """From numbers to places."""

    low: float
    high: float
    bottom: float
    top: float
    area: Box

    def x(self, value: float) -> float:
        return self.area.left + (value - self.low) / (self.high - self.low) * self.area.width

    def y(self, value: float) -> float:
        return (
            self.area.bottom + (value - self.bottom) / (self.top - self.bottom) * self.area.height
        )

    def holds(self, x: float, y: float) -> bool:
        return self.low <= x <= self.high and self.bottom <= y <= self.top


def draw(sketch: Sketch, visual: Plot, scale: float) -> None:
    """A grid with round numbers, curves named at their ends or above, and points with labels."""
    canvas, box = sketch.canvas, sketch.box
    size = canvas.label * scale
    bottom, top = _range(visual)
    low, high = visual.x.minimum, visual.x.maximum
    circular = bool(visual.curves) and all(
        any(name in curve.expression for name in _CIRCULAR) for curve in visual.curves
    )
    across = ticks(low, high, 5 if canvas.tall else 8, circular=circular)
    upward = ticks(bottom, top, 6)
    runs = [traced(value_of(c.expression), low, high, bottom, top) for c in visual.curves]
    figures = [sketch.text(tick.label, size, rtl=False) for tick in upward]
    gutter = max((figure.width for figure in figures), default=0.0) + size * 0.5
    ends = [_end(curve) for curve in runs]
    named = [sketch.text(c.label, size, style="bold") for c in visual.curves]
    direct = not canvas.tall and all(
        end is not None and end[0] > low + (high - low) * 0.97 for end in ends
    )
    widest = max(
        (n.width for c, n in zip(visual.curves, named, strict=True) if c.label), default=0.0
    )
    right = widest + size * 0.5 if direct and widest else size * 0.9
    over = size * 1.7 if visual.y and visual.y.label else 0.25 * size
    legend = any(c.label for c in visual.curves) and not direct
    rows = _legend_rows(visual, named, box.width, size) if legend else []
    over += len(rows) * size * 1.6
    under = size * (1.75 + (1.35 if visual.x.label else 0.0))
    height = min(box.height, box.width * (1.15 if canvas.tall else 0.8))
    upper = box.top - (box.height - height) * 0.35
    area = Box(box.left + gutter, upper - height + under, box.right - right, upper - over)
    plane = _Plane(low, high, bottom, top, area)
    _axes(sketch, visual, plane, across, upward, figures, size)
    _curves(sketch, plane, runs)
    if rows:
        _legend(sketch, visual, rows, upper, size)
    elif widest:
        _end_labels(sketch, visual, plane, ends, named)
    _points(sketch, visual, plane, runs, size)


def _range(visual: Plot) -> tuple[float, float]:
    if visual.y is not None:
        return visual.y.minimum, visual.y.maximum
    values = [
        y
        for curve in visual.curves
        for _, y in sampled(value_of(curve.expression), visual.x.minimum, visual.x.maximum)
    ]
    bottom, top = fitting(values) if values else fitting([point.y for point in visual.points])
    for point in visual.points:
        margin = (top - bottom) * 0.06
        bottom, top = min(bottom, point.y - margin), max(top, point.y + margin)
    return bottom, top


def _end(runs: list[list[Point]]) -> Point | None:
    return runs[-1][-1] if runs else None


def _axes(
    sketch: Sketch,
    visual: Plot,
    plane: _Plane,
    across: list[Tick],
    upward: list[Tick],
    figures: list[Block],
    size: float,
) -> None:
    theme, area = sketch.theme, plane.area
    thin = 1.0 if theme.name != "contrast" else 0.7
    grid = theme.line if theme.name != "contrast" else "#5c5c5c"
    for tick in across:
        x = plane.x(tick.at)
        sketch.add(line((x, area.bottom), (x, area.top), grid, thin), "axes", motion="fade")
    for tick in upward:
        y = plane.y(tick.at)
        sketch.add(line((area.left, y), (area.right, y), grid, thin), "axes", motion="fade")
    x0 = plane.x(min(max(0.0, plane.low), plane.high))
    y0 = plane.y(min(max(0.0, plane.bottom), plane.top))
    sketch.add(line((area.left, y0), (area.right, y0), theme.muted, 2.2), "axes", motion="fade")
    sketch.add(line((x0, area.bottom), (x0, area.top), theme.muted, 2.2), "axes", motion="fade")
    taken = -1e9
    for tick in across:
        figure = sketch.text(tick.label, size, rtl=False)
        x = min(
            max(plane.x(tick.at) - figure.width / 2, sketch.box.left),
            sketch.box.right - figure.width,
        )
        if x < taken:
            continue
        taken = x + figure.width + size * 0.4
        figure.place(x, area.bottom - size * 0.25)
        sketch.write(figure, tick.label, theme.muted, "axes", label=True, motion="fade")
    for tick, figure in zip(upward, figures, strict=True):
        figure.place(area.left - size * 0.4 - figure.width, plane.y(tick.at) + figure.height / 2)
        sketch.write(figure, tick.label, theme.muted, "axes", label=True, motion="fade")
    if visual.x.label:
        name = sketch.text(visual.x.label, size)
        name.place(area.x - name.width / 2, area.bottom - size * 1.75)
        sketch.write(name, visual.x.label, theme.ink, "axes", label=True, motion="fade")
    if visual.y and visual.y.label:
        name = sketch.text(visual.y.label, size)
        name.place(sketch.box.left, area.top + size * 1.7)
        sketch.write(name, visual.y.label, theme.ink, "axes", label=True, motion="fade")


def _curves(sketch: Sketch, plane: _Plane, runs: list[list[list[Point]]]) -> None:
    theme = sketch.theme
    for number, pieces in enumerate(runs, 1):
        runs_ = [np.array([(plane.x(x), plane.y(y)) for x, y in piece]) for piece in pieces]
        curves = [
            np.stack([r[:-1], (2 * r[:-1] + r[1:]) / 3, (r[:-1] + 2 * r[1:]) / 3, r[1:]], axis=1)
            for r in runs_
        ]
        if curves:
            drawn = outline(np.concatenate(curves), None, theme.series[number - 1], 4.6)
            sketch.add(drawn, f"curve-{number}", motion="draw")


def _end_labels(
    sketch: Sketch, visual: Plot, plane: _Plane, ends: list[Point | None], named: list[Block]
) -> None:
    """Names at the right, beside where each curve ends, pushed apart."""
    area = plane.area
    wanted = [
        (plane.y(end[1]), block.height * 0.86, number)
        for number, (end, block, curve) in enumerate(
            zip(ends, named, visual.curves, strict=True), 1
        )
        if end is not None and curve.label
    ]
    for y, number in Spread(area.bottom, area.top).of(wanted):
        block = named[number - 1]
        block.place(area.right + block.size * 0.35, y + block.height / 2)
        sketch.write(
            block,
            visual.curves[number - 1].label,
            sketch.theme.series[number - 1],
            f"curve-{number}",
            label=True,
            motion="fade",
        )


_Entry = tuple[int, Block]


def _legend_rows(visual: Plot, named: list[Block], width: float, size: float) -> list[list[_Entry]]:
    rows: list[list[_Entry]] = [[]]
    used = 0.0
    for number, (curve, block) in enumerate(zip(visual.curves, named, strict=True), 1):
        if not curve.label:
            continue
        length = block.width + size * 2.4
        if rows[-1] and used + length > width:
            rows.append([])
            used = 0.0
        rows[-1].append((number, block))
        used += length
    return rows


def _legend(
    sketch: Sketch, visual: Plot, rows: list[list[_Entry]], top: float, size: float
) -> None:
    for row in rows:
        x = sketch.box.left
        for number, block in row:
            color, part = sketch.theme.series[number - 1], f"curve-{number}"
            y = top - block.height / 2
            chip = Box(x, y - size * 0.07, x + size * 0.8, y + size * 0.07)
            sketch.add(card(chip, color, radius=0.05), part, motion="fade")
            block.place(x + size * 1.1, top)
            label = visual.curves[number - 1].label
            sketch.write(block, label, color, part, label=True, motion="fade")
            x += block.width + size * 2.4
        top -= size * 1.6


def _points(
    sketch: Sketch, visual: Plot, plane: _Plane, runs: list[list[list[Point]]], size: float
) -> None:
    theme = sketch.theme
    radius = size * 0.26
    path = [(plane.x(x), plane.y(y)) for pieces in runs for piece in pieces for x, y in piece[::3]]
    spots = [(plane.x(p.x), plane.y(p.y)) for p in visual.points]
    taken = [text.box for text in sketch.texts]
    taken += [Box(x - radius, y - radius, x + radius, y + radius) for x, y in spots]
    for number, (point, (x, y)) in enumerate(zip(visual.points, spots, strict=True), 1):
        if not plane.holds(point.x, point.y):
            sketch.fault(
                "off_canvas",
                f"point-{number}",
                f"({point.x:g}, {point.y:g}) is outside the axes and left out; widen the axes",
                mended=True,
            )
            continue
        part = f"point-{number}"
        halo = disc(x, y, radius * 2.0, theme.accent, opacity=0.25)
        sketch.add(halo, part, glow=True, motion="fade", box=Box(x, y, x, y))
        sketch.add(disc(x, y, radius, theme.accent, theme.paper, 2.5), part, motion="fade")
        if point.label:
            block = sketch.text(point.label, size, style="bold")
            place = beside((x, y), block, radius + size * 0.2, taken, path, sketch.box)
            taken.append(place)
            block.place(place.left, place.top)
            sketch.write(block, point.label, theme.ink, part, label=True, motion="fade", halo=True)

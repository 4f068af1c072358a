"""Cells in a row."""

from __future__ import annotations

import math

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card, polyline
from bloop_manim.drawing.sketch import Sketch
from bloop_sdk.storyboard import Array


def draw(sketch: Sketch, visual: Array, scale: float) -> None:
    """Equal cells beside each other, in several rows where one is too narrow for the values.

    The highlighted cell is filled, and a pointer stands above it.
    """
    theme, canvas, box = sketch.theme, sketch.canvas, sketch.box
    count = len(visual.values)
    size = canvas.body * scale * (1.2 if count <= 8 else 1.0)
    small = max(canvas.label * scale, size * 0.62)
    values = [sketch.text(value, size, rtl=False) for value in visual.values]
    side = max(max(v.width for v in values) + size * 0.7, size * 2.3)
    columns = max(1, min(count, int((box.width + 0.01) / side)))
    rows = math.ceil(count / columns)
    # Rows of about the same length look meant.
    columns = math.ceil(count / rows)
    side = min(max(side, min(box.width / columns, size * 3.0)), box.width / columns)
    high = min(side, size * (2.6 if rows <= 3 else 1.9))
    under = small * 1.45 if visual.indices else 0.0
    over = size * (0.62 if rows <= 3 else 0.5)
    label = sketch.text(visual.label, small * 1.1, style="bold")
    head = label.height + 0.12 if visual.label else 0.0
    step = over + high + under + size * 0.35
    height = head + step * rows - size * 0.35
    top = box.top - max(0.0, (box.height - height) * 0.42)
    left = box.x - side * columns / 2
    if visual.label:
        x = left + side * columns - label.width if sketch.rtl else left
        label.place(x, top)
        sketch.write(label, visual.label, theme.muted, "", label=True)
    top -= head
    for n, value in enumerate(values):
        row, column = divmod(n, columns)
        x = left + column * side
        y = top - row * step - over
        cell = Box(x, y - high, x + side, y)
        _cell(sketch, n, cell, size)
        value.centre(cell.x, cell.y)
        sketch.write(value, visual.values[n], theme.ink, f"cell-{n}", paper=theme.card, label=True)
        if visual.indices:
            index = sketch.text(str(n), small, rtl=False).centre(cell.x, cell.bottom - small * 0.8)
            sketch.write(index, str(n), theme.muted, f"cell-{n}", label=True)


def _cell(sketch: Sketch, n: int, cell: Box, size: float) -> None:
    theme, part = sketch.theme, f"cell-{n}"
    sketch.add(card(cell, theme.card, theme.line, radius=0.0, width=2.0 * theme.stroke), part)
    inner = cell.inset(0.02)
    shade = theme.tint(theme.primary, 0.2)
    sketch.add(
        card(inner, shade, theme.primary, radius=0.03, width=4.0),
        part,
        glow=True,
        motion="fade",
        box=cell,
    )
    tip = cell.top + size * 0.14
    corners = (
        (cell.x, tip),
        (cell.x - size * 0.24, tip + size * 0.36),
        (cell.x + size * 0.24, tip + size * 0.36),
    )
    sketch.add(polyline(corners, theme.primary, closed=True), part, glow=True, motion="fade")

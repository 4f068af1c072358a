"""Two columns."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card, disc, line
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.drawing.text import Block
from bloop_sdk.storyboard import Compare, Side


@dataclass(slots=True)
class _Card:
    side: Side
    part: str
    color: str
    title: Block
    items: list[Block]
    height: float


def draw(sketch: Sketch, visual: Compare, scale: float) -> None:
    """Two cards beside each other, or above each other where the picture is high."""
    canvas, box, theme = sketch.canvas, sketch.box, sketch.theme
    size = canvas.body * scale
    gap = 0.3 if canvas.tall else 0.42
    width = box.width if canvas.tall else (box.width - gap) / 2
    pad = size * 0.85
    inner = width - 2 * pad
    sides = [
        _measured(sketch, side, part, color, inner, size, pad)
        for side, part, color in (
            (visual.left, "left", theme.primary),
            (visual.right, "right", theme.accent),
        )
    ]
    if canvas.tall:
        height = sum(side.height for side in sides) + gap
        top = box.top - max(0.0, (box.height - height) * 0.4)
        for side in sides:
            _draw(sketch, side, Box(box.left, top - side.height, box.right, top), size, pad)
            top -= side.height + gap
        return
    height = max(side.height for side in sides)
    top = box.top - max(0.0, (box.height - height) * 0.4)
    first, second = (sides[1], sides[0]) if sketch.rtl else (sides[0], sides[1])
    _draw(sketch, first, Box(box.left, top - height, box.left + width, top), size, pad)
    _draw(sketch, second, Box(box.right - width, top - height, box.right, top), size, pad)


def _measured(
    sketch: Sketch, side: Side, part: str, color: str, inner: float, size: float, pad: float
) -> _Card:
    title = sketch.text(side.title, size * 1.08, width=inner, style="bold", leading=1.25)
    items = [sketch.text(item, size, width=inner - size * 0.8) for item in side.items]
    height = pad * 0.8 + title.height + size * 0.7 + sum(b.height + size * 0.42 for b in items)
    return _Card(side, part, color, title, items, height - size * 0.42 + pad)


def _draw(sketch: Sketch, one: _Card, box: Box, size: float, pad: float) -> None:
    theme = sketch.theme
    part, inner = one.part, box.inset(pad, pad * 0.8)
    ground = card(box, theme.card, theme.line, radius=0.16, width=1.3 * theme.stroke)
    sketch.add(ground, part, marks=(), motion="fade")
    edge = card(box, None, one.color, radius=0.16, width=3.2)
    sketch.add(edge, part, glow=True, motion="fade")
    y = inner.top
    one.title.place(inner.right - one.title.width if sketch.rtl else inner.left, y)
    sketch.write(one.title, one.side.title, one.color, part, paper=theme.card)
    y -= one.title.height + size * 0.16
    sketch.add(
        line((inner.left, y), (inner.right, y), theme.line, 1.5), part, marks=(), motion="fade"
    )
    y -= size * 0.5
    for number, (block, item) in enumerate(zip(one.items, one.side.items, strict=True), 1):
        name = f"{part}-{number}"
        parts = (part, name)
        block.place(
            inner.right - size * 0.8 - block.width if sketch.rtl else inner.left + size * 0.8, y
        )
        radius = size * 0.11
        x = inner.right - radius if sketch.rtl else inner.left + radius
        middle = y + block.base + block.cap / 2
        sketch.add(disc(x, middle, radius, one.color), name, needs=parts, marks=parts)
        sketch.write(block, item, theme.ink, name, needs=parts, marks=parts, paper=theme.card)
        y -= block.height + size * 0.42

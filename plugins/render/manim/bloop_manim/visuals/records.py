"""A table where columns have no room: each row as a list of its own."""

from __future__ import annotations

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import card
from bloop_manim.drawing.sketch import Sketch
from bloop_sdk.storyboard import Table


def draw(sketch: Sketch, visual: Table, scale: float) -> None:
    """The first cell as a heading, and under it each column's name with its value."""
    theme, box = sketch.theme, sketch.box
    size = sketch.canvas.body * scale * 0.96
    pad, gap = size * 0.55, size * 0.4
    inner = box.width - 2 * pad
    names = [
        sketch.text(name, size * 0.9, width=inner * 0.42, leading=1.25) for name in visual.header
    ]
    lane = max((name.width for name in names[1:]), default=0.0) + size * 0.6
    cards = []
    for row in visual.rows:
        head = sketch.text(row[0], size * 1.04, width=inner, style="bold", leading=1.3)
        values = [sketch.text(cell, size, width=inner - lane, leading=1.3) for cell in row[1:]]
        heights = [max(v.height, n.height) for v, n in zip(values, names[1:], strict=True)]
        cards.append((head, values, heights, head.height + sum(heights) + 2 * pad * 0.6))
    total = sum(one[3] for one in cards) + gap * (len(cards) - 1)
    top = box.top - max(0.0, (box.height - total) * 0.4)
    for number, (head, values, heights, high) in enumerate(cards, 1):
        part = f"row-{number}"
        place = Box(box.left, top - high, box.right, top)
        sketch.add(
            card(place, theme.card, theme.line, radius=0.12, width=1.3 * theme.stroke),
            part,
            marks=(),
        )
        bright = card(place, theme.tint(theme.primary, 0.14), theme.primary, radius=0.12, width=3)
        sketch.add(bright, part, glow=True, motion="fade", box=place)
        y = top - pad * 0.6
        row = visual.rows[number - 1]
        first = (part, "column-1")
        head.place(place.right - pad - head.width if sketch.rtl else place.left + pad, y)
        sketch.write(head, row[0], theme.primary, part, needs=first, marks=first, paper=theme.card)
        y -= head.height
        for column, (value, line) in enumerate(zip(values, heights, strict=True), 2):
            both = (part, f"column-{column}")
            text = visual.header[column - 1]
            name = sketch.text(text, size * 0.9, width=inner * 0.42, leading=1.25)
            shift = (value.base - name.base) * (value.lines == 1 and name.lines == 1)
            name.place(
                place.right - pad - name.width if sketch.rtl else place.left + pad, y + shift
            )
            sketch.write(
                name, text, theme.muted, part, needs=both, marks=both, paper=theme.card, label=True
            )
            start = (
                place.right - pad - lane - value.width if sketch.rtl else place.left + pad + lane
            )
            value.place(start, y)
            sketch.write(
                value, row[column - 1], theme.ink, part, needs=both, marks=both, paper=theme.card
            )
            y -= line
        top -= high + gap

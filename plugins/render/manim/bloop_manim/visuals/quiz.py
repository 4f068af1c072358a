"""A question with choices."""

from __future__ import annotations

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import Recipe, card, disc, polyline
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.drawing.text import Block
from bloop_sdk.storyboard import Quiz


def draw(sketch: Sketch, visual: Quiz, scale: float) -> None:
    """Choices on cards below the question; the answer marks the right one and says why."""
    theme, canvas, box = sketch.theme, sketch.canvas, sketch.box
    size = canvas.body * scale
    question = sketch.text(visual.question, size * 1.16, width=box.width, style="bold", leading=1.3)
    pad, badge = size * 0.5, size * 1.3
    room = box.width - badge - 3.2 * pad - size * 1.3
    choices = [sketch.text(choice, size, width=room) for choice in visual.choices]
    heights = [max(block.height, badge) + pad * 1.1 for block in choices]
    gap = size * 0.3
    why = sketch.text(visual.explanation, size * 0.94, width=box.width - size * 0.7)
    tail = why.height + size * 0.55 if visual.explanation else 0.0
    total = question.height + size * 0.6 + sum(heights) + gap * (len(heights) - 1) + tail
    top = box.top - max(0.0, (box.height - total) * 0.4)
    question.place(box.right - question.width if sketch.rtl else box.left, top)
    sketch.write(question, visual.question, theme.ink, "question")
    y = top - question.height - size * 0.6
    for number, (block, high) in enumerate(zip(choices, heights, strict=True), 1):
        place = Box(box.left, y - high, box.right, y)
        _choice(sketch, visual, number, block, place, size)
        y -= high + gap
    if visual.explanation:
        y += gap - size * 0.55
        bar = size * 0.11
        x = box.right - bar if sketch.rtl else box.left
        sketch.add(card(Box(x, y - why.height, x + bar, y), theme.good, radius=bar / 2), "answer")
        why.place(box.right - size * 0.55 - why.width if sketch.rtl else box.left + size * 0.55, y)
        sketch.write(why, visual.explanation, theme.ink, "answer")


def _choice(
    sketch: Sketch, visual: Quiz, number: int, block: Block, place: Box, size: float
) -> None:
    theme, part = sketch.theme, f"choice-{number}"
    pad, radius = size * 0.5, size * 0.65
    right = number == visual.answer
    ground = card(place, theme.card, theme.line, radius=0.14, width=1.4 * theme.stroke)
    sketch.add(ground, part, marks=(part, "answer") if right else (part,))
    shade = theme.tint(theme.primary, 0.12)
    sketch.add(
        card(place, shade, theme.primary, radius=0.14, width=3), part, glow=True, motion="fade"
    )
    both = (part, "answer")
    if right:
        mark = card(place, theme.tint(theme.good, 0.14), theme.good, radius=0.14, width=3.4)
        sketch.add(mark, "answer", needs=both, motion="fade")
    x = place.right - pad - radius if sketch.rtl else place.left + pad + radius
    marks = both if right else (part,)
    edge = (theme.primary, 1.6) if theme.name == "contrast" else (None, 0.0)
    badge = disc(x, place.y, radius * 0.92, theme.tint(theme.primary, 0.14), *edge)
    sketch.add(badge, part, marks=marks)
    letter = sketch.text("ABCDE"[number - 1], size * 0.86, style="bold", rtl=False).centre(
        x, place.y
    )
    paper = theme.tint(theme.primary, 0.14)
    sketch.write(
        letter, "ABCDE"[number - 1], theme.primary, part, marks=marks, paper=paper, label=True
    )
    start = (
        place.right - 2 * pad - 2 * radius - block.width
        if sketch.rtl
        else place.left + 2 * pad + 2 * radius
    )
    block.place(start, place.y + block.height / 2)
    sketch.write(block, visual.choices[number - 1], theme.ink, part, marks=marks, paper=theme.card)
    if right:
        x = place.left + pad + radius * 0.7 if sketch.rtl else place.right - pad - radius * 0.7
        sketch.add(_tick(x, place.y, size * 0.62, theme.good), "answer", needs=both, motion="draw")


def _tick(x: float, y: float, size: float, color: str) -> Recipe:
    corners = ((-0.5, 0.02), (-0.14, -0.36), (0.54, 0.4))
    return polyline(((x + a * size, y + b * size) for a, b in corners), None, color, 6)

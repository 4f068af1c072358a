"""Moments in their order."""

from __future__ import annotations

from itertools import pairwise

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.recipes import disc, line
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.drawing.text import longest_word
from bloop_sdk.storyboard import Timeline


def draw(sketch: Sketch, visual: Timeline, scale: float) -> None:
    """Along a line from left to right where there is room, else downwards."""
    count = len(visual.moments)
    size = sketch.canvas.body * scale * (1.1 if count <= 4 else 1.0)
    column = sketch.box.width / count
    words = max(longest_word(moment.what, "body", sketch.language) for moment in visual.moments)
    whens = max(sketch.text(moment.when, size, style="bold").width for moment in visual.moments)
    if (
        sketch.canvas.wide
        and max(words * size, whens) + size * 0.6 <= column
        and column > size * 4.6
    ):
        _across(sketch, visual, size, column)
    else:
        _down(sketch, visual, size)


def _spot(sketch: Sketch, x: float, y: float, size: float, part: str) -> None:
    theme = sketch.theme
    place = Box(x - 0.1, y - 0.1, x + 0.1, y + 0.1)
    halo = disc(x, y, size * 0.42, theme.primary, opacity=0.22)
    sketch.add(halo, part, glow=True, motion="fade", box=place)
    for glow, fill in ((False, theme.paper), (True, theme.primary)):
        dot = disc(x, y, size * 0.2, fill, theme.primary, 3.4)
        sketch.add(dot, part, glow=glow, motion="fade")


def _across(sketch: Sketch, visual: Timeline, size: float, column: float) -> None:
    theme, box = sketch.theme, sketch.box
    width = column - size * 0.55
    whens = [
        sketch.text(m.when, size, style="bold", width=width, align="middle") for m in visual.moments
    ]
    whats = [sketch.text(m.what, size * 0.94, width=width, align="middle") for m in visual.moments]
    over = max(block.height for block in whens) + size * 0.5
    under = max(block.height for block in whats) + size * 0.5
    y = box.top - over - max(0.0, (box.height - over - under) * 0.38)
    xs = [box.left + column * (n + 0.5) for n in range(len(visual.moments))]
    if sketch.rtl:
        xs.reverse()
    for number, (start, x) in enumerate(pairwise(xs), 2):
        rule = line((start, y), (x, y), theme.line, 3.0)
        sketch.add(rule, f"moment-{number}", marks=(), motion="draw")
    for number, (x, moment, when, what) in enumerate(
        zip(xs, visual.moments, whens, whats, strict=True), 1
    ):
        part = f"moment-{number}"
        _spot(sketch, x, y, size, part)
        when.place(x - when.width / 2, y + size * 0.5 + when.height)
        sketch.write(when, moment.when, theme.primary, part)
        what.place(x - what.width / 2, y - size * 0.5)
        sketch.write(what, moment.what, theme.ink, part)


def _down(sketch: Sketch, visual: Timeline, size: float) -> None:
    theme, box, canvas = sketch.theme, sketch.box, sketch.canvas
    stacked = canvas.tall
    lane = size * 1.15
    whens = [sketch.text(m.when, size, style="bold", width=box.width * 0.7) for m in visual.moments]
    first = (
        0.0 if stacked else min(max(block.width for block in whens) + size * 0.7, box.width * 0.34)
    )
    room = box.width - lane - first
    whats = [sketch.text(m.what, size, width=room) for m in visual.moments]
    heights = [
        when.height + what.height if stacked else max(when.height, what.height)
        for when, what in zip(whens, whats, strict=True)
    ]
    gap = size * 0.5
    spare = box.height - sum(heights) - gap * (len(heights) - 1)
    gap += min(max(0.0, spare * 0.5 / max(1, len(heights) - 1)), size * 0.7)
    total = sum(heights) + gap * (len(heights) - 1)
    top = box.top - max(0.0, (box.height - total) * 0.42)
    ys = []
    for when, high in zip(whens, heights, strict=True):
        ys.append(top + when.base + when.cap / 2)
        top -= high + gap
    x = box.right - first - size * 0.35 if sketch.rtl else box.left + first + size * 0.35
    for number in range(2, len(ys) + 1):
        rule = line((x, ys[number - 2]), (x, ys[number - 1]), theme.line, 3.0)
        sketch.add(rule, f"moment-{number}", marks=(), motion="draw")
    for number, (y, moment, when, what) in enumerate(
        zip(ys, visual.moments, whens, whats, strict=True), 1
    ):
        part = f"moment-{number}"
        _spot(sketch, x, y, size, part)
        upper = y - when.cap / 2 - when.base
        beyond = lane - size * 0.35
        if stacked:
            when.place(x - beyond - when.width if sketch.rtl else x + beyond, upper)
        else:
            edge = size * 0.7
            when.place(x + edge if sketch.rtl else x - edge - when.width, upper)
        sketch.write(when, moment.when, theme.primary, part)
        lower = upper - when.height if stacked else upper
        what.place(x - beyond - what.width if sketch.rtl else x + beyond, lower)
        sketch.write(what, moment.what, theme.ink, part)

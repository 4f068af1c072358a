"""Rows below a header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bloop_manim.drawing.canvas import BODY_CAP, Box
from bloop_manim.drawing.fonts import own
from bloop_manim.drawing.recipes import card, line
from bloop_manim.drawing.sketch import Sketch
from bloop_manim.drawing.text import Block, longest_word
from bloop_manim.visuals import records
from bloop_sdk.storyboard import Table

_NUMBER: Final = re.compile(r"^\s*[-+−±~≈<>$€£]?\s*\d[\d\s.,'  ]*\s*(%|°C?|[a-zA-Zµ]{1,3})?\s*$")


@dataclass(slots=True)
class _Grid:
    """Where columns are, from the left of the picture."""

    lefts: list[float]
    widths: list[float]
    pad: float


def draw(sketch: Sketch, visual: Table, scale: float) -> None:
    """Columns as wide as their words, numbers at the right, every other row on a paler ground.

    Where the words of a row have no room beside each other, each row becomes a list of its own.
    """
    canvas, box = sketch.canvas, sketch.box
    count = len(visual.header)
    smallest = 1.07 * canvas.least_cap(BODY_CAP) / own("bold").cap
    if sum(_widths(sketch, visual, smallest, smallest * 0.3)) > box.width * 1.001:
        records.draw(sketch, visual, scale)
        return
    size = canvas.body * scale * (0.95 if len(visual.rows) > 5 else 1.04)
    pad = size * (0.55 if count <= 4 and not canvas.tall else 0.3)
    widths = _widths(sketch, visual, size, pad)
    spare = box.width - sum(widths)
    if spare > 0:
        # Wide enough to be a table, not so wide that the eye loses its row.
        widths = [w + min(spare, box.width * 0.3) * w / sum(widths) for w in widths]
    order = range(count - 1, -1, -1) if sketch.rtl else range(count)
    lefts, x = [0.0] * count, box.x - sum(widths) / 2
    for column in order:
        lefts[column] = x
        x += widths[column]
    grid = _Grid(lefts, widths, pad)
    sides = [_numeric(visual, column) for column in range(count)]
    head = _blocks(sketch, visual.header, grid, size * 0.92, bold=True, ends=sides)
    rows = [_blocks(sketch, row, grid, size, bold=False, ends=sides) for row in visual.rows]
    air = size * (0.44 if len(rows) > 6 else 0.62)
    heights = [max(block.height for block in row) + air for row in (head, *rows)]
    top = box.top - max(0.0, (box.height - sum(heights)) * 0.4)
    whole = Box(min(lefts), top - sum(heights), min(lefts) + sum(widths), top)
    _grounds(sketch, heights, whole)
    _columns(sketch, grid, whole)
    _header(sketch, visual, head, grid, whole, heights[0], sides)
    y = top - heights[0]
    for number, (row, high) in enumerate(zip(rows, heights[1:], strict=True), 1):
        for column, block in enumerate(row):
            parts = (f"row-{number}", f"column-{column + 1}")
            _place(sketch, block, grid, column, y - high / 2, end=sides[column])
            paper = sketch.theme.zebra if number % 2 == 0 else sketch.theme.paper
            sketch.write(
                block,
                visual.rows[number - 1][column],
                sketch.theme.ink,
                parts[0],
                needs=parts,
                marks=parts,
                paper=paper,
            )
        y -= high


def _widths(sketch: Sketch, visual: Table, size: float, pad: float) -> list[float]:
    """What each column would like, made narrower in proportion where that is too much."""
    least, best = [], []
    for column, head in enumerate(visual.header):
        cells = [head, *(row[column] for row in visual.rows)]
        words = max(longest_word(cell, "bold", sketch.language) for cell in cells) * size
        whole = max(sketch.text(cell, size, style="bold").width for cell in cells)
        least.append(min(words, whole) + 2 * pad)
        best.append(whole + 2 * pad)
    room = sketch.box.width
    if sum(best) <= room:
        return best
    if sum(least) >= room:
        return least
    share = (room - sum(least)) / (sum(best) - sum(least))
    return [low + (high - low) * share for low, high in zip(least, best, strict=True)]


def _numeric(visual: Table, column: int) -> bool:
    cells = [row[column] for row in visual.rows if row[column].strip()]
    return bool(cells) and all(_NUMBER.match(cell) for cell in cells)


def _blocks(
    sketch: Sketch, cells: list[str], grid: _Grid, size: float, *, bold: bool, ends: list[bool]
) -> list[Block]:
    return [
        sketch.text(
            cell,
            size,
            width=max(width - 2 * grid.pad, size),
            style="bold" if bold else "body",
            align="end" if end and not sketch.rtl else "start",
            leading=1.3,
        )
        for cell, width, end in zip(cells, grid.widths, ends, strict=True)
    ]


def _place(sketch: Sketch, block: Block, grid: _Grid, column: int, y: float, *, end: bool) -> None:
    left, width = grid.lefts[column] + grid.pad, grid.widths[column] - 2 * grid.pad
    right = end != sketch.rtl
    block.place(left + (width - block.width if right else 0.0), y + block.height / 2)


def _grounds(sketch: Sketch, heights: list[float], whole: Box) -> None:
    theme, y = sketch.theme, whole.top - heights[0]
    for number, high in enumerate(heights[1:], 1):
        part, band = f"row-{number}", Box(whole.left, y - high, whole.right, y)
        if number % 2 == 0:
            sketch.add(card(band, theme.zebra, radius=0.0), part, marks=(), motion="fade")
        shade = theme.tint(theme.primary, 0.14)
        edge = theme.primary if theme.name == "contrast" else None
        sketch.add(card(band, shade, edge, radius=0.04), part, glow=True, motion="fade")
        y -= high
        sketch.add(
            line((whole.left, y), (whole.right, y), theme.line, 1.0), part, marks=(), motion="fade"
        )


def _columns(sketch: Sketch, grid: _Grid, whole: Box) -> None:
    theme = sketch.theme
    for column, (left, width) in enumerate(zip(grid.lefts, grid.widths, strict=True), 1):
        band = Box(left, whole.bottom, left + width, whole.top)
        edge = theme.primary if theme.name == "contrast" else None
        shade = theme.tint(theme.primary, 0.14)
        sketch.add(
            card(band, shade, edge, radius=0.04), f"column-{column}", glow=True, motion="fade"
        )


def _header(
    sketch: Sketch,
    visual: Table,
    head: list[Block],
    grid: _Grid,
    whole: Box,
    high: float,
    ends: list[bool],
) -> None:
    theme = sketch.theme
    for column, (block, text) in enumerate(zip(head, visual.header, strict=True)):
        _place(sketch, block, grid, column, whole.top - high / 2, end=ends[column])
        sketch.write(block, text, theme.ink, f"column-{column + 1}", label=True, motion="fade")
    y = whole.top - high
    rule = line((whole.left, y), (whole.right, y), theme.primary, 2.6)
    sketch.add(rule, "", motion="fade")

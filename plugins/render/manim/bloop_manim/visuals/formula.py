"""A formula, or the steps of a derivation."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_manim.drawing.canvas import BODY_CAP, Box
from bloop_manim.drawing.latex import FormulaError
from bloop_manim.drawing.recipes import card, outline
from bloop_manim.drawing.shaping import Set
from bloop_manim.drawing.sketch import Sketch, Written
from bloop_manim.drawing.typeset import formula, lead
from bloop_sdk.storyboard import Formula

_CAP: float = 0.683
"""Height of Typst's mathematical capitals, in em."""


@dataclass(slots=True)
class _Row:
    part: str
    latex: str
    set: Set | None
    lead: float | None
    failed: str = ""


def draw(sketch: Sketch, visual: Formula, scale: float) -> None:
    """Steps below each other; where all have a relation, these stand below each other."""
    canvas, box, theme = sketch.canvas, sketch.box, sketch.theme
    rows = [_row(f"step-{n}", latex) for n, latex in enumerate(visual.steps, 1)]
    size = scale * canvas.body * (2.5 if len(rows) == 1 else 1.7 if len(rows) <= 3 else 1.45)
    gap = size * 0.62
    caption = sketch.text(
        visual.caption, canvas.label * 1.08, width=box.width * 0.9, balanced=True, align="middle"
    )
    below = caption.height + 0.34 if visual.caption else 0.0
    heights = [row.set.below * size if row.set else size for row in rows]
    height = sum(heights) + gap * (len(rows) - 1) + below
    top = box.top - max(0.0, (box.height - height) * 0.46)
    for row, left, high in zip(rows, _lefts(rows, size, box), heights, strict=True):
        if row.set is None:
            _source(sketch, row, top, high)
        else:
            _write(sketch, row, row.set, left, top, size)
        top -= high + gap
    if visual.caption:
        caption.place(box.x - caption.width / 2, top + gap - 0.34)
        sketch.write(caption, visual.caption, theme.muted, "caption", label=True)


def _row(part: str, latex: str) -> _Row:
    try:
        return _Row(part, latex, formula(latex, display=True), lead(latex))
    except FormulaError as err:
        return _Row(part, latex, None, None, f"character {err.place + 1}: {err}")


def _lefts(rows: list[_Row], size: float, box: Box) -> list[float]:
    """Where each row begins, aligned at the relations and centred as a whole."""
    widths = [row.set.width * size if row.set else 0.0 for row in rows]
    leads = [row.lead * size for row in rows if row.lead is not None]
    if len(rows) > 1 and len(leads) == len(rows):
        before, after = max(leads), max(w - a for w, a in zip(widths, leads, strict=True))
        if before + after <= box.width:
            start = box.x - (before + after) / 2
            return [start + before - one for one in leads]
    return [box.x - width / 2 for width in widths]


def _write(sketch: Sketch, row: _Row, one: Set, left: float, top: float, size: float) -> None:
    theme = sketch.theme
    ink = one.ink * size + [left, top]
    (x0, y0), (x1, y1) = ink.min(axis=(0, 1)), ink.max(axis=(0, 1))
    seen = Box(float(x0), float(y0), float(x1), float(y1))
    pad = min(0.2, size * 0.28)
    band = Box(seen.left - pad * 1.6, seen.bottom - pad, seen.right + pad * 1.6, seen.top + pad)
    edge = theme.primary if theme.name == "contrast" else None
    glow = card(band, theme.tint(theme.primary, 0.1), edge, radius=0.1)
    sketch.add(glow, row.part, glow=True, motion="fade", box=seen)
    sketch.texts.append(
        Written(
            row.part,
            row.latex,
            seen,
            _CAP * size,
            sketch.canvas.least_cap(BODY_CAP),
            theme.ink,
            theme.paper,
        )
    )
    sketch.add(outline(ink, theme.ink), row.part)


def _source(sketch: Sketch, row: _Row, top: float, high: float) -> None:
    """What can't be set stands as it was written, small, so that the lesson still makes sense."""
    sketch.fault(
        "formula",
        row.part,
        f"{row.latex!r} can't be set: {row.failed}; write it with LaTeX's usual commands",
    )
    sketch.lost.add(row.part)
    words = sketch.text(
        row.latex.replace("$", ""),
        sketch.canvas.label,
        width=sketch.box.width,
        style="mono",
        rtl=False,
    )
    words.place(sketch.box.x - words.width / 2, top - (high - words.height) / 2)
    sketch.write(words, row.latex, sketch.theme.muted, row.part, label=True)

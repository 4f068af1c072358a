"""One module for each kind of visual (or two that are close): what it draws on a sketch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bloop_manim.drawing.sketch import Sketch
from bloop_manim.visuals import bullets, code, formula, plot, title

Draw = Callable[[Sketch, Any, float], None]
"""Draws a visual on a sketch, within its box if that is possible at a scale (1: its best size)."""

_DRAWERS: Final[dict[str, Draw]] = {
    "title": title.draw,
    "bullets": bullets.draw,
    "formula": formula.draw,
    "plot": plot.draw,
    "code": code.draw,
}


def drawer(visual: Any) -> Draw:
    """What draws a visual."""
    return _DRAWERS[visual.kind]

"""One module for each kind of visual (or two that are close): what it draws on a sketch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bloop_manim.drawing.sketch import Sketch
from bloop_manim.visuals import (
    array,
    bullets,
    code,
    compare,
    formula,
    geometry,
    graph,
    image,
    plot,
    quiz,
    table,
    timeline,
    title,
)

Draw = Callable[[Sketch, Any, float], None]
"""Draws a visual on a sketch, within its box if that is possible at a scale (1: its best size)."""

DRAWERS: Final[dict[str, Draw]] = {
    "title": title.draw,
    "bullets": bullets.draw,
    "formula": formula.draw,
    "plot": plot.draw,
    "array": array.draw,
    "graph": graph.draw,
    "table": table.draw,
    "code": code.draw,
    "image": image.draw,
    "compare": compare.draw,
    "timeline": timeline.draw,
    "geometry": geometry.draw,
    "quiz": quiz.draw,
}


def drawer(visual: Any) -> Draw:
    """What draws a visual."""
    return DRAWERS[visual.kind]

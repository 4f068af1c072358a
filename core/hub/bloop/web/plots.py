"""Small plots as shapes of SVG: what is drawn, in numbers; templates draw it.

The policy of pages lets no element have a style of its own, so a shape has its place as attributes,
and its colour by a class. Each plot stands beside its numbers in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 24.0
"""The measures of a plot in its own units; the page scales it."""
GAP = 0.3
"""What lies between two columns, as a share of a column's width."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle of a plot; ``tone`` is what it stands for."""

    x: float
    y: float
    width: float
    height: float
    tone: str = ""


def stacked(parts: Mapping[str, int]) -> list[Shape]:
    """One bar of several parts, as wide as their shares of the sum; what is 0 has no shape."""
    whole, at, found = sum(parts.values()), 0.0, []
    for tone, count in parts.items():
        width = WIDTH * count / whole if whole else 0.0
        if width:
            found.append(Shape(round(at, 2), 0.0, round(width, 2), HEIGHT, tone))
        at += width
    return found


def columns(values: Sequence[int], most: int = 0) -> list[Shape]:
    """A column for each value; what is 0 leaves a thin line.

    ``most`` is as high as the plot, for plots that are compared; else the highest value is.
    """
    if not values:
        return []
    step, most = WIDTH / len(values), max(1, most, *values)
    found = []
    for place, value in enumerate(values):
        height = max(1.0, HEIGHT * value / most)
        x, width = step * (place + GAP / 2), step * (1 - GAP)
        shape = Shape(
            round(x, 2),
            round(HEIGHT - height, 2),
            round(width, 2),
            round(height, 2),
            "some" if value else "none",
        )
        found.append(shape)
    return found


def lines(values: Sequence[float | None], most: float = 0.0) -> list[str]:
    """Points of a line over evenly spaced values, from 0 to ``most`` or the highest of them.

    A line for each run of values, as SVG's ``points``; one that stands alone is a short line.
    """
    known = [value for value in values if value is not None]
    most = max([most, *known, 1e-9])
    step = WIDTH / max(1, len(values) - 1)
    found: list[str] = []
    run: list[tuple[float, float]] = []
    for place, value in enumerate([*values, None]):
        if value is not None:
            # Half of a line's own width would be cut off at the edges.
            run.append((step * place, HEIGHT - 0.5 - (HEIGHT - 1) * value / most))
        elif run:
            ends = [*run, (run[0][0] + step / 2, run[0][1])] if len(run) == 1 else run
            found.append(" ".join(f"{round(x, 2):g},{round(y, 2):g}" for x, y in ends))
            run = []
    return found


def tenths(shares: Sequence[float]) -> list[int]:
    """How many of some shares from 0 to 1 are in each tenth; all of it counts for the last."""
    found = [0] * 10
    for share in shares:
        found[min(9, max(0, int(share * 10)))] += 1
    return found

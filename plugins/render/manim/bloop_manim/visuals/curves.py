"""Curves as runs of points: broken at poles and jumps, followed to the edge of their domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from bloop_sdk.storyboard import Expression

Point = tuple[float, float]
SAMPLES: Final = 420
_HALVINGS: Final = 40

Value = Callable[[float], float | None]


def value_of(text: str) -> Value:
    """The function an expression stands for."""
    return Expression.parse(text).at


def sampled(at: Value, low: float, high: float) -> list[Point]:
    """Values where there are any, evenly."""
    xs = (low + (high - low) * n / SAMPLES for n in range(SAMPLES + 1))
    return [(x, y) for x in xs if (y := at(x)) is not None]


def fitting(values: Sequence[float]) -> tuple[float, float]:
    """A range that shows what a curve does without letting a pole flatten it."""
    if not values:
        return -1.0, 1.0
    ordered = sorted(values)
    low, high = ordered[0], ordered[-1]
    tenth, ninth = (ordered[int((len(ordered) - 1) * share)] for share in (0.1, 0.9))
    middle = ninth - tenth
    # Beyond four times what most of the curve spans it is on its way to a pole.
    if middle > 0 and high - low > 6 * middle:
        low, high = max(low, tenth - 1.5 * middle), min(high, ninth + 1.5 * middle)
    if high - low < 1e-9 * max(1.0, abs(high)):
        margin = abs(high) * 0.5 or 1.0
        return low - margin, high + margin
    margin = (high - low) * 0.08
    # An axis near to what is shown belongs to it.
    if 0 < low < (high - low) * 0.4:
        return 0.0, high + margin
    if 0 > high > -(high - low) * 0.4:
        return low - margin, 0.0
    return low - margin, high + margin


def traced(at: Value, low: float, high: float, bottom: float, top: float) -> list[list[Point]]:
    """Runs of points within a range of values; nothing joins the two sides of a pole."""
    runs: list[list[Point]] = []
    run: list[Point] = []
    previous: tuple[float, float | None] | None = None
    for n in range(SAMPLES + 1):
        x = low + (high - low) * n / SAMPLES
        y = at(x)
        if previous is not None:
            run = _joined(at, previous, (x, y), run, runs, top - bottom)
        elif y is not None:
            run = [(x, y)]
        previous = (x, y)
    runs.append(run)
    return [piece for whole in runs for piece in _clipped(whole, bottom, top) if len(piece) > 1]


def _joined(
    at: Value,
    before: tuple[float, float | None],
    now: tuple[float, float | None],
    run: list[Point],
    runs: list[list[Point]],
    span: float,
) -> list[Point]:
    (x0, y0), (x1, y1) = before, now
    if y0 is None and y1 is None:
        return []
    if y0 is None or y1 is None:
        edge = _edge(at, x0, x1, known=y0 is not None)
        if y1 is None:
            runs.append(run + ([edge] if edge else []))
            return []
        return ([edge] if edge else []) + [(x1, y1)]
    if abs(y1 - y0) > span * 0.08 and _breaks(at, x0, y0, x1, y1):
        left, right = _sides(at, x0, y0, x1, y1)
        runs.append([*run, left])
        return [right, (x1, y1)]
    return [*run, (x1, y1)]


def _edge(at: Value, x0: float, x1: float, *, known: bool) -> Point | None:
    """The last point that has a value, of which one end is known to have one."""
    inside, outside = (x0, x1) if known else (x1, x0)
    found = None
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        y = at(middle)
        if y is None:
            outside = middle
        else:
            inside, found = middle, (middle, y)
    return found


def _sides(at: Value, x0: float, y0: float, x1: float, y1: float) -> tuple[Point, Point]:
    """The points at both sides of a jump, as near as numbers tell."""
    for _ in range(_HALVINGS):
        middle = (x0 + x1) / 2
        y = at(middle)
        if y is None or middle in {x0, x1}:
            break
        if abs(y - y0) > abs(y1 - y):
            x1, y1 = middle, y
        else:
            x0, y0 = middle, y
    return (x0, y0), (x1, y1)


def _breaks(at: Value, x0: float, y0: float, x1: float, y1: float) -> bool:
    """Whether the difference stays however near the ends come."""
    whole = abs(y1 - y0)
    for _ in range(24):
        middle = (x0 + x1) / 2
        y = at(middle)
        if y is None:
            return True
        if abs(y - y0) > abs(y1 - y):
            x1, y1 = middle, y
        else:
            x0, y0 = middle, y
    return abs(y1 - y0) > whole * 0.5


def _clipped(run: Sequence[Point], bottom: float, top: float) -> list[list[Point]]:
    """Cut where a run leaves the range."""
    pieces: list[list[Point]] = [[]]
    for a, b in pairwise(run):
        cut = _within(a, b, bottom, top)
        if cut is None:
            if pieces[-1]:
                pieces.append([])
            continue
        start, end = cut
        if pieces[-1] and pieces[-1][-1] != start:
            pieces.append([])
        if not pieces[-1]:
            pieces[-1].append(start)
        pieces[-1].append(end)
    return [piece for piece in pieces if piece]


def _within(a: Point, b: Point, bottom: float, top: float) -> tuple[Point, Point] | None:
    if max(a[1], b[1]) < bottom or min(a[1], b[1]) > top:
        return None

    def bounded(p: Point, q: Point) -> Point:
        """``p``, moved towards ``q`` until it is within."""
        limit = min(max(p[1], bottom), top)
        if limit == p[1] or q[1] == p[1]:
            return p
        share = (limit - p[1]) / (q[1] - p[1])
        return p[0] + (q[0] - p[0]) * share, limit

    return bounded(a, b), bounded(b, a)

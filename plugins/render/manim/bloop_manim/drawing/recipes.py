"""Shapes that are made when they are needed: a picture is measured several times, drawn once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from manim import ImageMobject, Mobject, VMobject

from bloop_manim.drawing.canvas import Box
from bloop_manim.drawing.fonts import Ink

Spot = tuple[float, float]
_ROUND: Final = 4 / 3 * (math.sqrt(2) - 1)
"""How far the controls of a quarter of a circle lie from its ends."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A shape's box, and how it is made."""

    box: Box
    make: Callable[[], Mobject]


def bounds(mobject: Mobject) -> Box:
    """The box of a mobject."""
    points: Any = mobject.points if isinstance(mobject, ImageMobject) else mobject.get_all_points()
    if not len(points):
        return Box(0, 0, 0, 0)
    low, high = points.min(axis=0), points.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def _box(points: Any) -> Box:
    flat = points.reshape(-1, points.shape[-1])
    if not len(flat):
        return Box(0, 0, 0, 0)
    low, high = flat.min(axis=0), flat.max(axis=0)
    return Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))


def outline(
    ink: Ink,
    fill: str | None,
    stroke: str | None = None,
    width: float = 0.0,
    *,
    opacity: float = 1.0,
) -> Recipe:
    """Curves (in units) with a fill, a stroke or both."""

    def make() -> Mobject:
        made = VMobject(
            stroke_color=stroke or fill,
            stroke_width=width if stroke else 0.0,
            fill_color=fill or stroke,
            fill_opacity=opacity if fill else 0.0,
        )
        points = np.zeros((len(ink) * 4, 3))
        points[:, :2] = ink.reshape(-1, 2)
        made.set_points(points)
        return made

    return Recipe(_box(ink), make)


def card(
    box: Box,
    fill: str | None,
    stroke: str | None = None,
    *,
    radius: float = 0.12,
    width: float = 1.5,
) -> Recipe:
    """A rounded rectangle."""
    r = min(radius, box.width / 2, box.height / 2)
    k = r * (1 - _ROUND)
    left, bottom, right, top = box.left, box.bottom, box.right, box.top
    corners = [
        ((right, top - r), (right, top - k), (right - k, top), (right - r, top)),
        ((left + r, top), (left + k, top), (left, top - k), (left, top - r)),
        ((left, bottom + r), (left, bottom + k), (left + k, bottom), (left + r, bottom)),
        ((right - r, bottom), (right - k, bottom), (right, bottom + k), (right, bottom + r)),
    ]
    curves = []
    for corner, after in zip(corners, [*corners[1:], corners[0]], strict=True):
        if r > 0:
            curves.append(corner)
        curves.append(_straight(corner[3], after[0]))
    return outline(np.array(curves), fill, stroke, width)


def _straight(a: tuple[float, float], b: tuple[float, float]) -> tuple[Spot, Spot, Spot, Spot]:
    third = (b[0] - a[0]) / 3, (b[1] - a[1]) / 3
    return a, (a[0] + third[0], a[1] + third[1]), (b[0] - third[0], b[1] - third[1]), b


def line(a: tuple[float, float], b: tuple[float, float], color: str, width: float) -> Recipe:
    """A straight stroke."""
    return outline(np.array([_straight(a, b)]), None, color, width)


def polyline(
    spots: Iterable[tuple[float, float]],
    fill: str | None,
    stroke: str | None = None,
    width: float = 0.0,
    *,
    closed: bool = False,
    opacity: float = 1.0,
) -> Recipe:
    """Straight lines from spot to spot."""
    places = [(float(x), float(y)) for x, y in spots]
    if closed:
        places.append(places[0])
    curves = [_straight(a, b) for a, b in pairwise(places)]
    return outline(np.array(curves).reshape(-1, 4, 2), fill, stroke, width, opacity=opacity)


def disc(
    x: float,
    y: float,
    radius: float,
    fill: str | None,
    stroke: str | None = None,
    width: float = 0.0,
    *,
    opacity: float = 1.0,
) -> Recipe:
    """A circle."""
    k = radius * _ROUND
    quarter = np.array([[radius, 0], [radius, k], [k, radius], [0, radius]])
    turns = [np.array([[1, 0], [0, 1]]), np.array([[0, 1], [-1, 0]])]
    curves = np.array(
        [quarter @ t * s for t, s in ((turns[0], 1), (turns[1], 1), (turns[0], -1), (turns[1], -1))]
    )
    return outline(curves + np.array([x, y]), fill, stroke, width, opacity=opacity)

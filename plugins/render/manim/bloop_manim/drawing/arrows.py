"""Lines with a tip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from manim import VMobject

from bloop_manim.drawing.recipes import Recipe, polyline

Spot = tuple[float, float]


def path(
    spots: Sequence[Spot], color: str, width: float, *, bowed: bool = False, angular: bool = False
) -> VMobject:
    """A line through some spots; ``bowed``: four of them are the controls of a curve."""
    made = VMobject(stroke_color=color, stroke_width=width, fill_opacity=0)
    places = np.array([[x, y, 0.0] for x, y in spots])
    if bowed:
        made.set_points(places)
    elif len(spots) > 2 and not angular:
        made.set_points_smoothly(places)
    else:
        made.set_points_as_corners(places)
    return made


def tip(end: Spot, before: Spot, size: float, color: str) -> Recipe:
    """A filled tip at the end of a line that comes from ``before``."""
    along = np.array(end) - np.array(before)
    along = along / (float(np.hypot(*along)) or 1.0)
    across = np.array([-along[1], along[0]])
    back = np.array(end) - along * size
    wings = (back + across * size * 0.42, back - across * size * 0.42)
    notch = back + along * size * 0.16
    corners = [end, tuple(wings[0]), tuple(notch), tuple(wings[1])]
    return polyline(corners, color, closed=True)


def curve_at(spots: Sequence[Spot], share: float) -> Spot:
    """A place on a curve of four controls."""
    a, b, c, d = (np.array(one) for one in spots)
    rest = 1 - share
    at = rest**3 * a + 3 * rest**2 * share * b + 3 * rest * share**2 * c + share**3 * d
    return float(at[0]), float(at[1])

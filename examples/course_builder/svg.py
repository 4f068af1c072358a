"""A little drawing kit, so that every diagram shares one palette, one font and one card."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable

PAPER, EDGE, GRID = "#FBF9F3", "#D9D2C0", "#E3DCCB"
INK, MUTED = "#1C2642", "#5B6274"
TEAL, CORAL, GOLD, VIOLET = "#0F7680", "#C4472C", "#946709", "#664A9B"
PALE_TEAL, PALE_CORAL, PALE_GOLD, PALE_VIOLET = "#D5EAEA", "#F8DFD6", "#F6E7C4", "#E6DFF2"
FONT = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"

Point = tuple[float, float]


def sine(
    base: float, height: float, start: float, length: float, turn: float = 0
) -> Callable[[float], float]:
    """A sine graph about *base*: zero and rising at *start*, shifted by *turn* of a cycle."""

    def graph(x: float) -> float:
        return base - height * math.sin(math.tau * ((x - start) / length + turn))

    return graph


def num(value: float) -> str:
    """A coordinate with one decimal at most."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


class Drawing:
    """An SVG picture on a light card, which stays readable on a dark page."""

    def __init__(self, title: str, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._parts = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" role="img" font-family="{FONT}" font-size="15">'
            ),
            f"<title>{html.escape(title, quote=False)}</title>",
        ]
        self.box(0.5, 0.5, width - 1, height - 1, PAPER, EDGE, radius=14)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        colour: str = INK,
        size: float = 15,
        anchor: str = "start",
        bold: bool = False,
        turn: float = 0,
    ) -> None:
        """One line of words; *anchor* is start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        spin = f' transform="rotate({num(turn)} {num(x)} {num(y)})"' if turn else ""
        self._parts.append(
            f'<text x="{num(x)}" y="{num(y)}" fill="{colour}" font-size="{num(size)}" '
            f'text-anchor="{anchor}"{weight}{spin}>{html.escape(words, quote=False)}</text>'
        )

    def line(
        self, a: Point, b: Point, colour: str = INK, width: float = 1.5, dash: str = ""
    ) -> None:
        """A straight line."""
        pattern = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<line x1="{num(a[0])}" y1="{num(a[1])}" x2="{num(b[0])}" y2="{num(b[1])}" '
            f'stroke="{colour}" stroke-width="{num(width)}" stroke-linecap="round"{pattern}/>'
        )

    def path(
        self,
        points: Iterable[Point],
        colour: str,
        width: float = 2.5,
        *,
        dash: str = "",
        fill: str = "none",
    ) -> None:
        """A line through many points, or a filled shape."""
        steps = " ".join(f"{num(x)},{num(y)}" for x, y in points)
        pattern = f' stroke-dasharray="{dash}"' if dash else ""
        tag = "polyline" if fill == "none" else "polygon"
        self._parts.append(
            f'<{tag} points="{steps}" fill="{fill}" stroke="{colour}" '
            f'stroke-width="{num(width)}" stroke-linejoin="round" stroke-linecap="round"{pattern}/>'
        )

    def curve(
        self,
        function: Callable[[float], float],
        left: float,
        right: float,
        colour: str,
        width: float = 2.5,
        *,
        dash: str = "",
        step: float = 2,
    ) -> None:
        """The graph of *function*, which maps a picture x to a picture y."""
        count = round((right - left) / step)
        xs = [left + (right - left) * i / count for i in range(count + 1)]
        self.path([(x, function(x)) for x in xs], colour, width, dash=dash)

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        edge: str = "none",
        *,
        radius: float = 0,
        stroke: float = 1,
    ) -> None:
        """A rectangle."""
        self._parts.append(
            f'<rect x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}" '
            f'rx="{num(radius)}" fill="{fill}" stroke="{edge}" stroke-width="{num(stroke)}"/>'
        )

    def dot(self, x: float, y: float, radius: float, fill: str, edge: str = "none") -> None:
        """A disc."""
        self._parts.append(
            f'<circle cx="{num(x)}" cy="{num(y)}" r="{num(radius)}" fill="{fill}" '
            f'stroke="{edge}" stroke-width="2"/>'
        )

    def raw_path(self, data: str, fill: str, edge: str, width: float = 2) -> None:
        """A path given in SVG's own path language."""
        self._parts.append(
            f'<path d="{data}" fill="{fill}" stroke="{edge}" stroke-width="{num(width)}" '
            f'stroke-linejoin="round" stroke-linecap="round"/>'
        )

    def arrow(self, a: Point, b: Point, colour: str = INK, *, both: bool = False) -> None:
        """A line with a head at *b*, or at both ends."""
        self.line(a, b, colour, 1.8)
        self._head(a, b, colour)
        if both:
            self._head(b, a, colour)

    def _head(self, a: Point, b: Point, colour: str) -> None:
        angle = math.atan2(b[1] - a[1], b[0] - a[0])
        wings = [
            (b[0] - 9 * math.cos(angle + side), b[1] - 9 * math.sin(angle + side))
            for side in (0.42, -0.42)
        ]
        self.path([b, *wings], colour, 1, fill=colour)

    def svg(self) -> str:
        """The finished picture."""
        return "\n".join([*self._parts, "</svg>", ""])

"""Five scenes of a lesson, half of their 50 seconds still, as builders of drawings.

Both sides of the video benchmark play them: manim's by ``self.play`` and ``self.wait`` (run as
``manim -a _video_scenes.py``), Bloop's in its workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import manim as m
import numpy as np
from manim.animation.animation import prepare_animation

INK, BLUE, RED, GREEN = "#1b1f24", "#1f5fbf", "#c0392b", "#1e8449"
PAPER = "#fbfbf8"
EDIT = os.environ.get("BLOOP_BENCH_EDIT", "")
Play = tuple[float, list[Any]]
"""How long the picture stands still before, and the animations that then are played."""


def text(words: str, size: float = 34, color: str = INK) -> m.Text:
    """A line of text."""
    return m.Text(words, font_size=size, color=color, font="DejaVu Sans")


def intro() -> list[Play]:
    """A title and three points."""
    title = text("The derivative as a slope" + EDIT, 54)
    under = m.Line(title.get_left(), title.get_right(), color=BLUE, stroke_width=6)
    under.next_to(title, m.DOWN, buff=0.2)
    points = m.VGroup(
        text("how fast a quantity changes at one moment"),
        text("the slope of the line that touches the curve"),
        text("a limit of slopes of lines through two points"),
    ).arrange(m.DOWN, aligned_edge=m.LEFT, buff=0.5)
    points.shift(m.DOWN * 0.8)
    head = m.VGroup(title, under)
    return [
        (0, [m.Write(title, run_time=1.5)]),
        (0, [m.Create(under, run_time=0.5)]),
        (0.5, [head.animate(run_time=1.0).to_edge(m.UP)]),
        *((0.5, [m.FadeIn(point, shift=m.RIGHT * 0.4, run_time=0.5)]) for point in points),
        (1.0, [m.Indicate(points[1], color=RED, run_time=1.0)]),
    ]


def formula() -> list[Play]:
    """A formula, step by step."""
    steps = m.VGroup(
        m.MathTypst("f'(x) = lim_(h -> 0) (f(x + h) - f(x)) / h", color=INK, font_size=52),
        m.MathTypst("(x + h)^2 - x^2 = 2 x h + h^2", color=INK, font_size=52),
        m.MathTypst("((x + h)^2 - x^2) / h = 2 x + h", color=INK, font_size=52),
        m.MathTypst("f'(x) = 2 x", color=BLUE, font_size=64),
    ).arrange(m.DOWN, buff=0.6)
    box = m.SurroundingRectangle(steps[3], color=RED, buff=0.25)
    return [
        (0, [m.Write(steps[0], run_time=1.5)]),
        (1.0, [m.FadeIn(steps[1], shift=m.DOWN * 0.3)]),
        (1.0, [m.TransformFromCopy(steps[1], steps[2])]),
        (1.5, [m.Write(steps[3])]),
        (0.5, [m.Create(box)]),
    ]


def plot() -> list[Play]:
    """A curve, a secant that becomes a tangent."""
    axes = m.Axes(x_range=[-1, 3, 1], y_range=[-1, 5, 1], x_length=9, y_length=5.6,
                  axis_config={"color": INK, "include_tip": True})  # fmt: skip
    curve = axes.plot(lambda x: 0.5 * x * x + 0.4, x_range=[-1, 2.9], color=BLUE)
    dot = m.Dot(axes.c2p(1, 0.9), color=RED)
    lines = [
        m.Line(axes.c2p(-0.5, 0.9 - 1.5 * slope), axes.c2p(2.5, 0.9 + 1.5 * slope), color=GREEN)
        for slope in (1.9, 1.4, 1.0)
    ]
    label = text("slope 1 at x = 1", 30, GREEN).to_corner(m.UR)
    return [
        (0, [m.Create(axes, run_time=1.0)]),
        (0, [m.Create(curve, run_time=1.5)]),
        (0.5, [m.FadeIn(dot, scale=0.5, run_time=0.5)]),
        (0.5, [m.Create(lines[0], run_time=0.5)]),
        (0.5, [m.Transform(lines[0], lines[1])]),
        (0.5, [m.Transform(lines[0], lines[2])]),
        (0.5, [m.Write(label, run_time=0.5)]),
    ]


def array() -> list[Play]:
    """Cells of an array, two of which change places."""
    values = [7, 3, 9, 1, 8, 2, 6, 4]
    cells = m.VGroup(*(
        m.VGroup(m.Square(1.1, color=INK, stroke_width=3), text(str(value), 40)) for value in values
    )).arrange(m.RIGHT, buff=0.12)  # fmt: skip
    name = text("one pass of bubble sort", 40).to_edge(m.UP)
    mark = m.SurroundingRectangle(m.VGroup(cells[0], cells[1]), color=RED, buff=0.08)
    first, second = cells[0][1], cells[1][1]
    swap = m.Swap(first, second)
    return [
        (0, [m.FadeIn(name, run_time=0.5)]),
        (
            0,
            [
                m.LaggedStart(
                    *(m.FadeIn(one, shift=m.UP * 0.3) for one in cells),
                    lag_ratio=0.15,
                    run_time=1.0,
                )
            ],
        ),
        (1.0, [m.Create(mark, run_time=0.5)]),
        (0.5, [swap]),
        (1.0, [mark.animate.shift(m.RIGHT * 1.22 * 2)]),
        (1.0, [m.FadeOut(mark), cells[7][0].animate.set_fill(GREEN, 0.4)]),
    ]


def code() -> list[Play]:
    """Lines of code that come one by one, and a graph beside them."""
    lines = [
        "def derivative(f, x, h=1e-6):", "    rise = f(x + h) - f(x - h)",
        "    run = 2 * h", "    return rise / run", "", "slope = derivative(square, 1.0)",
    ]  # fmt: skip
    shown = m.VGroup(*(
        m.Text(line or "#", font="DejaVu Sans Mono", font_size=26, color=INK) for line in lines
    )).arrange(m.DOWN, aligned_edge=m.LEFT, buff=0.28).to_edge(m.LEFT)  # fmt: skip
    spots = [np.array([2.5 + 2.4 * np.cos(a), 2.0 * np.sin(a), 0]) for a in np.arange(5) * 1.2566]
    nodes = m.VGroup(*(m.Circle(0.42, color=BLUE, fill_opacity=0.15).move_to(s) for s in spots))
    edges = m.VGroup(*(
        m.Arrow(spots[i], spots[(i + 2) % 5], color=INK, buff=0.45, stroke_width=4)
        for i in range(5)
    ))  # fmt: skip
    return [
        (0, [m.LaggedStart(*(m.FadeIn(line) for line in shown), lag_ratio=0.3, run_time=1.5)]),
        (1.5, [m.FadeIn(nodes, scale=0.8, run_time=0.5)]),
        (0, [m.LaggedStart(*(m.GrowArrow(edge) for edge in edges), lag_ratio=0.2, run_time=1.0)]),
        (1.5, [m.Indicate(shown[3], color=RED, run_time=1.0)]),
        (
            0.5,
            [
                nodes[0].animate.set_fill(RED, 0.5),
                m.Circumscribe(shown[5], color=RED, run_time=1.0),
            ],
        ),
    ]


SCENES: dict[str, Callable[[], list[Play]]] = {
    "A": intro, "B": formula, "C": plot, "D": array, "E": code,
}  # fmt: skip
"""By the names of the classes below."""
SECONDS = 10.0
"""Of each scene."""


def length(animations: list[Any]) -> float:
    """How long animations that begin together take."""
    return float(max(one.run_time for one in animations))


class _Lesson:
    """A scene of plain manim."""

    def construct(self: Any) -> None:
        """Play it as anybody would."""
        self.camera.background_color = PAPER
        at = 0.0
        for still, animations in SCENES[type(self).__name__]():
            if still:
                self.wait(still)
            played = [prepare_animation(one) for one in animations]
            self.play(*played)
            at += still + length(played)
        self.wait(SECONDS - at)


class A(_Lesson, m.Scene):
    """A title and three points."""


class B(_Lesson, m.Scene):
    """Formulas."""


class C(_Lesson, m.Scene):
    """A plot."""


class D(_Lesson, m.Scene):
    """An array."""


class E(_Lesson, m.Scene):
    """Code and a graph."""

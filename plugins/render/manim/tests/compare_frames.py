"""Play animations with manim alone and with the stage, and compare every frame."""

from __future__ import annotations

import manim as m
import numpy as np
from manim.animation.animation import prepare_animation
from manim.mobject.svg.svg_mobject import SVG_HASH_TO_MOB_MAP

from bloop_manim import drawing
from bloop_sdk.providers.render import Look, ScenePlan
from bloop_sdk.storyboard import Scene, Title

LOOK = {"width": 320, "height": 180, "fps": 8}
ALIKE = 20
"""Where a line crosses the edge of what is drawn again, cairo rounds otherwise: it isn't seen."""
SIZE = {"pixel_width": 320, "pixel_height": 180, "frame_rate": 8,
        "frame_width": 128 / 9, "frame_height": 8.0}  # fmt: skip

MANIMS_COPY = m.Mobject.__deepcopy__
"""The stage puts a quicker one in its place."""
assert MANIMS_COPY.__module__ == m.Mobject.__module__


def played() -> list[tuple[float, list[m.Animation]]]:
    """How long the picture stands still before, and animations."""
    m.VMobject.set_default(color="#222222")
    line = m.Text("a line of text", font_size=40).to_edge(m.UP)
    squares = m.VGroup(*(m.Square(0.8, fill_opacity=0.5) for _ in range(4))).arrange(m.RIGHT)
    circle = m.Circle(1, color=m.RED, stroke_width=10).shift(m.DOWN * 2)
    star = m.Star(color=m.BLUE, fill_opacity=1, stroke_width=6).shift(m.DOWN * 2)
    behind = m.Rectangle(width=6, height=3, fill_opacity=0.4, color=m.GREEN).set_z_index(-1)
    faded = m.Dot(m.RIGHT * 5).set_color_by_gradient(m.RED, m.BLUE).scale(6)
    formula = m.MathTypst("(a + b) / (2 x)", color="#222222").to_corner(m.DL)
    number = m.Integer(3, mob_class=m.Text).to_corner(m.DR)
    arrow = m.Arrow(m.LEFT * 5 + m.DOWN * 3, m.RIGHT * 2 + m.UP)
    moved = squares[2].copy().set_color(m.PINK).shift(m.UP * 1.5)
    follower = m.Dot().add_updater(lambda dot: dot.next_to(squares[0], m.DOWN))
    return [
        (0, [m.Write(line, run_time=1), m.Write(formula, run_time=1)]),
        (0.25, [m.LaggedStart(*map(m.FadeIn, squares), lag_ratio=0.25)]),
        (0, [m.Create(circle, run_time=0.5), m.FadeIn(behind, run_time=0.75)]),
        (0.5, [m.Transform(circle, star, run_time=0.75), m.Indicate(squares[1], run_time=0.75)]),
        (0, [m.Swap(squares[0], squares[3], run_time=0.5)]),
        (0.25, [m.GrowArrow(arrow, run_time=0.5)]),
        (0.125, [m.Succession(m.FadeIn(faded, run_time=0.25), m.Wiggle(faded, run_time=0.5))]),
        (0, [m.TransformFromCopy(squares[2], moved, run_time=0.5), m.FadeIn(follower)]),
        (0, [squares.animate(run_time=0.5).shift(m.LEFT)]),
        (
            0,
            [m.Circumscribe(line, run_time=0.75), m.ChangeDecimalToValue(number, 9, run_time=0.75)],
        ),
        (0.25, [m.FadeOut(line, shift=m.UP, run_time=0.5), m.Uncreate(arrow, run_time=0.5)]),
    ]


def of_manim() -> list[np.ndarray]:
    """Every frame, drawn by manim's own renderer."""
    frames: list[np.ndarray] = []

    class Renderer(m.CairoRenderer):
        def add_frame(self, frame: np.ndarray, num_frames: int = 1) -> None:
            self.time += num_frames / 8
            frames.extend([frame] * num_frames)

    class Plain(m.Scene):
        def construct(self) -> None:
            self.camera.background_color = "#fafafa"
            for still, animations in played():
                if still:
                    self.wait(still)
                self.play(*[prepare_animation(one) for one in animations])
            self.wait(0.5)

    with m.tempconfig(
        {
            **SIZE,
            "dry_run": True,
            "disable_caching": True,
            "progress_bar": "none",
            "verbosity": "ERROR",
        }
    ):
        Plain(renderer=Renderer(), random_seed=0).render()
    return frames


def of_stage(count: int) -> list[np.ndarray]:
    """Every frame, drawn where it changes."""
    from bloop_manim import stage

    class Drawn:
        background = "#fafafa"

        def __init__(self, plan: ScenePlan) -> None:
            del plan
            self.steps, at = [], 0.0
            for still, animations in played():
                made = [prepare_animation(one) for one in animations]
                seconds = max(one.run_time for one in made)
                self.steps.append(drawing.Step(at + still, seconds, made))
                at += still + seconds

        def mobjects(self) -> list[m.Mobject]:
            return []

    drawing.timeline = Drawn
    scene = Scene(id="a", visual=Title(kind="title", title="a"))
    plan = ScenePlan(scene=scene, seconds=count / 8, look=Look(**LOOK))
    frames: list[np.ndarray] = []
    with stage.looking(plan.look):
        played_ = stage.Stage(plan)
        for frame, _ in played_.play():
            frames += frames[-1:] * (frame - len(frames))
            frames.append(played_.canvas.pixels.copy())
    return frames + frames[-1:] * (count - len(frames))


def compare() -> tuple[int, list[str]]:
    """How many frames there are, and what differs."""
    ours = drawing.timeline
    quick = m.Mobject.__deepcopy__
    try:
        m.Mobject.__deepcopy__ = MANIMS_COPY
        theirs = of_manim()
        m.Mobject.__deepcopy__ = quick
        SVG_HASH_TO_MOB_MAP.clear()
        drawn = of_stage(len(theirs))
    finally:
        m.Mobject.__deepcopy__ = quick
        drawing.timeline = ours
        m.VMobject.set_default()
    faults = []
    for number, (one, other) in enumerate(zip(theirs, drawn, strict=True)):
        differs = np.abs(one.astype(int) - other)[..., :3].max(2)
        if differs.max() > ALIKE or (differs > 2).sum() > differs.size // 500:
            faults.append(f"frame {number} by {differs.max()} at {(differs > 2).sum()}")
    return len(theirs), faults

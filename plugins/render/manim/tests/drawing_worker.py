"""A worker that draws shapes instead of scenes: what a clip holds doesn't depend on visuals."""

from __future__ import annotations

import av
import manim
import numpy as np

from bloop_manim import drawing, film, worker
from bloop_manim.encoding import Encoding
from bloop_sdk.providers.render import Layout, ScenePlan


class Shapes:
    """A drawing of the contract between the engine and what scenes look like."""

    background = "#fafafa"

    def __init__(self, plan: ScenePlan) -> None:
        square = manim.Square(2, color="#204080", fill_opacity=1)
        self._first = [square]
        self.steps: list[drawing.Step] = []
        words = plan.scene.title
        if words == "moves":
            self._step(0.5, square.animate(run_time=0.5).shift(manim.RIGHT * 3))
            self._step(1.5, manim.FadeOut(square, run_time=0.5))
        elif words == "long":
            self._step(0.0, manim.Rotating(square, run_time=plan.seconds))
        elif words == "image":
            half = np.uint8([[[255, 0, 0, 255], [0, 0, 255, 128]]])
            shown = manim.ImageMobject(half)
            shown.stretch_to_fit_width(8).stretch_to_fit_height(2)
            self._first = [shown.shift(manim.UP)]
            self._step(0.5, shown.animate(run_time=0.5).shift(manim.DOWN * 2))
        elif words == "raises":
            raise ZeroDivisionError("a drawing's own")

    def mobjects(self) -> list[manim.Mobject]:
        """What is there first."""
        return self._first

    def _step(self, at: float, animation: manim.Animation) -> None:
        animation = manim.animation.animation.prepare_animation(animation)
        self.steps.append(drawing.Step(at, animation.run_time, [animation]))


def check(plan: ScenePlan) -> Layout:
    """It is said which scene was asked for."""
    return Layout(scenes=(plan.scene,), refused=plan.scene.title == "refused")


class BreaksTape(film._Tape):
    """The processor's, as an encoder of a GPU that goes away while it encodes."""

    def __init__(self, width: int, height: int, fps: int, encoding: Encoding) -> None:
        self._breaks = encoding.codec == "h264_gpu"
        super().__init__(width, height, fps, Encoding() if self._breaks else encoding)

    def _encode(self, frame: int) -> None:
        if self._breaks and frame > 4:
            raise av.error.ExternalError(1, "the device was lost")
        super()._encode(frame)


if __name__ == "__main__":
    film._Tape = BreaksTape
    drawing.timeline = Shapes
    drawing.check = check
    worker.main()

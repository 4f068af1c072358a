"""What scenes look like, as mobjects and steps. Imports manim: for worker processes only."""

from __future__ import annotations

from dataclasses import dataclass

from manim import Mobject

from bloop_manim.drawing.compose import compose
from bloop_manim.drawing.layout import check
from bloop_manim.drawing.motion import Step, steps
from bloop_sdk.providers.render import ScenePlan

__all__ = ["Drawing", "Step", "check", "timeline"]


@dataclass(slots=True)
class Drawing:
    """A scene, ready to be played.

    It is drawn on a plane eight units high and ``frame[0]`` wide with its origin in the middle.
    Between ``steps``, which are in the order of time, the picture stands still.
    """

    background: str
    frame: tuple[float, float]
    still: list[Mobject]
    steps: list[Step]

    def mobjects(self) -> list[Mobject]:
        """What is there from the beginning."""
        return list(self.still)


def timeline(plan: ScenePlan) -> Drawing:
    """The scene of a plan; never raises for what a storyboard holds (see :func:`check`)."""
    sheet = compose(plan)
    still, made = steps(plan, sheet.frame.elements, sheet.content.elements, sheet.theme.dimmed)
    return Drawing(sheet.theme.paper, (sheet.canvas.width, 8.0), still, made)

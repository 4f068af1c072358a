"""A worker of the plugin's that draws the benchmark's scenes, by their names."""

from __future__ import annotations

from typing import Any

import _video_scenes as lesson
from manim.animation.animation import prepare_animation

from bloop_manim import drawing, worker
from bloop_sdk.providers.render import ScenePlan


class Lesson:
    """The scene that manim plays on the other side, as a drawing."""

    background = lesson.PAPER

    def __init__(self, plan: ScenePlan) -> None:
        lesson.EDIT = plan.scene.title
        self.steps: list[drawing.Step] = []
        at = 0.0
        for still, animations in lesson.SCENES[plan.scene.id.upper()]():
            played = [prepare_animation(one) for one in animations]
            seconds = lesson.length(played)
            self.steps.append(drawing.Step(at + still, seconds, played))
            at += still + seconds

    def mobjects(self) -> list[Any]:
        """Nothing is there first."""
        return []


if __name__ == "__main__":
    drawing.timeline = Lesson
    worker.main()

"""A worker of the plugin's that draws the benchmark's scenes, by their names."""

from __future__ import annotations

import _video_scenes as lesson
from manim.animation.animation import prepare_animation

from bloop_manim import drawing, worker
from bloop_sdk.providers.render import ScenePlan


def timeline(plan: ScenePlan) -> drawing.Drawing:
    """The scene that manim plays on the other side."""
    lesson.EDIT = plan.scene.title
    steps, at = [], 0.0
    for still, animations in lesson.SCENES[plan.scene.id.upper()]():
        played = [prepare_animation(one) for one in animations]
        seconds = lesson.length(played)
        steps.append(drawing.Step(at + still, seconds, played))
        at += still + seconds
    return _Drawn(lesson.PAPER, steps)


class _Drawn(drawing.Drawing):
    """As any other."""


if __name__ == "__main__":
    drawing.timeline = timeline
    worker.main()

"""A stand-in until the real pictures are here: a title card of every scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bloop_sdk.providers.render import Layout, ScenePlan


@dataclass
class Step:
    """Animations that begin together; ``at`` and ``seconds`` are the scene's."""

    at: float
    seconds: float
    animations: list[Any]


@dataclass
class Drawing:
    """What is there from the beginning, and what happens to it."""

    background: str
    steps: list[Step] = field(default_factory=list)
    first: list[Any] = field(default_factory=list)

    def mobjects(self) -> list[Any]:
        """What is drawn from the beginning."""
        return self.first


def timeline(plan: ScenePlan) -> Drawing:
    """The scene's title, which comes in during the first second."""
    import manim

    words = plan.scene.title or plan.scene.visual.title or plan.scene.id
    title = manim.Text(words, color="#1a1a1a")
    title.scale_to_fit_width(min(title.width, manim.config.frame_width * 0.8))
    length = min(1.0, plan.seconds / 2)
    return Drawing("#ffffff", [Step(0.0, length, [manim.FadeIn(title, run_time=length)])])


def check(plan: ScenePlan) -> Layout:
    """Nothing is measured."""
    return Layout(scenes=(plan.scene,))

"""Plans for the worker of the tests."""

from __future__ import annotations

from bloop_sdk.providers.render import Look, ScenePlan
from bloop_sdk.storyboard import Scene

LOOK = Look(width=426, height=240, fps=10)


def plan(title: str, seconds: float = 2.0, look: Look = LOOK) -> ScenePlan:
    """A scene that drawing_worker.py knows by its title."""
    scene = {"id": "one", "title": title, "visual": {"kind": "title", "title": "A title"}}
    return ScenePlan(scene=Scene.model_validate(scene), seconds=seconds, look=look)

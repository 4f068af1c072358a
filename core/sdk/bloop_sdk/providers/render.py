"""Capabilities ``renderer`` and ``avatar`` (provisional)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What this machine can do; ``missing`` names packages or devices to install."""

    ready: bool
    accelerated: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenePlan:
    """One scene with its times (seconds); ``key`` names its content."""

    key: str
    scene: Mapping[str, Any]
    duration: float
    cues: tuple[tuple[float, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A rendered scene on disk."""

    path: Path
    duration: float
    frames: int


@runtime_checkable
class Renderer(Protocol):
    """Draws scenes."""

    def probe(self) -> Probe:
        """What is there; quick, no rendering."""
        ...

    async def plan(
        self, storyboard: Mapping[str, Any], timings: Mapping[str, Sequence[float]]
    ) -> Sequence[ScenePlan]:
        """Resolve cues to times, scene by scene."""
        ...

    async def render(self, scene: ScenePlan, target: Path) -> Clip:
        """Draw one scene to ``target``."""
        ...


class AvatarProvider(Renderer, Protocol):
    """A presenter that speaks; scenes carry its speech."""

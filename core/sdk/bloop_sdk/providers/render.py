"""Capabilities ``renderer`` and ``avatar`` (provisional)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from bloop_sdk.storyboard import Scene

Theme = Literal["light", "dark", "contrast"]
Progress = Callable[[int, int], None]
"""Called with frames done and frames in all, now and then; what it raises ends the rendering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What this machine can do; ``missing`` names packages or devices to install."""

    ready: bool
    accelerated: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How videos of an institution look. Colours are ``#rrggbb``; sizes are even pixels."""

    width: int = 1280
    height: int = 720
    fps: int = 30
    theme: Theme = "light"
    primary: str | None = None
    accent: str | None = None
    logo: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCue:
    """A cue with its time (seconds from the scene's start)."""

    at: float
    action: Literal["show", "highlight", "hide"]
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenePlan:
    """All that one scene's picture depends on.

    ``seconds`` is how long it lasts, to the nearest frame; ``cues`` are in the order of time;
    ``assets`` are files by the ids of the storyboard's assets.
    """

    scene: Scene
    seconds: float
    cues: tuple[TimedCue, ...] = ()
    look: Look = field(default_factory=Look)
    language: str = "en"
    assets: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a scene's picture.

    ``code`` is one of ``overlap``, ``off_canvas``, ``too_small``, ``contrast``, ``formula``,
    ``glyph``, ``asset``; ``target`` is the part. A fault that was mended says what was done.
    """

    code: str
    target: str
    message: str
    mended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A scene as it can be drawn: maybe several where one was too full, and what was found.

    Lines and cues go with the parts that they speak of. Where ``refused``, nothing drawable is
    left of it.
    """

    scenes: tuple[Scene, ...]
    faults: tuple[Fault, ...] = ()
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A rendered scene on disk, without sound.

    H.264 in MP4, all clips of one look with the same parameters, so that they can be joined
    without encoding; a key frame at the start and at least every four seconds.
    """

    path: Path
    seconds: float
    frames: int


@runtime_checkable
class Renderer(Protocol):
    """Draws scenes."""

    def probe(self) -> Probe:
        """What is there; quick, no rendering."""
        ...

    def version(self) -> str:
        """Changes when the same plan would be drawn otherwise: clips are kept under it."""
        ...

    async def check(self, plan: ScenePlan) -> Layout:
        """Measure a scene, and mend what can be mended; ``seconds`` and times don't matter."""
        ...

    async def render(self, plan: ScenePlan, target: Path, progress: Progress | None = None) -> Clip:
        """Draw a scene to ``target``, which is there whole or not at all.

        Raises RetriableError with the code ``store_full`` where the disk is full: whoever asked
        tries again later, and does not blame the scene.
        """
        ...

    async def still(self, plan: ScenePlan, at: Sequence[float], folder: Path) -> Sequence[Path]:
        """PNG pictures of a scene at some times, in their order."""
        ...


class AvatarProvider(Renderer, Protocol):
    """A presenter that speaks; scenes carry its speech."""

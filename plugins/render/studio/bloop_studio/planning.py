"""What each scene's picture depends on, as JSON between jobs, and the name of its clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bloop_sdk import Item, ItemFile
from bloop_sdk.providers.render import Look, ScenePlan, TimedCue
from bloop_sdk.storyboard import Image, Scene, Storyboard, Title
from bloop_studio import pieces
from bloop_studio.timing import Timed


def plan(
    scene: Scene,
    timed: Timed,
    look: Look,
    storyboard: Storyboard,
    item: Item,
    logo: str | None,
) -> dict[str, Any]:
    """A scene's plan; what is said is not drawn, so that its words don't belong to it.

    ``logo`` is the name of its piece, which is that of its content.
    """
    assets = assets_of_scene(scene, storyboard, item)
    return {
        "scene": scene.model_dump(
            mode="json", exclude={"narration", "cues", "concepts", "seconds"}
        ),
        "frames": timed.frames,
        "cues": [[round(one.at * timed.fps), one.action, one.target] for one in timed.cues],
        "look": asdict(look) | {"logo": logo},
        "language": storyboard.language,
        "assets": {name: asdict(file) for name, file in assets.items()},
    }


def assets_of_scene(scene: Scene, storyboard: Storyboard, item: Item) -> dict[str, ItemFile]:
    """The files of a scene's pictures; one that the lesson no longer has is left out."""
    if not isinstance(scene.visual, Image):
        return {}
    sources = {one.id: one.source for one in storyboard.assets}
    file = item.files.get(sources[scene.visual.asset])
    return {scene.visual.asset: file} if file else {}


def clip_name(kept: Mapping[str, Any], renderer: str, version: str) -> str:
    """Under which its clip is kept: the same picture has the same name, whoever asks for it."""
    scene = {name: value for name, value in kept["scene"].items() if name != "id"}
    files = {name: one["sha256"] for name, one in kept["assets"].items()}
    return f"clip/{pieces.digest(renderer, version, {**kept, 'scene': scene, 'assets': files})}"


def read_plan(kept: Mapping[str, Any], files: Mapping[str, Path], logo: Path | None) -> ScenePlan:
    """A plan as renderers take it; ``files`` are those of its assets."""
    look = Look(**{**kept["look"], "logo": logo})
    return ScenePlan(
        scene=Scene.model_validate(kept["scene"]),
        seconds=kept["frames"] / look.fps,
        cues=tuple(
            TimedCue(at=frame / look.fps, action=action, target=target)
            for frame, action, target in kept["cues"]
        ),
        look=look,
        language=kept["language"],
        assets=files,
    )


def assets_of(kept: Mapping[str, Any]) -> dict[str, ItemFile]:
    """The files of a plan's pictures, by the ids of the storyboard's assets."""
    return {name: ItemFile(**one) for name, one in kept["assets"].items()}


def title_card(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of what is shown where a scene can't be drawn: its title, as long as it lasts."""
    scene = kept["scene"]
    title = scene["title"] or scene["visual"].get("title") or "…"
    card = Title(kind="title", title=title[:80]).model_dump(mode="json")
    return {**kept, "scene": {**scene, "visual": card}, "cues": [], "assets": {}}

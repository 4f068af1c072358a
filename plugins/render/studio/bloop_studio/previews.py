"""A scene as it would look and sound, before its video is made; each is made once and kept."""

from __future__ import annotations

import asyncio
import functools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from bloop_sdk import CallContext, Item, NotFoundError, UnsupportedError, gettext_noop
from bloop_sdk.providers.render import Look
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_studio import logo, pieces, planning
from bloop_studio.config import config_of
from bloop_studio.drawing import brought
from bloop_studio.options import Options
from bloop_studio.renderers import OpenRenderer, open_renderer
from bloop_studio.sound import Placed, make_sound
from bloop_studio.timing import Voiced, plan_scene
from bloop_studio.voicing import narrate

_DIGEST = re.compile(r"[0-9a-f]{64}")
KEPT = "preview/"
"""What the names of kept previews begin with."""
KINDS = {"png": "image/png", "m4a": "audio/mp4"}
_MAKING: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scene's picture: the kept ``name``, and what was found wrong with it, in words."""

    name: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """A scene's sound: the kept ``name``, how long it is, who speaks, and what was not said."""

    name: str
    seconds: float
    voice: str
    problems: tuple[str, ...] = ()


def kept_name(name: str) -> str:
    """The piece that an address names; raises NotFoundError for what is none."""
    digest, _, kind = name.partition(".")
    if kind not in KINDS or not _DIGEST.fullmatch(digest):
        raise NotFoundError(gettext_noop("there is no such preview"))
    return f"{KEPT}{name}"


async def draw(
    ctx: CallContext,
    item: Item,
    board: Storyboard,
    scene: Scene,
    options: Options,
    *,
    at: float | None = None,
    judged: bool = False,
) -> Drawn:
    """A PNG of a scene with all its parts shown, or ``at`` seconds into reading it.

    What is too full is drawn as the video will show it. ``judged`` says what was found, which has
    it measured even where the picture is kept.
    """
    opened = await open_renderer(ctx)
    plan = await _plan(ctx, item, board, scene, options)
    digest = pieces.digest(opened.plugin_id, opened.version, at, plan)
    name = f"{KEPT}{digest}.png"
    async with _alone(ctx, name):
        known = await pieces.use(ctx, name)
        if known and not judged:
            return Drawn(name)
        with pieces.workshop(ctx) as folder:
            shown, problems = await _measured(ctx, opened, plan, Path(folder))
            if not known:
                frame = 1 / options.fps
                when = shown.seconds if at is None else min(at, shown.seconds)
                (png,) = await opened.renderer.still(shown, [max(0.0, when - frame)], Path(folder))
                await pieces.keep(ctx, name, png, KINDS["png"])
    return Drawn(name, problems)


def _alone(ctx: CallContext, name: str) -> asyncio.Lock:
    """Held while a preview is made: who asks for the same meanwhile waits, and finds it kept."""
    key = f"{ctx.call.institution}/{name}"
    found = _MAKING.get(key)
    if found is None:
        found = _MAKING[key] = asyncio.Lock()
    return found


async def _plan(
    ctx: CallContext, item: Item, board: Storyboard, scene: Scene, options: Options
) -> dict[str, Any]:
    timed = plan_scene(scene, {}, options.fps)
    look, shown = _look(ctx, options), await logo.name_of(ctx)
    return planning.plan(scene, timed, look, board, item, shown)


def _look(ctx: CallContext, options: Options) -> Look:
    config = config_of(ctx)
    return options.look(config.primary, config.accent, None)


async def _measured(
    ctx: CallContext, opened: OpenRenderer, plan: dict[str, Any], folder: Path
) -> tuple[Any, tuple[str, ...]]:
    """The plan as it can be drawn, and what was found."""
    shown = await brought(ctx, plan, folder)
    layout = await opened.renderer.check(shown)
    problems = tuple(dict.fromkeys(one.message for one in layout.faults))
    if layout.refused or not layout.scenes:
        return await brought(ctx, planning.title_card(plan), folder), (
            *problems,
            gettext_noop("it can't be drawn like this: its title is shown instead"),
        )
    if len(layout.scenes) > 1 and not problems:
        problems = (
            gettext_noop("it is too full, and becomes {n} scenes").format(n=len(layout.scenes)),
        )
    # Cues of parts that have moved to a second scene don't belong to the first.
    first = layout.scenes[0]
    parts = first.visual.parts()
    cues = tuple(one for one in shown.cues if one.target in parts)
    return replace(shown, scene=first, cues=cues), problems


async def say(ctx: CallContext, board: Storyboard, scene: Scene, options: Options) -> Heard:
    """What is said to a scene, with its pauses, as the video will say it."""
    alone = board.model_copy(update={"scenes": [scene]})
    with pieces.workshop(ctx) as folder:
        narration = await narrate(ctx, alone, options, Path(folder))
        spoken = narration.of_scene(scene.id)
        if not spoken:
            raise UnsupportedError(
                gettext_noop("nothing is said in this scene"),
                cure=gettext_noop("write what is said, or let a voice speak the video"),
            )
        timed = plan_scene(scene, spoken, options.fps)
        lines = [
            Placed(timed.starts[id_], functools.partial(_speech, voiced))
            for id_, voiced in spoken.items()
        ]
        said = [[timed.starts[id_], one.spoken.text] for id_, one in spoken.items()]
        voice = narration.voice, narration.version
        digest = pieces.digest("sound", *voice, options.pace, timed.frames, said)
        name = f"{KEPT}{digest}.m4a"
        async with _alone(ctx, name):
            if not await pieces.use(ctx, name):
                path = Path(folder) / "scene.m4a"
                await ctx.run_sync(make_sound, lines, timed.seconds, path)
                await pieces.keep(ctx, name, path, KINDS["m4a"])
    return Heard(name, timed.seconds, narration.voice, tuple(narration.unsaid.values()))


def _speech(voiced: Voiced) -> Any:
    return voiced.speech

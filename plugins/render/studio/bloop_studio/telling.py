"""The stages ``storyboard`` and ``speech``: what is told, by whom, and when what is seen."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path
from typing import Any

from bloop_sdk import CallContext, FatalError, LessonView, Unit, gettext_noop
from bloop_sdk.providers.render import Fault, Layout, Look, ScenePlan
from bloop_sdk.records import JSONObject
from bloop_sdk.storyboard import Scene, Storyboard, read_storyboard
from bloop_studio import drafting, logo, pieces, planning, storyboards, videos
from bloop_studio.changes import MOST_SCENES, fresh
from bloop_studio.config import config_of
from bloop_studio.drawing import stored
from bloop_studio.insisting import insist
from bloop_studio.jobs import JobPayload, Work, next_stage, stage
from bloop_studio.options import Options
from bloop_studio.renderers import open_renderer
from bloop_studio.tables import StoryboardVersion, VideoScene
from bloop_studio.timing import Timed, plan_scene
from bloop_studio.voicing import Narration, narrate


@stage("storyboard")
async def write_storyboard(work: Work, payload: JobPayload) -> dict[str, Any]:
    """Find or draft the storyboard, and have its scenes measured."""
    begun = time.monotonic()
    version, note = await _version(work)
    storyboard, filters = await _filtered(work, Storyboard.model_validate(version.body))
    checked, faults = await check(work, storyboard)
    report: dict[str, Any] = {
        "storyboard": {"version": version.number, "made_by": version.made_by, "note": note},
        "filters": filters,
        "scenes": len(checked.scenes),
        "faults": [dataclasses.asdict(one) | {"scene": scene} for scene, one in faults],
        "seconds": {"storyboard": round(time.monotonic() - begun, 2)},
    }
    await next_stage(
        work,
        "speech",
        lambda unit: _ask_for_speech(unit, payload),
        storyboard=checked.model_dump(mode="json", exclude_defaults=True),
        storyboard_id=version.id,
        report=report,
    )
    return {"scenes": len(checked.scenes)}


def _ask_for_speech(unit: Unit, payload: JobPayload) -> str:
    return unit.enqueue("speech", payload, key=_key("speech", payload))


async def _version(work: Work) -> tuple[StoryboardVersion, str]:
    """The version that was asked for, or the lesson's own, which is drafted where there is none."""
    ctx, video = work.ctx, work.video
    if video.storyboard_id:
        found = await ctx.read(storyboards.by_id, video.storyboard_id)
        if found is not None:
            known = (video.report or {}).get("storyboard", {})
            return found, known.get("note", "") if known.get("version") == found.number else ""
    made = await drafting.draft(ctx, work.item, work.options.storyboarder)
    return await insist(ctx, _keep, work, made), made.note


def _keep(unit: Unit, work: Work, made: drafting.Draft) -> StoryboardVersion:
    """A draft, and whose it is: it may have cost something, so that another try finds it."""
    item, video = work.item, work.video
    kept = storyboards.keep(unit, item.id, item.version, made.storyboard, author=video.created_by)
    told = {"version": kept.number, "made_by": kept.made_by, "note": made.note}
    values = {"storyboard_id": kept.id, "report": {"storyboard": told}}
    videos.progress(unit, video.id, video.round, at=(video.state,), **values)
    return kept


async def _filtered(work: Work, storyboard: Storyboard) -> tuple[Storyboard, list[dict[str, str]]]:
    """The storyboard as other plugins change it, and whose change was left out."""
    item = work.item
    lesson = LessonView(
        id=item.id,
        institution=work.ctx.call.institution,
        kind=item.kind,
        title=item.title,
        language=item.language,
    )
    done = await work.ctx.providers.filtered(
        "filter_storyboard", storyboard.model_dump(mode="json"), _as_storyboard, lesson=lesson
    )
    left = [{"plugin": one.plugin_id, "reason": one.reason[:500]} for one in done.left_out]
    return Storyboard.model_validate(done.value), left


def _as_storyboard(answer: Any) -> JSONObject:
    return read_storyboard(answer).model_dump(mode="json")


async def check(work: Work, storyboard: Storyboard) -> tuple[Storyboard, list[tuple[str, Fault]]]:
    """A storyboard that can be drawn, and what was found; a refused scene keeps its words."""
    renderer = (await open_renderer(work.ctx)).renderer
    told = work.teller("scenes measured")
    with pieces.workshop(work.ctx) as name:
        shown = await logo.fetch(work.ctx, await logo.name_of(work.ctx), Path(name))
        look = look_of(work.ctx, work.options, shown)
        plans = [
            await _unplanned(work, scene, storyboard, look, Path(name))
            for scene in storyboard.scenes
        ]
        layouts = await asyncio.gather(*(renderer.check(plan) for plan in plans))
    await told(len(plans), len(plans))
    scenes: list[Scene] = []
    faults: list[tuple[str, Fault]] = []
    room = MOST_SCENES - len(storyboard.scenes)
    known = [one.id for one in storyboard.scenes]
    for scene, layout in zip(storyboard.scenes, layouts, strict=True):
        first, *more = _drawable(scene, layout, room)
        room -= len(more)
        scenes.append(first)
        for one in more:
            scenes.append(one.model_copy(update={"id": fresh(one.id, known)}))
            known.append(scenes[-1].id)
        faults += [(scene.id, fault) for fault in layout.faults]
        if not layout.refused and len(layout.scenes) > 1 + len(more):
            faults.append((scene.id, _no_room(len(layout.scenes))))
    return storyboard.model_copy(update={"scenes": scenes}), faults


def _no_room(count: int) -> Fault:
    return Fault(
        code="off_canvas",
        target="scene",
        message=gettext_noop(
            "it takes {count} scenes, more than a storyboard has room for: its title is shown"
        ).format(count=count),
    )


def _drawable(scene: Scene, layout: Layout, room: int) -> list[Scene]:
    """The scenes to draw, of which ``room`` may be more than before.

    What is refused, or takes more, is shown as its title card, and still told.
    """
    if not layout.refused and layout.scenes and len(layout.scenes) <= 1 + room:
        return list(layout.scenes)
    title = (scene.title or scene.visual.title or scene.id)[:80]
    bare = scene.model_dump(exclude={"cues", "visual"})
    return [Scene.model_validate(bare | {"visual": {"kind": "title", "title": title}})]


async def _unplanned(
    work: Work, scene: Scene, storyboard: Storyboard, look: Look, folder: Path
) -> ScenePlan:
    """A scene as it can be measured, without its times."""
    assets = planning.assets_of_scene(scene, storyboard, work.item)
    files = await stored(work.ctx, assets, folder)
    return ScenePlan(
        scene=scene, seconds=1.0, look=look, language=storyboard.language, assets=files
    )


def look_of(ctx: CallContext, options: Options, shown: Path | None = None) -> Look:
    """The look of a video in its institution's colours."""
    config = config_of(ctx)
    return options.look(config.primary, config.accent, shown)


@stage("speech")
async def speak_lines(work: Work, payload: JobPayload) -> dict[str, Any]:
    """Have the lines spoken, place the cues, and ask for the scenes."""
    begun = time.monotonic()
    storyboard = work.storyboard
    with pieces.workshop(work.ctx) as name:
        told = work.teller("lines spoken")
        narration = await narrate(work.ctx, storyboard, work.options, Path(name), told)
    timed = timed_scenes(storyboard, narration, work.options.fps)
    look, shown = look_of(work.ctx, work.options), await logo.name_of(work.ctx)
    plans = [
        planning.plan(scene, one, look, storyboard, work.item, shown)
        for scene, one in zip(storyboard.scenes, timed, strict=True)
    ]
    report = _spoken_report(work, narration, timed, time.monotonic() - begun)
    await next_stage(
        work, "scenes", lambda unit: _ask_for_scenes(unit, payload, plans), report=report
    )
    return {"lines": len(narration.lines), "made": narration.made}


def timed_scenes(storyboard: Storyboard, narration: Narration, fps: int) -> list[Timed]:
    """Each scene in time; the same speech gives the same times."""
    return [plan_scene(scene, narration.of_scene(scene.id), fps) for scene in storyboard.scenes]


def _spoken_report(
    work: Work, narration: Narration, timed: list[Timed], seconds: float
) -> dict[str, Any]:
    report = dict(work.video.report or {})
    report["speech"] = {
        "voice": narration.voice,
        "exact": narration.exact,
        "lines": len(narration.lines),
        "made": narration.made,
        "unsaid": [
            {"scene": scene, "line": line, "reason": reason}
            for (scene, line), reason in narration.unsaid.items()
        ],
    }
    report["cues"] = [dataclasses.asdict(one) for scene in timed for one in scene.problems]
    report["seconds"] = {**report.get("seconds", {}), "speech": round(seconds, 2)}
    return report


def _ask_for_scenes(unit: Unit, payload: JobPayload, plans: list[dict[str, Any]]) -> str:
    """A job a scene, and one that joins them after all; asked again, the same."""
    if not plans:
        raise FatalError(
            gettext_noop("this storyboard has no scenes"),
            cure=gettext_noop("add one, then make the video"),
        )
    videos.clear_scenes(unit, payload["video"])
    after = []
    for number, one in enumerate(plans, 1):
        unit.session.add(
            VideoScene(video_id=payload["video"], number=number, plan=one, frames=one["frames"])
        )
        wanted = payload | {"scene": number}
        after.append(unit.enqueue("scene", wanted, key=f"{_key('scene', payload)}/{number}"))
    return unit.enqueue("video", payload, key=_key("video", payload), after=after)


def _key(kind: str, payload: JobPayload) -> str:
    return f"{kind}/{payload['video']}/{payload['round']}"

"""The stage ``scenes``: a clip for each, found or drawn; a title card where that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bloop_sdk import BloopError, CallContext, ItemFile, RetriableError
from bloop_sdk.providers.render import Renderer, ScenePlan
from bloop_studio import logo, pieces, planning, videos
from bloop_studio.jobs import STOPPED, TELL_SECONDS, JobPayload, Work, stage
from bloop_studio.renderers import OpenRenderer, open_renderer
from bloop_studio.tables import VideoScene


@stage("scenes")
async def draw_scene(work: Work, payload: JobPayload) -> dict[str, Any]:
    """Find a scene's clip or draw it."""
    ctx = work.ctx
    row = await ctx.read(videos.scene, work.video.id, payload["scene"])
    if row is None:
        return {"skipped": "this scene is no longer wanted"}
    opened = await open_renderer(ctx)
    name = planning.clip_name(row.plan, opened.plugin_id, opened.version)
    if await pieces.use(ctx, name):
        await ctx.transaction(_done, row.id, name, row.frames, reused=True)
        return {"clip": name, "reused": True}
    try:
        await _draw(work, opened, row, row.plan, name)
        fault = None
    except RetriableError as err:
        if err.code == STOPPED or not ctx.is_final(err):
            raise
        name, fault = await _card(work, opened, row, err)
    except BloopError as err:
        name, fault = await _card(work, opened, row, err)
    return {"clip": name, "reused": False, "fault": fault}


async def _card(
    work: Work, opened: OpenRenderer, row: VideoScene, err: BloopError
) -> tuple[str, str]:
    """The lesson ships all the same: the scene's title, for as long as it is spoken."""
    card = planning.title_card(row.plan)
    name = planning.clip_name(card, opened.plugin_id, opened.version)
    fault = str(err)[:500]
    work.ctx.log.warning("a scene became a title card", scene=row.number, reason=fault)
    await _draw(work, opened, row, card, name, fault)
    return name, fault


async def _draw(
    work: Work,
    opened: OpenRenderer,
    row: VideoScene,
    kept: dict[str, Any],
    name: str,
    fault: str | None = None,
) -> None:
    ctx = work.ctx
    with pieces.workshop(ctx) as folder:
        plan = await brought(ctx, kept, Path(folder))
        target = Path(folder, "scene.mp4")
        await _drawn(work, opened.renderer, row, plan, target)
        await pieces.keep(ctx, name, target, "video/mp4")
    await ctx.transaction(_done, row.id, name, row.frames, reused=False, fault=fault)


async def _drawn(
    work: Work, renderer: Renderer, row: VideoScene, plan: ScenePlan, target: Path
) -> None:
    """Draw, and tell meanwhile how far it is; where the job should end, so does the drawing."""
    at = [0, row.frames]
    lock = threading.Lock()

    def progress(done: int, total: int) -> None:
        with lock:
            at[:] = [done, total]

    drawing = asyncio.ensure_future(renderer.render(plan, target, progress))
    try:
        while not (await asyncio.wait((drawing,), timeout=TELL_SECONDS))[0]:
            done, total = at
            work.ctx.progress(done, total, "frames drawn")
            await work.ctx.transaction(_tell_frames, work.video.id, work.video.round, row.id, done)
    finally:
        if not drawing.done():
            drawing.cancel()
            await asyncio.wait((drawing,))
    await drawing


def _tell_frames(unit: Any, video: str, round_: int, scene: str, frames: int) -> None:
    videos.change_scene(unit, scene, drawn=frames)
    done, total = videos.frames_drawn(unit, video)
    videos.progress(unit, video, round_, done=done, total=total, message="frames drawn")


def _done(
    unit: Any,
    scene: str,
    name: str,
    frames: int,
    *,
    reused: bool,
    fault: str | None = None,
) -> None:
    videos.change_scene(unit, scene, clip=name, drawn=frames, reused=reused, fault=fault)


async def brought(ctx: CallContext, kept: Mapping[str, Any], folder: Path) -> ScenePlan:
    """A plan whose pictures and logo are files in ``folder``."""
    files = await stored(ctx, planning.assets_of(kept), folder)
    return planning.read_plan(kept, files, await logo.fetch(ctx, kept["look"]["logo"], folder))


async def stored(ctx: CallContext, assets: Mapping[str, ItemFile], folder: Path) -> dict[str, Path]:
    """Files of the lesson on disk, under names that no lesson chose; by the ids of ``assets``."""
    files = {}
    for name, file in assets.items():
        files[name] = folder / f"asset-{file.sha256}"
        if not files[name].exists():
            await ctx.content.save(file, files[name])
    return files

"""Pages: what videos there are, a lesson's storyboard and how to make its video, and watching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bloop_sdk import Item, PageView, PanelSubject, PanelView, RequestContext, WebRequest
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_studio import storyboards, videos, views, voicing, watching
from bloop_studio.access import storyboard_of, video_of
from bloop_studio.config import config_of, defaults
from bloop_studio.languages import primary
from bloop_studio.readable import readable
from bloop_studio.script import to_markdown
from bloop_studio.tables import STAGES, StoryboardVersion, Video

REFRESH_SECONDS = 2.0
LONGEST = 24 * 3600.0
"""Seconds of a video."""
STYLES = ("studio.css",)


async def overview(_request: WebRequest, ctx: RequestContext) -> PageView:
    """The institution's videos, and what is being made."""
    rows = await ctx.read(videos.newest)
    html = ctx.render("overview.html", videos=[shown(row) for row in rows])
    return PageView(
        title="Videos", html=html, refresh=_refresh(rows), scripts=("live.js",), styles=STYLES
    )


async def lesson(request: WebRequest, ctx: RequestContext) -> PageView:
    """A lesson's storyboard, scene by scene, its text to edit, and what videos were made of it."""
    item = await ctx.content.item(request.path_params["item"])
    found = await _wanted(request, ctx, item)
    rows = await ctx.read(videos.of_lesson, item.id)
    known = await ctx.read(storyboards.versions, item.id)
    storyboard = Storyboard.model_validate(found.body) if found else None
    html = ctx.render(
        "lesson.html",
        item=item,
        version=found,
        newest=known[0].number if known else 0,
        stale=bool(found and found.lesson_version != item.version),
        scenes=[_scene(scene) for scene in storyboard.scenes] if storyboard else [],
        text=to_markdown(storyboard) if storyboard else "",
        versions=known,
        videos=[shown(row) for row in rows],
        voices=_of_language(views.voices(await voicing.voices(ctx)), item.language),
        options=defaults(config_of(ctx)),
        said=request.query_params.get("said", ""),
    )
    return PageView(title=f"Video of {item.title}", html=html, refresh=_refresh(rows))


async def watch(request: WebRequest, ctx: RequestContext) -> PageView:
    """A video with its captions, chapters and transcript."""
    found = await video_of(ctx, request.path_params["video"])
    ready = found.state == "ready"
    html = ctx.render(
        "watch.html",
        video=shown(found),
        told=await watching.told(ctx, found) if ready else None,
        start=_moment(request.query_params.get("t", "")),
        makes=ctx.may("studio:make"),
    )
    return PageView(
        title=found.title,
        html=html,
        refresh=_refresh([found]),
        scripts=("player.js",) if ready else ("live.js",),
        styles=STYLES,
        wide=True,
    )


async def beside_lesson(
    _request: WebRequest, ctx: RequestContext, subject: PanelSubject
) -> PanelView | None:
    """The lesson's newest video that is ready; for who may make one, a way to it."""
    rows = await ctx.read(videos.of_lesson, subject.id)
    ready = next((row for row in rows if row.state == "ready"), None)
    makes = ctx.may("studio:make")
    if ready is None and not makes:
        return None
    making = next((shown(row) for row in rows if row.state in STAGES), None)
    html = ctx.render(
        "panel.html",
        subject=subject,
        video=shown(ready) if ready else None,
        told=await watching.told(ctx, ready) if ready else None,
        making=making,
        makes=makes,
    )
    return PanelView(html=html, scripts=("player.js",) if ready else (), styles=STYLES)


def _of_language(voices: list[dict[str, Any]], language: str) -> list[dict[str, Any]]:
    """Those who speak a lesson's language; all, where nobody does."""
    some = [one for one in voices if primary(one["language"]) == primary(language)]
    return some or voices


def shown(row: Video) -> dict[str, Any]:
    """A video as templates show it."""
    seconds = int(row.seconds or 0)
    report = row.report or {}
    problems = [
        *(
            f"Scene {one['scene']} became a title card: {one['reason']}"
            for one in report.get("degraded", ())
        ),
        *(
            f"Scene “{one['scene']}”: {one['message']}"
            for one in report.get("faults", ())
            if not one["mended"]
        ),
        *(f"Not spoken: {one['reason']}" for one in report.get("speech", {}).get("unsaid", ())),
        *(one["message"] for one in report.get("cues", ())),
        *(
            f"The plugin {one['plugin']} changed nothing: {one['reason']}"
            for one in report.get("filters", ())
        ),
        report.get("storyboard", {}).get("note", ""),
    ]
    return {
        "id": row.id,
        "lesson": row.item_id,
        "title": row.title,
        **views.standing(row),
        "length": f"{seconds // 60}:{seconds % 60:02}" if row.seconds else "",
        "options": row.options,
        "drawn": report.get("drawn"),
        "reused": report.get("reused"),
        "language": report.get("language", "en"),
        "voice": report.get("speech", {}).get("voice", ""),
        "problems": [one for one in problems if one],
        "error": row.error,
        "files": set(row.files or {}),
        "at": row.created_at,
    }


def _scene(scene: Scene) -> dict[str, Any]:
    words = " ".join(readable(line.text).text for line in scene.narration)
    title = scene.title or scene.visual.title
    return {"id": scene.id, "title": title, "kind": scene.visual.kind, "words": words}


async def _wanted(request: WebRequest, ctx: RequestContext, item: Item) -> StoryboardVersion | None:
    number = request.query_params.get("version", "")
    if number.isdigit() and len(number) < 9:
        return await ctx.read(storyboards.version, item.id, int(number))
    return await storyboard_of(ctx, item)


def _moment(text: str) -> float | None:
    """The second that somebody asks for; None for what is none."""
    try:
        seconds = round(float(text), 2)
    except ValueError:
        return None
    return seconds if 0 < seconds < LONGEST else None


def _refresh(rows: Sequence[Video]) -> float | None:
    return REFRESH_SECONDS if any(row.state in STAGES for row in rows) else None

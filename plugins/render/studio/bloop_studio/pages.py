"""Pages: what videos there are, a lesson's storyboard and how to make its video, and watching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bloop_sdk import (
    BloopError,
    CallContext,
    Item,
    NotFoundError,
    PageView,
    PanelSubject,
    PanelView,
    PreconditionFailedError,
    RequestContext,
    WebRequest,
    Words,
    gettext_noop,
)
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_studio import storyboards, videos, views, voicing, watching
from bloop_studio.absent import ABSENT
from bloop_studio.access import counting, version_of, video_of
from bloop_studio.config import config_of, defaults
from bloop_studio.diff import compare
from bloop_studio.differing import compared
from bloop_studio.faults import sentences
from bloop_studio.fields import KINDS
from bloop_studio.languages import same
from bloop_studio.readable import readable
from bloop_studio.renderers import draws
from bloop_studio.script import to_markdown
from bloop_studio.tables import STAGES, StoryboardVersion, Video

REFRESH_SECONDS = 2.0
LONGEST = 24 * 3600.0
"""Seconds of a video."""
STYLES = ("studio.css",)
MADE_BY = {
    "author": gettext_noop("written by a person"),
    "extraction": gettext_noop("taken from the lesson's own words"),
    "model": gettext_noop("written by a language model"),
}


async def overview(_request: WebRequest, ctx: RequestContext) -> PageView:
    """The institution's videos, and what is being made."""
    rows = await ctx.read(videos.newest)
    html = ctx.render("overview.html", videos=[shown(row, ctx.words) for row in rows])
    return PageView(
        title=ctx.words.gettext("Videos"),
        html=html,
        refresh=_refresh(rows),
        scripts=("live.js",) if _refresh(rows) else (),
        styles=STYLES,
    )


async def lesson(request: WebRequest, ctx: RequestContext) -> PageView:
    """A lesson's storyboard, scene by scene, and what videos were made of it."""
    return await lesson_view(request, ctx)


async def lesson_view(
    request: WebRequest,
    ctx: RequestContext,
    error: BloopError | None = None,
    head: Mapping[str, str] | None = None,
) -> PageView:
    """The same, with why something was not done, and the ``head`` as it was typed."""
    item = await ctx.content.item(request.path_params["item"])
    known = await ctx.read(storyboards.versions, item.id)
    found = await _wanted(request, ctx, item, known)
    rows = await ctx.read(videos.of_lesson, item.id)
    board = Storyboard.model_validate(found.body) if found else None
    language = board.language if board else item.language
    newest = known[0].number if known else 0
    everybody = views.voices(await voicing.voices(ctx))
    html = ctx.render(
        "lesson.html",
        item=item,
        version=found,
        newest=newest,
        old=bool(found and found.number != newest),
        stale=bool(found and found.lesson_version != item.version),
        scenes=[_scene(scene) for scene in board.scenes] if board else [],
        since=_changed(rows, known, board) if board else None,
        draws=bool(board and await draws(ctx)),
        head=head or board,
        typed=head is not None,
        error=error,
        why=sentences(error, ctx.words),
        pictures=bool(board and board.assets),
        kinds=KINDS,
        by=MADE_BY,
        versions=known,
        videos=[shown(row, ctx.words) for row in rows],
        voices=_of_language(everybody, language),
        languages=sorted({one["language"] for one in everybody}),
        options=defaults(config_of(ctx)),
        said=request.query_params.get("said", ""),
        now=_number(request.query_params.get("now", "")),
    )
    return PageView(
        title=_video_of(ctx, item),
        html=html,
        status=_status(error),
        refresh=_refresh(rows) if error is None else None,
        scripts=("live.js",) if _refresh(rows) else (),
        styles=STYLES,
        wide=True,
    )


def _status(error: BloopError | None) -> int:
    if error is None:
        return 200
    return {PreconditionFailedError.code: 409, NotFoundError.code: 404}.get(error.code, 422)


async def text(request: WebRequest, ctx: RequestContext) -> PageView:
    """The whole storyboard as a text to edit."""
    item = await ctx.content.item(request.path_params["item"])
    found = await version_of(ctx, item, None)
    script = to_markdown(Storyboard.model_validate(found.body))
    return text_view(ctx, item, script, found.number)


def text_view(
    ctx: RequestContext,
    item: Item,
    script: str,
    number: int,
    error: BloopError | None = None,
    *,
    conflict: bool = False,
) -> PageView:
    """The same with a text that was not kept, and why."""
    html = ctx.render(
        "text.html",
        item=item,
        text=script,
        number=number,
        error=error,
        why=sentences(error, ctx.words),
        conflict=conflict,
    )
    status = 409 if conflict else 422 if error else 200
    return PageView(title=_video_of(ctx, item), html=html, status=status, styles=STYLES)


async def versions(request: WebRequest, ctx: RequestContext) -> PageView:
    """The versions of a storyboard, and what changed between two of them."""
    item = await ctx.content.item(request.path_params["item"])
    known = await ctx.read(storyboards.versions, item.id)
    by_number = {one.number: one for one in known}
    old = by_number.get(_number(request.query_params.get("from", "")))
    new = by_number.get(_number(request.query_params.get("to", "")))
    html = ctx.render(
        "versions.html",
        item=item,
        versions=known,
        newest=known[0].number if known else 0,
        by=MADE_BY,
        old=old,
        new=new,
        found=compared(old, new, ctx.words) if old and new else None,
    )
    return PageView(
        title=ctx.words.gettext("Versions of %(title)s") % {"title": item.title},
        html=html,
        styles=STYLES,
    )


async def watch(request: WebRequest, ctx: RequestContext) -> PageView:
    """A video with its captions, chapters and transcript."""
    found = await video_of(ctx, request.path_params["video"])
    ready, makes = found.state == "ready", ctx.may("studio:make")
    told = shown(found, ctx.words)
    html = ctx.render(
        "watch.html",
        video=told if makes else views.without_workings(told),
        told=await watching.told(ctx, found) if ready else None,
        start=_moment(request.query_params.get("t", "")),
        makes=makes,
    )
    return PageView(
        title=found.title,
        html=html,
        refresh=_refresh([found]),
        scripts=("player.js",) if ready else ("live.js",) if found.state in STAGES else (),
        styles=STYLES,
        wide=True,
    )


async def beside_lesson(
    _request: WebRequest, ctx: RequestContext, subject: PanelSubject
) -> PanelView | None:
    """The lesson's newest video that is ready; for who may make one, a way to it."""
    place = ctx.call.institution, subject.id
    ready = making = None
    if not ABSENT.known(*place):
        ready, making = await ctx.read(videos.beside, subject.id)
        if ready is None and making is None:
            ABSENT.note(*place)
    makes = ctx.may("studio:make")
    if ready is None and not makes:
        return None
    html = ctx.render(
        "panel.html",
        subject=subject,
        video=shown(ready, ctx.words) if ready else None,
        told=await watching.told(ctx, ready) if ready else None,
        making=shown(making, ctx.words) if making else None,
        makes=makes,
    )
    return PanelView(html=html, scripts=("player.js",) if ready else (), styles=STYLES)


async def has_video(ctx: CallContext) -> bool:
    """Whether the institution has a video to watch."""
    return await ctx.read(videos.any_ready)


def _of_language(voices: list[dict[str, Any]], language: str) -> list[dict[str, Any]]:
    """Those who speak a lesson's language; all, where nobody does."""
    some = [one for one in voices if same(one["language"], language)]
    return some or voices


def _video_of(ctx: RequestContext, item: Item) -> str:
    return ctx.words.gettext("Video of %(title)s") % {"title": item.title}


def shown(row: Video, words: Words) -> dict[str, Any]:
    """A video as templates show it."""
    seconds = int(row.seconds or 0)
    report = row.report or {}
    return {
        "id": row.id,
        "lesson": row.item_id,
        "title": row.title,
        **views.standing(row, words),
        "waits": row.message.startswith("tried again"),
        "length": f"{seconds // 60}:{seconds % 60:02}" if row.seconds else "",
        "options": row.options,
        "drawn": report.get("drawn"),
        "reused": report.get("reused"),
        "language": report.get("language", "en"),
        "voice": report.get("speech", {}).get("voice", ""),
        "problems": [one for one in _problems(report, words) if one],
        "error": row.error,
        "files": set(row.files or {}),
        "at": row.created_at,
    }


def _problems(report: Mapping[str, Any], words: Words) -> Iterator[str]:
    """What did not come out as it was meant, a sentence each; some are empty."""
    _, told = words.gettext, words.translate
    for one in report.get("degraded", ()):
        said = _("Scene {scene} became a title card: {why}")
        yield said.format(scene=one["scene"], why=told(one["reason"]))
    for one in report.get("faults", ()):
        if not one["mended"]:
            said = _("Scene “{scene}”: {why}")
            yield said.format(scene=one["scene"], why=told(one["message"]))
    for one in report.get("speech", {}).get("unsaid", ()):
        yield _("Not spoken: {why}").format(why=told(one["reason"]))
    for one in report.get("cues", ()):
        yield told(one["message"])
    for one in report.get("filters", ()):
        said = _("The plugin {plugin} changed nothing: {why}")
        yield said.format(plugin=one["plugin"], why=told(one["reason"]))
    yield told(report.get("storyboard", {}).get("note", ""))


def _scene(scene: Scene) -> dict[str, Any]:
    words = " ".join(readable(line.text).text for line in scene.narration)
    title = scene.title or scene.visual.title
    return {"id": scene.id, "title": title, "kind": KINDS[scene.visual.kind], "words": words}


async def _wanted(
    request: WebRequest, ctx: RequestContext, item: Item, known: Sequence[StoryboardVersion]
) -> StoryboardVersion | None:
    """The version that was asked for, or the one that counts."""
    number = _number(request.query_params.get("version", ""))
    if number:
        return await version_of(ctx, item, number)
    return counting(known[0] if known else None, item)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _changed(
    rows: Sequence[Video], known: Sequence[StoryboardVersion], board: Storyboard
) -> frozenset[str] | None:
    """The scenes that differ from those of the newest video; None where there is none to tell."""
    ready = next((row for row in rows if row.state == "ready"), None)
    drawn = next((one for one in known if ready and one.id == ready.storyboard_id), None)
    if drawn is None:
        return None
    return compare(Storyboard.model_validate(drawn.body), board).scenes


def _moment(text: str) -> float | None:
    """The second that somebody asks for; None for what is none."""
    try:
        seconds = round(float(text), 2)
    except ValueError:
        return None
    return seconds if 0 < seconds < LONGEST else None


def _refresh(rows: Sequence[Video]) -> float | None:
    return REFRESH_SECONDS if any(row.state in STAGES for row in rows) else None

"""For programs, below ``/x/studio``: videos, storyboards and their versions, voices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from bloop_sdk import (
    Item,
    LiveView,
    NotFoundError,
    RequestContext,
    Response,
    UnsupportedError,
    WebRequest,
    gettext_noop,
    read_object,
)
from bloop_sdk.storyboard import Storyboard, read_storyboard, storyboard_schema
from bloop_sdk.web import FileView
from bloop_studio import asking, logo, previews, storyboards, videos, views, voicing
from bloop_studio.access import storyboard_of, video_of
from bloop_studio.changes import place
from bloop_studio.config import config_of, defaults
from bloop_studio.diff import compare
from bloop_studio.faults import MOST, Fault, fault_of
from bloop_studio.options import Options
from bloop_studio.script import from_markdown, to_markdown
from bloop_studio.tables import StoryboardVersion

MAKE = "studio:make"
MARKDOWN = "text/markdown"
LINK_SECONDS = 7 * 24 * 3600.0


async def list_videos(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """The newest videos, or those of one lesson (``?lesson=``)."""
    lesson = request.query_params.get("lesson", "")
    if lesson:
        await ctx.content.item(lesson)
        rows = await ctx.read(videos.of_lesson, lesson)
    else:
        rows = await ctx.read(videos.newest)
    return {"items": [views.video(row) for row in rows]}


async def ask(request: WebRequest, ctx: RequestContext) -> Response:
    """Ask for a video: ``{"lesson": id, "storyboard": {..}?, "version": n?, ..options}``."""
    body = await read_object(request)
    item = await ctx.content.item(_text(body, "lesson"))
    given, number = body.pop("storyboard", None), body.pop("version", None)
    again = bool(body.pop("again", False))
    options = read_options(body, defaults(config_of(ctx)))
    if given is not None:
        number = (await asking.write(ctx, item, read_storyboard(given), None)).number
    if number is not None and not isinstance(number, int):
        raise UnsupportedError("`version` is a number")
    made = await asking.ask(ctx, item, options, number=number, again=again)
    return _answer(views.video(made), 202, {"location": f"/x/studio/videos/{made.id}"})


async def show(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """How far a video is, and where its files are; what went wrong is for who makes videos."""
    shown = views.video(await video_of(ctx, request.path_params["video"]))
    return shown if ctx.may(MAKE) else views.without_workings(shown)


async def live(request: WebRequest, ctx: RequestContext) -> LiveView:
    """How far a video is, whenever that changes, until it is ready or has failed."""
    id_ = request.path_params["video"]

    async def look() -> dict[str, Any]:
        shown = views.standing(await video_of(ctx, id_), ctx.words)
        return shown if ctx.may(MAKE) else views.without_workings(shown)

    return LiveView(look=look, over=lambda now: not now["making"])


async def again(request: WebRequest, ctx: RequestContext) -> Response:
    """Have a video made that has failed, as it was asked for; any other is left as it is."""
    found = await video_of(ctx, request.path_params["video"])
    made = await ctx.transaction(videos.again, found.id)
    return _answer(views.video(made or found), 202, {})


async def remove(request: WebRequest, ctx: RequestContext) -> Response:
    """Forget a video."""
    found = await video_of(ctx, request.path_params["video"])
    await ctx.transaction(videos.remove, found.id)
    return Response(status=204, headers={}, body=b"", url="")


async def links(request: WebRequest, ctx: RequestContext) -> dict[str, str]:
    """Addresses of a video's files that anybody may open for a week."""
    found = await video_of(ctx, request.path_params["video"])
    return {
        name: ctx.signed(f"/videos/{found.id}/files/{name}", LINK_SECONDS)
        for name in views.file_names(found)
    }


async def file(request: WebRequest, ctx: RequestContext) -> FileView:
    """A file of a video: ``video.mp4``, ``captions.vtt``, ``chapters.vtt``, ``transcript.html``."""
    found = await video_of(ctx, request.path_params["video"])
    name = (found.files or {}).get(request.path_params["file"])
    if name is None:
        raise NotFoundError(
            gettext_noop("this video has no such file"),
            cure=gettext_noop("see `files` of the video"),
        )
    download = ""
    if request.query_params.get("download"):
        download = views.download_name(found, request.path_params["file"])
    return FileView(name=name, download=download)


async def storyboard(request: WebRequest, ctx: RequestContext) -> Any:
    """A lesson's storyboard: as JSON, or as Markdown where that is accepted (``?format=md``)."""
    item = await _item(request, ctx)
    found = await _version(ctx, item, request.query_params.get("version"))
    tag = {"etag": f'"{found.number}"'}
    asked = request.query_params.get("format", request.headers.get("accept", ""))
    if asked == "md" or asked.startswith(MARKDOWN):
        text = to_markdown(Storyboard.model_validate(found.body))
        headers = tag | {"content-type": f"{MARKDOWN}; charset=utf-8"}
        return Response(status=200, headers=headers, body=text.encode(), url="")
    return _answer(views.version(found) | {"storyboard": found.body}, 200, tag)


async def write_storyboard(request: WebRequest, ctx: RequestContext) -> Response:
    """Keep a storyboard that a person wrote, as JSON or Markdown; ``If-Match`` names its base."""
    item = await _item(request, ctx)
    text = (await request.body()).decode("utf-8", "replace")
    kind = request.headers.get("content-type", "")
    given = from_markdown(text) if kind.startswith(MARKDOWN) else read_storyboard(text)
    base = request.headers.get("if-match", "").strip('W/" ')
    if not (base.isascii() and base.isdigit() and len(base) < 9):
        raise UnsupportedError(
            "a storyboard is written over a version", cure="send If-Match with the ETag of yours"
        )
    kept = await asking.write(ctx, item, given, int(base))
    return _answer(views.version(kept), 200, {"etag": f'"{kept.number}"'})


async def draft(request: WebRequest, ctx: RequestContext) -> Response:
    """Have a lesson's storyboard drafted anew."""
    item = await _item(request, ctx)
    asked = request.query_params.get("storyboarder", config_of(ctx).storyboarder)
    kept = await asking.redraft(ctx, item, asked)
    answer = views.version(kept) | {"storyboard": kept.body}
    return _answer(answer, 201, {"etag": f'"{kept.number}"'})


async def versions(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """The versions of a lesson's storyboard, the newest first."""
    item = await _item(request, ctx)
    rows = await ctx.read(storyboards.versions, item.id)
    return {"items": [views.version(row) for row in rows]}


async def difference(request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """What has changed between two versions (``?from=1&to=2``)."""
    item = await _item(request, ctx)
    old = await _version(ctx, item, request.query_params.get("from"))
    new = await _version(ctx, item, request.query_params.get("to"))
    return views.difference(compare(_read(old), _read(new)))


async def picture(request: WebRequest, ctx: RequestContext) -> FileView:
    """A picture of one scene, as it is at its end or ``?at=`` seconds; drawn once, then kept."""
    item = await _item(request, ctx)
    board = _read(await _version(ctx, item, request.query_params.get("version")))
    scene = board.scenes[place(board, request.path_params["scene"])]
    options = read_options({"quality": "480p"}, defaults(config_of(ctx)))
    at = _seconds(request.query_params.get("at"))
    return FileView(name=(await previews.draw(ctx, item, board, scene, options, at=at)).name)


async def show_logo(_request: WebRequest, ctx: RequestContext) -> FileView:
    """The institution's own logo."""
    if await ctx.files.get(logo.KEPT) is None:
        raise NotFoundError("this institution has set no logo")
    return FileView(name=logo.KEPT, download="logo")


async def write_logo(request: WebRequest, ctx: RequestContext) -> Response:
    """Set the logo: the body is a PNG, a JPEG or an SVG."""
    await logo.keep(ctx, await request.body())
    return Response(status=204, headers={}, body=b"", url="")


async def remove_logo(_request: WebRequest, ctx: RequestContext) -> Response:
    """Remove the institution's own logo."""
    await logo.forget(ctx)
    return Response(status=204, headers={}, body=b"", url="")


async def schema(_request: WebRequest, _ctx: RequestContext) -> dict[str, Any]:
    """JSON Schema of storyboards."""
    return storyboard_schema()


async def voices(_request: WebRequest, ctx: RequestContext) -> dict[str, Any]:
    """Who can speak."""
    return {"items": views.voices(await voicing.voices(ctx))}


def read_options(given: dict[str, Any], usual: Options) -> Options:
    """Options over the usual ones; raises UnsupportedError, which names what is wrong."""
    try:
        return Options.model_validate(usual.model_dump() | given)
    except ValidationError as err:
        faults = [fault_of(one, part=".".join(map(str, one["loc"]))) for one in err.errors()]
        raise OptionsError(faults[:MOST]) from None


class OptionsError(UnsupportedError):
    """Such a video can't be made; ``faults`` say why."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"such a video can't be made: {'; '.join(map(str, faults))}")


async def _item(request: WebRequest, ctx: RequestContext) -> Item:
    return await ctx.content.item(request.path_params["item"])


async def _version(ctx: RequestContext, item: Item, number: str | None) -> StoryboardVersion:
    if number is None:
        found = await storyboard_of(ctx, item) or await ctx.read(storyboards.newest, item.id)
    else:
        wanted = int(number) if number.isdecimal() and len(number) < 9 else 0
        found = await ctx.read(storyboards.version, item.id, wanted)
    if found is None:
        raise NotFoundError(
            gettext_noop("this lesson has no such storyboard"),
            cure=gettext_noop("have one drafted first"),
        )
    return found


def _read(version: StoryboardVersion) -> Storyboard:
    return Storyboard.model_validate(version.body)


def _seconds(text: str | None) -> float | None:
    try:
        return None if text is None else max(0.0, min(600.0, float(text)))
    except ValueError:
        raise UnsupportedError("`at` is a number of seconds") from None


def _text(body: dict[str, Any], key: str) -> str:
    value = body.pop(key, None)
    if not isinstance(value, str) or not value:
        raise UnsupportedError(f"`{key}` is missing", cure="name the lesson by its id")
    return value


def _answer(value: Any, status: int, headers: dict[str, str]) -> Response:
    kind = {"content-type": "application/json"}
    return Response(status=status, headers=kind | headers, body=json.dumps(value).encode(), url="")

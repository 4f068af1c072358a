"""For programs: one storyboard changed scene by scene, previewed and restored.

Each change names in ``If-Match`` the version that it was made from. What others have changed
elsewhere meanwhile stays; where they have changed the same, it is refused with 412.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from bloop_sdk import (
    MalformedRecordError,
    NotFoundError,
    RequestContext,
    Response,
    UnsupportedError,
    WebRequest,
    read_object,
)
from bloop_sdk.storyboard import Scene, Storyboard
from bloop_sdk.web import FileView
from bloop_studio import asking, changes, previews, views
from bloop_studio.access import version_of
from bloop_studio.scene_pages import Shown, answer, options
from bloop_studio.tables import StoryboardVersion


async def put_scene(request: WebRequest, ctx: RequestContext) -> Response:
    """Replace a scene by the one in the body."""
    id_ = request.path_params["scene"]
    scene = read_scene({**await read_object(request), "id": id_})
    return await _changed(request, ctx, changes.put(scene))


async def add_scene(request: WebRequest, ctx: RequestContext) -> Response:
    """Add a scene: ``{"scene": {..}}`` or ``{"copy_of": id}``, and ``after`` which."""
    body = await read_object(request)
    if "copy_of" in body:
        return await _changed(request, ctx, changes.duplicate(str(body["copy_of"])), 201)
    given = body.get("scene")
    scene = read_scene({"id": "scene", **given} if isinstance(given, dict) else given)
    after = body.get("after")
    return await _changed(
        request, ctx, changes.add(scene, None if after is None else str(after)), 201
    )


async def remove_scene(request: WebRequest, ctx: RequestContext) -> Response:
    """Remove a scene."""
    return await _changed(request, ctx, changes.remove(request.path_params["scene"]))


async def move_scene(request: WebRequest, ctx: RequestContext) -> Response:
    """Move a scene: ``{"to": place}``, counted from 1."""
    to = (await read_object(request)).get("to")
    if not isinstance(to, int) or isinstance(to, bool):
        raise UnsupportedError("`to` is a place, counted from 1")
    return await _changed(request, ctx, changes.move(request.path_params["scene"], to))


async def change_head(request: WebRequest, ctx: RequestContext) -> Response:
    """Change ``title``, ``language`` or ``presenter``."""
    body = await read_object(request)
    known = {"title", "language", "presenter"}
    if not body or set(body) - known:
        raise UnsupportedError(f"what can be changed: {', '.join(sorted(known))}")
    return await _changed(request, ctx, changes.about(**body))


async def restore(request: WebRequest, ctx: RequestContext) -> Response:
    """Keep an earlier version once more, over the one in ``If-Match``."""
    item = await ctx.content.item(request.path_params["item"])
    number = _whole(request.path_params["number"])
    return _kept(await asking.restore(ctx, item, number, _base(request)), 201)


async def preview(request: WebRequest, ctx: RequestContext) -> Response:
    """Draw a scene that is not kept: ``{"scene": {..}}``; with ``"sound": true`` say it instead."""
    item = await ctx.content.item(request.path_params["item"])
    body = await read_object(request)
    scene = read_scene(body.get("scene"))
    board = Storyboard.model_validate((await version_of(ctx, item, None)).body)
    if body.get("sound"):
        return answer(ctx, item, Shown(heard=await previews.say(ctx, board, scene, options(ctx))))
    drawn = await previews.draw(ctx, item, board, scene, options(ctx), judged=True)
    return answer(ctx, item, Shown(drawn=drawn))


async def preview_file(request: WebRequest, ctx: RequestContext) -> FileView:
    """A picture or a sound of a preview; its address is its content's, and never shows another."""
    await ctx.content.item(request.path_params["item"])
    name = previews.kept_name(request.path_params["name"])
    if await ctx.files.get(name) is None:
        raise NotFoundError("this preview is gone", cure="ask for it again")
    return FileView(name=name, immutable=True)


def read_scene(value: Any) -> Scene:
    """A scene from JSON; raises MalformedRecordError with every fault and its place."""
    try:
        return Scene.model_validate(value)
    except ValidationError as err:
        faults = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'scene'}: {one['msg']}"
            for one in err.errors()[:20]
        )
        raise MalformedRecordError(f"not a scene: {faults}") from None


async def _changed(
    request: WebRequest, ctx: RequestContext, change: changes.Change, status: int = 200
) -> Response:
    item = await ctx.content.item(request.path_params["item"])
    return _kept(await asking.change(ctx, item, change, _base(request)), status)


def _kept(found: StoryboardVersion, status: int) -> Response:
    headers = {"content-type": "application/json", "etag": f'"{found.number}"'}
    body = json.dumps(views.version(found) | {"storyboard": found.body}).encode()
    return Response(status=status, headers=headers, body=body, url="")


def _base(request: WebRequest) -> int:
    base = request.headers.get("if-match", "").strip('W/" ')
    if not base.isdecimal():
        raise UnsupportedError(
            "a storyboard is changed from a version", cure="send If-Match with the ETag of yours"
        )
    return _whole(base)


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0

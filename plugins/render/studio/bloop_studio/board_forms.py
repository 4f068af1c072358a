"""What the forms of a storyboard's page do to it as a whole; each leads back to that page."""

from __future__ import annotations

from bloop_sdk import (
    BloopError,
    Form,
    PageView,
    RequestContext,
    Response,
    WebRequest,
    read_form,
    redirect,
)
from bloop_sdk.storyboard import Storyboard
from bloop_studio import asking, changes
from bloop_studio.access import version_of
from bloop_studio.fields import KINDS
from bloop_studio.pages import lesson_view
from bloop_studio.scene_forms import blank


async def change_scene(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Move a scene up or down, copy it or remove it."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    id_, does = request.path_params["scene"], form["do"]
    version = await version_of(ctx, item, number_of(form))
    at = changes.place(Storyboard.model_validate(version.body), id_) + 1
    if does == "copy":
        change = changes.duplicate(id_)
    elif does == "remove":
        change = changes.remove(id_)
    else:
        # To a place, so that the same form sent twice moves it once.
        change = changes.move(id_, at - 1 if does == "up" else at + 1)
    try:
        kept = await asking.change(ctx, item, change, version.number)
    except BloopError as err:
        return await lesson_view(request, ctx, err)
    to = f"#scene-{id_}" if does != "remove" else ""
    said = {"copy": "copied", "remove": "gone"}.get(does, "moved")
    return redirect(f"/x/studio/lessons/{item.id}?said={said}&now={kept.number}{to}")


async def add_scene(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Add a scene of a kind, and lead to it."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    kind = form["kind"] if form["kind"] in KINDS else "bullets"
    version = await version_of(ctx, item, number_of(form))
    board = Storyboard.model_validate(version.body)
    try:
        change = changes.add(blank(kind, board), form["after"] or None)
        kept = await asking.change(ctx, item, change, version.number)
    except BloopError as err:
        return await lesson_view(request, ctx, err)
    before = {one.id for one in board.scenes}
    made = next(one["id"] for one in kept.body["scenes"] if one["id"] not in before)
    return redirect(f"/x/studio/lessons/{item.id}/scenes/{made}?said=added")


async def about(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Change the video's title, its language, and whether a voice speaks."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    values = {name: form[name].strip() for name in ("title", "language", "presenter")}
    try:
        await asking.change(ctx, item, changes.about(**values), number_of(form))
    except BloopError as err:
        return await lesson_view(request, ctx, err, values)
    return redirect(f"/x/studio/lessons/{item.id}?said=kept")


async def restore(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Make the storyboard what an earlier version was, as a new version."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    number = request.path_params["number"]
    known = int(number) if number.isdecimal() and len(number) < 9 else 0
    try:
        await asking.restore(ctx, item, known, number_of(form))
    except BloopError as err:
        return await lesson_view(request, ctx, err)
    return redirect(f"/x/studio/lessons/{item.id}?said=restored")


def number_of(form: Form) -> int:
    """The version that a form was made from; 0 for one that names none."""
    base = form["base"]
    return int(base) if base.isdecimal() and len(base) < 9 else 0

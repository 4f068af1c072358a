"""What the forms of the pages do; each leads back to a page."""

from __future__ import annotations

from bloop_sdk import (
    BloopError,
    PageView,
    PreconditionFailedError,
    RequestContext,
    Response,
    WebRequest,
    read_form,
    redirect,
)
from bloop_studio import asking, videos
from bloop_studio.access import version_of, video_of
from bloop_studio.api import read_options
from bloop_studio.board_forms import number_of
from bloop_studio.config import config_of, defaults
from bloop_studio.pages import lesson_view, text_view
from bloop_studio.script import from_markdown


async def make(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Ask for a lesson's video; what can't be made is said on the page of its storyboard."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    names = ("quality", "aspect", "theme", "voice")
    given = {name: form[name] for name in names if form[name]}
    try:
        options = read_options(given, defaults(config_of(ctx)))
        made = await asking.ask(ctx, item, options, again=bool(form["again"]))
    except BloopError as err:
        return await lesson_view(request, ctx, err)
    return redirect(f"/x/studio/watch/{made.id}")


async def again(request: WebRequest, ctx: RequestContext) -> Response:
    """Have a video made that has failed."""
    found = await video_of(ctx, request.path_params["video"])
    await ctx.transaction(videos.again, found.id)
    return redirect(f"/x/studio/watch/{found.id}")


async def write(request: WebRequest, ctx: RequestContext) -> Response | PageView:
    """Keep the storyboard that somebody edited; what is wrong with it is said beside their text."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    text, over = form["text"].replace("\r\n", "\n"), number_of(form)
    try:
        await asking.write(ctx, item, from_markdown(text), over)
    except PreconditionFailedError as err:
        newest = await version_of(ctx, item, None)
        return text_view(ctx, item, text, newest.number, err, conflict=True)
    except BloopError as err:
        return text_view(ctx, item, text, over, err)
    return redirect(f"/x/studio/lessons/{item.id}?said=kept")


async def draft(request: WebRequest, ctx: RequestContext) -> Response:
    """Have the storyboard drafted anew."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    await asking.redraft(ctx, item, form["storyboarder"] or config_of(ctx).storyboarder)
    return redirect(f"/x/studio/lessons/{item.id}?said=drafted")


async def remove(request: WebRequest, ctx: RequestContext) -> Response:
    """Remove a video."""
    found = await video_of(ctx, request.path_params["video"])
    await ctx.transaction(videos.remove, found.id)
    return redirect(f"/x/studio/lessons/{found.item_id}?said=removed")

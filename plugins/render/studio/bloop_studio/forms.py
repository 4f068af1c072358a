"""What the forms of the pages do; each leads back to a page."""

from __future__ import annotations

from bloop_sdk import (
    BloopError,
    PageView,
    RequestContext,
    Response,
    WebRequest,
    read_form,
    redirect,
)
from bloop_studio import asking, videos
from bloop_studio.access import video_of
from bloop_studio.api import read_options
from bloop_studio.config import config_of, defaults
from bloop_studio.script import from_markdown


async def make(request: WebRequest, ctx: RequestContext) -> Response:
    """Ask for a lesson's video."""
    item = await ctx.content.item(request.path_params["item"])
    form = await read_form(request)
    names = ("quality", "aspect", "theme", "voice")
    given = {name: form[name] for name in names if form[name]}
    options = read_options(given, defaults(config_of(ctx)))
    made = await asking.ask(ctx, item, options, again=bool(form["again"]))
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
    text, base = form["text"], form["base"]
    try:
        storyboard = from_markdown(text)
        over = int(base) if base.isdigit() and len(base) < 9 else 0
        await asking.write(ctx, item, storyboard, over)
    except BloopError as err:
        html = ctx.render("wrong.html", item=item, text=text, number=base, error=err)
        return PageView(title=f"Video of {item.title}", html=html, status=422)
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

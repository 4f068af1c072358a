"""The page of bookmarks, the panel beside a lesson, and what their forms lead to."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, cast

from bloop_bookmarks import tables, work
from bloop_bookmarks.config import BookmarksConfig
from bloop_sdk import (
    CallContext,
    FileView,
    PageView,
    PanelSubject,
    RequestContext,
    Response,
    UnsupportedError,
    WebRequest,
    read_form,
    redirect,
)


async def mine(request: WebRequest, ctx: RequestContext) -> PageView:
    """The caller's own bookmarks."""
    user = ctx.call.principal.id
    html = ctx.render(
        "mine.html",
        rows=await ctx.read(tables.of, user),
        link=share_link(ctx, user),
        operates=ctx.may("plugins:toggle"),
        exporting=request.query_params.get("exporting"),
        exported=await ctx.files.get(work.name_of(user)) is not None,
    )
    return PageView(title="Bookmarks", html=html)


async def shared(request: WebRequest, ctx: RequestContext) -> PageView:
    """Somebody else's bookmarks, for who has the link that they made."""
    user = request.path_params["user"]
    link = share_link(ctx, user)
    if link is None or not hmac.compare_digest(link.encode(), _asked(request, user).encode()):
        raise UnsupportedError("this link shares nothing", cure="ask for a new one")
    rows = await ctx.read(tables.of, user)
    return PageView(title="Shared bookmarks", html=ctx.render("shared.html", rows=rows))


async def beside_lesson(
    _request: WebRequest, ctx: RequestContext, subject: PanelSubject
) -> str | None:
    """A button to keep the lesson, or to keep it no more."""
    kept = await ctx.read(tables.has, ctx.call.principal.id, subject.id)
    return ctx.render("panel.html", subject=subject, kept=kept)


async def add(request: WebRequest, ctx: RequestContext) -> Any:
    """Keep an item: a form leads back to the lesson, JSON is answered in kind."""
    item = _item(request)
    if _is_json(request):
        given = await request.json()
        title = str(given.get("title", "")) if isinstance(given, dict) else ""
    else:
        title = (await read_form(request))["title"]
    user, most = ctx.call.principal.id, config(ctx).most
    id_ = await ctx.transaction(tables.keep, user, item, title, most)
    return {"id": id_, "item": item} if _is_json(request) else redirect(f"/lessons/{item}")


async def remove(request: WebRequest, ctx: RequestContext) -> Response:
    """Keep an item no more; a form says where it stood."""
    item = _item(request)
    await ctx.transaction(tables.drop, ctx.call.principal.id, item)
    if request.method == "DELETE":
        return Response(status=204, headers={}, body=b"", url="")
    listed = (await read_form(request))["from"] == "list"
    return redirect("/x/bookmarks/" if listed else f"/lessons/{item}")


async def ask_for_export(_request: WebRequest, ctx: RequestContext) -> Response:
    """Have the list written as Markdown in the background."""
    await ctx.transaction(lambda unit: unit.enqueue("export", {"user": ctx.call.principal.id}))
    return redirect("/x/bookmarks/?exporting=1")


async def exported(_request: WebRequest, ctx: RequestContext) -> FileView:
    """What the last export wrote."""
    return FileView(name=work.name_of(ctx.call.principal.id), download="bookmarks.md")


def share_link(ctx: CallContext, user: str) -> str | None:
    """The path of somebody's shared list; None where no key to sign it is set."""
    key = config(ctx).link_key
    if key is None:
        return None
    text = f"{ctx.call.institution}/{user}".encode()
    signature = hmac.new(key.get_secret_value().encode(), text, hashlib.sha256).hexdigest()
    return f"/x/bookmarks/shared/{user}/{signature}"


def config(ctx: CallContext) -> BookmarksConfig:
    """The settings that hold in the caller's institution."""
    return cast("BookmarksConfig", ctx.config)


def _asked(request: WebRequest, user: str) -> str:
    return f"/x/bookmarks/shared/{user}/{request.path_params['signature']}"


def _item(request: WebRequest) -> str:
    item = request.path_params["item"]
    if len(item) > 36 or not item.replace("-", "").isalnum():
        raise UnsupportedError("this is no id of a lesson")
    return item


def _is_json(request: WebRequest) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")

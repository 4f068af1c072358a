"""Routes and pages of plugins, below ``/x/<plugin>/``: found anew whenever plugins change.

A route's handler gives a :class:`bloop_sdk.Response`, :class:`bloop_sdk.PageView`,
:class:`bloop_sdk.FileView`, :class:`bloop_sdk.LiveView` or something JSON-shaped, a page's view one
of the first two. The
declared action is enforced, its failures are the plugin's own, and it has a deadline. Who has a
signed address (:mod:`bloop.hub.links`) comes as who signed it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import bloop_sdk
from bloop.accounts.access import PLUGIN_SECONDS, Router, call_of, holder_of, hub_of
from bloop.accounts.actions import VISIT, ForbiddenError
from bloop.accounts.http import json_response
from bloop.accounts.mfa.guard import require_fresh
from bloop.api.plugin_live import live_answer
from bloop.content.file_answers import file_answer
from bloop.kernel.faults import PluginFailedError, PluginUnavailableError
from bloop.kernel.states import PluginState
from bloop.store.errors import NotFoundError
from bloop_sdk import (
    Call,
    FileView,
    LiveView,
    PageView,
    RequestContext,
    RetriableError,
    UnsupportedError,
)
from bloop_sdk.manifest import PageDecl

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.hub.links import Opened
    from bloop.kernel.registry import Contribution

router = Router(prefix="/x", tags=["plugins"])

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks of a plugin, and as whom: ``until`` is when its link expires."""

    part: Contribution
    values: dict[str, str]
    call: Call
    until: float | None


async def permitted(request: Request) -> _Asked:
    """What the path names, and for whom; raises where they may not have it."""
    hub = cast("Hub", hub_of(request))
    plugin, rest = request.path_params["plugin"], request.path_params["rest"]
    link = await _link(hub, request, plugin, f"/{rest}")
    call = call_of(request) if link is None else link.call
    await check_on(hub, call, plugin)
    method = "GET" if request.method == "HEAD" else request.method
    offered = (*hub.kernel.contributions("routes"), *hub.kernel.contributions("pages"))
    own = [part for part in offered if part.plugin_id == plugin]
    found, values = found_at(own, f"/{rest}", method)
    if link is not None and (method != "GET" or _kind(found) == "page"):
        raise ForbiddenError("a link opens routes that read, and nothing else")
    action = found.declaration.action
    hub.offers.require(call, plugin, action, changing=method != "GET")
    if getattr(found.declaration, "step_up", False):
        require_fresh(holder_of(request))
    return _Asked(found, values, call, link.expires if link else None)


async def _link(hub: Hub, request: Request, plugin: str, path: str) -> Opened | None:
    """Who signed the address; None for one that nobody did, like nearly all."""
    query = request.url.query
    if "bloop_signature=" not in query:
        return None
    return await hub.links.open(plugin, path, query, call_of(request).trace)


async def call_plugin(request: Request, plugin: str, rest: str) -> Response:  # noqa: ARG001 - of the path
    """Hand a request to the route or page that the path names."""
    from bloop.hub.contexts import open_context
    from bloop.web.plugin_calls import RequestCall

    hub = cast("Hub", hub_of(request))
    found = await permitted(request)
    declared = found.part.declaration
    await _count(request, declared, found.call)
    method = "GET" if request.method == "HEAD" else request.method
    asked = await asked_with_body(request, method, found.values)
    handler = await found.part.load()
    ctx = await open_context(hub, RequestCall, plugin, found.call, request=asked, until=found.until)
    return await hub.kernel.calls.call(
        cast("Any", found.part),
        f"{_kind(found.part)} {declared.path}",
        called(handler, asked, found.part, ctx),
        timeout=PLUGIN_SECONDS,
        # What fails with one institution's settings or data closes nobody else's pages.
        connection=found.call.institution,
    )


async def _count(request: Request, declared: Any, call: Call) -> None:
    """Count what the route says that it is, besides the request itself."""
    rates = request.scope["bloop.edge"].rates
    kind = getattr(declared, "rate", None)
    if kind is not None and rates is not None:
        await rates.count(kind, request.scope, call)


for _method in METHODS:
    router.add(
        _method,
        "/{plugin}/{rest:path}",
        call_plugin,
        action=VISIT,
        permit=permitted,
        include_in_schema=False,
    )


@router.get("/{plugin}", action=VISIT, include_in_schema=False)
async def enter(request: Request, plugin: str) -> Response:
    """The first page of a plugin has a slash at its end, to which its links are relative."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/x/{quote(plugin)}/{query}", 307)


class PluginRequest(Request):
    """A request as a plugin's handler gets it; what is wrong with its body is not the plugin's."""

    async def json(self) -> Any:
        """The body as JSON; raises :class:`MalformedBodyError`, a ValueError, where it is none."""
        try:
            return orjson.loads(await self.body())
        except orjson.JSONDecodeError as err:
            raise MalformedBodyError(f"the body is no JSON: {err.msg}") from err


class MalformedBodyError(UnsupportedError, ValueError):
    """The body is not what the route reads."""

    code = "malformed_body"


async def asked_with_body(request: Request, method: str, values: dict[str, str]) -> PluginRequest:
    """The request with its whole body: who sends that slowly costs no plugin's deadline."""
    scope = request.scope
    if method != scope["method"]:
        # The server looks at its own whether it has to leave the body of the answer out.
        scope = {**scope, "method": method}
    scope["path_params"] = values
    asked = PluginRequest(scope, request.receive)
    if method != "GET":
        await asked.body()
    return asked


async def check_on(hub: Hub, call: Call, plugin: str) -> None:
    """Raise where the plugin is not ready, or switched off for the call's institution."""
    if hub.loading:
        raise RetriableError("plugins are still being loaded", retry_after=1)
    record = hub.kernel.plugins.get(plugin)
    off = {PluginState.DISABLED, PluginState.STOPPED}
    if record is None or record.status.state in off:
        raise NotFoundError(f"no plugin {plugin[:40]!r} is switched on")
    if record.status.state is not PluginState.READY:
        raise PluginUnavailableError(
            f"plugin {plugin} is {record.status.state}", cure=record.status.cure
        )
    if not await hub.choices.enabled_for(call, plugin):
        raise NotFoundError(f"plugin {plugin} is switched off for this institution")


def found_at(
    own: Iterable[Contribution], path: str, method: str, *, methods: Sequence[str] = ("GET",)
) -> tuple[Contribution, dict[str, str]]:
    """What stands at a path, and the values of its ``{name}`` segments; raises 404 or 405."""
    allowed: set[str] = set()
    for part in own:
        match = re.fullmatch(_pattern(part.declaration.path), path)
        if match is None:
            continue
        answered = getattr(part.declaration, "methods", methods)
        if method in answered:
            return part, match.groupdict()
        allowed |= set(answered)
    if allowed:
        raise HTTPException(405, f"{method} is not for {path}", {"allow": ", ".join(allowed)})
    raise NotFoundError(f"the plugin has nothing at {path[:200]}")


def _pattern(template: str) -> str:
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )


def _kind(found: Contribution) -> str:
    return "page" if isinstance(found.declaration, PageDecl) else "route"


async def called(
    handler: Any, request: Request, found: Contribution, ctx: RequestContext
) -> Response:
    """Call the handler where the kernel's guard sees whatever it does, its answer included."""
    answer = await handler(request, ctx)
    if isinstance(answer, FileView) and _kind(found) == "route":
        return await _file(request, ctx, answer)
    if isinstance(answer, LiveView) and _kind(found) == "route":
        return await live_answer(request, found, answer, _link_of(ctx))
    return await _response(request, found, answer)


def _link_of(ctx: Any) -> tuple[Call, float] | None:
    """Whose the link is by which the request came, and when it expires; None where none was."""
    return None if ctx.until is None else (ctx.call, ctx.until)


async def _file(request: Request, ctx: RequestContext, view: FileView) -> Response:
    """A file that the plugin keeps, whole or in ranges."""
    kept = await ctx.files.get(view.name)
    if kept is None:
        raise NotFoundError(f"no file {view.name[:200]!r} is kept")
    return file_answer(
        request,
        cast("Hub", hub_of(request)).blobs.path(kept.sha256),
        kept.sha256,
        media_type=kept.media_type,
        name=view.download,
        inline=not view.download,
        immutable=view.immutable,
    )


async def _response(request: Request, found: Contribution, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, bloop_sdk.Response):
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
        if any(char in "\r\n\0" for pair in headers.items() for text in pair for char in text):
            raise PluginFailedError(
                f"plugin {found.plugin_id} answered with a line break in a header",
                cure="tell the plugin's author: what people wrote may not go into headers as it is",
            )
        return Response(answer.body, answer.status, headers=headers)
    if isinstance(answer, PageView) and isinstance(answer.html, str):
        from bloop.web.plugin_calls import framed

        return await framed(request, found.plugin_id, answer)
    if _kind(found) == "route":
        try:
            return json_response(answer)
        except orjson.JSONEncodeError:
            pass
    raise PluginFailedError(
        f"plugin {found.plugin_id} answered with a {type(answer).__name__}, "
        f"which is no {'page' if _kind(found) == 'page' else 'response'}",
        cure="tell the plugin's author",
    )

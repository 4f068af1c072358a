"""Routes and pages of plugins, below ``/x/<plugin>/``: found anew whenever plugins change.

A route's handler gives a :class:`bloop_sdk.Response`, a :class:`bloop_sdk.PageView` or something
JSON-shaped, a page's view one of the first two. The declared action is enforced, its failures are
the plugin's own, and it has a deadline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import bloop_sdk
from bloop.accounts.access import DEADLINE_SECONDS, Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.http import json_response
from bloop.kernel.faults import PluginFailedError, PluginUnavailableError
from bloop.kernel.states import PluginState
from bloop.store.errors import NotFoundError
from bloop_sdk import PageView, RequestContext, RetriableError, UnsupportedError
from bloop_sdk.manifest import PageDecl

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import Contribution

router = Router(prefix="/x", tags=["plugins"])

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length"}


async def permitted(request: Request) -> tuple[Contribution, dict[str, str]]:
    """What the path names, as :func:`_find`; raises where the caller may not have it."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    plugin, rest = request.path_params["plugin"], request.path_params["rest"]
    await _check_on(hub, request, plugin)
    method = "GET" if request.method == "HEAD" else request.method
    offered = (*hub.kernel.contributions("routes"), *hub.kernel.contributions("pages"))
    own = [part for part in offered if part.plugin_id == plugin]
    found, values = _find(own, f"/{rest}", method)
    action = found.declaration.action
    hub.offers.require(call, plugin, action, changing=method != "GET")
    return found, values


async def call_plugin(request: Request, plugin: str, rest: str) -> Response:  # noqa: ARG001 - of the path
    """Hand a request to the route or page that the path names."""
    from bloop.hub.contexts import open_context
    from bloop.web.plugin_calls import RequestCall

    hub, call = cast("Hub", hub_of(request)), call_of(request)
    found, values = await permitted(request)
    declared = found.declaration
    method = "GET" if request.method == "HEAD" else request.method
    asked = await _asked(request, method, values)
    handler = await found.load()
    ctx = await open_context(hub, RequestCall, plugin, call, request=asked)
    return await hub.kernel.calls.call(
        cast("Any", found),
        f"{_kind(found)} {declared.path}",
        _called(handler, asked, found, ctx),
        timeout=DEADLINE_SECONDS,
    )


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


async def _asked(request: Request, method: str, values: dict[str, str]) -> PluginRequest:
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


async def _check_on(hub: Hub, request: Request, plugin: str) -> None:
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
    if not await hub.choices.enabled_for(call_of(request), plugin):
        raise NotFoundError(f"plugin {plugin} is switched off for this institution")


def _find(
    own: Iterable[Contribution], path: str, method: str
) -> tuple[Contribution, dict[str, str]]:
    """What stands at a path, and the values of its ``{name}`` segments; raises 404 or 405."""
    allowed: set[str] = set()
    for part in own:
        match = re.fullmatch(_pattern(part.declaration.path), path)
        if match is None:
            continue
        methods = getattr(part.declaration, "methods", ("GET",))
        if method in methods:
            return part, match.groupdict()
        allowed |= set(methods)
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


async def _called(
    handler: Any, request: Request, found: Contribution, ctx: RequestContext
) -> Response:
    """Call the handler where the kernel's guard sees whatever it does, its answer included."""
    return await _response(request, found, await handler(request, ctx))


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

        return await framed(request, answer)
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

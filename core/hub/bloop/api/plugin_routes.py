"""Routes that plugins contribute, below ``/x/<plugin>/``: found anew whenever plugins change.

A handler is ``async def (request, ctx)``; it gives a :class:`bloop_sdk.Response`, something
JSON-shaped, or a Starlette response. Its action is enforced, its failures are the plugin's own, and
it has a deadline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import bloop_sdk
from bloop.accounts.access import ACTIONS, DEADLINE_SECONDS, VISIT, Router, call_of, hub_of, require
from bloop.accounts.http import json_response
from bloop.kernel.faults import PluginFailedError, PluginUnavailableError
from bloop.kernel.states import PluginState
from bloop.store.errors import NotFoundError
from bloop_sdk import PluginContext, RetriableError, Role

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import Contribution

router = Router(prefix="/x", tags=["plugins"])

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length"}


async def call_plugin(request: Request, plugin: str, rest: str) -> Response:
    """Hand a request to the plugin that the path names."""
    hub = cast("Hub", hub_of(request))
    await _check_on(hub, request, plugin)
    own = [part for part in hub.kernel.contributions("routes") if part.plugin_id == plugin]
    found, values = _find(own, f"/{rest}", request.method)
    action = found.declaration.action
    require(call_of(request), action, least=_role(hub, plugin, action))
    request.scope["path_params"] = values
    handler = found.target()
    work = _called(handler, request, hub.plugin_context(plugin))
    return await hub.kernel.calls.call(
        cast("Any", found), f"route {found.declaration.path}", work, timeout=DEADLINE_SECONDS
    )


for _method in METHODS:
    router.add(_method, "/{plugin}/{rest:path}", call_plugin, action=VISIT, include_in_schema=False)


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
    """The route at a path, and the values of its ``{name}`` segments; raises 404 or 405."""
    allowed: set[str] = set()
    for part in own:
        match = re.fullmatch(_pattern(part.declaration.path), path)
        if match is None:
            continue
        if method in part.declaration.methods or method == "HEAD":
            return part, match.groupdict()
        allowed |= set(part.declaration.methods)
    if allowed:
        raise HTTPException(405, f"{method} is not for {path}", {"allow": ", ".join(allowed)})
    raise NotFoundError(f"the plugin has nothing at {path[:200]}")


def _pattern(template: str) -> str:
    parts = re.split(r"\{(\w+)\}", template)
    return "".join(
        f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts)
    )


def _role(hub: Hub, plugin: str, action: str) -> Role | None:
    """The least role of an action: the hub's own, or one that the plugin itself declares."""
    if action in ACTIONS:
        return ACTIONS[action]
    for part in hub.kernel.contributions("actions"):
        if part.plugin_id == plugin and part.declaration.name == action:
            return Role(part.declaration.role)
    return None


async def _called(handler: Any, request: Request, ctx: PluginContext) -> Response:
    """Call the handler where the kernel's guard sees whatever it does, its answer included."""
    return _response(ctx.plugin_id, await handler(request, ctx))


def _response(plugin: str, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, bloop_sdk.Response):
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
        if any(char in "\r\n\0" for pair in headers.items() for text in pair for char in text):
            raise PluginFailedError(
                f"plugin {plugin} answered with a line break in a header",
                cure="tell the plugin's author: what people wrote may not go into headers as it is",
            )
        return Response(answer.body, answer.status, headers=headers)
    try:
        return json_response(answer)
    except orjson.JSONEncodeError as err:
        raise PluginFailedError(
            f"plugin {plugin} answered with a {type(answer).__name__}, which is no response",
            cure="tell the plugin's author",
        ) from err

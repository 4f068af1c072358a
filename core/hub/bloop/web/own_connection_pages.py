"""Pages on which people connect notes of their own, and admins say whether they may."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, by_user, call_of, hub_of
from bloop.accounts.actions import may
from bloop.hub.connection_views import connectable, views
from bloop.hub.own_connections import allow, require_allowed, rule
from bloop.store.database import in_unit
from bloop.web.connection_pages import OUTSIDE_SECONDS, connect, hub_for, new_connection, told
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


async def own_connections(request: Request) -> dict[str, Any]:
    """What the page of one's notes shows of connections; what there is stays without the rule."""
    hub, call = hub_for(request), call_of(request)
    allowed, _ = await rule(hub, call)
    plugins = await connectable(hub, call, own=True)
    names = {one.id: one.name for one in plugins}
    return {
        "connections": [told(request, one, names) for one in await views(hub, call, own=True)],
        "may_connect": allowed and bool(plugins),
        "may_allow": not allowed and bool(plugins) and may(call, "institutions:configure"),
    }


@router.get(
    "/notes/connect",
    action="connections:write",
    also=by_user("connections:write"),
    step_up=True,
    problems=(404, 503),
    include_in_schema=False,
)
async def ask_for_own(request: Request, plugin: str = "") -> Response:
    """The form of a connection of one's own; first the choice of what is connected."""
    await _require_allowed(request)
    return await new_connection(request, plugin, own=True)


@router.post(
    "/notes/connect",
    action="connections:write",
    also=by_user("connections:write"),
    step_up=True,
    problems=(404, 503),
    deadline=OUTSIDE_SECONDS,
    include_in_schema=False,
)
async def create_own(request: Request, plugin: str = "") -> Response:
    """Make it and check it; or the form again, with what is wrong."""
    await _require_allowed(request)
    return await connect(request, plugin, own=True)


@router.post(
    "/connections/own", action="institutions:configure", step_up=True, include_in_schema=False
)
async def set_rule(request: Request) -> Response:
    """Let people connect notes of their own, or no longer."""
    yes = (await read_form(request))["allowed"] == "yes"
    database = hub_of(request).database
    await database.run(in_unit, database, call_of(request), allow, yes=yes, version=None)
    return RedirectResponse("/connections#own", 303)


async def _require_allowed(request: Request) -> None:
    database = hub_of(request).database

    def look() -> None:
        with database.reading(call_of(request)) as unit:
            require_allowed(unit)

    await database.run(look)

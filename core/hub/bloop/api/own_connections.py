"""Connections that people have for themselves: made and listed, and whether they may have any.

What can be done with one is where it is for the institution's (:mod:`bloop.api.connection_acts`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, by_user, call_of
from bloop.accounts.http import expected_version, json_response
from bloop.api.connections import (
    ConnectionIn,
    ConnectionList,
    ConnectionOut,
    PluginConnectable,
    answer_made,
    form_of,
    hub_for,
    run,
)
from bloop.hub import own_connections
from bloop.hub.connection_views import connectable, views

router = Router(prefix="/api/v1", tags=["connections"])


class OwnConnectables(BaseModel):
    """By what people can connect themselves here; nothing where they may not."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    allowed: bool
    items: list[PluginConnectable]


class OwnConnectionsRule(BaseModel):
    """Whether people may connect accounts of their own."""

    model_config = ConfigDict(extra="forbid")

    allowed: bool = False


@router.get("/account/connections", action="account:read", response_model=ConnectionList)
async def list_own_connections(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    after: Annotated[str, Field(max_length=36)] = "",
) -> Response:
    """The connections that the caller has for themselves."""
    hub, call = hub_for(request), call_of(request)
    found = await views(hub, call, after=after, limit=limit + 1, own=True)
    items = found[:limit]
    more = items[-1]["id"] if len(found) > limit else None
    return json_response({"items": items, "next": more})


@router.get("/account/connectable", action="account:read", response_model=OwnConnectables)
async def list_own_connectable(request: Request) -> Response:
    """By what the caller can connect an account of their own, and what that asks for."""
    hub, call = hub_for(request), call_of(request)
    allowed, _ = await own_connections.rule(hub, call)
    able = await connectable(hub, call, own=True) if allowed else ()
    items = [form_of(hub, one.id, own=True) for one in able]
    return json_response({"allowed": allowed, "items": items})


@router.post(
    "/account/connections",
    action="connections:write",
    also=by_user("connections:write"),
    step_up=True,
    status_code=201,
    response_model=ConnectionOut,
    problems=(404, 409, 422, 503),
)
async def create_own_connection(request: Request, body: ConnectionIn) -> Response:
    """Connect an account of one's own: what it brings is the caller's alone."""
    return await answer_made(request, body, own=True)


@router.get("/own-connections", action="connections:read", response_model=OwnConnectionsRule)
async def show_rule(request: Request) -> Response:
    """Whether people here may connect accounts of their own."""
    allowed, version = await own_connections.rule(hub_for(request), call_of(request))
    return json_response({"allowed": allowed}, version=version)


@router.put(
    "/own-connections",
    action="institutions:configure",
    step_up=True,
    response_model=OwnConnectionsRule,
    problems=(412, 422, 428),
)
async def set_rule(request: Request, body: OwnConnectionsRule) -> Response:
    """Let people connect accounts of their own, or no longer; what is connected stays so."""
    version = expected_version(request)
    await run(request, own_connections.allow, yes=body.allowed, version=version)
    return await show_rule(request)

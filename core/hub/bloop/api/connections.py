"""Connections with other systems: made, seen, changed, removed; what of a system is read, and when.

No answer holds a secret. What can be done with one is in :mod:`bloop.api.connection_acts`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.accounts.mfa.guard import require_fresh
from bloop.content.connection_queries import OWN_CONNECTION
from bloop.content.syncing import set_every
from bloop.hub import connections, stopping
from bloop.hub.connection_views import View, asked, view, views
from bloop.hub.connections import NewConnection
from bloop.jobs import JobState
from bloop.kernel.connections import choose
from bloop.kernel.states import ConnectionState
from bloop.store.database import in_unit

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/connections", tags=["connections"])

JSONObject = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Canvas of our school"])]
Secrets = dict[str, Annotated[SecretStr, Field(json_schema_extra={"writeOnly": True})] | None]
Every = Annotated[str, Field(max_length=120, examples=["6h", "30 3 * * *"])]
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=10_000)]


class ConnectionIn(BaseModel):
    """A new connection; which settings and secrets there are, the plugin says."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    plugin: str = Field(max_length=40, examples=["canvas"])
    name: Name
    settings: JSONObject = Field(
        default_factory=dict, examples=[{"base_url": "https://canvas.example.edu"}]
    )
    secrets: Secrets = Field(default_factory=dict, examples=[{"token": "..."}])
    every: Every | None = Field(
        "6h", description="How often it is read by itself; null: only when asked for"
    )


class ConnectionChange(BaseModel):
    """What is to change; the rest stays. ``settings`` are replaced, ``every`` null is never."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: Name | None = None
    settings: JSONObject | None = None
    every: Every | None = None


class ConnectionOut(BaseModel):
    """A connection, its state with reason and cure, and how its last sync went."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    owner: str | None = Field(
        description="Who has it for themselves: others are told no more than its state"
    )
    plugin: str = Field(examples=["canvas"])
    capability: str = Field(examples=["lms"])
    name: str
    settings: JSONObject
    held: dict[str, str] = Field(
        description="The secrets that are set, and since when", examples=[{"token": "2026-01-31"}]
    )
    checked: JSONObject = Field(
        description="What the last check said: account, site, version, missing permissions, gaps"
    )
    selected: JSONObject = Field(
        description="What is read: containers, streams; what is absent is read whole"
    )
    state: ConnectionState
    reason: str | None
    cure: str | None
    recoverable: bool = Field(description="Whether the hub gets out of the state by itself")
    since: datetime
    every: str | None
    next_at: datetime | None
    watched_since: datetime | None = Field(
        description="Since when its changes are noticed as they happen"
    )
    unwatched: str | None = Field(description="Why they are not, where they could be")
    job: str | None = Field(description="The sync that was asked for last")
    job_state: JobState | None
    synced_at: datetime | None = Field(description="When a sync last came to its end")
    quarantined: int = Field(description="Records that could not be used")
    created_at: datetime
    row_version: int


class ConnectionList(BaseModel):
    """Connections, the oldest first; ``next`` is for ``after``."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[ConnectionOut]
    next: str | None


class Selection(BaseModel):
    """What of a system is read: ids of its courses, names of streams; null means all."""

    model_config = ConfigDict(extra="forbid")

    containers: Names | None = Field(None, examples=[["101", "102"]])
    streams: Names | None = Field(None, examples=[["modules", "pages"]])


class PluginConnectable(BaseModel):
    """What a connection by a plugin asks for."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    plugin: str
    json_schema: JSONObject = Field(description="JSON Schema of its settings, secrets included")
    settings: list[str]
    secrets: list[str]


@router.get("", action="connections:read", response_model=ConnectionList)
async def list_connections(
    request: Request,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    after: Annotated[str, Field(max_length=36)] = "",
) -> Response:
    """The institution's connections with other systems."""
    found = await views(hub_for(request), call_of(request), after=after, limit=limit + 1)
    items = found[:limit]
    more = items[-1]["id"] if len(found) > limit else None
    return json_response({"items": items, "next": more})


@router.post(
    "",
    action="connections:write",
    step_up=True,
    status_code=201,
    response_model=ConnectionOut,
    problems=(404, 409, 422, 503),
)
async def create_connection(request: Request, body: ConnectionIn) -> Response:
    """Make a connection; it is checked by a call of its own."""
    return await answer_made(request, body)


async def answer_made(request: Request, body: ConnectionIn, *, own: bool = False) -> Response:
    """Make a connection, or one of the caller's ``own``, and tell it."""
    new = NewConnection(
        plugin=body.plugin,
        name=body.name,
        settings=body.settings,
        secrets=plain(body.secrets),
        every=body.every or "",
        own=own,
    )
    made = await connections.create(hub_for(request), call_of(request), new)
    return await answer(request, made, status=201)


@router.get(
    "/plugins/{plugin_id}",
    action="connections:read",
    response_model=PluginConnectable,
    problems=(404, 503),
)
async def show_connectable(request: Request, plugin_id: str) -> Response:
    """What a connection by this plugin asks for."""
    hub = hub_for(request)
    await hub.choices.require(call_of(request), plugin_id)
    return json_response(form_of(hub, plugin_id))


def form_of(hub: Hub, plugin_id: str, *, own: bool = False) -> dict[str, Any]:
    """What a connection by a ready plugin asks for, or one of somebody's ``own``."""
    model = hub.kernel.context(plugin_id).model
    settings, secrets = asked(model, own=own)
    schema: dict[str, Any] = model.model_json_schema()
    known = {*settings, *secrets}
    schema["properties"] = {k: v for k, v in schema.get("properties", {}).items() if k in known}
    schema["required"] = [name for name in schema.get("required", ()) if name in known]
    return {"plugin": plugin_id, "json_schema": schema, "settings": settings, "secrets": secrets}


async def own_connection(request: Request) -> bool:
    """For ``also``: whether the connection is the caller's own, who then may all with it."""
    return await owns_connection(request, request.path_params["connection_id"])


@router.get(
    "/{connection_id}",
    action="connections:read",
    also=own_connection,
    response_model=ConnectionOut,
    problems=(404,),
)
async def show_connection(request: Request, connection_id: str) -> Response:
    """One connection."""
    found = await view(hub_for(request), call_of(request), connection_id)
    # How its syncs go is no version of it, so there is no 304.
    return json_response(found, version=found["row_version"])


@router.patch(
    "/{connection_id}",
    action="connections:write",
    also=own_connection,
    response_model=ConnectionOut,
    problems=(404, 409, 412, 422, 428, 503),
)
async def change_connection(
    request: Request, connection_id: str, body: ConnectionChange
) -> Response:
    """Change its name, its settings, or how often it is read by itself.

    Settings say where its secrets are sent: they ask for a fresh proof of who you are.
    """
    hub, call, version = hub_for(request), call_of(request), expected_version(request)
    if body.settings is not None:
        require_fresh(holder_of(request))
    if body.name is not None or body.settings is not None:
        await connections.change(
            hub, call, connection_id, name=body.name, settings=body.settings, version=version
        )
        version = None
    if "every" in body.model_fields_set:
        zone = hub.config.value.hub.time_zone
        await run(request, set_every, connection_id, body.every, zone, version)
    return await answer(request, connection_id)


@router.delete(
    "/{connection_id}",
    action="connections:end",
    also=own_connection,
    step_up=True,
    status_code=204,
    deadline=60.0,
    problems=(404, 409, 412, 422, 428),
)
async def remove_connection(
    request: Request, connection_id: str, content: Literal["keep", "trash"] = "keep"
) -> Response:
    """Remove it with its runs, people and secrets; its courses stay, or go into the trash."""
    hub, call, version = hub_for(request), call_of(request), expected_version(request)
    trash = content == "trash"
    await stopping.remove(hub, call, connection_id, trash=trash, version=version)
    return Response(status_code=204)


@router.put(
    "/{connection_id}/selection",
    action="connections:write",
    also=own_connection,
    response_model=ConnectionOut,
    problems=(404, 412, 422, 428),
)
async def select_of_connection(request: Request, connection_id: str, body: Selection) -> Response:
    """Say what of the system is read from the next sync on; what was read before stays."""
    await run(
        request,
        choose,
        connection_id,
        containers=body.containers,
        streams=body.streams,
        version=expected_version(request),
    )
    return await answer(request, connection_id)


# -- what the acts need as well


async def owns_connection(request: Request, id_: str) -> bool:
    """Whether a connection is the caller's own, as far as a token lets them at it."""
    call = call_of(request)
    scopes = call.principal.scopes
    if scopes is not None and not scopes & {"connections:read", "connections:write"}:
        return False
    return await hub_of(request).database.read_one(OWN_CONNECTION, call, id=id_) is not None


def hub_for(request: Request) -> Hub:
    """The hub that answers."""
    return cast("Hub", hub_of(request))


def plain(secrets: Secrets) -> dict[str, str | None]:
    """The secrets of a body."""
    return {name: None if one is None else one.get_secret_value() for name, one in secrets.items()}


async def run(request: Request, command: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a command of this request in a unit of its own."""
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)


async def answer(request: Request, connection_id: str, *, status: int = 200) -> Response:
    """The connection as it is now."""
    found: View = await view(hub_for(request), call_of(request), connection_id)
    return json_response(found, status, version=found["row_version"])

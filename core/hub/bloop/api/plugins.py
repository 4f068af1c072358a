"""Plugins: what is installed, in which state and why; switching them on and off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.http import json_response
from bloop.hub.switching import Switched, switch, undo
from bloop.kernel.grants import rights_shown
from bloop.kernel.institutions import Choice, switch_plugin
from bloop.kernel.states import PluginState, Status
from bloop.ops.plan import Change, Plan, plan
from bloop.store.database import in_unit

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.ops.doctor import Diagnosis

router = Router(prefix="/api/v1/plugins", tags=["plugins"])

JSONObject = dict[str, Any]


class PluginOut(BaseModel):
    """A plugin in the process that answered."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str = Field(examples=["cartridge"])
    name: str | None = Field(examples=["Common Cartridge"])
    summary: str | None
    family: str | None = Field(examples=["lms"])
    version: str | None = Field(examples=["0.1.0"])
    state: PluginState
    reason: str | None
    cure: str | None
    recoverable: bool
    since: str
    capabilities: list[str] = Field(examples=[["lms", "exporter"]])
    wanted: bool = Field(description="Whether hub.toml enables it")
    enabled: bool = Field(description="Whether the caller's institution has it switched on")


class PluginList(BaseModel):
    """Every plugin that is installed or wanted."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[PluginOut]


class BreakerOut(BaseModel):
    """A circuit breaker; ``reopens_in`` is in seconds."""

    plugin: str
    operation: str
    connection: str | None
    circuit: Literal["closed", "open", "half_open"]
    failures: int
    reopens_in: float | None
    last_error: str | None


class DeclaredOut(BaseModel):
    """What the manifest declares, and which hooks the loaded code has."""

    hooks: list[str]
    implemented: list[str] | None
    capabilities: list[str]
    hosts: list[str]
    system: list[str]
    contributions: dict[str, int]


class ContractOut(BaseModel):
    """The version of `bloop_sdk` that it asks for, and the one that is here."""

    asks: str = Field(examples=["1.0"])
    speaks: str = Field(examples=["1.0"])


class SecretOut(BaseModel):
    """A setting that holds a secret, never its value."""

    name: str = Field(examples=["client_secret"])
    scope: str | None = Field(description="The narrowest that may set it; null: not loaded")
    is_set: bool | None = Field(
        description="Null where connections or people have one each, or nobody knows"
    )
    set_by: Literal["hub", "institution"] | None
    set_at: datetime | None


class WorkOut(BaseModel):
    """A kind of job, and how many of the institution's there are; `failed` in seven days."""

    kind: str = Field(examples=["studio.render"])
    queue: str | None = Field(description="Null: a job of the hub's that works by the plugin")
    every: str | None = Field(examples=["15m"])
    zone: str | None
    waiting: int
    running: int
    failed: int


class EntryOut(BaseModel):
    """A way in, and who may take it; an inbound path proves by itself who calls."""

    kind: Literal["page", "panel", "route", "inbound"]
    path: str = Field(description="Of a panel, the page that it is on")
    methods: list[str]
    action: str | None
    role: str | None = Field(description="The least that has the action by default")


class DiagnosisOut(PluginOut):
    """The same with all that helps to judge it; settings by where they were set."""

    healthy: bool
    last_error: str | None
    distribution: str | None
    package: str | None
    import_ms: float | None
    settings: dict[str, str] = Field(examples=[{"max_files": "hub.toml:14"}])
    declared: DeclaredOut | None
    rights: list[RightOut] = Field(description="What it asks for, and what of it was granted")
    settings_schema: JSONObject | None = Field(
        description="JSON Schema of its settings with their scopes; null unless it is loaded"
    )
    breakers: list[BreakerOut]
    contract: ContractOut | None
    downloads: list[str] = Field(description="Hosts it only reads from, without credentials")
    secrets: list[SecretOut]
    jobs: list[WorkOut]
    entries: list[EntryOut]


class SwitchOut(BaseModel):
    """Who switched a plugin: `plugins.*` for the hub, `plugin.*` for the institution."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    at: datetime
    actor: str
    actor_name: str | None
    action: str = Field(examples=["plugin.switched_on"])
    detail: JSONObject


class SwitchList(BaseModel):
    """Switches of a plugin by people of the institution, newest first."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[SwitchOut]


class RightOut(BaseModel):
    """Something that a plugin asks for, in words; ``granted`` by the operator for the hub."""

    name: str = Field(examples=["network:canvas.example.edu"])
    words: str
    detail: str
    granted: bool


class SwitchedOut(BaseModel):
    """What switching a plugin did: the edit of hub.toml, and what came of it in this process."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    state: PluginState
    reason: str | None
    cure: str | None
    plan: Plan | None = Field(description="What was planned; null where it was an undo")
    diff: str = Field(description="Unified diff of hub.toml; empty where it said so already")
    generation: str
    started: list[str]
    stopped: list[str]
    reconfigured: list[str]
    failed: list[str]
    restart: list[str] = Field(description="Plugins whose new code needs a restart")


class InstitutionSwitch(BaseModel):
    """Whether an institution has a plugin switched on."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


@router.get("", action="plugins:read", response_model=PluginList)
async def list_plugins(request: Request) -> Response:
    """Every installed plugin with its state, the reason for it, and its cure."""
    from bloop.ops.doctor import diagnose

    hub = _hub(request)
    choices = await hub.choices.choices(call_of(request))
    items = [_plugin(hub, line, choices) for line in diagnose(hub)]
    return json_response({"items": items})


@router.get("/{plugin_id}", action="plugins:read", response_model=DiagnosisOut, problems=(404,))
async def show_plugin(request: Request, plugin_id: str) -> Response:
    """One plugin with everything that ``bloop plugins doctor`` says of it, and what it declares."""
    from bloop.ops.doctor import diagnose
    from bloop.ops.particulars import particulars

    hub = _hub(request)
    (line,) = diagnose(hub, plugin_id, whole=may(call_of(request), "plugins:toggle"))
    choices = await hub.choices.choices(call_of(request))
    manifest = hub.kernel.plugins[plugin_id].manifest
    model = hub.kernel.config_model(plugin_id)
    found = asdict(await particulars(hub, call_of(request), plugin_id))
    del found["hosts"]  # Among what is declared.
    more = found | {
        "rights": rights_shown(hub.config, manifest),
        "settings_schema": model.model_json_schema() if model else None,
    }
    return json_response(asdict(line) | more | _plugin(hub, line, choices))


@router.get(
    "/{plugin_id}/history", action="audit:read", response_model=SwitchList, problems=(404, 422)
)
async def show_history(
    request: Request, plugin_id: str, limit: Annotated[int, Field(ge=1, le=200)] = 50
) -> Response:
    """Who of the institution switched it on or off, for the institution or for the hub."""
    from bloop.ops.doctor import diagnose
    from bloop.ops.particulars import switches

    hub = _hub(request)
    diagnose(hub, plugin_id)  # Says that there is no such plugin.
    return json_response({"items": await switches(hub, call_of(request), plugin_id, limit)})


@router.get("/{plugin_id}/plan", action="plugins:toggle", response_model=Plan, problems=(404, 422))
async def show_plan(
    request: Request, plugin_id: str, change: Annotated[str, Field(pattern="^(enable|disable)$")]
) -> Response:
    """What to ``enable`` or to ``disable`` a plugin would do; nothing is changed."""
    planned = await _planned(_hub(request), plugin_id, cast("Change", change))
    return json_response(asdict(planned))


@router.post(
    "/{plugin_id}/enable",
    action="plugins:toggle",
    step_up=True,
    response_model=SwitchedOut,
    problems=(404, 422),
    deadline=None,
)
async def enable_plugin(request: Request, plugin_id: str) -> Response:
    """Switch a plugin on for the whole hub: edits hub.toml and loads it at once."""
    return await _switch(request, plugin_id, enabled=True)


@router.post(
    "/{plugin_id}/disable",
    action="plugins:toggle",
    step_up=True,
    response_model=SwitchedOut,
    problems=(404, 422),
    deadline=None,
)
async def disable_plugin(request: Request, plugin_id: str) -> Response:
    """Switch a plugin off for the whole hub: edits hub.toml, and stops it after running calls."""
    return await _switch(request, plugin_id, enabled=False)


@router.post(
    "/undo",
    action="plugins:toggle",
    step_up=True,
    response_model=SwitchedOut,
    problems=(422,),
    deadline=None,
)
async def undo_switch(request: Request) -> Response:
    """Take back the last switch that API, page or command made; 422 where hub.toml was edited."""
    hub = _hub(request)
    kept, done = await undo(hub, call_of(request))
    return json_response(_switched(hub, kept.plugin, done) | {"plan": None})


@router.put(
    "/{plugin_id}/institution",
    action="plugins:enable",
    step_up=True,
    status_code=204,
    problems=(404,),
)
async def switch_for_institution(
    request: Request, plugin_id: str, body: InstitutionSwitch
) -> Response:
    """Switch a plugin on or off for the caller's institution."""
    from bloop.ops.doctor import diagnose

    hub = _hub(request)
    diagnose(hub, plugin_id)
    call = call_of(request)
    await hub.database.run(
        in_unit, hub.database, call, switch_plugin, plugin_id, enabled=body.enabled
    )
    hub.choices.forget(call.institution)
    return Response(status_code=204)


async def _switch(request: Request, plugin_id: str, *, enabled: bool) -> Response:
    hub = _hub(request)
    planned = await _planned(hub, plugin_id, "enable" if enabled else "disable")
    done = await switch(hub, call_of(request), plugin_id, enabled=enabled)
    return json_response(_switched(hub, plugin_id, done) | {"plan": asdict(planned)})


async def _planned(hub: Hub, plugin_id: str, change: Change) -> Plan:
    return await asyncio.to_thread(plan, hub, plugin_id, change)


def _switched(hub: Hub, plugin_id: str, done: Switched) -> JSONObject:
    record = hub.kernel.plugins.get(plugin_id)
    status = record.status if record else Status(PluginState.DISABLED)
    state = {"state": status.state, "reason": status.reason, "cure": status.cure}
    return {"id": plugin_id, "diff": done.edit.diff, **state, **asdict(done.changes)}


def _plugin(hub: Hub, line: Diagnosis, choices: Mapping[str, Choice]) -> JSONObject:
    record = hub.kernel.plugins[line.id]
    manifest = record.manifest
    entry = hub.config.value.plugins.get(line.id)
    return {
        "id": line.id,
        "name": manifest.name if manifest else None,
        "summary": manifest.summary if manifest else None,
        "family": manifest.family if manifest else None,
        "version": line.version,
        "state": line.state,
        "reason": line.reason,
        "cure": line.cure,
        "recoverable": line.recoverable,
        "since": line.since,
        "capabilities": record.capabilities,
        "wanted": entry is not None and entry.enabled,
        "enabled": choices.get(line.id, Choice()).enabled,
    }


def _hub(request: Request) -> Hub:
    return cast("Hub", hub_of(request))

"""An institution's own settings of a plugin, and a user's: what may be set, was set, and holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response, not_modified
from bloop.hub.plugin_settings import SettingsView, change, show
from bloop_sdk import Scope

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1", tags=["plugins"])

JSONObject = dict[str, Any]


class SettingsIn(BaseModel):
    """All that the owner sets; what is left out holds as it does without them.

    ``secrets`` are changed one by one: those that are left out stay, null removes one.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    settings: JSONObject = Field(examples=[{"most": 50}])
    secrets: dict[
        str, Annotated[SecretStr, Field(json_schema_extra={"writeOnly": True})] | None
    ] = Field(default_factory=dict, examples=[{"token": "..."}])


class SettingFault(BaseModel):
    """A setting that cannot be used as it stands."""

    field: str = Field(examples=["most"])
    message: str


class SecretOut(BaseModel):
    """Whether a secret is set, and since when where the owner set it; never its value."""

    is_set: bool
    set_at: str | None = Field(examples=["2026-01-31T08:00:00.000000Z"])


class SettingsOut(BaseModel):
    """The settings of a plugin in the caller's institution, or for the caller alone."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    plugin: str = Field(examples=["bookmarks"])
    json_schema: JSONObject = Field(description="JSON Schema of what may be set here")
    settings: JSONObject = Field(description="What has been set here")
    effective: JSONObject = Field(description="What holds, the hub's settings included")
    secrets: dict[str, SecretOut] = Field(description="What is known of each secret")
    origins: dict[str, str] = Field(description="Where each one comes from")
    errors: list[SettingFault] = Field(description="What is wrong or missing by now")


@router.get(
    "/plugins/{plugin_id}/settings",
    action="plugins:enable",
    response_model=SettingsOut,
    problems=(404, 422, 503),
)
async def show_settings(request: Request, plugin_id: str) -> Response:
    """What the caller's institution has set of a loaded plugin, and what it may set."""
    return await _show(request, plugin_id, Scope.INSTITUTION)


@router.put(
    "/plugins/{plugin_id}/settings",
    action="plugins:enable",
    response_model=SettingsOut,
    problems=(404, 412, 422, 428, 503),
)
async def put_settings(request: Request, plugin_id: str, body: SettingsIn) -> Response:
    """Replace what the caller's institution has set; it holds from the next call on."""
    return await _put(request, plugin_id, Scope.INSTITUTION, body)


@router.get(
    "/account/plugins/{plugin_id}/settings",
    action="account:read",
    response_model=SettingsOut,
    problems=(404, 422, 503),
)
async def show_own_settings(request: Request, plugin_id: str) -> Response:
    """What the caller has set of a loaded plugin for themselves, and what they may set."""
    return await _show(request, plugin_id, Scope.USER)


@router.put(
    "/account/plugins/{plugin_id}/settings",
    action="account:write",
    response_model=SettingsOut,
    problems=(404, 412, 422, 428, 503),
)
async def put_own_settings(request: Request, plugin_id: str, body: SettingsIn) -> Response:
    """Replace what the caller has set for themselves; it holds from the next call on."""
    return await _put(request, plugin_id, Scope.USER, body)


async def _show(request: Request, plugin_id: str, scope: Scope) -> Response:
    view = await show(cast("Hub", hub_of(request)), call_of(request), plugin_id, scope)
    version = view.own.row_version
    return not_modified(request, version) or json_response(_told(view), version=version)


async def _put(request: Request, plugin_id: str, scope: Scope, body: SettingsIn) -> Response:
    secrets = {
        name: None if one is None else one.get_secret_value() for name, one in body.secrets.items()
    }
    hub, call, version = cast("Hub", hub_of(request)), call_of(request), expected_version(request)
    view = await change(hub, call, plugin_id, scope, body.settings, secrets, version)
    return json_response(_told(view), version=view.own.row_version)


def _told(view: SettingsView) -> JSONObject:
    return {
        "plugin": view.owner.plugin,
        "json_schema": view.json_schema,
        "settings": {k: v for k, v in view.own.settings.items() if k not in view.secrets},
        "effective": dict(view.values),
        "secrets": {
            name: {"is_set": name in view.held, "set_at": view.own.set_at.get(name)}
            for name in view.secrets
        },
        "origins": dict(view.origins),
        "errors": [{"field": fault.key, "message": fault.problem} for fault in view.faults],
    }

"""An institution's own settings of a plugin: what it may set, what it did, what holds for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response, not_modified
from bloop.kernel.config_errors import InvalidConfigError
from bloop.kernel.institutions import Choice, set_settings
from bloop.store.database import in_unit
from bloop_sdk import PluginConfig, Scope
from bloop_sdk.settings import is_secret, scope_of

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(prefix="/api/v1/plugins", tags=["plugins"])

JSONObject = dict[str, Any]


class SettingsIn(BaseModel):
    """All that the institution sets itself; what is left out holds as the hub has it."""

    model_config = ConfigDict(extra="forbid")

    settings: JSONObject = Field(examples=[{"most": 50}])


class SettingFault(BaseModel):
    """A setting that cannot be used as it stands."""

    field: str = Field(examples=["most"])
    message: str


class SettingsOut(BaseModel):
    """The settings of a plugin in the caller's institution. A secret's value is never shown."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    plugin: str = Field(examples=["bookmarks"])
    json_schema: JSONObject = Field(description="JSON Schema of what an institution may set")
    settings: JSONObject = Field(description="What the institution has set itself")
    effective: JSONObject = Field(description="What holds for it, the hub's settings included")
    secrets: dict[str, bool] = Field(description="Whether each secret is set")
    origins: dict[str, str] = Field(description="Where each one comes from")
    errors: list[SettingFault] = Field(description="What is wrong or missing by now")


@router.get(
    "/{plugin_id}/settings",
    action="plugins:enable",
    response_model=SettingsOut,
    problems=(404, 422, 503),
)
async def show_settings(request: Request, plugin_id: str) -> Response:
    """What the caller's institution has set of a loaded plugin, and what it may set."""
    hub = cast("Hub", hub_of(request))
    model = hub.kernel.context(plugin_id).model
    hub.choices.forget(call_of(request).institution)
    choice = (await hub.choices.choices(call_of(request))).get(plugin_id, Choice())
    same = not_modified(request, choice.row_version)
    shown = settings_of(hub, plugin_id, model, choice)
    return same or json_response(shown, version=choice.row_version)


@router.put(
    "/{plugin_id}/settings",
    action="plugins:enable",
    response_model=SettingsOut,
    problems=(404, 412, 422, 428, 503),
)
async def put_settings(request: Request, plugin_id: str, body: SettingsIn) -> Response:
    """Replace what the caller's institution has set; it holds from the next call on."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    model = hub.kernel.context(plugin_id).model
    version = await hub.database.run(
        in_unit,
        hub.database,
        call,
        set_settings,
        hub.config,
        plugin_id,
        model,
        body.settings,
        expected_version(request),
    )
    hub.choices.forget(call.institution)
    choice = Choice(settings=body.settings, row_version=version)
    return json_response(settings_of(hub, plugin_id, model, choice), version=version)


def settings_of(hub: Hub, plugin_id: str, model: type[PluginConfig], choice: Choice) -> JSONObject:
    """The answer for one plugin, from an institution's choice."""
    fields = [name for name in model.model_fields if scope_of(model, name) is not Scope.HUB]
    secret = {name for name in fields if is_secret(model, name)}
    values: Mapping[str, Any] = {}
    origins: Mapping[str, str] = {}
    errors: list[JSONObject] = []
    try:
        found = hub.config.plugin(plugin_id, model, (choice.layer,))
        values, origins = found.config.model_dump(mode="json"), found.origins
    except InvalidConfigError as error:
        errors = [{"field": fault.key, "message": fault.problem} for fault in error.faults]
    return {
        "plugin": plugin_id,
        "json_schema": _schema(model, fields),
        "settings": {k: v for k, v in choice.settings.items() if k not in secret},
        "effective": {k: values[k] for k in fields if k in values and k not in secret},
        "secrets": {name: values.get(name) is not None for name in fields if name in secret},
        "origins": {k: v for k, v in origins.items() if k.partition(".")[0] in fields},
        "errors": errors,
    }


def _schema(model: type[PluginConfig], fields: list[str]) -> JSONObject:
    schema = model.model_json_schema()
    properties = {k: v for k, v in schema.get("properties", {}).items() if k in fields}
    required = [name for name in schema.get("required", ()) if name in fields]
    return {**schema, "properties": properties, "required": required}

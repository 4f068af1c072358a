"""Settings of a plugin as an institution's admin, or a user, sees and changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bloop.hub.contexts import refuse_other
from bloop.kernel.config_errors import Fault, InvalidConfigError
from bloop.kernel.config_layers import Layer
from bloop.kernel.institutions import Choice, users
from bloop.kernel.own_settings import Owner, OwnSettings, set_own
from bloop.kernel.queries import CONNECTION, USER_SETTINGS
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.sealing import SealError
from bloop.store.statements import parsed
from bloop_sdk import Call, PluginConfig, Scope
from bloop_sdk.settings import is_personal, is_renewed, is_secret, scope_of

if TYPE_CHECKING:
    from bloop.hub import Hub

JSONObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SettingsView:
    """What one owner may set of a plugin, what they did, and what holds for them."""

    owner: Owner
    model: type[PluginConfig]
    own: OwnSettings
    values: Mapping[str, Any] = field(repr=False)
    """What holds, without secrets."""
    origins: Mapping[str, str]
    held: frozenset[str]
    """The secrets that are set, by whomever."""
    faults: tuple[Fault, ...] = ()

    @property
    def fields(self) -> list[str]:
        """What the owner may set."""
        names = settable(self.model, self.owner.scope)
        if self.owner.personal:
            return [name for name in names if is_personal(self.model, name)]
        return names

    @property
    def secrets(self) -> list[str]:
        """Those of them that are secret."""
        return [name for name in self.fields if is_secret(self.model, name)]

    @property
    def lacks(self) -> list[str]:
        """What is missing or wrong and not the owner's to set: titles of settings, or names."""
        known = self.model.model_fields
        found = {fault.key.partition(".")[0]: fault.problem for fault in self.faults}
        return [
            (known[key].title or key) if key in known else problem
            for key, problem in found.items()
            if key not in self.fields
        ]

    @property
    def json_schema(self) -> JSONObject:
        """JSON Schema of what the owner may set."""
        schema = self.model.model_json_schema()
        properties = {k: v for k, v in schema.get("properties", {}).items() if k in self.fields}
        required = [name for name in schema.get("required", ()) if name in self.fields]
        return {**schema, "properties": properties, "required": required}


def settable(model: type[PluginConfig], scope: Scope) -> list[str]:
    """The settings that the form of a row of this scope asks for.

    A connection's are its own affair: an institution's row may hold them too, for all of them.
    """
    order = tuple(Scope)
    if scope is Scope.CONNECTION:
        return [
            name
            for name in model.model_fields
            if scope_of(model, name) is scope and not is_renewed(model, name)
        ]
    return [
        name
        for name in model.model_fields
        if order.index(scope_of(model, name)) >= order.index(scope)
        and scope_of(model, name) is not Scope.CONNECTION
    ]


async def show(hub: Hub, call: Call, plugin_id: str, scope: Scope) -> SettingsView:
    """The settings as they are now; raises PluginUnavailableError."""
    model = hub.kernel.context(plugin_id).model
    owner = _owner(call, plugin_id, scope)
    hub.choices.forget(call.institution)
    if scope is Scope.USER:
        named = {"user": owner.user, "plugin": plugin_id}
        rows = await hub.database.read(USER_SETTINGS, call, **named)
        own = users(rows[0]) if rows else OwnSettings()
    else:
        own = (await hub.choices.choices(call)).get(plugin_id, Choice()).own
    return await _view(hub, call, model, owner, own)


async def of_connection(
    hub: Hub,
    call: Call,
    plugin_id: str,
    connection_id: str | None = None,
    *,
    personal: bool = False,
) -> SettingsView:
    """The settings of a connection, or of one that is not made yet; raises NotFoundError.

    Of a ``personal`` one those that a person gives.
    """
    model = hub.kernel.context(plugin_id).model
    own, user = OwnSettings(), call.principal.id if personal else None
    if connection_id is not None:
        row = await hub.database.read_one(CONNECTION, call, id=connection_id)
        if row is None:
            raise NotFoundError(f"no connection {connection_id[:40]}")
        found = CONNECTION.as_dict(row)
        user = found["owner_id"]
        refuse_other(call, user)
        own = OwnSettings(
            parsed(found["settings"]),
            found["row_version"],
            found["secrets"],
            parsed(found["secrets_set_at"]),
        )
    owner = Owner(call.institution, plugin_id, user, connection_id or "new")
    return await _view(hub, call, model, owner, own)


async def change(
    hub: Hub,
    call: Call,
    plugin_id: str,
    scope: Scope,
    settings: Mapping[str, Any],
    secrets: Mapping[str, Any],
    version: int | None,
) -> SettingsView:
    """Replace the owner's settings, and change those secrets that are named (None: remove).

    Raises InvalidConfigError with every fault, and ConflictError for a stale ``version``.
    """
    model = hub.kernel.context(plugin_id).model
    owner = _owner(call, plugin_id, scope)
    below = await _below(hub, call, model, owner)
    own = await hub.database.run(
        in_unit,
        hub.database,
        call,
        command("account:write" if owner.user else "plugins:enable")(set_own),
        hub.config,
        model,
        owner,
        settings,
        secrets,
        version,
        below=below,
    )
    hub.choices.forget(call.institution)
    return await _view(hub, call, model, owner, own)


async def _view(
    hub: Hub, call: Call, model: type[PluginConfig], owner: Owner, own: OwnSettings
) -> SettingsView:
    values: Mapping[str, Any] = {}
    origins: Mapping[str, str] = {}
    faults: tuple[Fault, ...] = ()
    held = frozenset(own.set_at)
    try:
        below = await _below(hub, call, model, owner)
        layers = (*below, own.layer(owner, model, hub.database.ring.open))
        found = hub.config.plugin(owner.plugin, model, layers, upto=owner.scope)
        values, origins = found.config.model_dump(mode="json"), found.origins
        held = frozenset(name for name in values if values[name] is not None)
    except InvalidConfigError as err:
        faults = err.faults
    except SealError as err:
        faults = (Fault(f"{owner.scope} row", "", "", err.message, err.cure or ""),)
    fields = [
        name
        for name in settable(model, owner.scope)
        if not owner.personal or is_personal(model, name)
    ]
    secret = {name for name in fields if is_secret(model, name)}
    return SettingsView(
        owner,
        model,
        own,
        values={k: values[k] for k in fields if k in values and k not in secret},
        origins={k: v for k, v in origins.items() if k.partition(".")[0] in fields},
        held=held & secret,
        faults=faults,
    )


async def _below(
    hub: Hub, call: Call, model: type[PluginConfig], owner: Owner
) -> tuple[Layer, ...]:
    """The rows that the owner's lies over."""
    if not (owner.user or owner.connection):
        return ()
    layers: Sequence[Layer] = await hub.choices.layers(call, owner.plugin, model, user=False)
    return tuple(layers)


def _owner(call: Call, plugin_id: str, scope: Scope) -> Owner:
    user = call.principal.id if scope is Scope.USER else None
    return Owner(call.institution, plugin_id, user)

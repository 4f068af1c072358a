"""Settings of a plugin that an institution, a connection or a user keeps in a row of its own.

Those that are secret are one JSON object, sealed for the row and the plugin: what was sealed for
another plugin, institution, connection or user does not open here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import SecretBytes, SecretStr

from bloop.kernel.config import LoadedConfig
from bloop.kernel.config_errors import Fault, InvalidConfigError, unknown
from bloop.kernel.config_layers import Layer, SetOn, holds_bytes, row_layer
from bloop.kernel.models import Connection, InstitutionPlugin, UserPlugin
from bloop.store.errors import ConflictError
from bloop.store.sealing import Place
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import PluginConfig
from bloop_sdk.settings import Scope, is_personal, is_secret, scope_of

Open = Callable[[bytes, Place], bytes]

LONGEST_SECRET = 64 * 1024


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose settings of which plugin; without ``user`` and ``connection`` the institution's.

    With both it is a connection that the user has for themselves.
    """

    institution: str
    plugin: str
    user: str | None = None
    connection: str | None = None

    @property
    def scope(self) -> Scope:
        """What it may set."""
        if self.connection:
            return Scope.CONNECTION
        return Scope.USER if self.user else Scope.INSTITUTION

    @property
    def personal(self) -> bool:
        """Whether it is a user's own connection."""
        return bool(self.user and self.connection)

    @property
    def resource(self) -> str:
        """As audit lines name it."""
        return f"connection:{self.connection}" if self.connection else f"plugin:{self.plugin}"

    @property
    def place(self) -> Place:
        """Where its secrets stand."""
        if self.connection:
            row = f"{self.institution}/{self.connection}"
            return Place("connection", "secrets", row, self.plugin)
        if self.user:
            return Place("user_plugin", "secrets", f"{self.institution}/{self.user}", self.plugin)
        return Place("institution_plugin", "secrets", self.institution, self.plugin)


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """What one row holds; ``set_at`` tells of each secret when it was set (RFC 3339)."""

    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    row_version: int = 0
    sealed: bytes | None = field(default=None, repr=False)
    set_at: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.settings or self.sealed)

    def layer(
        self,
        owner: Owner,
        model: type[PluginConfig],
        open_: Open,
        instead: Mapping[str, Any] | None = None,
    ) -> Layer:
        """The layer for :meth:`bloop.kernel.config.LoadedConfig.plugin`; raises SealError.

        ``instead`` are secrets in place of those that are kept (None: without that one).
        """
        secrets = opened(self.sealed, owner, open_) | dict(instead or {})
        given = {name: value for name, value in secrets.items() if value is not None}
        return _layer(owner, model, self.settings, given)

    def told_layer(self, owner: Owner) -> Layer:
        """The same for who only tells where a setting comes from: no secret is opened."""
        told = {name: SetOn(at[:10]) for name, at in self.set_at.items()}
        return row_layer(owner.scope, {**self.settings, **told})


def opened(sealed: bytes | None, owner: Owner, open_: Open) -> dict[str, Any]:
    """The secrets of a row by their names; raises SealError."""
    found: dict[str, Any] = json.loads(open_(sealed, owner.place)) if sealed else {}
    return found


def set_own(
    unit: UnitOfWork,
    config: LoadedConfig,
    model: type[PluginConfig],
    owner: Owner,
    settings: Mapping[str, Any],
    secrets: Mapping[str, Any],
    version: int | None,
    *,
    below: tuple[Layer, ...] = (),
) -> OwnSettings:
    """Replace the settings of a row; of its secrets, change those that are named (None: remove).

    ``below`` are the rows that it lies over. Raises InvalidConfigError with every fault, and
    ConflictError for a stale ``version``.
    """
    row = _row(unit, owner, version)
    if owner.personal:
        _check_personal(model, owner, {*settings, *secrets})
    _check_secrets(model, owner, secrets, settings)
    changed = _changed(unit, owner, row, secrets)
    config.plugin(owner.plugin, model, (*below, _layer(owner, model, settings, changed)))
    row.settings = dict(settings)
    if secrets:
        _seal(unit, owner, row, secrets, changed)
    unit.session.add(row)
    keys = {"keys": sorted(settings), "secret_names": sorted(secrets)}
    unit.audit.append("plugins:settings", owner.resource, keys)
    unit.session.flush()
    return OwnSettings(row.settings, row.row_version, row.secrets, row.secrets_set_at)


def keep_own_secrets(
    unit: UnitOfWork, model: type[PluginConfig], owner: Owner, secrets: Mapping[str, Any]
) -> None:
    """Change secrets of a row that a system outside has renewed (None: remove)."""
    row = _row(unit, owner, None)
    _check_secrets(model, owner, secrets)
    _seal(unit, owner, row, secrets, _changed(unit, owner, row, secrets))
    unit.session.add(row)
    unit.session.flush()


def _changed(
    unit: UnitOfWork, owner: Owner, row: Any, secrets: Mapping[str, Any]
) -> dict[str, Any]:
    """A row's secrets after a change of some."""
    staying = [name for name in row.secrets_set_at if name not in secrets]
    # Where all of them are set anew, it does not matter whether the old ones still open.
    kept = opened(row.secrets, owner, unit.sealer.open) if staying else {}
    given = {name: value for name, value in secrets.items() if value is not None}
    return {name: kept[name] for name in staying if name in kept} | given


def _seal(
    unit: UnitOfWork,
    owner: Owner,
    row: Any,
    secrets: Mapping[str, Any],
    changed: Mapping[str, Any],
) -> None:
    """Keep a row's secrets, and when those were set that are new."""
    now = to_text(utcnow())
    set_at = {name: at for name, at in row.secrets_set_at.items() if name not in secrets}
    new = [name for name, value in secrets.items() if value is not None]
    row.secrets_set_at = set_at | dict.fromkeys(new, now)
    row.secrets = unit.sealer.seal(orjson.dumps(changed), owner.place) if changed else None


def _row(unit: UnitOfWork, owner: Owner, version: int | None) -> Any:
    row: Any
    if owner.connection:
        row = unit.get(Connection, owner.connection)
    elif owner.user:
        row = unit.session.get(UserPlugin, (owner.institution, owner.user, owner.plugin))
    else:
        row = unit.session.get(InstitutionPlugin, (owner.institution, owner.plugin))
    if row is not None:
        unit.expect(row, version)
        return row
    if version:
        raise ConflictError(f"nothing has been set of plugin {owner.plugin}", cure="read it again")
    names: dict[str, Any] = {"institution_id": owner.institution, "plugin_id": owner.plugin}
    empty: dict[str, Any] = {"settings": {}, "secrets_set_at": {}}
    if owner.user:
        row = UserPlugin(**names, **empty, user_id=owner.user)
    else:
        row = InstitutionPlugin(**names, **empty, enabled=True)
    return row


def _check_secrets(
    model: type[PluginConfig],
    owner: Owner,
    secrets: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
) -> None:
    known = [name for name in model.model_fields if is_secret(model, name)]
    where, table = f"{owner.scope} row", f"plugins.{owner.plugin}"
    # Also where a sealed one lies over it: settings are kept, and shown, as they are.
    faults = [
        Fault(where, table, name, "a secret is kept encrypted here", "set it among the secrets")
        for name in known
        if name in (settings or ())
    ]
    for name, value in secrets.items():
        if name not in model.model_fields:
            faults.append(Fault(where, table, name, *unknown(name, known)))
        elif name not in known:
            faults.append(Fault(where, table, name, "is no secret", "set it among the settings"))
        elif isinstance(value, str) and not 0 < len(value) <= LONGEST_SECRET:
            problem = f"must have 1 to {LONGEST_SECRET} characters"
            faults.append(Fault(where, table, name, problem))
    if faults:
        raise InvalidConfigError(faults)


def _check_personal(model: type[PluginConfig], owner: Owner, names: Iterable[str]) -> None:
    """With another address, say, the institution's secrets would go there."""
    faults = [
        Fault(
            f"{owner.scope} row",
            f"plugins.{owner.plugin}",
            name,
            "is for the institution to say",
            "leave it out, or ask an admin",
        )
        for name in sorted(names)
        if name in model.model_fields and not is_personal(model, name)
    ]
    if faults:
        raise InvalidConfigError(faults)


def _layer(
    owner: Owner,
    model: type[PluginConfig],
    settings: Mapping[str, Any],
    secrets: Mapping[str, Any],
) -> Layer:
    # A secret that the plugin does not know any more is kept, in case it comes back.
    known = {
        name: _hidden(value, as_bytes=holds_bytes(model, name))
        for name, value in secrets.items()
        if name in model.model_fields
    }
    # Whose account it is, nobody else says: an institution's token would open what is not theirs.
    bare = (name for name in model.model_fields if owner.personal and is_personal(model, name))
    blank = {name: model.model_fields[name].get_default() for name in bare}
    return row_layer(owner.scope, {**blank, **settings, **known})


def _hidden(value: Any, *, as_bytes: bool) -> Any:
    if isinstance(value, list):
        return [_hidden(part, as_bytes=as_bytes) for part in value]
    if isinstance(value, dict):
        return {key: _hidden(part, as_bytes=as_bytes) for key, part in value.items()}
    return SecretBytes(str(value).encode()) if as_bytes else SecretStr(str(value))


def sets_for_users(model: type[PluginConfig]) -> bool:
    """Whether a user may set anything of a plugin."""
    return any(scope_of(model, name) is Scope.USER for name in model.model_fields)

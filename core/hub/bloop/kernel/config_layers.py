"""Layers of settings, and the one model that comes out of them.

Model defaults < ``hub.toml`` < environment < institution row < connection row < user row. A
field's scope names the narrowest layer that may still set it: ``hub`` stops at the environment,
``institution`` at the institution's row, ``connection`` at a connection's, ``user`` allows all.
"""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AnyUrl, BaseModel, Field, SecretBytes, SecretStr, ValidationError, create_model
from pydantic.fields import FieldInfo

from bloop.kernel.config_errors import (
    Fault,
    InvalidConfigError,
    describe,
    nested_model,
    reference_to_write,
    unknown,
)
from bloop.kernel.config_places import HarmlessWithoutPassword
from bloop.kernel.secrets import Secret, SecretRef, as_reference, read_secret
from bloop_sdk.errors import ConfigError
from bloop_sdk.settings import Scope, is_secret, scope_of

M = TypeVar("M", bound=BaseModel)
Keys = tuple[str, ...]


class LayerKind(enum.StrEnum):
    """Where settings come from, from the weakest to the strongest."""

    DEFAULT = "default"
    FILE = "file"
    ENV = "environment"
    INSTITUTION = "institution"
    CONNECTION = "connection"
    USER = "user"


_FAULTY = object()
_SCOPES = tuple(Scope)
_WIDTH = {
    LayerKind.FILE: Scope.HUB,
    LayerKind.ENV: Scope.HUB,
    LayerKind.INSTITUTION: Scope.INSTITUTION,
    LayerKind.CONNECTION: Scope.CONNECTION,
    LayerKind.USER: Scope.USER,
}


_ROWS = {LayerKind.INSTITUTION, LayerKind.CONNECTION, LayerKind.USER}


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings of one origin; ``where`` tells of a path of keys where it was written."""

    kind: LayerKind
    values: Mapping[str, Any] = field(repr=False)
    where: Callable[[Keys], str] = field(repr=False)

    def below(self, *keys: str) -> Layer:
        """The part of the layer under a path of keys; empty where there is none."""
        values: Any = self.values
        for key in keys:
            values = values.get(key) if isinstance(values, Mapping) else None
        found = values if isinstance(values, Mapping) else {}
        return Layer(self.kind, found, lambda path: self.where((*keys, *path)))

    def without(self, *keys: str) -> Layer:
        """The layer less some of its keys."""
        rest = {key: value for key, value in self.values.items() if key not in keys}
        return replace(self, values=rest)

    def may_set(self, scope: Scope) -> bool:
        """Whether a setting of this scope may be set here."""
        return _SCOPES.index(_WIDTH[self.kind]) <= _SCOPES.index(scope)


@dataclass(frozen=True, slots=True)
class SetOn:
    """In place of a row's secret, for who only tells of it: the date when it was set."""

    date: str


def row_layer(scope: Scope, values: Mapping[str, Any]) -> Layer:
    """The settings of a row, secrets already decrypted to ``SecretStr``."""
    kind = LayerKind(str(scope))
    return Layer(kind, values, lambda _: f"{kind} row")


@dataclass(frozen=True, slots=True)
class Resolved(Generic[M]):
    """A valid configuration, where each key of it came from, and warnings to show."""

    config: M
    origins: Mapping[str, str]
    warnings: tuple[str, ...] = ()


def resolve(
    model: type[M],
    layers: Sequence[Layer],
    *,
    table: str,
    env: Mapping[str, str],
    folder: Path,
    upto: Scope = Scope.USER,
) -> Resolved[M]:
    """Put the layers, weakest first, over a model's defaults.

    ``table`` names the settings in errors, ``env`` and ``folder`` are what secrets are read
    from. What is required at a narrower scope than ``upto`` may still be missing and is None.
    Raises :class:`InvalidConfigError` with every fault.
    """
    gathered = _Gathered(table=table, env=env, folder=folder)
    values = gathered.collect(model, layers)
    gathered.hold_secrets_back(model, values)
    config = gathered.validate(_relaxed(model, _asked_for(upto, layers)), values, layers)
    if config is None or gathered.faults:
        raise InvalidConfigError(gathered.faults)
    origins = {".".join(keys): origin.where for keys, origin in gathered.origins.items()}
    for name in model.model_fields:
        if not any(key == name or key.startswith(f"{name}.") for key in origins):
            origins[name] = LayerKind.DEFAULT
    return Resolved(config, origins, tuple(gathered.warnings))


@dataclass(frozen=True, slots=True)
class _Origin:
    kind: LayerKind
    where: str


@dataclass(slots=True)
class _Gathered:
    table: str
    env: Mapping[str, str]
    folder: Path
    origins: dict[Keys, _Origin] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)

    def fault(self, where: str, keys: Keys, problem: str, cure: str = "") -> None:
        # A plugin's own validator may put a secret into its message.
        for secret in self.secrets:
            problem, cure = problem.replace(secret, "**********"), cure.replace(secret, "***")
        self.faults.append(Fault(where, self.table, ".".join(keys), problem, cure))

    def collect(
        self, model: type[BaseModel], layers: Sequence[Layer], path: Keys = ()
    ) -> dict[str, Any]:
        if model.model_config.get("extra") == "forbid":
            self._refuse_unknown(model, layers, path)
        values: dict[str, Any] = {}
        for name, info in model.model_fields.items():
            holders = self._holders(layers, name, scope_of(model, name), path)
            if not holders:
                continue
            inner = nested_model(info)
            if inner and all(isinstance(layer.values[name], Mapping) for layer in holders):
                below = [layer.below(name) for layer in holders]
                values[name] = self.collect(inner, below, (*path, name))
                continue
            keys = (*path, name)
            if is_secret(model, name):
                self._refuse_literals(info, holders, keys)
            value = self._value(info, holders[-1], keys, secret=is_secret(model, name))
            if value is not _FAULTY:
                values[name] = value
        return values

    def _refuse_unknown(self, model: type[BaseModel], layers: Sequence[Layer], path: Keys) -> None:
        for layer in layers:
            for key in layer.values:
                if key not in model.model_fields:
                    problem, cure = unknown(str(key), model.model_fields)
                    self.fault(layer.where((str(key),)), (*path, str(key)), problem, cure)

    def _holders(self, layers: Sequence[Layer], name: str, scope: Scope, path: Keys) -> list[Layer]:
        holders = []
        for layer in layers:
            if name not in layer.values:
                continue
            if layer.may_set(scope):
                holders.append(layer)
            else:
                self.fault(
                    layer.where((name,)),
                    (*path, name),
                    f"belongs to the {scope}; a {layer.kind} cannot set it",
                    "ask the operator to set it in hub.toml" if scope is Scope.HUB else "remove it",
                )
        return holders

    def _refuse_literals(self, info: FieldInfo, holders: Sequence[Layer], keys: Keys) -> None:
        # Also where a stronger layer overrides it: the secret stands in the file all the same.
        for layer in holders:
            if layer.kind is LayerKind.FILE and _has_literal(info, layer.values[keys[-1]]):
                cure = f"write {reference_to_write(self.table, keys[-1])}"
                self.fault(layer.where(keys[-1:]), keys, "a secret cannot stand here", cure)

    def _value(self, info: FieldInfo, layer: Layer, keys: Keys, *, secret: bool) -> Any:
        """What the layer says, read and decoded; ``_FAULTY`` where that is a fault."""
        value, where = layer.values[keys[-1]], layer.where(keys[-1:])
        self.origins[keys] = _Origin(layer.kind, where)
        if layer.kind is LayerKind.ENV and isinstance(value, str) and _is_collection(info):
            try:
                value = json.loads(value)
            except ValueError:
                self.fault(where, keys, "must be JSON", 'write like ["a", "b"]')
                return _FAULTY
        if secret:
            before = len(self.faults)
            value = self._secret(info, layer, value, keys)
            return value if len(self.faults) == before else _FAULTY
        if (ref := as_reference(value)) and not _is_collection(info):
            name = "__".join((f"BLOOP_{self.table.replace('.', '__')}", *keys)).upper()
            cure = f"write the value, or set {name} instead of {ref}"
            self.fault(where, keys, "only a secret can be a reference", cure)
            return _FAULTY
        return value

    def _secret(self, info: FieldInfo, layer: Layer, value: Any, keys: Keys) -> Any:
        """The value with every reference in it read."""
        where = layer.where(keys[-1:])
        ref = as_reference(value)
        if ref is None and isinstance(value, Mapping):
            return {key: self._secret(info, layer, part, keys) for key, part in value.items()}
        if ref is None and isinstance(value, list):
            return [self._secret(info, layer, part, keys) for part in value]
        if layer.kind in _ROWS:
            # A reference here would let an institution read the hub's environment and files.
            if value is not None and not isinstance(value, SecretStr | SecretBytes):
                self.fault(where, keys, "a secret is kept encrypted here", "set it on its form")
            return value
        secret = Secret(str(value)) if ref is None else self._read(ref, where, keys)
        if secret is None:
            return None
        if ref is not None:
            self.origins[keys] = _Origin(layer.kind, f"{where}, from {ref}")
        self.secrets.add(secret.value)
        if _holds(info.annotation, SecretBytes):
            return SecretBytes(secret.value.encode())
        return SecretStr(secret.value)

    def _read(self, ref: SecretRef, where: str, keys: Keys) -> Secret | None:
        try:
            secret = read_secret(ref, env=self.env, folder=self.folder)
        except ConfigError as err:
            self.fault(where, keys, err.message, err.cure or "")
            return None
        if secret.warning:
            self.warnings.append(f"{where}: [{self.table}] {'.'.join(keys)}: {secret.warning}")
        return secret

    def hold_secrets_back(self, model: type[BaseModel], values: Mapping[str, Any]) -> None:
        """Refuse to send a secret to an address that a narrower layer chose."""
        secrets = [
            (keys[0], origin)
            for keys, origin in self.origins.items()
            if len(keys) == 1 and is_secret(model, keys[0])
        ]
        for keys, origin in list(self.origins.items()):
            width = _breadth(origin)
            wider = [(name, kept) for name, kept in secrets if _breadth(kept) < width]
            if wider and (_is_address(model, keys) or _names_host(values, keys)):
                for name, kept in wider:
                    self.fault(
                        origin.where,
                        keys,
                        f"this address would be sent the {name} of {kept.where}",
                        f"set {name} beside it",
                    )

    def validate(
        self, model: type[M], values: Mapping[str, Any], layers: Sequence[Layer]
    ) -> M | None:
        try:
            return model.model_validate(values)
        except ValidationError as err:
            errors = err.errors(include_url=False)
        except Exception as err:  # noqa: BLE001 - a plugin's validator may raise anything
            self.fault(
                self._where((), layers), (), f"its check failed: {type(err).__name__}: {err}"
            )
            return None
        known = {fault.key for fault in self.faults}
        for error in errors:
            key, problem, cure = describe(model, self.table, error)
            if key not in known:
                keys = tuple(key.split(".")) if key else ()
                self.fault(self._where(keys, layers), keys, problem, cure)
        return None

    def _where(self, keys: Keys, layers: Sequence[Layer]) -> str:
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.origins:
                return self.origins[keys[:length]].where
        return next((layer.where(()) for layer in layers if layer.kind is LayerKind.FILE), "")


def _breadth(origin: _Origin) -> int:
    """How narrow a layer is: 0 for the hub's own."""
    return _SCOPES.index(_WIDTH[origin.kind])


def holds_bytes(model: type[BaseModel], name: str) -> bool:
    """Whether a secret of a model is of bytes."""
    return _holds(model.model_fields[name].annotation, SecretBytes)


def _holds(annotation: Any, kind: type) -> bool:
    return annotation is kind or any(_holds(part, kind) for part in get_args(annotation))


def _is_collection(info: FieldInfo) -> bool:
    parts = (info.annotation, *get_args(info.annotation))
    return any((get_origin(part) or part) in {list, tuple, set, frozenset, dict} for part in parts)


def _has_literal(info: FieldInfo, value: Any) -> bool:
    if as_reference(value):
        return False
    if isinstance(value, Mapping | list):
        parts = value.values() if isinstance(value, Mapping) else value
        return any(_has_literal(info, part) for part in parts)
    return not _is_harmless(info, value)


def _is_harmless(info: FieldInfo, value: Any) -> bool:
    """Whether this literal may stand in the file: a database URL that has no password."""
    if HarmlessWithoutPassword() not in info.metadata:
        return False
    return isinstance(value, str) and ("@" not in value or ":" not in _userinfo(value))


def _userinfo(url: str) -> str:
    return url.partition("://")[2].rpartition("@")[0]


def _is_address(model: type[BaseModel], keys: Keys) -> bool:
    info = model.model_fields.get(keys[0])
    if info is None:
        return False
    parts = (info.annotation, *get_args(info.annotation))
    typed = any(isinstance(part, type) and issubclass(part, AnyUrl) for part in parts)
    return typed or keys[-1].rpartition("_")[2] in {"url", "uri", "host", "hosts", "endpoint"}


def _names_host(values: Mapping[str, Any], keys: Keys) -> bool:
    """Whether a setting is or holds a URL: a manifest's ``{key}`` may open its host."""
    value: Any = values
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return _holds_host(value)


def _holds_host(value: Any) -> bool:
    if isinstance(value, Mapping | list | tuple):
        return any(map(_holds_host, value.values() if isinstance(value, Mapping) else value))
    try:
        return isinstance(value, str) and bool(urlsplit(value.strip()).netloc)
    except ValueError:
        return True


def _asked_for(upto: Scope, layers: Sequence[Layer]) -> frozenset[Scope]:
    """The scopes whose settings must be there: a user's row lies over no connection's."""
    asked = set(_SCOPES[: _SCOPES.index(upto) + 1])
    if all(layer.kind is not LayerKind.CONNECTION for layer in layers):
        asked -= {Scope.CONNECTION}
    return frozenset(asked)


@functools.cache
def _relaxed(model: type[M], asked: frozenset[Scope]) -> type[M]:
    """The model with None where something is required only at a scope that is not ``asked``."""
    later: dict[str, Any] = {
        name: (
            info.annotation | None if info.annotation else None,
            Field(None, validate_default=False, json_schema_extra=info.json_schema_extra),
        )
        for name, info in model.model_fields.items()
        if info.is_required() and scope_of(model, name) not in asked
    }
    return create_model(model.__name__, __base__=model, **later) if later else model

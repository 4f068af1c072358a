"""The hub's configuration: :func:`load` reads ``hub.toml`` and the environment over it.

A plugin's settings are resolved with :meth:`LoadedConfig.plugin` once its model is known.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from bloop.kernel.config_errors import Fault, InvalidConfigError, nested_model, unknown
from bloop.kernel.config_layers import Keys, Layer, LayerKind, Resolved, resolve
from bloop.kernel.config_model import HubConfig, PluginEntry, with_absolute_paths
from bloop.kernel.toml_spans import scan
from bloop_sdk.errors import ConfigError
from bloop_sdk.settings import PluginConfig, Scope

P = TypeVar("P", bound=PluginConfig)

FILE_NAME = "hub.toml"
MAX_BYTES = 1024 * 1024
_PREFIX = "BLOOP_"
_PLUGIN_ID = r"[a-z][a-z0-9_]{1,39}"
_ENTRY_KEYS = tuple(PluginEntry.model_fields)
_SWITCHES = ("enabled", "granted")


@dataclass(frozen=True, slots=True)
class WantedPlugin:
    """A plugin that shall be loaded; ``settings`` as written, neither checked nor resolved."""

    id: str
    order: int
    settings: Mapping[str, Any] = field(repr=False)
    granted: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid configuration and where each key of it came from."""

    value: HubConfig
    path: Path | None
    folder: Path
    text: str = field(repr=False)
    layers: tuple[Layer, ...] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    origins: Mapping[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()

    def origin(self, key: str) -> str:
        """Where a key like ``http.port`` was set: ``hub.toml:14``, ``env NAME`` or ``default``."""
        return self.origins.get(key, str(LayerKind.DEFAULT))

    def wanted(self) -> tuple[WantedPlugin, ...]:
        """The enabled plugins in the order in which their hooks are called."""
        plugins = []
        for plugin_id, entry in self.value.plugins.items():
            if entry.enabled:
                settings: dict[str, Any] = {}
                for layer in self.plugin_layers(plugin_id):
                    settings.update(layer.values)
                plugins.append(WantedPlugin(plugin_id, entry.order, settings, entry.granted))
        return tuple(sorted(plugins, key=lambda plugin: (plugin.order, plugin.id)))

    def plugin_layers(self, plugin_id: str) -> tuple[Layer, ...]:
        """What file and environment say of a plugin's own settings."""
        return tuple(
            layer.below("plugins", plugin_id).without(*_ENTRY_KEYS) for layer in self.layers
        )

    def plugin(
        self,
        plugin_id: str,
        model: type[P],
        rows: Sequence[Layer] = (),
        *,
        upto: Scope | None = None,
    ) -> Resolved[P]:
        """A plugin's settings, with an institution's and a user's rows over the hub's.

        Without rows only what the hub has to set is required; ``upto`` says otherwise.
        Raises :class:`ConfigError` with every fault.
        """
        if reserved := set(_ENTRY_KEYS) & set(model.model_fields):
            raise ConfigError(
                f"plugin {plugin_id}: settings {', '.join(sorted(reserved))} are the hub's own",
                cure="rename them in the plugin's config model",
            )
        return resolve(
            model,
            (*self.plugin_layers(plugin_id), *rows),
            table=f"plugins.{plugin_id}",
            env=self.env,
            folder=self.folder,
            upto=upto or (Scope(str(rows[-1].kind)) if rows else Scope.HUB),
        )


def default_path(env: Mapping[str, str]) -> Path | None:
    """``$BLOOP_CONFIG``, else ``hub.toml`` in the current folder, else none."""
    if named := env.get("BLOOP_CONFIG"):
        return Path(named)
    here = Path(FILE_NAME)
    return here if here.exists() else None


def load(path: Path | None, env: Mapping[str, str]) -> LoadedConfig:
    """Read and check the configuration; without ``path`` the default one, or built-in values.

    Raises :class:`ConfigError`, each line of which names file and line, key and cure.
    """
    path = path or default_path(env)
    text = read(path) if path else ""
    return parse(text, path, env)


def parse(text: str, path: Path | None, env: Mapping[str, str]) -> LoadedConfig:
    """As :func:`load`, from the text of ``path``."""
    env = dict(env)
    folder = (path.parent if path else Path()).absolute()
    faults: list[Fault] = []
    layers = (_file_layer(text, path), _env_layer(env, faults))
    tables = _tables(layers, faults)
    resolved: dict[Keys, Resolved[BaseModel]] = {}
    for keys, model in tables.items():
        below = [layer.below(*keys) for layer in layers]
        try:
            resolved[keys] = resolve(model, below, table=".".join(keys), env=env, folder=folder)
        except InvalidConfigError as err:
            faults.extend(err.faults)
    if faults:
        raise InvalidConfigError(faults)
    sections: dict[str, Any] = {keys[0]: found.config for keys, found in resolved.items()}
    sections["plugins"] = {
        keys[1]: found.config for keys, found in resolved.items() if len(keys) == 2
    }
    return LoadedConfig(
        value=with_absolute_paths(HubConfig.model_construct(**sections), folder),
        path=path,
        folder=folder,
        text=text,
        layers=layers,
        env=env,
        origins={
            ".".join((*keys, key)): origin
            for keys, found in resolved.items()
            for key, origin in found.origins.items()
        },
        warnings=tuple(warning for found in resolved.values() for warning in found.warnings),
    )


def read(path: Path) -> str:
    """The text of a configuration file; raises :class:`ConfigError` where it can't be one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: not found", cure="write one with `bloop init`") from None
    except OSError as err:
        raise ConfigError(f"{path}: cannot be read: {err.strerror}") from err
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES} bytes, which no configuration is")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8", cure="save the file as UTF-8") from None


def _file_layer(text: str, path: Path | None) -> Layer:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        problem, _, place = str(err).removesuffix(")").partition(" (at ")
        match = re.fullmatch(r"line (\d+), column (\d+)", place)
        line, column = match.groups() if match else (text.rstrip().count("\n") + 1, "end")
        raise ConfigError(
            f"{path}:{line}:{column}: not TOML: {problem}", cure="see https://toml.io"
        ) from None
    except RecursionError:
        raise ConfigError(f"{path}: not TOML: nested too deeply") from None
    lines: dict[tuple[str | int, ...], int] = {}
    for entry in scan(text):
        for length in range(1, len(entry.path) + 1):
            if length == len(entry.path) and entry.header:
                # A table may be implied by an earlier child; its own header tells more.
                lines[entry.path] = entry.line
            lines.setdefault(entry.path[:length], entry.line)

    def where(keys: Keys) -> str:
        for length in range(len(keys), 0, -1):
            if keys[:length] in lines:
                return f"{path}:{lines[keys[:length]]}"
        return str(path or "")

    return Layer(LayerKind.FILE, values, where)


def _env_layer(env: Mapping[str, str], faults: list[Fault]) -> Layer:
    """``BLOOP_HTTP__PORT`` for ``[http] port``: two underscores stand between keys."""
    values: dict[str, Any] = {}
    names: dict[Keys, str] = {}
    for name in sorted(env):
        keys = tuple(name.removeprefix(_PREFIX).lower().split("__"))
        if not name.startswith(_PREFIX) or len(keys) < 2:
            continue
        table: Any = values
        for key in keys[:-1]:
            table = table.setdefault(key, {}) if isinstance(table, dict) else None
        if not all(keys) or not isinstance(table, dict) or isinstance(table.get(keys[-1]), dict):
            cure = "write BLOOP_SECTION__KEY, or unset it"
            faults.append(Fault(f"env {name}", "", "", "names no setting", cure))
            continue
        table[keys[-1]] = env[name]
        for length in range(1, len(keys) + 1):
            names.setdefault(keys[:length], name)
    return Layer(LayerKind.ENV, values, lambda keys: f"env {names.get(keys, _PREFIX + '*')}")


def _tables(layers: Sequence[Layer], faults: list[Fault]) -> dict[Keys, type[BaseModel]]:
    """The model of every table: the hub's sections, and one for each plugin that is named."""
    tables: dict[Keys, type[BaseModel]] = {
        (name,): model
        for name, info in HubConfig.model_fields.items()
        if (model := nested_model(info)) is not None
    }
    for layer in layers:
        for section, value in layer.values.items():
            place = layer.where((section,))
            if section not in HubConfig.model_fields:
                faults.append(Fault(place, section, "", *unknown(section, HubConfig.model_fields)))
            elif not isinstance(value, Mapping):
                faults.append(_no_table(place, section))
        for plugin_id, value in layer.below("plugins").values.items():
            place = layer.where(("plugins", plugin_id))
            table = f"plugins.{plugin_id}"
            if not re.fullmatch(_PLUGIN_ID, plugin_id):
                cure = "write lower-case letters, digits and _, as the plugin's manifest does"
                faults.append(Fault(place, table, "", "no plugin has such an id", cure))
            elif not isinstance(value, Mapping):
                faults.append(_no_table(place, table))
            else:
                tables["plugins", plugin_id] = PluginEntry
                faults.extend(_misspelt(layer, plugin_id, value))
    return tables


def _misspelt(layer: Layer, plugin_id: str, value: Mapping[str, Any]) -> Iterator[Fault]:
    """Keys that were meant for the hub: taken for a setting, one would switch a plugin off."""
    for key in value:
        meant = difflib.get_close_matches(key, _SWITCHES, n=1, cutoff=0.8)
        if meant and key not in _SWITCHES:
            place = layer.where(("plugins", plugin_id, key))
            cure = f"did you mean {meant[0]}?"
            yield Fault(place, f"plugins.{plugin_id}", key, "is misspelt", cure)


def _no_table(place: str, table: str) -> Fault:
    return Fault(place, table, "", "must be a table", f"write [{table}] and its keys below it")

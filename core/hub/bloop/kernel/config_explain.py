"""Who set a key, layer by layer, for ``bloop config explain KEY``. Secrets are never shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bloop.kernel.config import LoadedConfig
from bloop.kernel.config_errors import SECRETIVE, nested_model, toml, unknown
from bloop.kernel.config_layers import Layer, LayerKind, SetOn
from bloop.kernel.config_model import HubConfig, PluginEntry
from bloop.kernel.config_places import HarmlessWithoutPassword
from bloop.kernel.secrets import as_reference, read_secret
from bloop_sdk.errors import ConfigError
from bloop_sdk.settings import is_secret, scope_of

HIDDEN = "**********"


@dataclass(frozen=True, slots=True)
class LayerView:
    """What one layer says of a key. ``value`` is fit to be shown to anybody."""

    layer: str
    origin: str
    value: str
    wins: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A key, what it is for, and the layers that set it from the weakest to the strongest."""

    key: str
    description: str
    scope: str
    secret: bool
    layers: tuple[LayerView, ...]


def explain(
    loaded: LoadedConfig,
    key: str,
    *,
    model: type[BaseModel] | None = None,
    rows: Sequence[Layer] = (),
) -> Explanation:
    """Explain ``http.port`` or ``plugins.canvas.token``.

    ``model`` is the plugin's config model, ``rows`` the institution's and the user's settings.
    Without a model nothing is known of a plugin's setting, and what may be secret is hidden.
    Raises :class:`ConfigError` for a key that does not exist.
    """
    path = tuple(key.split("."))
    length = 2 if path[0] == "plugins" else 1
    table, keys = path[:length], path[length:]
    is_entry = len(path) == 3 and path[0] == "plugins" and path[2] in PluginEntry.model_fields
    layers = [layer.below(*table) for layer in loaded.layers]
    if path[0] != "plugins":
        section = HubConfig.model_fields.get(path[0])
        if section is None:
            raise _no_key(key, path[0], HubConfig.model_fields)
        model = nested_model(section)
    elif is_entry:
        model = PluginEntry
    else:
        layers = [*(layer.without(*PluginEntry.model_fields) for layer in layers), *rows]
    if not keys:
        names = set(model.model_fields if model else ()).union(*(part.values for part in layers))
        names |= set(PluginEntry.model_fields if len(path) == 2 else ())
        raise ConfigError(f"{key}: names a table", cure=f"name a key: {', '.join(sorted(names))}")
    return _explain(loaded, key, keys, model, layers)


def _explain(
    loaded: LoadedConfig,
    key: str,
    keys: tuple[str, ...],
    model: type[BaseModel] | None,
    layers: Sequence[Layer],
) -> Explanation:
    owner, info = _field(key, keys, model)
    *parents, name = keys
    secret = is_secret(owner, name) if owner else bool(SECRETIVE.search(name))
    scope = scope_of(owner, name) if owner else None
    views = []
    if info is not None:
        views.append(LayerView(LayerKind.DEFAULT, "default", _default(info)))
    holders = [layer.below(*parents) for layer in layers]
    holders = [layer for layer in holders if name in layer.values]
    for layer in holders:
        value, where = layer.values[name], layer.where((name,))
        hidden = secret or (info is None and layer.kind is LayerKind.ENV)
        shown = _secret(loaded, info, layer, value) if hidden else toml(value)
        if scope is not None and not layer.may_set(scope):
            shown = f"ignored: belongs to the {scope}"
        views.append(LayerView(layer.kind, where, shown))
    if info is None and not views:
        raise ConfigError(f"{key}: is set nowhere, and the plugin's own settings are not known")
    valid = [index for index, view in enumerate(views) if not view.value.startswith("ignored: ")]
    winner = views[valid[-1]]
    views[valid[-1]] = LayerView(winner.layer, winner.origin, winner.value, wins=True)
    description = (info.description or "") if info else ""
    return Explanation(key, description, str(scope or ""), secret, tuple(views))


def _field(
    key: str, keys: tuple[str, ...], model: type[BaseModel] | None
) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    info = None
    for index, name in enumerate(keys):
        if model is None:
            break
        owner, info = model, model.model_fields.get(name)
        if info is None:
            raise _no_key(key, name, owner.model_fields)
        if index == len(keys) - 1:
            return owner, info
        model = nested_model(info)
        if model is None:
            raise _no_key(key, keys[index + 1], {})
    return None, None


def _no_key(key: str, part: str, known: Mapping[str, Any]) -> ConfigError:
    problem, cure = unknown(part, known)
    return ConfigError(f"{key}: {problem}", cure=cure)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "none, has to be set"
    value = info.get_default(call_default_factory=True) if not info.default_factory else None
    if value is None or value is PydanticUndefined or HarmlessWithoutPassword() in info.metadata:
        return "not set"
    return toml(value)


def _secret(loaded: LoadedConfig, info: FieldInfo | None, layer: Layer, value: Any) -> str:
    ref = as_reference(value)
    if ref is not None:
        try:
            read_secret(ref, env=loaded.env, folder=loaded.folder)
        except ConfigError as err:
            return f"not set: {err.message}"
        return f"set, from {ref}"
    if info is not None and HarmlessWithoutPassword() in info.metadata:
        return toml(_without_password(str(value)))
    if layer.kind is LayerKind.FILE:
        return "refused: a secret cannot stand here"
    return f"set{_date(value)}"


def _date(value: Any) -> str:
    """When a row's secret was set, where its layer tells that in place of the secret."""
    return f" on {value.date}" if isinstance(value, SetOn) else ""


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{HIDDEN}@{host}").geturl()

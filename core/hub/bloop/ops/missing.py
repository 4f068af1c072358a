"""Settings that a plugin would miss, found without importing what is not imported yet."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from bloop.kernel.config import LoadedConfig
from bloop.kernel.config_errors import InvalidConfigError, reference_to_write
from bloop.kernel.discovery import Found
from bloop.kernel.secrets import as_reference, read_secret
from bloop_sdk import ConfigError, PluginConfig


@dataclass(frozen=True, slots=True)
class MissingSetting:
    """A setting without which the plugin would not start."""

    key: str
    problem: str
    cure: str


def missing_settings(
    config: LoadedConfig, found: Found, model: type[PluginConfig] | None
) -> tuple[MissingSetting, ...]:
    """What ``[plugins.ID]`` lacks; ``model`` is None for a plugin that was not imported.

    Then its source is read for what has no default, and only what can be seen there is known.
    """
    if model is not None:
        try:
            config.plugin(found.id, model)
        except InvalidConfigError as err:
            return tuple(
                MissingSetting(fault.key, fault.problem, fault.cure) for fault in err.faults
            )
        return ()
    given = {
        key: value
        for layer in config.plugin_layers(found.id)
        for key, value in layer.values.items()
    }
    manifest = found.manifest
    secrets = set(manifest.secrets) if manifest else set()
    lacking = [
        MissingSetting(key, "has to be set", _to_write(found.id, key, secret=key in secrets))
        for key in _required(found)
        if key not in given
    ]
    for key, value in given.items():
        if ref := as_reference(value):
            try:
                read_secret(ref, env=config.env, folder=config.folder)
            except ConfigError as err:
                lacking.append(MissingSetting(key, err.message, err.cure or ""))
    return tuple(lacking)


def _to_write(plugin_id: str, key: str, *, secret: bool) -> str:
    table = f"plugins.{plugin_id}"
    value = reference_to_write(table, key) if secret else "..."
    return f"write below [{table}]: {key} = {value}"


def _required(found: Found) -> list[str]:
    """The settings of the hub's scope that have no default, as the source of the model says."""
    if found.manifest is None or found.manifest.config is None or found.package is None:
        return []
    module, _, name = found.manifest.config.partition(":")
    try:
        tree = ast.parse(_source(found.package, module.split(".")[1:]).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []  # What is wrong with it, its import tells.
    classes = {part.name: part for part in tree.body if isinstance(part, ast.ClassDef)}
    return [key for key, required in _fields(classes, name).items() if required]


def _source(package: Path, parts: list[str]) -> Path:
    module = package.joinpath(*parts)
    return module / "__init__.py" if module.is_dir() else module.with_suffix(".py")


def _fields(classes: dict[str, ast.ClassDef], name: str) -> dict[str, bool]:
    """The fields of a class and its bases in the same module, and whether each is required."""
    found: dict[str, bool] = {}
    owner = classes.get(name)
    if owner is None:
        return found
    rest = {key: part for key, part in classes.items() if key != name}
    for base in owner.bases:
        if isinstance(base, ast.Name):
            found |= _fields(rest, base.id)
    for part in owner.body:
        if (
            isinstance(part, ast.AnnAssign)
            and isinstance(part.target, ast.Name)
            and "ClassVar" not in ast.unparse(part.annotation)
        ):
            found[part.target.id] = _is_required(part.value)
    return found


def _is_required(value: ast.expr | None) -> bool:
    """Whether a field's ``= setting(...)`` leaves it to the hub's operator to give a value."""
    if not isinstance(value, ast.Call):
        return value is None or _is_ellipsis(value)
    named = {keyword.arg: keyword.value for keyword in value.keywords}
    if "default_factory" in named:
        return False
    default = value.args[0] if value.args else named.get("default")
    scope = named.get("scope")
    return (default is None or _is_ellipsis(default)) and (
        scope is None or ast.unparse(scope).lower().endswith("hub")
    )


def _is_ellipsis(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is ...

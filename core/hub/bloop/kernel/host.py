"""What the kernel needs of the hub around it, which nothing of the kernel imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from bloop.kernel.discovery import Found
from bloop.kernel.outcomes import HookFailure
from bloop_sdk.errors import ConfigError
from bloop_sdk.manifest import Manifest
from bloop_sdk.plugin import Logger
from bloop_sdk.settings import PluginConfig


class ResolvedSettings(Protocol):
    """A plugin's settings at hub scope, and where each came from."""

    @property
    def config(self) -> PluginConfig:
        """The valid settings."""
        ...

    @property
    def origins(self) -> Mapping[str, str]:
        """Key -> ``hub.toml:14``, ``env NAME`` or ``default``."""
        ...


@dataclass(frozen=True, slots=True)
class PlainSettings:
    """Settings as they were written, with no layers."""

    config: PluginConfig
    origins: Mapping[str, str] = field(default_factory=dict)


def plain_settings(
    plugin_id: str, model: type[PluginConfig], written: Mapping[str, Any]
) -> PlainSettings:
    """Validate settings without layers or secrets; raises ConfigError."""
    try:
        return PlainSettings(model.model_validate(dict(written)))
    except ValidationError as err:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in err.errors()
        )
        raise ConfigError(
            f"[plugins.{plugin_id}] {faults}", cure=f"`bloop config explain plugins.{plugin_id}`"
        ) from err


@dataclass(frozen=True, slots=True)
class Host:
    """What the kernel needs of the hub around it."""

    data_dir: Path
    log: Callable[[str], Logger]
    """A logger whose lines carry a plugin's id."""
    core: Mapping[str, object] = field(default_factory=dict)
    """The hub's own hook implementations by name; they are called first, in this order."""
    resolve: Callable[[str, type[PluginConfig], Mapping[str, Any]], ResolvedSettings] = (
        plain_settings
    )
    pending_upgrade: Callable[[Manifest], str | None] = lambda _: None
    """Why a plugin's tables have to be upgraded first, or None."""
    check_policies: Callable[[Found], None] = lambda _: None
    """Raises where a plugin's policies are none, or are not about its own actions."""
    report: Callable[[HookFailure], None] = lambda _: None
    drain_seconds: float = 30.0

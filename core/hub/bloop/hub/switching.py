"""Switching plugins for the whole hub: an edit of ``hub.toml`` that grants, is kept and audited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bloop.kernel import hubfile
from bloop.kernel.config import LoadedConfig, load
from bloop.kernel.discovery import Found, cure_of_absence
from bloop.kernel.edits import Edits, KeptEdit
from bloop.kernel.hubfile import Edit
from bloop.kernel.wanted import Changes
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.idempotency import claimed_ahead
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, ConfigError
from bloop_sdk.rights import names, rights_of

if TYPE_CHECKING:
    from bloop.hub import Hub


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Switched:
    """What was written to ``hub.toml``, and what came of it in this process."""

    edit: Edit
    changes: Changes


def file_of(config: LoadedConfig) -> Path:
    """The file to edit; raises :class:`ConfigError` where the hub runs without one."""
    if config.path is None:
        raise ConfigError("there is no hub.toml here", cure="run: bloop init")
    return config.path


def grants(found: Found | None) -> tuple[str, ...] | None:
    """What is granted to a plugin by enabling it: all that it declares now."""
    return names(rights_of(found.manifest)) if found and found.manifest else None


def write_switch(
    config: LoadedConfig, plugin_id: str, found: Found | None, *, enabled: bool
) -> Edit:
    """Switch a plugin in ``hub.toml``, so that it can be undone.

    Raises :class:`ConfigError` where the file can't be edited, and as :func:`require_known`.
    """
    require_known(config, plugin_id, found, enabled=enabled)
    path, edits = file_of(config), Edits(config.value.hub.data_dir)
    if not enabled:
        return hubfile.disable(path, plugin_id, keep=edits.keeper("disable", plugin_id))
    keep = edits.keeper("enable", plugin_id)
    return hubfile.enable(path, plugin_id, grants(found), keep=keep)


def require_known(
    config: LoadedConfig,
    plugin_id: str,
    found: Found | None,
    *,
    enabled: bool,
    installed: Iterable[str] = (),
) -> None:
    """Raise NotFoundError for what is not installed; what was uninstalled can be switched off."""
    if found is None and (enabled or plugin_id not in config.value.plugins):
        raise NotFoundError(
            f"no installed distribution has a plugin {plugin_id[:40]!r}",
            cure=cure_of_absence(plugin_id, installed),
        )


def write_undo(config: LoadedConfig) -> tuple[KeptEdit, Edit]:
    """Take the last switch back in ``hub.toml``; raises as :meth:`Edits.undo`."""
    return Edits(config.value.hub.data_dir).undo(file_of(config))


async def switch(hub: Hub, call: Call, plugin_id: str, *, enabled: bool) -> Switched:
    """Switch a plugin on or off, and bring this process to it at once; as :func:`write_switch`."""
    found = hub.kernel.found(plugin_id)
    edit = await _written(
        hub, call, partial(write_switch, hub.config, plugin_id, found, enabled=enabled)
    )
    action = "plugins.enabled" if enabled else "plugins.disabled"
    return await _take_up(hub, call, edit, action, plugin_id)


async def undo(hub: Hub, call: Call) -> tuple[KeptEdit, Switched]:
    """Take the last switch back, and bring this process to it; raises as :meth:`Edits.undo`."""
    kept, edit = await _written(hub, call, partial(write_undo, hub.config))
    return kept, await _take_up(hub, call, edit, "plugins.undone", kept.plugin)


async def _written(hub: Hub, call: Call, write: Callable[[], T]) -> T:
    """Edit ``hub.toml``: sent again with the same key, a request must not edit it once more."""

    def writing() -> T:
        with claimed_ahead(hub.database, call):
            return write()

    return await asyncio.to_thread(writing)


async def _take_up(hub: Hub, call: Call, edit: Edit, action: str, plugin_id: str) -> Switched:
    changes = await hub.reconfigure(load(edit.path, hub.config.env))
    if edit.changed:
        await hub.database.run(in_unit, hub.database, call, audit, action, plugin_id)
    return Switched(edit, changes)


@command("plugins:toggle")
def audit(
    unit: UnitOfWork, action: str, plugin_id: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Keep who switched a plugin; ``action`` is ``plugins.enabled``, ``.disabled``, ``.undone``."""
    unit.audit.append(action, f"plugin:{plugin_id}", detail)

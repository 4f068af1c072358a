"""What switching a plugin would do, told before it is done. It changes and imports nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.hub.switching import file_of, grants, require_known
from bloop.jobs.queries import UNDER_WAY
from bloop.kernel import hubfile
from bloop.kernel.discovery import Found, Problem, system_packages_missing
from bloop.kernel.grants import granted_names
from bloop.kernel.kernel import DEFAULT_ORDER
from bloop.kernel.queries import CONNECTED
from bloop.kernel.states import PluginState
from bloop.ops.missing import MissingSetting, missing_settings
from bloop.store.migrate import status
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import BloopError
from bloop_sdk.rights import Right, rights_of

if TYPE_CHECKING:
    from bloop.hub import Hub

Change = Literal["enable", "disable"]


@dataclass(frozen=True, slots=True)
class PlannedRight:
    """A right in words; ``new`` where enabling grants it for the first time."""

    name: str
    words: str
    detail: str
    new: bool


@dataclass(frozen=True, slots=True)
class PlannedTables:
    """The plugin's tables: ``current`` None are not there yet, ``head`` None stay as they are."""

    prefix: str
    current: str | None
    head: str | None


@dataclass(frozen=True, slots=True)
class Dependents:
    """What works by the plugin now; connections by the institution's name."""

    connections: Mapping[str, int]
    jobs_running: int
    jobs_waiting: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a change of one plugin would do, and what stands against it.

    ``changed`` says whether hub.toml would be edited, ``diff`` how. ``hooks`` maps each hook to
    the plugins that are called for it afterwards, in order. ``unknown`` says what could not be
    looked up.
    """

    id: str
    name: str
    version: str | None
    change: Change
    state: PluginState
    changed: bool
    diff: str
    loads: tuple[str, ...]
    stops: tuple[str, ...]
    rights: tuple[PlannedRight, ...]
    hosts: tuple[str, ...]
    tables: PlannedTables | None
    missing_settings: tuple[MissingSetting, ...]
    missing_packages: tuple[str, ...]
    hooks: Mapping[str, tuple[str, ...]]
    dependents: Dependents
    problem: str | None
    cure: str | None
    unknown: str | None

    @property
    def new_rights(self) -> tuple[PlannedRight, ...]:
        """The rights that enabling would grant for the first time."""
        return tuple(right for right in self.rights if right.new)


def plan(hub: Hub, plugin_id: str, change: Change) -> Plan:
    """Plan a change; blocks for the database, so call it in a thread beside an event loop.

    Raises NotFoundError for a plugin that is not installed, ConfigError where the file could not
    be edited.
    """
    record = hub.kernel.plugins.get(plugin_id)
    entry = hub.config.value.plugins.get(plugin_id)
    found = hub.kernel.found(plugin_id)
    enabling = change == "enable"
    require_known(hub.config, plugin_id, found, enabled=enabling, installed=hub.kernel.plugins)
    diff = _diff(hub, plugin_id, grants(found), enabled=enabling)
    problem = _problem(found) if enabling else None
    running = record is not None and record.status.state is PluginState.READY
    dependents, tables, unknown = _from_database(hub, plugin_id, found, enabling=enabling)
    manifest = found.manifest if found else None
    return Plan(
        id=plugin_id,
        name=manifest.name if manifest else plugin_id,
        version=found.version if found else None,
        change=change,
        state=record.status.state if record else PluginState.DISABLED,
        changed=bool(diff),
        diff=diff,
        loads=(plugin_id,) if enabling and not running and problem is None else (),
        stops=(plugin_id,) if not enabling and (running or (entry and entry.enabled)) else (),
        rights=_rights(hub, plugin_id, found, enabling=enabling),
        hosts=manifest.network.hosts if manifest else (),
        tables=tables,
        missing_settings=_missing(hub, found) if enabling else (),
        missing_packages=_missing_packages(found) if enabling else (),
        hooks=_hooks(hub, plugin_id, found, enabling=enabling),
        dependents=dependents,
        problem=problem.reason if problem else None,
        cure=problem.cure if problem else None,
        unknown=unknown,
    )


def _diff(hub: Hub, plugin_id: str, granted: tuple[str, ...] | None, *, enabled: bool) -> str:
    path: Path = file_of(hub.config)
    before = hubfile.read_text(path)
    keys = hubfile.switch_keys(plugin_id, granted if enabled else None, enabled=enabled)
    return hubfile.diff(path, before, hubfile.with_values(path, before, keys))


def _problem(found: Found | None) -> Problem | None:
    """Why the plugin would not be loaded, whatever is granted; missing packages are told apart."""
    if found is None or found.problem is None or found.problem.state is PluginState.BLOCKED:
        return None
    return found.problem


def _rights(
    hub: Hub, plugin_id: str, found: Found | None, *, enabling: bool
) -> tuple[PlannedRight, ...]:
    if found is None or found.manifest is None:
        return ()
    entry = hub.config.value.plugins.get(plugin_id)
    granted = granted_names(hub.config, plugin_id)

    def is_new(right: Right) -> bool:
        if granted is not None:
            return right.name not in granted
        return entry is None or not entry.enabled  # An enabled one without the key has them all.

    return tuple(
        PlannedRight(right.name, right.words, right.detail, new=enabling and is_new(right))
        for right in rights_of(found.manifest)
    )


def _missing(hub: Hub, found: Found | None) -> tuple[MissingSetting, ...]:
    return missing_settings(hub.config, found, hub.kernel.config_model(found.id)) if found else ()


def _missing_packages(found: Found | None) -> tuple[str, ...]:
    manifest = found.manifest if found else None
    return system_packages_missing(manifest.requires.system) if manifest else ()


def _hooks(
    hub: Hub, plugin_id: str, found: Found | None, *, enabling: bool
) -> dict[str, tuple[str, ...]]:
    """Who is called for each of the plugin's hooks afterwards, by ``order`` and id."""
    if found is None or found.manifest is None:
        return {}
    entries = hub.config.value.plugins
    wanted = {name for name, entry in entries.items() if entry.enabled} - {plugin_id}
    wanted |= {plugin_id} if enabling else set()
    order = {name: entries[name].order if name in entries else DEFAULT_ORDER for name in wanted}
    manifests = {
        name: record.manifest
        for name in sorted(wanted, key=lambda name: (order[name], name))
        if (record := hub.kernel.plugins.get(name)) is not None
    }
    return {
        hook: tuple(name for name, other in manifests.items() if other and hook in other.hooks)
        for hook in found.manifest.hooks
    }


def _from_database(
    hub: Hub, plugin_id: str, found: Found | None, *, enabling: bool
) -> tuple[Dependents, PlannedTables | None, str | None]:
    """What depends on the plugin, its tables, and why neither could be asked for."""
    declared = found.manifest.contributes.tables if found and found.manifest else None
    tables = PlannedTables(f"{plugin_id}_", None, None) if declared else None
    if not hub.has_database:
        return Dependents({}, 0, 0), tables, "there is no database yet"
    try:
        dependents = _dependents(hub, plugin_id)
        if declared is not None:
            found_versions = status(hub.database, {plugin_id: declared.migrations})
            version = next(one for one in found_versions if one.owner == plugin_id)
            head = version.head if enabling else None
            tables = PlannedTables(f"{plugin_id}_", version.current, head)
    except BloopError as err:
        return Dependents({}, 0, 0), tables, f"the database could not be asked: {err.message}"
    return dependents, tables, None


def _dependents(hub: Hub, plugin_id: str) -> Dependents:
    call = system_call(EVERY_INSTITUTION)
    names = {row[0]: str(row[2]) for row in hub.database.read_now(INSTITUTIONS, call)}
    connected = hub.database.read_now(CONNECTED, call, plugin=plugin_id)
    under_way = hub.database.read_now(UNDER_WAY, call, plugin=plugin_id)
    jobs: dict[str, int] = {row[0]: row[1] for row in under_way}
    return Dependents(
        connections={names.get(row[0]) or str(row[0]): row[1] for row in connected},
        jobs_running=jobs.get("running", 0),
        jobs_waiting=jobs.get("waiting", 0) + jobs.get("blocked", 0),
    )

"""What ails each plugin: its state with reason and cure, and everything that helps to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bloop.kernel.breaker import BreakerView
from bloop.kernel.states import PluginState
from bloop.store.errors import NotFoundError
from bloop_sdk.deprecation import deprecations_of
from bloop_sdk.manifest import Manifest

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.kernel.registry import PluginRecord

FINE = frozenset({PluginState.READY, PluginState.DISABLED, PluginState.DISCOVERED})


@dataclass(frozen=True, slots=True)
class Declared:
    """What the manifest says, and what the loaded code has; ``implemented`` None: not loaded."""

    hooks: tuple[str, ...]
    implemented: tuple[str, ...] | None
    capabilities: tuple[str, ...]
    hosts: tuple[str, ...]
    system: tuple[str, ...]
    contributions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One plugin. ``settings`` maps each key to where it was set, never to its value."""

    id: str
    state: PluginState
    healthy: bool
    reason: str | None
    cure: str | None
    recoverable: bool
    since: str
    last_error: str | None
    distribution: str | None
    version: str | None
    package: str | None
    import_ms: float | None
    settings: Mapping[str, str]
    declared: Declared | None
    breakers: tuple[BreakerView, ...]
    deprecated: tuple[str, ...] = ()
    """What it used in this process that will go, when, and what to use instead."""
    notes: tuple[str, ...] = ()
    """What it tells of itself, such as what it found on this machine; where it was asked."""


def diagnose(hub: Hub, plugin_id: str | None = None, *, whole: bool = True) -> list[Diagnosis]:
    """Every installed or wanted plugin, or the one that is named; raises NotFoundError.

    Not ``whole`` it is for an institution: what calls failed of may be of another one's rows.
    """
    records = hub.kernel.plugins
    if plugin_id is not None and plugin_id not in records:
        raise NotFoundError(
            f"no plugin {plugin_id[:40]!r} is installed", cure="`bloop plugins list` shows them all"
        )
    chosen = [plugin_id] if plugin_id is not None else sorted(records)
    return [_diagnosis(hub, records[name], whole=whole) for name in chosen]


def _diagnosis(hub: Hub, record: PluginRecord, *, whole: bool) -> Diagnosis:
    status, found = record.status, record.found
    views = tuple(view for view in hub.kernel.breakers.snapshot() if view.plugin == record.id)
    if not whole:
        views = tuple(replace(view, connection=None, last_error=None) for view in views)
    paused = [view for view in views if view.reopens_in is not None]
    failing = [f"{view.operation}: {view.last_error}" for view in views if view.last_error]
    cure = status.cure
    if failing and found is not None:
        cure = cure or f"update {found.distribution}, or `bloop plugins disable {record.id}`"
    return Diagnosis(
        id=record.id,
        state=status.state,
        healthy=status.state in FINE and not paused,
        reason=status.reason,
        cure=cure,
        recoverable=status.recoverable,
        since=status.since.isoformat(),
        last_error=record.last_error or (failing[-1] if failing else None),
        distribution=found.distribution if found else None,
        version=found.version if found else None,
        package=str(found.package) if found and found.package else None,
        import_ms=record.import_ms,
        settings=record.origins or _written(hub, record.id),
        declared=_declared(record.manifest, record) if record.manifest else None,
        breakers=views,
        deprecated=_deprecated(record),
    )


def _deprecated(record: PluginRecord) -> tuple[str, ...]:
    package = record.found.package if record.found else None
    return tuple(map(str, deprecations_of(package.name))) if package else ()


def _written(hub: Hub, plugin_id: str) -> dict[str, str]:
    """Where the settings of a plugin stand whose model is not known, since it is not loaded."""
    return {
        key: layer.where((key,))
        for layer in hub.config.plugin_layers(plugin_id)
        for key in layer.values
    }


def _declared(manifest: Manifest, record: PluginRecord) -> Declared:
    parts = {
        kind: len(part) if isinstance(part, tuple) else 1
        for kind, part in manifest.contributes
        if part
    }
    return Declared(
        hooks=tuple(sorted(manifest.hooks)),
        implemented=tuple(sorted(record.hooks)) if record.import_ms is not None else None,
        capabilities=tuple(manifest.provides),
        hosts=manifest.network.hosts,
        system=manifest.requires.system,
        contributions=parts,
    )

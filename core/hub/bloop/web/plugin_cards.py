"""The plugins as their page shows them: state, cause, cure, and the switch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bloop.kernel.states import PluginState
from bloop.ops.doctor import Diagnosis, diagnose

if TYPE_CHECKING:
    from bloop.hub import Hub


@dataclass(frozen=True, slots=True)
class Card:
    """One plugin."""

    id: str
    name: str
    summary: str
    version: str
    capabilities: tuple[str, ...]
    state: str
    reason: str | None
    cure: str | None
    last_error: str | None
    import_ms: float | None
    wanted: bool
    installed: bool


def cards(hub: Hub) -> list[Card]:
    """Every plugin that is installed or wanted; those that need somebody come first."""
    found = [_card(hub, line) for line in diagnose(hub)]
    return sorted(found, key=lambda card: (card.reason is None, card.id))


def _card(hub: Hub, line: Diagnosis) -> Card:
    manifest = hub.kernel.plugins[line.id].manifest
    entry = hub.config.value.plugins.get(line.id)
    wanted = entry is not None and entry.enabled
    # What was running until it was switched off is, to whoever looks, switched off.
    off = line.state is PluginState.STOPPED and not wanted
    return Card(
        id=line.id,
        name=manifest.name if manifest else line.id,
        summary=manifest.summary if manifest else "",
        version=line.version or "",
        capabilities=line.declared.capabilities if line.declared else (),
        state=str(PluginState.DISABLED if off else line.state),
        reason=line.reason,
        cure=line.cure,
        last_error=line.last_error if line.last_error != line.reason else None,
        import_ms=line.import_ms,
        wanted=wanted,
        installed=line.distribution is not None,
    )

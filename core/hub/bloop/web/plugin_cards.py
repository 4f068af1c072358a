"""The plugins as their page shows them: state, cause, cure, and the switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bloop.kernel.grants import granted_names, ungranted
from bloop.kernel.states import PluginState
from bloop.ops.doctor import Diagnosis, diagnose
from bloop_sdk.manifest import Manifest
from bloop_sdk.rights import names, rights_of

if TYPE_CHECKING:
    from bloop.hub import Hub


@dataclass(frozen=True, slots=True)
class CardRight:
    """What a plugin asks for, in the visitor's words, and whether the operator granted it."""

    name: str
    words: str
    detail: str
    granted: bool


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
    distribution: str | None
    loaded: bool
    rights: tuple[CardRight, ...]

    @property
    def installed(self) -> bool:
        """Whether a distribution has it."""
        return self.distribution is not None

    @property
    def held(self) -> bool:
        """Whether it asks for more than the operator has granted."""
        return not all(right.granted for right in self.rights)


def cards(hub: Hub, translate: Callable[[str], str], *, whole: bool) -> list[Card]:
    """Every plugin that is installed or wanted; those that need somebody come first."""
    found = [_card(hub, line, translate) for line in diagnose(hub, whole=whole)]
    return sorted(found, key=lambda card: (card.reason is None, card.id))


def card(hub: Hub, plugin_id: str, translate: Callable[[str], str]) -> Card:
    """One of them; raises NotFoundError."""
    (line,) = diagnose(hub, plugin_id, whole=False)
    return _card(hub, line, translate)


def _rights(
    hub: Hub, manifest: Manifest | None, translate: Callable[[str], str]
) -> tuple[CardRight, ...]:
    if manifest is None:
        return ()
    held = names(ungranted(manifest, granted_names(hub.config, manifest.id)))
    return tuple(
        CardRight(right.name, right.in_words(translate), right.detail, right.name not in held)
        for right in rights_of(manifest)
    )


def _card(hub: Hub, line: Diagnosis, translate: Callable[[str], str]) -> Card:
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
        distribution=line.distribution,
        loaded=line.state is PluginState.READY,
        rights=_rights(hub, manifest, translate),
    )

"""What the operator grants: ``granted`` in ``[plugins.ID]``, against what the manifest asks for.

Without the key everything is granted that is declared, so that a file written by hand stays
simple. With it, a plugin that asks for more (a new version, say) is held back whole: what it
declares is only known to be all it does while its code is not here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from bloop.kernel.config import LoadedConfig
from bloop.kernel.discovery import Problem
from bloop.kernel.states import PluginState
from bloop_sdk.manifest import Manifest
from bloop_sdk.rights import Right, names, rights_of


def ungranted(manifest: Manifest, granted: Collection[str] | None) -> tuple[Right, ...]:
    """What a plugin asks for and was not granted; ``granted`` of None grants everything."""
    if granted is None:
        return ()
    return tuple(right for right in rights_of(manifest) if right.name not in granted)


def scopes_of(manifest: Manifest) -> frozenset[str]:
    """The actions that a plugin may do for somebody, as far as that person may.

    Its own, those that its parts ask for, and those of the hub that it names. All of them are
    granted: a plugin that asks for more than that does not run.
    """
    parts = manifest.contributes
    return frozenset(
        (
            *manifest.scopes,
            *(action.name for action in parts.actions),
            *(route.action for route in parts.routes),
            *(page.action for page in parts.pages),
            *(panel.action for panel in parts.panels),
            *(step.action for step in parts.setup),
        )
    )


def granted_names(config: LoadedConfig, plugin_id: str) -> tuple[str, ...] | None:
    """The rights that ``hub.toml`` grants a plugin; None where it says nothing of them."""
    entry = config.value.plugins.get(plugin_id)
    return None if entry is None else entry.granted


def rights_shown(config: LoadedConfig, manifest: Manifest | None) -> list[dict[str, Any]]:
    """What a plugin asks for, in words, and whether it was granted; for a plugin that is wanted."""
    if manifest is None:
        return []
    granted = granted_names(config, manifest.id)
    return [
        {
            "name": right.name,
            "words": right.words,
            "detail": right.detail,
            "granted": granted is None or right.name in granted,
        }
        for right in rights_of(manifest)
    ]


def withheld(plugin_id: str, asked: Iterable[Right], *, outdated: bool) -> Problem:
    """Why a plugin that asks for more than was granted stays off.

    ``outdated`` says that what is on the disk is newer than what runs, and was granted already.
    """
    return Problem(
        PluginState.BLOCKED,
        f"it asks for what was not granted: {', '.join(names(asked))}",
        "restart the hub: the plugin was updated while it ran"
        if outdated
        else f"`bloop plugins enable {plugin_id}`, if it shall have that",
    )

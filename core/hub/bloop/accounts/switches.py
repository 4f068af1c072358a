"""Which of the loaded plugins an institution has switched on for itself; all, unless it said so."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from bloop.kernel.models import InstitutionPlugin
from bloop.store.database import Database
from bloop.store.statements import institution, register
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call

INSTITUTION_PLUGINS = register(
    "accounts.institution_plugins",
    select(InstitutionPlugin.plugin_id, InstitutionPlugin.enabled).where(
        InstitutionPlugin.institution_id == institution
    ),
)
"""What an institution has said of plugins; a few rows at most."""


async def switches(database: Database, call: Call) -> Mapping[str, bool]:
    """What the caller's institution has said, by plugin id."""
    return {row[0]: row[1] for row in await database.read(INSTITUTION_PLUGINS, call)}


def switch_plugin(unit: UnitOfWork, plugin_id: str, *, enabled: bool) -> None:
    """Switch a plugin on or off for the unit's institution; the same again changes nothing."""
    found = unit.session.get(InstitutionPlugin, (unit.institution, plugin_id))
    if found is None:
        found = InstitutionPlugin(institution_id=unit.institution, plugin_id=plugin_id)
        unit.session.add(found)
    elif found.enabled == enabled:
        return
    found.enabled = enabled
    topic = "plugin.switched_on" if enabled else "plugin.switched_off"
    unit.outbox.append(topic, f"plugin:{plugin_id}", {"plugin": plugin_id})
    unit.audit.append(topic, f"plugin:{plugin_id}")

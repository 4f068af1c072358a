"""Switching a loaded plugin on or off for one institution."""

from __future__ import annotations

from bloop.kernel.models import InstitutionPlugin
from bloop.store.unit import UnitOfWork


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

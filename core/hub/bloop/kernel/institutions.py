"""What institutions say of the loaded plugins: whether they use them, and with which settings.

Of a plugin that an institution has switched off, nothing runs for it: no route, page or panel, no
hook, no job. Its checks of health and its consumers' positions are the hub's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import bloop.kernel.topics  # noqa: F401 - declares what is said here
from bloop.kernel.config import LoadedConfig
from bloop.kernel.config_layers import Layer, row_layer
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.models import InstitutionPlugin
from bloop.kernel.queries import INSTITUTION_SETTINGS
from bloop.store.commands import command
from bloop.store.database import Database
from bloop.store.errors import ConflictError
from bloop.store.statements import Row, parsed
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, PluginConfig
from bloop_sdk.settings import Scope

FRESH_SECONDS = 1.0
"""For so long an answer is used again; a change in another process is seen after it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What an institution says of one plugin; without a row it uses whatever is loaded."""

    enabled: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    row_version: int = 0

    @property
    def layer(self) -> Layer:
        """The institution's settings, for :meth:`bloop.kernel.config.LoadedConfig.plugin`."""
        return row_layer(Scope.INSTITUTION, self.settings)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read, and when (monotonic seconds)."""

    at: float
    choices: Mapping[str, Choice]
    off: frozenset[str]


class InstitutionPlugins:
    """The choices of institutions, remembered for a moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Known] = {}

    async def choices(self, call: Call) -> Mapping[str, Choice]:
        """What the call's institution says, by plugin id."""
        return (await self._look(call)).choices

    def choices_now(self, call: Call) -> Mapping[str, Choice]:
        """The same without an event loop."""
        now = time.monotonic()
        return self._keep(call, now, self._database.read_now(INSTITUTION_SETTINGS, call)).choices

    async def off(self, call: Call) -> frozenset[str]:
        """The plugins that the call's institution has switched off.

        ``kernel.hooks.without(await choices.off(call))`` are the hooks of that institution.
        """
        return (await self._look(call)).off

    async def _look(self, call: Call) -> _Known:
        known = self._known.get(call.institution)
        now = time.monotonic()
        if known is not None and now - known.at < FRESH_SECONDS:
            return known
        return self._keep(call, now, await self._database.read(INSTITUTION_SETTINGS, call))

    def _keep(self, call: Call, now: float, rows: Sequence[Row]) -> _Known:
        choices = {row[0]: Choice(row[1], parsed(row[2]), row[3]) for row in rows}
        off = frozenset(name for name, choice in choices.items() if not choice.enabled)
        known = self._known[call.institution] = _Known(now, MappingProxyType(choices), off)
        return known

    async def enabled_for(self, call: Call, plugin_id: str) -> bool:
        """Whether the call's institution uses a loaded plugin."""
        return (await self.choices(call)).get(plugin_id, Choice()).enabled

    async def require(self, call: Call, plugin_id: str) -> None:
        """Raise PluginUnavailableError unless the call's institution uses a loaded plugin."""
        if plugin_id in await self.off(call):
            raise PluginUnavailableError(
                f"plugin {plugin_id} is switched off for this institution",
                cure="an admin can switch it on",
            )

    def forget(self, institution: str) -> None:
        """Ask the database next time: something was changed here."""
        self._known.pop(institution, None)


@command("plugins:enable")
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


@command("plugins:enable")
def set_settings(
    unit: UnitOfWork,
    config: LoadedConfig,
    plugin_id: str,
    model: type[PluginConfig],
    settings: Mapping[str, Any],
    version: int | None,
) -> int:
    """Replace an institution's settings of a plugin; gives the row's new version.

    Raises ConfigError with every fault, among them what belongs to the operator, and
    ConflictError for a stale ``version``.
    """
    config.plugin(plugin_id, model, (row_layer(Scope.INSTITUTION, settings),))
    row = unit.session.get(InstitutionPlugin, (unit.institution, plugin_id))
    if row is None:
        if version:
            raise ConflictError(f"nothing has been set of plugin {plugin_id}", cure="read it again")
        row = InstitutionPlugin(
            institution_id=unit.institution, plugin_id=plugin_id, enabled=True, settings={}
        )
        unit.session.add(row)
    else:
        unit.expect(row, version)
    row.settings = dict(settings)
    unit.audit.append("plugins:settings", f"plugin:{plugin_id}", {"keys": sorted(settings)})
    unit.session.flush()
    return row.row_version

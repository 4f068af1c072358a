"""What institutions say of the loaded plugins: whether they use them, and with which settings."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bloop.kernel.config import LoadedConfig
from bloop.kernel.config_layers import Layer, row_layer
from bloop.kernel.models import InstitutionPlugin
from bloop.kernel.queries import INSTITUTION_SETTINGS
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


class InstitutionPlugins:
    """The choices of institutions, remembered for a moment."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Mapping[str, Choice]]] = {}

    async def choices(self, call: Call) -> Mapping[str, Choice]:
        """What the call's institution says, by plugin id."""
        found = self._known.get(call.institution)
        if found is not None and time.monotonic() - found[0] < FRESH_SECONDS:
            return found[1]
        asked_at = time.monotonic()
        return self._keep(call, asked_at, await self._database.read(INSTITUTION_SETTINGS, call))

    def choices_now(self, call: Call) -> Mapping[str, Choice]:
        """The same without an event loop."""
        asked_at = time.monotonic()
        return self._keep(call, asked_at, self._database.read_now(INSTITUTION_SETTINGS, call))

    def _keep(self, call: Call, asked_at: float, rows: Sequence[Row]) -> Mapping[str, Choice]:
        choices = MappingProxyType({row[0]: Choice(row[1], parsed(row[2]), row[3]) for row in rows})
        self._known[call.institution] = asked_at, choices
        return choices

    async def enabled_for(self, call: Call, plugin_id: str) -> bool:
        """Whether the call's institution uses a loaded plugin."""
        return (await self.choices(call)).get(plugin_id, Choice()).enabled

    async def layer(self, call: Call, plugin_id: str) -> Layer:
        """The layer of the call's institution."""
        return (await self.choices(call)).get(plugin_id, Choice()).layer

    def forget(self, institution: str) -> None:
        """Ask the database next time: something was changed here."""
        self._known.pop(institution, None)


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

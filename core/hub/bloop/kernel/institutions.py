"""What institutions say of the loaded plugins: whether they use them, and with which settings.

Of a plugin that an institution has switched off, nothing runs for it: no route, page or panel, no
hook, no job. Its checks of health and its consumers' positions are the hub's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import bloop.kernel.topics  # noqa: F401 - declares what is said here
from bloop.kernel.config_layers import Layer
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.models import InstitutionPlugin
from bloop.kernel.own_settings import Owner, OwnSettings, sets_for_users
from bloop.kernel.queries import INSTITUTION_SETTINGS, USER_SETTINGS
from bloop.store.commands import command
from bloop.store.database import Database
from bloop.store.statements import Row, parsed
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, PluginConfig, PrincipalKind

FRESH_SECONDS = 1.0
"""For so long an answer is used again; a change in another process is seen after it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What an institution says of one plugin; without a row it uses whatever is loaded."""

    enabled: bool = True
    own: OwnSettings = field(default_factory=OwnSettings)


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
        choices = {
            row[0]: Choice(row[1], OwnSettings(parsed(row[2]), row[3], row[4], parsed(row[5])))
            for row in rows
        }
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

    async def layers(
        self, call: Call, plugin_id: str, model: type[PluginConfig], *, user: bool = True
    ) -> tuple[Layer, ...]:
        """The rows over the hub's settings: the institution's, then the one of the call's user.

        Empty where nothing was set. Raises SealError where a secret does not open.
        """
        choice = (await self.choices(call)).get(plugin_id, Choice())
        rows: Sequence[Row] = ()
        if user and (owner := _user_of(call, plugin_id, model)):
            named = {"user": owner.user, "plugin": plugin_id}
            rows = await self._database.read(USER_SETTINGS, call, **named)
        return self._layers(call, plugin_id, model, choice, rows)

    def layers_now(
        self, call: Call, plugin_id: str, model: type[PluginConfig], *, user: bool = True
    ) -> tuple[Layer, ...]:
        """The same without an event loop."""
        choice = self.choices_now(call).get(plugin_id, Choice())
        rows: Sequence[Row] = ()
        if user and (owner := _user_of(call, plugin_id, model)):
            named = {"user": owner.user, "plugin": plugin_id}
            rows = self._database.read_now(USER_SETTINGS, call, **named)
        return self._layers(call, plugin_id, model, choice, rows)

    def _layers(
        self,
        call: Call,
        plugin_id: str,
        model: type[PluginConfig],
        choice: Choice,
        rows: Sequence[Row],
    ) -> tuple[Layer, ...]:
        found = [(Owner(call.institution, plugin_id), choice.own)]
        if rows:
            found.append((Owner(call.institution, plugin_id, call.principal.id), users(rows[0])))
        # A plugin without secrets needs no ring.
        return tuple(
            own.layer(owner, model, self._database.ring.open) for owner, own in found if own
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


def users(row: Row) -> OwnSettings:
    """A row of USER_SETTINGS."""
    return OwnSettings(parsed(row[0]), row[1], row[2], parsed(row[3]))


def _user_of(call: Call, plugin_id: str, model: type[PluginConfig]) -> Owner | None:
    """Whose row lies over the institution's, if anybody's may."""
    if call.principal.kind is PrincipalKind.USER and sets_for_users(model):
        return Owner(call.institution, plugin_id, call.principal.id)
    return None

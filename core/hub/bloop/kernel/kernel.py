"""The kernel: brings the plugins of this process to what is wanted, while requests go on.

:meth:`Kernel.apply` imports and starts what is new, makes a new :class:`Live`, assigns it, and then
drains and stops what is not wanted any more. Requests read ``kernel.hooks``, ``kernel.providers()``
and the like from whatever ``Live`` there is; they take no lock and see no half.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bloop.kernel.breaker import Breakers
from bloop.kernel.calls import Calls
from bloop.kernel.context import HubContext
from bloop.kernel.discovery import Found, Problem, Scan
from bloop.kernel.dispatch import Dispatcher, Hooks
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.grants import ungranted, withheld
from bloop.kernel.host import Host
from bloop.kernel.loader import (
    Imported,
    Runner,
    import_plugins,
    notes_of,
    start_plugin,
    stop_plugin,
)
from bloop.kernel.records import Records
from bloop.kernel.registry import (
    Contribution,
    Live,
    PluginRecord,
    ProviderHandle,
    offers,
    unavailable,
)
from bloop.kernel.states import PluginState
from bloop.kernel.wanted import Changes, Wanted
from bloop.kernel.watchdog import Watchdog
from bloop_sdk.plugin import Plugin
from bloop_sdk.settings import PluginConfig

DEFAULT_ORDER = 100


@dataclass(frozen=True, slots=True)
class _Active:
    """A plugin that runs."""

    imported: Imported
    plugin: Plugin
    context: HubContext
    settings: Mapping[str, Any]


class Kernel:
    """The plugins of this process. Nothing is loaded before :meth:`apply`.

    To end, apply an empty :class:`Wanted`: it drains and stops them all.
    """

    def __init__(
        self,
        scan: Scan,
        host: Host,
        *,
        breakers: Breakers | None = None,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.host = host
        self.breakers = breakers or Breakers()
        self.calls = Calls(self.breakers)
        self.runner = Runner(watchdog)
        self._dispatcher = Dispatcher(self.breakers, host.report)
        self._watchdog = watchdog
        self._suspects = watchdog.suspects() if watchdog else {}
        self._applying = threading.Lock()
        self._wanted = Wanted()
        self._active: dict[str, _Active] = {}
        self._imported: dict[str, Imported] = {}
        self._records = Records(scan, host)
        self._applied = False
        self.live = self._make_live()

    # What requests read.

    @property
    def hooks(self) -> Hooks:
        """The compiled hooks of the ready plugins."""
        return self.live.hooks

    @property
    def plugins(self) -> Mapping[str, PluginRecord]:
        """Everything that is known of each plugin, by id."""
        return self.live.plugins

    def providers(self, capability: str) -> tuple[ProviderHandle, ...]:
        """The ready plugins' providers of a capability, in order."""
        return self.live.providers.get(capability, ())

    def provider(self, capability: str, plugin_id: str) -> ProviderHandle:
        """One plugin's provider; raises :class:`PluginUnavailableError` with a cure."""
        for handle in self.providers(capability):
            if handle.plugin_id == plugin_id:
                return handle
        if plugin_id in self.live.contexts:
            raise PluginUnavailableError(f"plugin {plugin_id} provides no {capability}")
        raise unavailable(plugin_id, self.plugins.get(plugin_id))

    def contributions(self, kind: str) -> tuple[Contribution, ...]:
        """What ready plugins contribute of a kind: ``routes``, ``jobs``, ``commands``, ..."""
        return self.live.contributions.get(kind, ())

    def found(self, plugin_id: str) -> Found | None:
        """A plugin as it is installed; None where it is not."""
        record = self.plugins.get(plugin_id)
        return record.found if record else None

    def config_model(self, plugin_id: str) -> type[PluginConfig] | None:
        """The model of a plugin's settings; None for one whose code is not in this process."""
        imported = self._imported.get(plugin_id)
        return imported.config if imported else None

    def context(self, plugin_id: str) -> HubContext:
        """A ready plugin's own context; raises :class:`PluginUnavailableError` with a cure."""
        found = self.live.contexts.get(plugin_id)
        if found is None:
            raise unavailable(plugin_id, self.plugins.get(plugin_id))
        return found

    # What changes them.

    def apply(self, wanted: Wanted, scan: Scan | None = None) -> Changes:
        """Bring the plugins to what is wanted; a failure of one is told in its record alone.

        Give a new ``scan`` to take up what was installed meanwhile. Blocks for imports and for
        draining: call it in a thread while an event loop runs. Calls are made one after another.
        A plugin whose settings changed gets a new object; if that fails, the old one goes on.
        """
        with self._applying:
            before = self._wanted if self._applied else None
            self._wanted, self._applied = wanted, True
            restart = self._take_up(scan) if scan else set()
            self._records.note_uninstalled(wanted.enabled)
            starting = self._rest_or_start(before, retry=scan is not None)
            restart |= {plugin_id for plugin_id in starting if self._is_outdated(plugin_id)}
            running = dict(self._active)
            stopping = sorted(name for name in running if not self._may_run(name))
            changing = [
                plugin_id
                for plugin_id, active in sorted(running.items())
                if plugin_id not in stopping
                and active.settings != wanted.settings.get(plugin_id, {})
            ]
            failed = self._load(starting, changing)
            changed = [plugin_id for plugin_id in changing if plugin_id not in failed]
            self._swap(stopping, {plugin_id: running[plugin_id] for plugin_id in changed})
            return Changes(
                wanted.generation,
                started=tuple(plugin_id for plugin_id in starting if plugin_id not in failed),
                stopped=tuple(stopping),
                reconfigured=tuple(changed),
                failed=tuple(sorted(failed)),
                restart=tuple(sorted(restart)),
            )

    def _load(self, starting: list[str], changing: list[str]) -> set[str]:
        """Start what is new, and what has new settings beside its old object; gives what failed."""
        failed = self._import(starting)
        for plugin_id in (*starting, *changing):
            if plugin_id not in failed and not self._start(plugin_id):
                failed.add(plugin_id)
        return failed

    def notes(self, plugin_id: str) -> tuple[str, ...]:
        """What a plugin that runs tells of itself."""
        active = self._active.get(plugin_id)
        return notes_of(self.runner, active.imported.found, active.plugin) if active else ()

    def _swap(self, stopping: list[str], replaced: dict[str, _Active]) -> None:
        """Show requests the new set; then drain and stop what is in it no more."""
        leaving = {plugin_id: self._active.pop(plugin_id) for plugin_id in stopping}
        self.live = self._make_live()
        for plugin_id in leaving:
            left = self.calls.drain(plugin_id, self.host.drain_seconds)
            reason = f"{left} calls were still under way" if left else None
            self._records.set(plugin_id, PluginState.STOPPED, reason)
            if plugin_id in self._wanted.enabled and (held := self._withheld(plugin_id)):
                self._records.set(plugin_id, held.state, held.reason, held.cure)
        for plugin_id, active in (leaving | replaced).items():
            try:
                stop_plugin(self.runner, active.imported.found, active.plugin)
            except PluginUnavailableError as error:
                self._records.note_error(plugin_id, error.message)
                self.host.log(plugin_id).error("plugin did not stop cleanly", reason=error.message)
        self.live = replace(self.live, plugins=dict(self._records))

    def _rest_or_start(self, before: Wanted | None, *, retry: bool) -> list[str]:
        """Put what does not run to its state; gives what shall be started."""
        starting = []
        for plugin_id, record in sorted(self._records.items()):
            if plugin_id in self._active:
                continue
            if plugin_id not in self._wanted.enabled:
                self._records.rest(record)
            elif self._may_start(record, before, retry=retry):
                starting.append(plugin_id)
        return starting

    def _take_up(self, scan: Scan) -> set[str]:
        """Replace what was known of plugins that never ran; gives those that need a restart."""
        restart = set()
        for plugin_id in {*self._records, *scan.plugins}:
            found = scan.plugins.get(plugin_id)
            imported = self._imported.get(plugin_id)
            if imported is not None:
                same = found is not None and found.code == imported.found.code
                if not same or imported.is_outdated():
                    restart.add(plugin_id)
            elif found is None:
                self._records.drop(plugin_id)
            else:
                self._records.discover(found)
        return restart

    def _is_outdated(self, plugin_id: str) -> bool:
        return plugin_id in self._imported and self._imported[plugin_id].is_outdated()

    def _may_run(self, plugin_id: str) -> bool:
        """Whether a plugin that runs may go on."""
        return plugin_id in self._wanted.enabled and self._withheld(plugin_id) is None

    def _withheld(self, plugin_id: str) -> Problem | None:
        """Why a plugin that is wanted may not run: it asks for more than was granted."""
        manifest = self._records[plugin_id].manifest
        granted = self._wanted.granted.get(plugin_id)
        if manifest is None or not (asked := ungranted(manifest, granted)):
            return None
        return withheld(plugin_id, asked, outdated=self._is_outdated(plugin_id))

    def _may_start(self, record: PluginRecord, before: Wanted | None, *, retry: bool) -> bool:
        """Whether to try; where not, the record says why."""
        found = record.found
        asked_anew = before is not None and (
            record.id not in before.enabled
            or before.settings.get(record.id, {}) != self._wanted.settings.get(record.id, {})
        )
        hopeless = record.status.state is PluginState.LOAD_FAILED and not (asked_anew or retry)
        if found is None or hopeless:
            return False
        # Before its tables are touched: they are a right as well.
        if problem := found.problem or self._withheld(record.id):
            self._records.set(record.id, problem.state, problem.reason, problem.cure)
            return False
        if self._accuse(record.id, found, forgive=asked_anew):
            return False
        return not self._awaits_upgrade(found)

    def _awaits_upgrade(self, found: Found) -> bool:
        """Whether a plugin's tables keep it off; in an embedded hub they are upgraded here."""
        manifest = found.manifest
        if manifest is None:
            return False
        try:
            reason = self.runner.run(
                found, "upgrade of its tables", lambda: self.host.pending_upgrade(manifest)
            )
        except PluginUnavailableError as error:
            self._records.set(found.id, PluginState.NEEDS_UPGRADE, error.message, error.cure)
            return True
        if reason:
            self._records.set(found.id, PluginState.NEEDS_UPGRADE, reason, "`bloop db upgrade`")
        return reason is not None

    def _accuse(self, plugin_id: str, found: Found, *, forgive: bool) -> bool:
        """Whether a plugin stays off for what a process died in; a new version starts anew."""
        suspect = self._suspects.get(plugin_id)
        if suspect is None or self._watchdog is None:
            return False
        if forgive or suspect.version != found.version:
            self._watchdog.forgive(plugin_id)
            del self._suspects[plugin_id]
            return False
        self._records.set(plugin_id, PluginState.LOADING)
        self._records.set(
            plugin_id,
            PluginState.LOAD_FAILED,
            str(suspect),
            f"update {found.distribution}, or disable and enable it in the running hub",
        )
        return True

    def _import(self, plugins: list[str]) -> set[str]:
        """Import what is not here yet; gives what could not be."""
        for plugin_id in plugins:
            self._records.set(plugin_id, PluginState.LOADING)
        new = [self._records[plugin_id].found for plugin_id in plugins]
        imported, failures = import_plugins(
            self.runner, [found for found in new if found and found.id not in self._imported]
        )
        self._imported |= imported
        for plugin_id, error in failures.items():
            self._fail(plugin_id, error)
        return set(failures)

    def _start(self, plugin_id: str) -> bool:
        """Make and start a plugin's object, which takes the place of another one at the swap."""
        imported = self._imported[plugin_id]
        found = imported.found
        written = self._wanted.settings.get(plugin_id, {})
        try:
            self.runner.run(found, "check of policies", lambda: self.host.check_policies(found))
            resolved = self.runner.run(
                found, "settings", lambda: self.host.resolve(plugin_id, imported.config, written)
            )
            context = HubContext(
                plugin_id,
                resolved.config,
                self.host.log(plugin_id),
                self.host.data_dir / "plugins" / plugin_id,
                imported.config,
            )
            plugin, hooks = start_plugin(self.runner, self._dispatcher, imported, context)
        except PluginUnavailableError as error:
            self._fail(plugin_id, error)
            return False
        self.breakers.forget(plugin_id)
        self.calls.admit(plugin_id, found.package.name if found.package else "")
        self._active[plugin_id] = _Active(imported, plugin, context, written)
        self._records.set(
            plugin_id,
            PluginState.READY,
            import_ms=imported.import_ms,
            hooks=hooks,
            origins=resolved.origins,
            last_error=None,
        )
        return True

    def _fail(self, plugin_id: str, error: PluginUnavailableError) -> None:
        self._records.note_error(plugin_id, error.message)
        if plugin_id in self._active:
            self.host.log(plugin_id).error("plugin keeps its last good settings", reason=str(error))
        else:
            self._records.set(plugin_id, PluginState.LOAD_FAILED, error.message, error.cure)

    def _make_live(self) -> Live:
        order = self._wanted.order
        active = sorted(
            self._active.items(), key=lambda item: (order.get(item[0], DEFAULT_ORDER), item[0])
        )
        # No plugin's id has a full stop, so none can pass for the core.
        core = [(f"core.{name}", plugin) for name, plugin in self.host.core.items()]
        hooks = self._dispatcher.compile([*core, *((name, item.plugin) for name, item in active)])
        providers, contributions = offers(
            self.runner, self.breakers, [item.imported.found for _, item in active]
        )
        generation = self._wanted.generation if self._applied else ""
        contexts = {plugin_id: item.context for plugin_id, item in active}
        return Live(generation, hooks, dict(self._records), contexts, providers, contributions)

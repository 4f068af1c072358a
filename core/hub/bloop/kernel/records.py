"""What is known of each plugin, and its steps from state to state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from bloop.kernel.discovery import Found, Scan, cure_of_absence
from bloop.kernel.host import Host
from bloop.kernel.registry import PluginRecord
from bloop.kernel.states import PluginState, Status


class Records(Mapping[str, PluginRecord]):
    """The records of a kernel's plugins by id; who changes one has the kernel to themselves."""

    def __init__(self, scan: Scan, host: Host) -> None:
        self._host = host
        self._known: dict[str, PluginRecord] = {}
        for found in scan.plugins.values():
            self.discover(found)

    def __getitem__(self, plugin_id: str) -> PluginRecord:
        return self._known[plugin_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def discover(self, found: Found) -> None:
        """Begin anew with a plugin as it is installed now."""
        self._known[found.id] = PluginRecord(found.id, Status(PluginState.DISCOVERED), found)

    def drop(self, plugin_id: str) -> None:
        """Forget a plugin that is not installed any more."""
        del self._known[plugin_id]

    def note_uninstalled(self, wanted: AbstractSet[str]) -> None:
        """Tell of each plugin that is wanted and not there."""
        for record in list(self._known.values()):
            if record.found is None:
                self.drop(record.id)
        for plugin_id in wanted - self._known.keys():
            self._known[plugin_id] = PluginRecord(plugin_id, Status(PluginState.DISCOVERED))
            self.set(
                plugin_id,
                PluginState.INVALID,
                "no installed distribution has a plugin of this name",
                cure_of_absence(plugin_id, self._known),
            )

    def rest(self, record: PluginRecord) -> None:
        """Put a plugin to the state of one that is not wanted and does not run."""
        problem = record.found.problem if record.found else None
        if problem and problem.state is not PluginState.BLOCKED:
            self.set(record.id, problem.state, problem.reason, problem.cure)
        elif record.status.state in {PluginState.LOAD_FAILED, PluginState.STOPPED}:
            self.set(record.id, PluginState.STOPPED)
        else:
            self.set(record.id, PluginState.DISABLED)

    def note_error(self, plugin_id: str, message: str) -> None:
        """Keep what went wrong last; the plugin's state stays as it is."""
        self._known[plugin_id] = replace(self._known[plugin_id], last_error=message)

    def set(
        self,
        plugin_id: str,
        state: PluginState,
        reason: str | None = None,
        cure: str | None = None,
        **known: Any,
    ) -> None:
        """Take a step of the plugin's state machine; log and keep it."""
        record = self._known[plugin_id]
        before = record.status
        # Another distribution has to be installed before these can change.
        recoverable = state not in {PluginState.INVALID, PluginState.INCOMPATIBLE}
        status = before.to(state, reason, cure, recoverable=recoverable)
        self._known[plugin_id] = replace(record, status=status, **known)
        if (before.state, before.reason) == (state, reason):
            return
        log = self._host.log(plugin_id)
        told = log.error if cure else log.info
        told(f"plugin {state}", reason=reason, cure=cure)

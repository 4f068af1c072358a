"""Connections that notice changes by themselves, watched by one process of the hub each.

Every process looks which connections should be watched. The row of one names its watcher: whoever
lives (:class:`bloop.kernel.models.HubProcess`) keeps it, and of a dead one anybody may take it. Two
at once would do no harm: what they tell are hints.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import update

from bloop.accounts.sessions import system_call
from bloop.hub.watch import Watch
from bloop.jobs.owners import is_dead, this_process
from bloop.kernel.models import Connection
from bloop.kernel.queries import TO_WATCH
from bloop.kernel.states import PluginState
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop.telemetry.logs import get_logger

if TYPE_CHECKING:
    from bloop.hub import Hub

LOOK_SECONDS = 2.0
SILENT_SECONDS = 20.0
"""A process says every five seconds that it lives; one that missed four watches nothing more."""

log = get_logger("bloop.watching")


@dataclass(frozen=True, slots=True)
class Target:
    """A connection and what its provider is made of: another one needs another provider."""

    institution: str
    connection: str
    plugin: str
    settings: str
    context: int


class Watches:
    """The connections that this process (``owner``) watches."""

    def __init__(self, hub: Hub, *, owner: str | None = None) -> None:
        self._hub = hub
        self._owner = owner or this_process()
        self._call = system_call(EVERY_INSTITUTION)
        self._running: dict[Target, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to look, in this event loop."""
        self._loop = asyncio.get_running_loop()
        self._hub.kernel.calls.on_leave.append(self._plugin_leaves)
        self._task = asyncio.create_task(self._forever(), name="bloop-watches")

    async def stop(self) -> None:
        """Watch nothing more, and leave it to others."""
        if self._task is not None:
            self._hub.kernel.calls.on_leave.remove(self._plugin_leaves)
            await end_tasks([self._task])
            self._task = None
        with contextlib.suppress(Exception):  # That this process is gone is seen as well.
            await self._end(set(self._running))

    @property
    def connections(self) -> set[str]:
        """The ids of those that are watched here."""
        return {target.connection for target in self._running}

    def _plugin_leaves(self, plugin: str) -> None:
        """Let go of a plugin that is being stopped; told in another thread, which waits for it."""

        def cancel() -> None:
            for target, task in self._running.items():
                if target.plugin == plugin:
                    task.cancel()

        assert self._loop is not None, "it listens once it was started"
        with contextlib.suppress(RuntimeError):  # The loop has ended, and all tasks with it.
            self._loop.call_soon_threadsafe(cancel)

    async def _forever(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                log.warning("watches: the database can't be reached", error=err)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Watch what should be, end what should not."""
        database = self._hub.database
        since = utcnow() - timedelta(seconds=SILENT_SECONDS)
        rows = to_dicts(TO_WATCH, await database.read(TO_WATCH, self._call, since=since))
        wanted = {
            target: row["watcher"]
            for row in rows
            if not self._is_anothers(row) and (target := self._target(row))
        }
        running = {target for target, task in self._running.items() if not task.done()}
        await self._end(self._running.keys() - (running & wanted.keys()))
        for target in wanted.keys() - self._running.keys():
            if wanted[target] == self._owner or await self._unit(
                _claim, target, wanted[target], self._owner
            ):
                self._begin(target)

    def _target(self, row: dict[str, Any]) -> Target | None:
        """None where this process cannot use the plugin."""
        kernel, plugin = self._hub.kernel, row["plugin_id"]
        record = kernel.plugins.get(plugin)
        ready = record is not None and record.status.state is PluginState.READY
        if not ready or plugin in kernel.calls.leaving:
            return None
        settings = orjson.dumps(row["settings"]).decode()
        context = id(kernel.context(plugin))
        return Target(row["institution_id"], row["id"], plugin, settings, context)

    def _is_anothers(self, row: dict[str, Any]) -> bool:
        owner = row["watcher"]
        return owner not in {None, self._owner} and row["beats"] and not is_dead(owner)

    def _begin(self, target: Target) -> None:
        async def tell(*, since: datetime | None, reason: str | None) -> None:
            await self._unit(_told, target, self._owner, since, reason)

        watch = Watch(self._hub, target.institution, target.connection, tell)
        name = f"watch {target.connection}"
        self._running[target] = asyncio.create_task(watch.run(), name=name)

    async def _end(self, targets: Collection[Target]) -> None:
        """End watches, and say that nobody keeps these connections any more."""
        if not targets:
            return
        ended = {target: self._running.pop(target) for target in list(targets)}
        await end_tasks(ended.values())
        for target in ended:
            await self._unit(_leave, target, self._owner)

    async def _unit(self, function: Callable[..., Any], *args: Any) -> Any:
        return await self._hub.database.run(
            in_unit, self._hub.database, self._call, function, *args
        )


def _claim(unit: UnitOfWork, target: Target, before: str | None, owner: str) -> bool:
    """Take a connection over from a process that is gone; False where somebody else has."""
    return _write(unit, target, before, watcher=owner, watched_since=None, unwatched=None)


def _told(
    unit: UnitOfWork, target: Target, owner: str, since: datetime | None, reason: str | None
) -> None:
    _write(unit, target, owner, watched_since=since, unwatched=reason)


def _leave(unit: UnitOfWork, target: Target, owner: str) -> None:
    _write(unit, target, owner, watcher=None, watched_since=None)


def _write(unit: UnitOfWork, target: Target, by: str | None, **values: Any) -> bool:
    """Nobody has set it, so it is no new version of the row."""
    mine = Connection.watcher.is_(None) if by is None else Connection.watcher == by
    done: Any = unit.session.execute(
        update(Connection)
        .where(
            Connection.institution_id == target.institution,
            Connection.id == target.connection,
            mine,
        )
        .values(values)
        .execution_options(synchronize_session=False)
    )
    return bool(done.rowcount)

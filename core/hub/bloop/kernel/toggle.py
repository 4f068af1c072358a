"""Toggling, live: keeps this process at what the operator wants, wherever they said so.

An edit of this machine's ``hub.toml`` is taken up as soon as it is seen and written to the
database; an edit elsewhere arrives from there. The process writes what it has become: the
generation it runs, the state of each plugin, and why a broken file was not taken up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from sqlalchemy import delete, or_, select, update

from bloop.jobs.owners import is_dead, this_process
from bloop.kernel.config import LoadedConfig
from bloop.kernel.config_watch import watch
from bloop.kernel.generation import InForce, Offer, adopt, in_force, offer_of, settle
from bloop.kernel.models import HubProcess, PluginState
from bloop.kernel.queries import GENERATION
from bloop.kernel.registry import PluginRecord
from bloop.kernel.wanted import Changes
from bloop.store.database import Database, in_unit
from bloop.store.ids import new_id
from bloop.store.keys import KNOWN_KEYS
from bloop.store.models import KeyState
from bloop.store.statements import parsed
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call, ConfigError

BEAT_SECONDS = 5.0
GONE_SECONDS = 3600.0

log = get_logger(__name__)

Apply = Callable[[LoadedConfig], Awaitable[Changes]]


class Toggle:
    """What is wanted, followed by one process.

    ``apply`` brings the process to a configuration; ``records`` tells what became of the plugins.
    ``call`` is one of the hub itself; ``workers`` and ``queues`` say which jobs the process runs.
    """

    def __init__(
        self,
        database: Database,
        call: Call,
        config: LoadedConfig,
        apply: Apply,
        records: Callable[[], Mapping[str, PluginRecord]],
        *,
        kind: str,
        workers: int = 0,
        queues: Collection[str] = (),
        host: str | None = None,
        poll_seconds: float = 1.0,
    ) -> None:
        self.config = config
        """The configuration in force."""
        self.fault: str | None = None
        """Why ``hub.toml`` was not taken up, while it is broken."""
        self.generation = ""
        self.process_id = new_id()
        self._database = database
        self._call = call
        self._own = config
        self._apply = apply
        self._records = records
        self._kind = kind
        self._workers = workers
        self._queues = queues
        self._host = host or socket.gethostname()
        self._poll_seconds = poll_seconds
        self._applying = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._kept: dict[str, PluginRecord] = {}
        self._told_keys: list[int] = []
        self._beaten_at = 0.0
        self._told_fault: str | None = None
        self._told = ""
        self._refused = ""
        self._unwritten = ""
        self._unsettled = False

    async def start(self) -> None:
        """Apply what is wanted, then follow it."""
        await self._safely(self.take_up, self._own)
        self._tasks = [
            asyncio.create_task(self._follow_file(), name="follow hub.toml"),
            asyncio.create_task(self._follow_database(), name="follow the generation"),
        ]

    async def stop(self) -> None:
        """Follow no more, and say that this process is gone."""
        self._stopping.set()
        await end_tasks(self._tasks)
        with contextlib.suppress(BloopError):  # Its beat tells as well, a little later.
            await self._unit(_forget, self.process_id)

    async def take_up(self, config: LoadedConfig) -> Changes:
        """Bring this process, and by the database all others, to a new file; what apply gave.

        Should the database be away, this process goes ahead and the others are told later.
        """
        async with self._applying:
            self._own, self.fault = config, None
            return await self._settle()

    async def _settle(self) -> Changes:
        offer = await asyncio.to_thread(offer_of, self._own, self._host)
        try:
            wanted: InForce = await self._unit(settle, offer)
            self._unsettled, self._unwritten = False, ""
        except BloopError as err:
            self._warn("what is wanted could not be written", err)
            wanted = InForce(offer.generation, self._host, offer.plugins)
            self._unsettled = True
        return await self._bring(wanted, offer)

    async def _bring(self, wanted: InForce, offer: Offer) -> Changes:
        config = self._own
        if wanted.generation != offer.generation:
            try:
                config = adopt(self._own, wanted)
            except ConfigError as err:
                self.fault, self._refused = str(err), wanted.generation
                raise
            if wanted.host != self._host:
                log.info("plugins follow another machine's hub.toml", host=wanted.host)
        changes = await self._apply(config)
        self.config, self.generation = config, wanted.generation
        log.info("plugins as wanted", started=changes.started, stopped=changes.stopped)
        await self._keep_states()
        return changes

    async def _follow_file(self) -> None:
        async for found in watch(self._own, stop=self._stopping):
            if isinstance(found, ConfigError):
                self.fault = str(found)
                log.error("hub.toml is broken, the last good one stays", reason=self.fault)
            else:
                await self._safely(self.take_up, found)

    async def _follow_database(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self._safely(self._look)

    async def _safely(self, step: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Whatever goes wrong in one step must not end the following; told once."""
        try:
            await step(*args)
            self._told = ""
        except Exception as err:  # noqa: BLE001 - whoever applies may raise anything
            if self._told != str(err):
                log.warning("what is wanted could not be taken up", error=err)
            self._told = str(err)

    async def _look(self) -> None:
        # Read while nobody applies: an older row must not undo what was just taken up.
        async with self._applying:
            row = await self._database.read_one(GENERATION, self._call)
            if self._unsettled or row is None:
                await self._settle()
            elif row[0] not in {self.generation, self._refused}:
                offer = await asyncio.to_thread(offer_of, self._own, self._host)
                await self._bring(in_force(row[0], parsed(row[1])), offer)
            else:
                await self._keep_states()

    async def _keep_states(self) -> None:
        """Write what changed, and now and then that this process lives."""
        records = dict(self._records())
        changed = [record for name, record in records.items() if self._kept.get(name) is not record]
        gone = sorted(self._kept.keys() - records.keys())
        due = time.monotonic() - self._beaten_at > BEAT_SECONDS
        fault = self.fault
        keys = await self._master_keys()
        told = fault == self._told_fault and keys == self._told_keys
        if changed or gone or due or not told:
            try:
                await self._unit(self._write, changed, gone, keys)
            except BloopError as err:
                self._warn("states of plugins could not be kept", err)
            else:
                self._unwritten = ""
                self._kept, self._told_fault, self._told_keys = records, fault, keys
                self._beaten_at = time.monotonic()

    async def _master_keys(self) -> list[int]:
        """The master keys that this process has, of those in use: a new one waits for all."""
        try:
            known = await self._database.read(KNOWN_KEYS, self._call)
        except BloopError:  # Writing the rest will tell.
            return self._told_keys
        wanted = [(version, proof) for version, proof, state in known if state != KeyState.RETIRED]
        if not wanted:
            return []
        opens = self._database.ring.opens
        return await asyncio.to_thread(lambda: [one[0] for one in wanted if opens(*one)])

    def _warn(self, what: str, err: BloopError) -> None:
        """Log once what is tried each second: a disk may be full for hours."""
        if self._unwritten != str(err):
            self._unwritten = str(err)
            log.warning(what, error=err)

    def _write(
        self, unit: UnitOfWork, changed: list[PluginRecord], gone: list[str], keys: list[int]
    ) -> None:
        values = {
            "generation": self.generation,
            "beat_at": utcnow(),
            "config_fault": self.fault[:2000] if self.fault else None,
            "master_keys": keys,
        }
        beaten: Any = unit.session.execute(
            update(HubProcess).where(HubProcess.id == self.process_id).values(values)
        )
        if not beaten.rowcount:
            # At the start; or it was taken for dead, as after a long sleep of the machine.
            self._register(unit, values)
            known = self._records().values()
            unit.session.add_all(_state_row(self.process_id, record) for record in known)
            return
        for record in changed:
            unit.session.merge(_state_row(self.process_id, record))
        if gone:
            unit.session.execute(
                delete(PluginState).where(
                    PluginState.process_id == self.process_id, PluginState.plugin_id.in_(gone)
                )
            )

    def _register(self, unit: UnitOfWork, values: Mapping[str, Any]) -> None:
        long_ago = utcnow() - timedelta(seconds=GONE_SECONDS)
        # Of those that were killed on this machine one need not wait for that.
        known = unit.session.execute(select(HubProcess.id, HubProcess.lease_owner))
        dead = [id_ for id_, owner in known if owner and is_dead(owner)]
        gone = or_(HubProcess.beat_at < long_ago, HubProcess.id.in_(dead))
        unit.session.execute(delete(HubProcess).where(gone))
        unit.session.add(
            HubProcess(
                id=self.process_id,
                kind=self._kind,
                host=self._host[:255],
                pid=os.getpid(),
                version=version("bloop-hub"),
                lease_owner=this_process(),
                workers=self._workers,
                queues=sorted(self._queues),
                **values,
            )
        )
        unit.session.flush()

    async def _unit(self, function: Callable[..., Any], *args: Any) -> Any:
        return await self._database.run(in_unit, self._database, self._call, function, *args)


def _state_row(process_id: str, record: PluginRecord) -> PluginState:
    status = record.status
    return PluginState(
        process_id=process_id,
        plugin_id=record.id,
        state=status.state,
        version=record.version,
        reason=status.reason[:2000] if status.reason else None,
        cure=status.cure[:1000] if status.cure else None,
        recoverable=status.recoverable,
        import_ms=record.import_ms,
        since=status.since,
    )


def _forget(unit: UnitOfWork, process_id: str) -> None:
    unit.session.execute(delete(HubProcess).where(HubProcess.id == process_id))

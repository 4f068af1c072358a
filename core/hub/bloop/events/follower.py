"""One consumer at work: reads the log from its position, has events taken, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from bloop.events import positions
from bloop.events.deliveries import Deliveries
from bloop.events.effects import Effects
from bloop.events.handlers import Consumer, HandlerError, in_thread, is_async
from bloop.events.means import Means, call_for, count, log
from bloop.events.parking import release
from bloop.events.queries import CONSUMER, RETRY
from bloop.events.reader import Logged, logged
from bloop.events.sinks import Sinks
from bloop.kernel.faults import CircuitOpenError, PluginUnavailableError, describe
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop_sdk import BloopError, RetriableError
from bloop_sdk.providers.services import SinkProvider

EVENTS_AT_ONCE = 500
UNWRITTEN_EVENTS = 1000
"""So many events that are not for a consumer it passes before it writes that it did."""
IMPORT_SECONDS = 60.0


class Follower:
    """Follows the log for one consumer until it is stopped.

    ``scanned`` is up to where it has looked; the position in the database may be behind it by
    events that are not for this consumer, so that those cost no write.
    """

    def __init__(self, consumer: Consumer, means: Means) -> None:
        self.consumer = consumer
        self.scanned = 0
        self.fault: str | None = None
        """Why it rests, while it does."""
        self._means = means
        self._position: int | None = None
        """Where the last round left it; None where the database has to be asked."""
        self._retry_due = True
        self._handler: Effects | Deliveries | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._run(), name=f"consumer {self.consumer.name}")

    def wake(self, *, retry: bool = False) -> None:
        """There may be something to do, ``retry`` among what is parked."""
        self._retry_due = self._retry_due or retry
        self._wake.set()

    async def stop(self) -> None:
        """Begin nothing new; what runs may end in the time to drain, then it is cut off."""
        self._stopping.set()
        self._wake.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=self._means.timing.drain)
            await end_tasks([self._task])
        if isinstance(self._handler, Sinks):
            await self._handler.close()

    async def begin(self) -> None:
        """Have a row; a consumer that was never seen starts at what is said from now on.

        Where it is not known yet where that is, a later round makes it.
        """
        log, one = self._means.log, self.consumer
        position = log.horizon if log.is_known else None
        await self._means.unit(positions.begin, one.name, one.plugin_id, position)

    async def _run(self) -> None:
        rest = 0.0
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                more = await self._round()
            except CircuitOpenError as err:
                self._tell(err)
                await self._pause(err.retry_after or self._means.timing.rest)
            except Exception as err:  # noqa: BLE001 - whatever it was, it costs this one alone
                self._tell(err)
                rest = min(max(rest * 2, self._means.timing.rest), self._means.timing.longest_rest)
                asked = err.retry_after if isinstance(err, RetriableError) else None
                await self._pause(max(rest, asked or 0.0))
            else:
                rest, self.fault = 0.0, None
                if not more:
                    await self._wake.wait()
                    self._position = None  # Others may have moved it on meanwhile.

    def _tell(self, err: Exception) -> None:
        if self.fault != describe(err):
            cure = err.cure if isinstance(err, BloopError) else None
            log.warning("consumer rests", consumer=self.consumer.name, error=err, cure=cure)
        self.fault = describe(err)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _round(self) -> bool:
        """Take what comes next; gives whether there may be more."""
        means, position = self._means, self._position
        self._position = None  # Whatever fails, the database tells where it stands.
        if position is None:
            row = await means.database.read_one(CONSUMER, means.call, name=self.consumer.name)
            if row is None:
                await self.begin()
                return self._means.log.is_known
            position = row[0]
            self.scanned = max(self.scanned, position)
        if self._retry_due and await self._retry():
            return True
        self._retry_due = False
        events = await means.log.after(self.scanned, EVENTS_AT_ONCE)
        if not events:
            self._position = position
            return False
        last = events[-1].seq
        wanted = await self._wanted(events)
        if wanted:
            reached = await (await self._load()).take(position, wanted, last)
            # Where somebody else has it, they see to it; should they die, the next poll tells.
            if reached is None:
                return False
            self.scanned = max(self.scanned, reached)
            self._position = reached
            return True
        if last - position >= UNWRITTEN_EVENTS:
            await means.unit(self._pass, position, last)
        else:
            self._position = position
        self.scanned = last
        return True

    async def _wanted(self, events: Sequence[Logged]) -> list[Logged]:
        """Those for this consumer, of institutions that use its plugin."""
        wanted = [one for one in events if self.consumer.wants(one.event.topic)]
        enabled = {
            one.event.institution: await self._enabled(one)
            for one in {one.event.institution: one for one in wanted}.values()
        }
        found = [one for one in wanted if enabled[one.event.institution]]
        count(self.consumer, "passed_over", len(wanted) - len(found))
        return found

    async def _enabled(self, one: Logged) -> bool:
        return await self._means.enabled(call_for(self.consumer, one), self.consumer.plugin_id)

    async def _retry(self) -> bool:
        """Try a parked event again that is due; gives whether one was."""
        means, name = self._means, self.consumer.name
        rows = await means.database.read(RETRY, means.call, consumer=name, now=utcnow(), limit=1)
        if not rows:
            return False
        *_, parked_id, tries = rows[0]
        one = logged(rows[0])
        if await self._enabled(one):
            return await (await self._load()).again(one, parked_id, tries)
        await means.unit(self._drop, parked_id)
        count(self.consumer, "passed_over")
        return True

    async def _load(self) -> Effects | Deliveries:
        """The handler, imported when it is first needed."""
        if self._handler is None:
            name = f"import-{self.consumer.name}"
            try:
                handler = await in_thread(name, self.consumer.target, IMPORT_SECONDS)
            except HandlerError as err:
                raise PluginUnavailableError(
                    f"the handler of consumer {self.consumer.name} could not be imported: {err}"
                ) from err
            stopping = self._stopping.is_set
            if isinstance(handler, SinkProvider):
                self._handler = Sinks(self.consumer, handler, self._means, stopping)
            elif is_async(handler):
                self._handler = Deliveries(self.consumer, handler, self._means, stopping)
            else:
                self._handler = Effects(self.consumer, handler, self._means)
        return self._handler

    def _pass(self, unit: UnitOfWork, position: int, last: int) -> None:
        if positions.hold(unit, self.consumer.name) == position:
            positions.move(unit, self.consumer.name, last)

    def _drop(self, unit: UnitOfWork, parked_id: str) -> None:
        positions.hold(unit, self.consumer.name, wait=True)
        release(unit, self.consumer.name, parked_id)

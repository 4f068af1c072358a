"""A partition of a consumer at work: reads its events, has them taken, and goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from bloop.events import positions
from bloop.events.deliveries import Deliveries
from bloop.events.effects import Effects
from bloop.events.handlers import Consumer, HandlerError, in_thread, is_async
from bloop.events.means import Means, call_for, count, log
from bloop.events.parking import release
from bloop.events.positions import Partition
from bloop.events.queries import CONSUMER, RETRY
from bloop.events.reader import Logged, logged
from bloop.events.sinks import Sinks
from bloop.kernel.faults import CircuitOpenError, PluginUnavailableError, describe
from bloop.store.errors import StoreError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop_sdk import BloopError, RetriableError
from bloop_sdk.providers.services import SinkProvider

EVENTS_AT_ONCE = 1000
UNWRITTEN_EVENTS = 1000
"""So many events that are not for a consumer it passes before it writes that it did."""
LEFT_POLLS = 2
"""A partition with much to do is left to who it falls to until so many polls brought nothing."""
KEPT_POLLS = 10
"""Then this process takes it, and leaves it again after so many polls: they may be there now."""
IMPORT_SECONDS = 60.0


class Follower:
    """Follows the log for one partition of a consumer until it is stopped.

    ``scanned`` is up to where it has looked; the position in the database may be behind it by
    events that are not for this consumer, so that those cost no write. ``tell`` hears from the
    first partition into how many the log is cut.
    """

    def __init__(
        self, consumer: Consumer, number: int, means: Means, tell: Callable[[int], None]
    ) -> None:
        self.consumer = consumer
        self.scanned = 0
        self.fault: str | None = None
        """Why it rests, while it does."""
        self.partition = Partition(consumer.name, number, consumer.partitions)
        self._means = means
        self._tell_partitions = tell
        self._position: int | None = None
        """Where the last round left it; None where the database has to be asked."""
        self._known = 0
        """Where it was seen last."""
        self._short: int | None = None
        self._left_since: float | None = None
        self._retry_due = True
        self._handler: Effects | Deliveries | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        name = f"consumer {self.consumer.name} {self.partition.number}"
        self._task = asyncio.create_task(self._run(), name=name)

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
            if self.scanned > self._known:
                with contextlib.suppress(BloopError):
                    await self._means.unit(self._stand, self.scanned)
        await self._let_go()

    async def begin(self) -> None:
        """Have rows; a consumer that was never seen starts at what is said from now on.

        Where it is not known yet where that is, a later round makes it.
        """
        log, one = self._means.log, self.consumer
        position = log.horizon if log.is_known else None
        await self._means.unit(positions.begin, one.name, one.plugin_id, position, one.partitions)

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
                if isinstance(err, StoreError):
                    # However long the database was away, nobody waits as long again.
                    rest = self._means.timing.rest
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
        log, is_first = self._means.log, self.partition.number == 0
        position, self._position = self._position, None
        if position is None and (position := await self._look()) is None:
            if is_first:
                await self.begin()
            return is_first and log.is_known
        if self._retry_due and await self._retry():
            return True
        self._retry_due = False
        events, upto = await log.of(self.partition, self.scanned, EVENTS_AT_ONCE)
        wanted = await self._wanted(events)
        if wanted:
            if await self._leaves(position, len(events)):
                return False
            came = await (await self._load()).take(position, wanted, upto)
            # Where somebody else has it, they see to it; should they die, the next poll tells.
            if came is None:
                return False
            self._short = came if came < upto else None
            self._position = self._known = came
            self.scanned = max(self.scanned, came)
            return True
        if upto - position >= UNWRITTEN_EVENTS:
            await self._means.unit(self._pass, position, upto)
            self._known = upto
        else:
            self._position = position
        self.scanned = upto
        return upto < log.horizon

    async def _look(self) -> int | None:
        """Where the partition stands, of as many as there are now; None without a row."""
        name, number = self.consumer.name, self.partition.number
        row = await self._means.database.read_one(
            CONSUMER, self._means.call, name=name, number=number
        )
        if row is None:
            return None
        position, of = row[:2]
        if of != self.partition.of:
            # What it has looked through was another part of the log.
            await self._let_go()
            self.partition, self.scanned = Partition(name, number, of), position
            self._retry_due = True
        if number == 0:
            self._tell_partitions(of)
        if position != self._known:
            self._known, self._left_since = position, None
        self.scanned = max(self.scanned, position)
        return int(position)

    async def _leaves(self, position: int, number: int) -> bool:
        """Whether there is much to do, and another process should do it.

        What is little is taken by who sees it first, which is mostly who said it. Much is shared;
        but nobody waits for who does not come.
        """
        is_much = number == EVENTS_AT_ONCE or position == self._short
        if self.partition.of == 1 or not is_much:
            return False
        if not await self._means.peers.others(self.partition):
            return False
        now, poll = time.monotonic(), self._means.timing.poll
        if self._left_since is None or now - self._left_since > (LEFT_POLLS + KEPT_POLLS) * poll:
            self._left_since = now
        return now - self._left_since < LEFT_POLLS * poll

    async def _wanted(self, events: Sequence[Logged]) -> list[Logged]:
        """Those for this consumer, of institutions that use its plugin."""
        wanted = [one for one in events if self.consumer.takes(one.event)]
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
        means, part = self._means, self.partition
        due = {"consumer": part.consumer, "number": part.number, "now": utcnow(), "limit": 1}
        rows = await means.database.read(RETRY, means.call, **due)
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
            consumer, part, stopping = self.consumer, self.partition, self._stopping.is_set
            if isinstance(handler, SinkProvider):
                self._handler = Sinks(consumer, part, handler, self._means, stopping)
            elif is_async(handler):
                self._handler = Deliveries(consumer, part, handler, self._means, stopping)
            else:
                self._handler = Effects(consumer, part, handler, self._means)
        return self._handler

    async def _let_go(self) -> None:
        if isinstance(self._handler, Sinks):
            await self._handler.close()
        self._handler = None

    def _pass(self, unit: UnitOfWork, position: int, upto: int) -> None:
        if positions.hold(unit, self.partition) == position:
            positions.move(unit, self.partition, upto, self._means.owner)

    def _stand(self, unit: UnitOfWork, scanned: int) -> None:
        """Write how far it has looked, unless others have come further."""
        position = positions.hold(unit, self.partition)
        if position is not None and position < scanned:
            positions.move(unit, self.partition, scanned, self._means.owner)

    def _drop(self, unit: UnitOfWork, parked_id: str) -> None:
        positions.hold(unit, self.partition, wait=True)
        release(unit, self.consumer.name, parked_id)

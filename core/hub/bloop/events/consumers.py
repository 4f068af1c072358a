"""All consumers of a process: who they are, when to look at the log, and what can be removed."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

from bloop.events import positions
from bloop.events.handlers import Consumer
from bloop.events.means import Means, log
from bloop.events.partitions import Partitions
from bloop.events.queries import DUE, EVENTS_OF, PARKED_COUNTS
from bloop.events.reader import SOON_SECONDS, Log
from bloop.store.types import utcnow
from bloop.store.wakes import EVENTS_SAID
from bloop.tasks import end_tasks, in_thread_to_its_end
from bloop.telemetry.metrics import metrics
from bloop_sdk import BloopError

SETTLE_SECONDS = 2.0
"""How long a new consumer waits for transactions that were open before it came."""
TRIM_SECONDS = 3600.0
GATHER_SECONDS = 0.02
"""Commits that follow each other more closely share a look, and with it a batch."""
LATER_SECONDS = 0.2
"""When to look again at last where transactions stay open."""


class Consumers:
    """Runs consumers in this process's event loop.

    The log is polled; a commit, here or elsewhere, only makes it sooner. Events stay for at least
    ``keep`` after every consumer has passed them. ``tidy`` is what else forgets what is old, run
    in a thread every hour.
    """

    def __init__(
        self, means: Means, *, keep: timedelta, tidy: Sequence[Callable[[], object]] = ()
    ) -> None:
        self._means = means
        trim = partial(positions.trim, means.database, means.call, keep)
        self._tidy: tuple[Callable[[], object], ...] = (trim, *tidy)
        self._followers: dict[str, Partitions] = {}
        self._wake = asyncio.Event()
        self._is_asked = False
        self._changing = asyncio.Lock()
        self._loops: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.on_look: list[Callable[[], None]] = []
        """Called, in the event loop, after each look at the log."""

    @property
    def log(self) -> Log:
        """The log, which is looked at for everybody in this process."""
        return self._means.log

    async def follow(self, wanted: Iterable[Consumer]) -> None:
        """Have these consumers, and no others; those that leave end what they do.

        One that was never seen gets its row before this returns, unless a transaction that is
        open for long leaves it uncertain what comes next.
        """
        async with self._changing:
            by_name = {consumer.name: consumer for consumer in wanted}
            leaving = [
                follower
                for name, follower in self._followers.items()
                if by_name.get(name) != follower.consumer
            ]
            for follower in leaving:
                del self._followers[follower.consumer.name]
            await asyncio.gather(*(follower.stop() for follower in leaving))
            coming = [
                Partitions(consumer, self._means)
                for name, consumer in by_name.items()
                if name not in self._followers
            ]
            if coming:
                await self._settle()
            for follower in coming:
                await follower.begin()
                self._followers[follower.consumer.name] = follower
                if self._loops:
                    follower.start()

    async def start(self) -> None:
        """Begin to follow the log, and to tell how far behind it the consumers are."""
        async with self._changing:
            self._loop = asyncio.get_running_loop()
            self._means.database.wakes.listen(EVENTS_SAID, self._hear)
            metrics().before_scrape("events", self._measure)
            self._loops = [
                asyncio.create_task(self._watch(), name="bloop-events-watch"),
                asyncio.create_task(self._trim(), name="bloop-events-trim"),
            ]
            for follower in self._followers.values():
                follower.start()

    async def stop(self) -> None:
        """Let what runs come to its end."""
        async with self._changing:
            if self._loop is not None:
                self._means.database.wakes.unlisten(EVENTS_SAID, self._hear)
                self._loop = None
            await end_tasks(self._loops)
            self._loops = []
            await asyncio.gather(*(one.stop() for one in self._followers.values()))
            self._followers.clear()

    def wake(self) -> None:
        """Look at the log now; from any thread."""
        # To wake the loop once more for each of many commits would take time from who commits. It
        # is cleared before the log is looked at, so what is committed by now will be seen.
        if self._loop is not None and not self._is_asked:
            self._is_asked = True
            with contextlib.suppress(RuntimeError):  # It has just been closed.
                self._loop.call_soon_threadsafe(self._wake.set)

    def _hear(self, _about: str) -> None:
        self.wake()

    def faults(self) -> dict[str, str]:
        """Why consumers rest, by name."""
        return {name: one.fault for name, one in self._followers.items() if one.fault}

    def lags(self) -> dict[str, int]:
        """How many events each consumer has not looked at yet, by name."""
        horizon = self._means.log.horizon
        return {name: max(0, horizon - one.scanned) for name, one in list(self._followers.items())}

    async def _settle(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._means.log.settle()

    async def _watch(self) -> None:
        means, again, retried = self._means, SOON_SECONDS, -math.inf
        while True:
            self._wake.clear()
            self._is_asked = False
            began = time.monotonic()
            uncertain, due = False, dict[str, set[int]]()
            try:
                uncertain = await means.log.look()
                if began - retried >= means.timing.poll:
                    for name, number in await means.database.read(DUE, means.call, now=utcnow()):
                        due.setdefault(name, set()).add(number)
                    retried = began
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                log.warning("events: the log can't be read", error=err)
            for tell in self.on_look:
                tell()
            for name, follower in self._followers.items():
                follower.wake(means.log.horizon, due.get(name, set()))
            again = min(again * 2, LATER_SECONDS) if uncertain else SOON_SECONDS
            pause = again if uncertain else means.timing.poll
            with contextlib.suppress(TimeoutError):
                # Python 3.11's wait_for loses a cancellation that comes together with the wake.
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            gather = SOON_SECONDS if uncertain else GATHER_SECONDS
            await asyncio.sleep(began + gather - time.monotonic())

    async def _trim(self) -> None:
        """Now and then remove what nobody needs, and say that this process has its consumers."""
        while True:
            for tidy in self._tidy:
                try:
                    await in_thread_to_its_end(tidy)
                except Exception as err:  # noqa: BLE001 - logged, and tried again
                    log.warning("old rows could not be removed", error=err)
            await asyncio.sleep(TRIM_SECONDS)
            for follower in list(self._followers.values()):
                with contextlib.suppress(BloopError):
                    await follower.begin()

    def _measure(self) -> None:
        means, now = self._means, utcnow()
        for gauge in (metrics().event_lag, metrics().event_lag_seconds, metrics().events_parked):
            gauge.clear()
        for name, followers in list(self._followers.items()):
            slowest = followers.slowest
            behind = max(0, means.log.horizon - slowest.scanned)
            metrics().event_lag.labels(name).set(behind)
            seconds = 0.0
            if behind:
                part, first = slowest.partition, {"upto": means.log.horizon, "limit": 1}
                first |= {"after": slowest.scanned, "of": part.of, "number": part.number}
                for row in means.database.read_now(EVENTS_OF, means.call, **first):
                    oldest = datetime.fromisoformat(row[EVENTS_OF.columns.index("occurred_at")])
                    seconds = (now - oldest).total_seconds()
            metrics().event_lag_seconds.labels(name).set(seconds)
        for name, state, number in means.database.read_now(PARKED_COUNTS, means.call):
            metrics().events_parked.labels(name, state).set(number)

"""Keep to what a system outside allows: so many requests in a time, so many at once."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from asyncio import sleep
from collections import deque
from collections.abc import AsyncIterator, Callable

from bloop_sdk._http.wire import Key, Pace
from bloop_sdk.errors import RateLimitedError


class LocalPacer:
    """Turns within one process, in the order of asking; its event loops may be several."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[Key, _Line] = {}

    @contextlib.asynccontextmanager
    async def turn(self, key: Key, pace: Pace, patience: float) -> AsyncIterator[None]:
        """As :meth:`Pacer.turn`."""
        with self._lock:
            line = self._lines.setdefault(key, _Line())
            waiting = line.join(pace)
        try:
            if waiting is not None:
                await waiting
            while (pause := self._take(line, pace)) > 0:
                if pause > patience:
                    raise RateLimitedError(
                        f"{key[1]}: the next request may be sent in {pause:.0f} s",
                        retry_after=pause,
                    )
                await sleep(pause)
            yield
        finally:
            with self._lock:
                line.leave(waiting)

    def hold(self, key: Key, seconds: float) -> None:
        """As :meth:`Pacer.hold`."""
        with self._lock:
            line = self._lines.setdefault(key, _Line())
            line.held_until = max(line.held_until, self._clock() + seconds)

    def _take(self, line: _Line, pace: Pace) -> float:
        with self._lock:
            return line.take(self._clock(), pace)


class _Line:
    """Who is in flight, who waits, and when requests were sent; under the pacer's lock."""

    __slots__ = ("held_until", "in_flight", "sent", "waiting")

    def __init__(self) -> None:
        self.in_flight = 0
        self.held_until = 0.0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.sent: deque[float] = deque()

    def join(self, pace: Pace) -> asyncio.Future[None] | None:
        """Take a place in flight, or give what to wait for."""
        if self.in_flight < pace.at_once:
            self.in_flight += 1
            return None
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return future

    def leave(self, mine: asyncio.Future[None] | None) -> None:
        """Give the place to the next; who was cancelled while waiting had none."""
        if mine is not None and mine in self.waiting:
            self.waiting.remove(mine)
            return
        while self.waiting:
            future = self.waiting.popleft()
            with contextlib.suppress(RuntimeError):  # its loop is gone, and so is who waited
                future.get_loop().call_soon_threadsafe(_wake, future)
                return
        self.in_flight -= 1

    def take(self, now: float, pace: Pace) -> float:
        """Note a request that is sent now, or give the seconds until one may be."""
        pause = self.held_until - now
        for count, seconds in pace.windows:
            if len(self.sent) >= count:
                pause = max(pause, self.sent[-count] + seconds - now)
        if pause <= 0:
            self.sent.append(now)
            longest = max((count for count, _ in pace.windows), default=0)
            while len(self.sent) > longest:
                self.sent.popleft()
        return pause


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

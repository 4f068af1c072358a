"""Keep to what a system outside allows: so many requests in a time, so many at once.

Within a process requests take their turns in the order of asking. Where there is a board, the
first of them asks it, so that all processes of a hub together keep to the pace, each in its turn;
while the board is away, each process keeps to it by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING
from uuid import uuid4

from bloop.net.books import WHEN_GIVEN_BACK, Book
from bloop.telemetry.logs import get_logger
from bloop_sdk._http.wire import Key, Learn, Pace
from bloop_sdk.errors import RateLimitedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bloop.net.boards import Board

LEASE_SECONDS = 20.0
"""A place of a process that has died is free again after so long."""
LONGEST_HOLD_SECONDS = 86400.0
"""Who asks for a longer pause is asked again then: a slip of theirs is not kept for years."""
AWAY_SECONDS = 5.0
_FLUSH_SECONDS = 0.01
_FIRST_POLL, _LONGEST_POLL = 0.02, 0.1
_MOST_LINES = 2000
_MOST_TOLD = 1e9

log = get_logger("bloop.pacer")

News = Callable[[Book, float], None]


class HubPacer:
    """The turns of a process; without a ``board`` its event loops may be several.

    ``clock`` is that of the books within the process. A place on the board is leased for ``lease``
    seconds and renewed while its request lasts.
    """

    def __init__(
        self,
        board: Board | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        lease: float = LEASE_SECONDS,
    ) -> None:
        self._board = board
        self._clock = clock
        self._lease = lease
        self._process = uuid4().hex[:12]
        self._numbers = count()
        self._lock = threading.Lock()
        self._lines: dict[Key, _Line] = {}
        self._away_until = -math.inf
        self._beat: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.fault: str | None = None
        """Why each process keeps to the pace by itself, where they should do so together."""

    @property
    def shared_by(self) -> str | None:
        """What processes share their turns through."""
        return self._board.name if self._board else None

    @contextlib.asynccontextmanager
    async def turn(self, key: Key, pace: Pace, patience: float) -> AsyncIterator[Learn]:
        """As :meth:`Pacer.turn`."""
        line = self._line(key)
        place = f"{self._process}:{next(self._numbers)}"
        await self._come_first(line)
        try:
            await self._take(line, pace, place, patience)
        except BaseException:
            self._news(line, lambda book, _: book.leave(self._process))
            raise
        finally:
            with self._lock:
                line.next()
        told = _Told()
        try:
            yield partial(self._learn, line, pace, place, told)
        finally:
            bucket = pace.bucket
            self._news(line, lambda book, _: book.give_back(place, bucket, answered=told.told))

    def hold(self, key: Key, seconds: float) -> None:
        """As :meth:`Pacer.hold`."""

        def held(book: Book, now: float) -> None:
            book.held_until = max(book.held_until, now + min(seconds, LONGEST_HOLD_SECONDS))

        self._news(self._line(key), held)

    def ahead(
        self, credential: str, windows: tuple[tuple[int, float], ...], requests: int
    ) -> float:
        """The seconds until a credential has sent so many requests more to the host it asks most.

        As far as this process knows, and if nothing but the windows holds them back.
        """
        now = self._clock()
        with self._lock:
            books = [
                line.book.copied() for key, line in self._lines.items() if key[0] == credential
            ]
        return max((book.ahead(now, windows, requests) for book in books), default=0.0)

    async def close(self) -> None:
        """Tell the board what it does not know yet, and let go of it."""
        if self._beat is not None:
            self._beat.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._board is not None:
            for line in list(self._lines.values()):
                await self._flush(line)
            await self._board.close()

    def _line(self, key: Key) -> _Line:
        with self._lock:
            line = self._lines.get(key)
            if line is None:
                if len(self._lines) >= _MOST_LINES:
                    now = self._clock()
                    self._lines = {of: one for of, one in self._lines.items() if not one.idle(now)}
                line = self._lines[key] = _Line(key)
            return line

    async def _come_first(self, line: _Line) -> None:
        with self._lock:
            waiting = line.join()
        if waiting is not None:
            try:
                await waiting
            except asyncio.CancelledError:
                with self._lock:
                    line.leave(waiting)
                raise

    async def _take(self, line: _Line, pace: Pace, place: str, patience: float) -> None:
        """Wait until the first in the line has a place."""
        poll = _FIRST_POLL
        while True:
            with self._lock:
                change = line.expect_change()
            pause = await self._ask(line, pace, place)
            if pause <= 0:
                return
            if pause == WHEN_GIVEN_BACK:
                # What other processes give back nobody tells.
                seconds = poll if self._board else None
                poll = min(poll * 1.5, _LONGEST_POLL)
            elif pause > patience:
                raise RateLimitedError(
                    f"{line.key[1]}: the next request may be sent in {_span(pause)}",
                    retry_after=pause,
                )
            else:
                seconds = pause
            await asyncio.wait([change], timeout=seconds)

    async def _ask(self, line: _Line, pace: Pace, place: str) -> float:
        """Take a place of the board's, or of this process's book where that is away."""
        shared = self._board is not None and self._clock() >= self._away_until
        if shared:

            def take(book: Book, now: float) -> float:
                until = now + self._lease
                return book.take(now, pace, self._process, place, until)

            try:
                pause = await self._tell(line, take)
            except asyncio.CancelledError:
                # It may have been given all the same.
                self._news(line, lambda book, _: book.give_back(place, None, answered=True))
                raise
            if pause is not None:
                if pause <= 0:
                    with self._lock:
                        line.book.note(self._clock(), pace, place, math.inf)
                    self._start_beating()
                return pause
        with self._lock:
            return line.book.take(self._clock(), pace, self._process, place, math.inf)

    async def _tell(self, line: _Line, change: Callable[[Book, float], float]) -> float | None:
        """Change the board's book after what has happened here since; None where it is away."""
        from bloop.net.boards import BoardAwayError

        assert self._board is not None, "asked where there is one"
        with self._lock:
            news, line.news = line.news, []
            mine = list(line.book.flights)

        def told(book: Book, now: float) -> float:
            for one in news:
                one(book, now)
            # They are renewed with every change, also where the board has lost them.
            for place in mine:
                book.renew(place, now + self._lease)
            return change(book, now)

        try:
            result = await self._board.change(line.key, told)
        except asyncio.CancelledError:
            with self._lock:
                line.news = news + line.news
            raise
        except BoardAwayError as err:
            if self.fault is None:
                log.warning("pacer: each process keeps to the pace by itself", error=err.message)
            self.fault = err.message
            self._away_until = self._clock() + AWAY_SECONDS
            return None
        if self.fault is not None:
            log.info("pacer: all processes keep to the pace together again")
            self.fault = None
        return result

    def _learn(
        self, line: _Line, pace: Pace, place: str, told: _Told, headers: Mapping[str, str]
    ) -> None:
        told.told = True
        bucket = pace.bucket
        if bucket is None:
            return
        remaining = _number(headers.get(bucket.remaining.lower()))
        cost = _number(headers.get(bucket.cost.lower()))
        if remaining is None:
            self._news(line, lambda book, now: book.learn_nothing(now))
        else:
            self._news(line, lambda book, now: book.learn(now, bucket, place, remaining, cost))

    def _news(self, line: _Line, one: News) -> None:
        """Something has happened: it counts here at once, and on the board soon."""
        with self._lock:
            one(line.book, self._clock())
            line.changed()
            if self._board is None:
                return
            line.news.append(one)
            if self._clock() < self._away_until:
                line.news.clear()  # Leases end by themselves; the rest is out of date by then.
                return
            if line.flushing:
                return
            line.flushing = True
        task = asyncio.get_running_loop().create_task(self._flush_soon(line))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _flush_soon(self, line: _Line) -> None:
        # Whoever asks next tells it, mostly before that.
        await asyncio.sleep(_FLUSH_SECONDS)
        line.flushing = False
        await self._flush(line)

    async def _flush(self, line: _Line, *, renew: bool = False) -> None:
        if (line.news or renew) and self._clock() >= self._away_until:
            await self._tell(line, lambda _book, _now: 0.0)

    def _start_beating(self) -> None:
        if self._beat is None or self._beat.done():
            self._beat = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        """Renew the places on the board until none is held."""
        while True:
            await asyncio.sleep(self._lease / 3)
            held = [line for line in list(self._lines.values()) if line.book.flights]
            if not held:
                return
            for line in held:
                await self._flush(line, renew=True)


class _Told:
    """Whether a request had an answer."""

    __slots__ = ("told",)

    def __init__(self) -> None:
        self.told = False


class _Line:
    """Who waits in this process for a turn, and its own book; under the pacer's lock."""

    __slots__ = ("_first", "_waiting", "_watcher", "book", "flushing", "key", "news")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.book = Book()
        self.news: list[News] = []
        self.flushing = False
        self._first = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._watcher: asyncio.Future[None] | None = None

    def join(self) -> asyncio.Future[None] | None:
        """Come first, or give what to wait for."""
        if not self._first:
            self._first = True
            return None
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def leave(self, mine: asyncio.Future[None]) -> None:
        """Who waited was cancelled: it is in the line still, or had come first just then."""
        if mine in self._waiting:
            self._waiting.remove(mine)
        else:
            self.next()

    def next(self) -> None:
        """Let the next come first."""
        while self._waiting:
            if _wake(self._waiting.popleft()):
                return
        self._first = False

    def expect_change(self) -> asyncio.Future[None]:
        """What the first in the line waits for, besides time."""
        self._watcher = asyncio.get_running_loop().create_future()
        return self._watcher

    def changed(self) -> None:
        """Have the first in the line ask again."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            _wake(watcher)

    def idle(self, now: float) -> bool:
        """Whether nobody would miss it."""
        return not self._first and not self.news and self.book.idle(now)


def _wake(future: asyncio.Future[None]) -> bool:
    """Resolve a future of any loop; False where its loop is gone, and so is who waited."""
    try:
        future.get_loop().call_soon_threadsafe(_resolve, future)
    except RuntimeError:
        return False
    return True


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    # A bucket of more is none: its sums would leave what a book can hold, for all who share it.
    return value if abs(value) < _MOST_TOLD else None


def _span(seconds: float) -> str:
    """As one would say it: minutes where it is more than two of them."""
    return f"{seconds:.0f} s" if seconds <= 120 else f"{seconds / 60:.0f} min"

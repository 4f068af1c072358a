"""Deadlines of requests, kept by one timer for all of them.

``asyncio.timeout`` sets and clears a timer for each request, which costs a tenth of a read. Here a
request costs an entry in a dictionary, and is cut off up to :data:`SWEEP_SECONDS` too late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bloop_sdk import DeadlineError

T = TypeVar("T")

SWEEP_SECONDS = 0.5


class Deadlines:
    """The requests under way in one event loop, by their tasks."""

    def __init__(self) -> None:
        self.running: dict[asyncio.Task[Any], float] = {}
        self._overdue: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, seconds: float | None, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``; raises :class:`DeadlineError` where it took longer."""
        if seconds is None:
            return await work
        task = asyncio.current_task()
        assert task is not None, "a request is a task"
        loop = task.get_loop()
        self.running[task] = loop.time() + seconds
        if self._timer is None:
            self._timer = loop.call_later(SWEEP_SECONDS, self._sweep, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task not in self._overdue:
                raise
            self._overdue.discard(task)
            # The cancellation was ours: nobody else is told of it.
            if task.uncancel() > 0:
                raise
            raise DeadlineError(f"no answer within {seconds:g} s") from None
        finally:
            self.running.pop(task, None)

    def lift(self) -> None:
        """Let the request that asks take its time: its answer is a stream, which others end."""
        if (task := asyncio.current_task()) is not None:
            self.running.pop(task, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, end in list(self.running.items()):
            if end <= now:
                self._overdue.add(task)
                del self.running[task]
                task.cancel()
        more = bool(self.running)
        self._timer = loop.call_later(SWEEP_SECONDS, self._sweep, loop) if more else None

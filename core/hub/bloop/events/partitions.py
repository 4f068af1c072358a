"""A consumer in this process: one follower for each partition of its log."""

from __future__ import annotations

import asyncio

from bloop.events.follower import Follower
from bloop.events.handlers import Consumer
from bloop.events.means import Means


class Partitions:
    """Follows the log for a consumer, in as many partitions as its rows say.

    They are asked by the first follower, which is there in any case; so a consumer that is cut
    anew gets its followers while the hub runs.
    """

    def __init__(self, consumer: Consumer, means: Means) -> None:
        self.consumer = consumer
        self._means = means
        self._followers = [self._follower(0)]
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_running = False

    @property
    def slowest(self) -> Follower:
        """The follower that has looked least far."""
        return min(self._followers, key=lambda one: one.scanned)

    @property
    def scanned(self) -> int:
        """Up to where all have looked."""
        return self.slowest.scanned

    @property
    def fault(self) -> str | None:
        """Why one of them rests, should one."""
        return next((one.fault for one in self._followers if one.fault), None)

    async def begin(self) -> None:
        """Have rows; see :meth:`Follower.begin`."""
        await self._followers[0].begin()

    def start(self) -> None:
        """Begin to follow."""
        self._is_running = True
        for follower in self._followers:
            follower.start()

    async def stop(self) -> None:
        """Let what runs come to its end."""
        self._is_running = False
        await asyncio.gather(*(one.stop() for one in self._followers), *self._leaving)

    def wake(self, horizon: int, due: set[int]) -> None:
        """Wake those who have not looked up to ``horizon``, or whose number is in ``due``."""
        for follower in self._followers:
            if follower.scanned < horizon or follower.partition.number in due:
                follower.wake()

    def _follower(self, number: int) -> Follower:
        return Follower(self.consumer, number, self._means, self._lay_out)

    def _lay_out(self, partitions: int) -> None:
        if not self._is_running:
            return
        while len(self._followers) < partitions:
            self._followers.append(self._follower(len(self._followers)))
            self._followers[-1].start()
        while len(self._followers) > partitions:
            task = asyncio.create_task(self._followers.pop().stop())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

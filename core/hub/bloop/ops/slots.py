"""What a worker's children show of themselves to their parent: a few numbers in shared memory."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

_FIELDS = 3


@dataclass(frozen=True, slots=True)
class Shown:
    """One child; ``beat`` is a time of the machine's monotonic clock, which all processes share."""

    index: int
    pid: int
    beat: float
    is_busy: bool


class Slots:
    """One slot a child; to be made before children are forked, each of which writes its own."""

    def __init__(self, count: int) -> None:
        self._values = memoryview(mmap.mmap(-1, 8 * (1 + _FIELDS * count))).cast("d")
        self._count = count

    def beat(self, index: int, *, is_busy: bool) -> None:
        """Show that this process lives."""
        at = 1 + _FIELDS * index
        self._values[at + 1] = time.monotonic()
        self._values[at + 2] = is_busy
        self._values[at] = os.getpid()

    def leave(self, index: int) -> None:
        """Nobody is there any more."""
        self._values[1 + _FIELDS * index] = 0

    def shown(self) -> Iterator[Shown]:
        """Every child there is."""
        for index in range(self._count):
            pid, beat, is_busy = self._values[1 + _FIELDS * index : 1 + _FIELDS * (index + 1)]
            if pid:
                yield Shown(index, int(pid), beat, bool(is_busy))

    def take_turn(self, seconds: float) -> bool:
        """Whether it is this process's turn at what one of them should do every ``seconds``.

        Two may find that it is theirs: only what does no harm twice is for this.
        """
        now = time.monotonic()
        if now - self._values[0] < seconds:
            return False
        self._values[0] = now
        return True

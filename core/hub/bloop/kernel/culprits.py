"""Whose code it is: the plugin that a frame, a traceback or the process's memory leads to."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from bloop.kernel.journal import Code

NOBODY: tuple[None, str] = (None, "no Python code")
Owner = tuple[Code | None, str]
"""A plugin's code, or None for the hub itself, and the place in words."""

_NOTICED = 4 * 1024 * 1024


class Culprits:
    """The plugins whose code has come into this process."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}

    def add(self, code: Code) -> None:
        """From now on frames of this code are the plugin's."""
        self._codes[code.root] = code

    def of(self, frames: Iterator[tuple[FrameType, int]]) -> Owner:
        """The plugin of the first of some frames with their lines that is any plugin's."""
        first = None
        for frame, line in frames:
            file = frame.f_code.co_filename
            first = first or f"{file}:{line}"
            for code in self._codes.values():
                if code.owns(file):
                    return code, f"{frame.f_code.co_name} ({file}:{line})"
        return (None, first) if first else NOBODY

    def of_frame(self, frame: FrameType | None) -> Owner:
        """The plugin whose code a thread runs, at whatever depth."""
        return self.of(_outward(frame))

    def of_error(self, error: BaseException) -> Owner:
        """The plugin that raised something, or that it came through last."""
        return self.of(reversed(list(_inward(error.__traceback__))).__iter__())

    def at_work(self, loop: asyncio.AbstractEventLoop | None) -> list[tuple[Code, str]]:
        """The plugins that run in any thread; where none does, those with a task that waits."""
        frames = sys._current_frames()  # noqa: SLF001 - documented.
        found = [self.of_frame(frame) for frame in frames.values()]
        if not any(code for code, _ in found) and loop is not None:
            found = [self.of(_awaited(task.get_coro())) for task in asyncio.all_tasks(loop)]
        return [(code, where) for code, where in found if code is not None]


class MemoryBound:
    """How much memory this process may hold, and who was at work while it grew.

    ``limit`` is in bytes; with 0, and where Linux's ``/proc`` is missing, there is no bound.
    """

    def __init__(self, limit: int, culprits: Culprits) -> None:
        self.limit = limit if _STATM.exists() else 0
        self._culprits = culprits
        self._before = 0
        self._growth: Counter[Code] = Counter()
        self._places: dict[Code, str] = {}

    def exceeded(self, loop: asyncio.AbstractEventLoop | None) -> tuple[int, Owner] | None:
        """The resident bytes and whose they are, once they are too many; call it often."""
        if not self.limit:
            return None
        held = resident_bytes()
        grown, self._before = held - self._before, held
        if grown > _NOTICED and held > self.limit // 4:
            for code, where in self._culprits.at_work(loop):
                self._growth[code] += grown
                self._places[code] = where
        if held <= self.limit:
            return None
        if not self._growth:
            return held, NOBODY
        [(code, _)] = self._growth.most_common(1)
        return held, (code, self._places[code])


_STATM = Path("/proc/self/statm")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def resident_bytes() -> int:
    """The memory that this process holds."""
    import resource

    return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()


def default_memory_bytes() -> int:
    """Half of what the machine, or the container, has; 0 where this can't be known."""
    found = []
    for path in (Path("/proc/meminfo"), *map(Path, _LIMITS)):
        try:
            text = path.read_text("ascii")
        except OSError:
            continue
        words = text.split()
        if path.name == "meminfo" and len(words) > 1:
            found.append(int(words[1]) * 1024)
        elif words and words[0].isdigit():
            found.append(int(words[0]))
    return min(found, default=0) // 2


def _outward(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _inward(trace: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _awaited(work: Any) -> Iterator[tuple[FrameType, int]]:
    """The frames of a coroutine that waits, from the outermost in."""
    while work is not None:
        frame = getattr(work, "cr_frame", None) or getattr(work, "ag_frame", None)
        if frame is not None:
            yield frame, frame.f_lineno
        work = getattr(work, "cr_await", None) or getattr(work, "ag_await", None)

"""The sanitiser in a process of its own: much HTML is cleaned beside all that the hub does.

    cleaning = process.begin(texts)      # returns at once
    clean = await cleaning               # in the order of texts; None: clean it yourself

In a thread each text would wait for the interpreter, which what comes next holds. The texts go
through files that nobody else can open, so that neither side ever waits for room in a pipe; the
pipes say no more than where they stand. The process knows no secrets, and ends by itself once
nobody holds its input.
"""

from __future__ import annotations

import asyncio
import marshal
import os
import struct
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO

from bloop.content.sanitise import sanitise

WORTH = 50_000
"""Characters that take longer to clean than to hand over."""

ROOM = 64 * 1024 * 1024
"""Bytes that wait, at most; who comes then is quicker by himself."""

IDLE_SECONDS = 60.0
"""For so long the process is kept for whoever comes next."""

_PLACE = struct.Struct("=QQ")
"""Where a message stands in its file: the first byte, and how many they are."""
_PASSED = ("PYTHON", "LD_", "DYLD_", "LANG", "LC_", "PATH", "TMPDIR")

Cleaned = list[str | None]
"""Texts in the order in which they were given; None for those that no process has cleaned."""


class SanitiserProcess:
    """A process that begins with the first texts; where there can be none, nothing comes clean.

    It is used from one event loop. :meth:`close` it before that ends.
    """

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._waiting: deque[tuple[int, asyncio.Future[Cleaned]]] = deque()
        self._idle: asyncio.TimerHandle | None = None

    def begin(self, texts: Sequence[str]) -> asyncio.Future[Cleaned]:
        """Have texts cleaned, behind those that were given before."""
        loop = asyncio.get_running_loop()
        cleaning: asyncio.Future[Cleaned] = loop.create_future()
        if self._running is not None and self._running.loop is not loop:
            self.close()  # Nobody would hear of it.
        if self._waiting and self._running is not None and self._running.end > ROOM:
            cleaning.set_result([None] * len(texts))
            return cleaning
        self._waiting.append((len(texts), cleaning))
        try:
            if self._running is None:
                self._running = _Running(self._take)
            self._running.give(marshal.dumps(list(texts)), afresh=len(self._waiting) == 1)
        except (AssertionError, OSError, ValueError) as err:
            # Of Windows, which passes no files on, or out of processes, files or room.
            self._fail(f"HTML is cleaned without a process of its own: {err}")
        self._keep()
        return cleaning

    def close(self) -> None:
        """End the process; whoever waits for it is told to clean by himself."""
        self._keep()
        if self._running is not None:
            self._running.close()
            self._running = None
        while self._waiting:
            size, cleaning = self._waiting.popleft()
            if not cleaning.done():
                cleaning.set_result([None] * size)

    def _take(self) -> None:
        """Give what has come to who waits for it longest."""
        assert self._running is not None
        clean = self._running.taken()
        if clean is None:
            self._fail("the process that cleans HTML has ended: another one begins when needed")
            return
        _, cleaning = self._waiting.popleft()
        if not cleaning.done():
            cleaning.set_result(clean)
        if not self._waiting:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(IDLE_SECONDS, self.close)

    def _fail(self, why: str) -> None:
        # Not for the process itself, which begins as quickly as it can.
        from bloop.telemetry.logs import get_logger

        get_logger("bloop.content").warning(why)
        self.close()

    def _keep(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None


class _Running:
    """The process, its pipes, and the files of what it is given and of what it gives.

    ``come`` is called whenever it has cleaned something, and once it has ended.
    """

    def __init__(self, come: Callable[[], None]) -> None:
        with ExitStack() as stack:
            files = [stack.enter_context(_unnamed()) for _ in range(2)]
            self._given, self._cleaned = [file.fileno() for file in files]
            self._process = process = subprocess.Popen(  # noqa: S603 - it is this very file.
                [sys.executable, "-m", __name__, str(self._given), str(self._cleaned)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._given, self._cleaned),
                env={name: text for name, text in os.environ.items() if name.startswith(_PASSED)},
                start_new_session=True,  # Who ends the hub by a key does not end it before.
            )
            assert process.stdin is not None
            assert process.stdout is not None
            self._places, self._done = process.stdin, process.stdout
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.enter_context(self._places)
            stack.enter_context(self._done)
            self.loop = asyncio.get_running_loop()
            self.loop.add_reader(self._done, come)
            self._open = stack.pop_all()
        self.end = 0

    def give(self, message: bytes, *, afresh: bool) -> None:
        """Have a message's texts cleaned; ``afresh`` where nothing given before is needed."""
        begin = 0 if afresh else self.end
        _write(self._given, message, begin)
        self._places.write(_PLACE.pack(begin, len(message)))
        self.end = begin + len(message)

    def taken(self) -> Cleaned | None:
        """What came of the message that was given first; None where the process has ended."""
        place = self._done.read(_PLACE.size)
        if len(place) < _PLACE.size:
            return None
        begin, size = _PLACE.unpack(place)
        clean: Cleaned = marshal.loads(os.pread(self._cleaned, size, begin))  # noqa: S302  # nosec B302 - see main
        return clean

    def close(self) -> None:
        """End it, and let go of all."""
        if not self.loop.is_closed():
            self.loop.remove_reader(self._done)
        self._open.close()


def _unnamed() -> IO[bytes]:
    """A file that nobody else can open, in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("bloop-html"), "r+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


def _write(file: int, message: bytes, begin: int) -> None:
    left = memoryview(message)
    while left:
        done = os.pwrite(file, left, begin)
        left, begin = left[done:], begin + done


def _clean(text: str) -> str | None:
    try:
        return sanitise(text)
    except ValueError:  # Half of a surrogate pair: who asked says so.
        return None


def main(given: int, cleaned: int) -> None:
    """Clean what comes to stand in one file into the other, until nobody is left to ask."""
    end = 0
    with open(0, "rb", 0, closefd=False) as places, open(1, "wb", 0, closefd=False) as done:
        while len(place := places.read(_PLACE.size)) == _PLACE.size:
            begin, size = _PLACE.unpack(place)
            # Both ends are this file, and a hundred texts come in a tenth of JSON's time.
            texts: list[str] = marshal.loads(os.pread(given, size, begin))  # noqa: S302  # nosec B302
            message = marshal.dumps([_clean(text) for text in texts])
            end = end if begin else 0
            _write(cleaned, message, end)
            done.write(_PLACE.pack(end, len(message)))
            end += len(message)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

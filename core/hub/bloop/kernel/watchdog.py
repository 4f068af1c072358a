"""The watchdog: code that hangs can't be stopped, so its process ends and the journal says who.

A thread looks after three things: plugins' code that runs with a deadline (imports), threads that
must show that they live (the event loop, workers), and the process's memory. What holds the
interpreter's lock stops this thread too; then a timer of the kernel's, which counts the process's
CPU time, ends it. What ends the process by itself, as ``os._exit`` and a segmentation fault do,
leaves its name as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from bloop.kernel.culprits import Culprits, MemoryBound
from bloop.kernel.journal import Code, Journal, Suspect, forgive, suspects

EXIT_DEADLINE = 70
"""Exit status after an import that took too long."""
EXIT_STALLED = 71
"""Exit status after a thread that showed no life."""
EXIT_MEMORY = 72
"""Exit status after the process held too much memory."""


@dataclass(slots=True)
class _Watched:
    what: str
    limit: float
    thread: int
    code: Code | None = None
    silent: float = 0.0


class Watchdog:
    """Ends the process when plugins' code hangs or takes its memory; times are in seconds.

    ``memory`` is in bytes, 0 for no bound. ``exit`` is given the status; should it return, nothing
    is watched any more.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        deadline: float = 20.0,
        stall: float = 30.0,
        memory: int = 0,
        exit: Callable[[int], object] = os._exit,  # noqa: A002 - its own name.
    ) -> None:
        self.journal = journal
        self._deadline = deadline
        self._stall = stall
        self._exit = exit
        self._tick = min(0.25, deadline / 4, stall / 4)
        self._culprits = Culprits()
        self._memory = MemoryBound(memory, self._culprits)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: tuple[Any, Any] | None = None
        self._watched: dict[object, _Watched] = {}
        self._wake = threading.Event()
        self._idle = True
        self._thread: threading.Thread | None = None
        self._stacks: TextIO | None = None
        self._dumped_before = False

    def suspects(self) -> dict[str, Suspect]:
        """Whom dead processes' journals accuse, by plugin id; the last accusation counts."""
        return {suspect.plugin: suspect for suspect in suspects(self.journal.folder)}

    def forgive(self, plugin: str) -> None:
        """Forget what was held against a plugin."""
        forgive(self.journal.folder, plugin)

    def accuse(self, error: BaseException) -> None:
        """Note whose code raised what ends this process, though nobody called that code."""
        code, where = self._culprits.of_error(error)
        if code is not None:
            # The process's own is closed by now, and one that accuses stays.
            journal = Journal(self.journal.folder)
            journal.begin(code, f"{where}, by {type(error).__name__}")
            journal.close()

    def start(self) -> None:
        """Begin to watch."""
        # When the timer fires, faulthandler writes all stacks and lets the signal end the process.
        self._stacks = self.journal.stacks.open("w")
        faulthandler.register(signal.SIGPROF, self._stacks, all_threads=True, chain=True)
        self._dumped_before = faulthandler.is_enabled()
        faulthandler.enable(self._stacks)
        self._listen_to_exit()
        self._thread = threading.Thread(target=self._run, name="bloop-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer; the journal is closed."""
        thread, self._thread = self._thread, None
        if thread is not None and self._stacks is not None:
            self._wake.set()
            thread.join()
            signal.setitimer(signal.ITIMER_PROF, 0)
            faulthandler.unregister(signal.SIGPROF)
            faulthandler.disable()
            if self._dumped_before and sys.__stderr__ is not None:
                faulthandler.enable(sys.__stderr__)
            if self._leaving is not None:
                os._exit, os.kill = self._leaving
            self._stacks.close()
        self.journal.close()

    @contextlib.contextmanager
    def guard(self, code: Code, what: str) -> Iterator[None]:
        """Run a plugin's code in the ``with`` block: journalled, and with the deadline."""
        key = object()
        self._culprits.add(code)
        with self.journal.running(code, what):
            self._add(key, _Watched(what, self._deadline, threading.get_ident(), code))
            try:
                yield
            finally:
                del self._watched[key]

    def beat(self, name: str) -> None:
        """A thread shows that it lives; from now on it has to."""
        watched = self._watched.get(name)
        if watched is None:
            self._add(name, _Watched(name, self._stall, threading.get_ident()))
        else:
            watched.silent = 0.0

    def rest(self, name: str) -> None:
        """A thread need not show any more that it lives."""
        self._watched.pop(name, None)

    def watch(self, loop: asyncio.AbstractEventLoop, name: str = "event loop") -> None:
        """Let an event loop beat for as long as it runs; call it in the loop's thread."""
        if self._thread is not None:
            self._loop = loop
            self.beat(name)
            loop.call_later(self._tick, self.watch, loop, name)

    def _add(self, key: object, watched: _Watched) -> None:
        self._watched[key] = watched
        if self._idle:
            self._wind()
            self._wake.set()

    def _wind(self) -> None:
        """Set the timer anew; it counts CPU time, so a process that is stopped loses none."""
        if self._thread is not None:
            signal.setitimer(signal.ITIMER_PROF, 2 * self._stall if self._watched else 0)

    def _run(self) -> None:
        before = time.monotonic()
        while self._thread is not None:
            # To wake this thread costs more than to guard, so one that ticks already is left alone.
            # Idle first, looking after: what is added in between wakes it.
            self._idle = True
            if self._watched:
                self._idle = False
            self._wake.wait(None if self._idle else self._tick)
            self._idle = False
            self._wake.clear()
            self._wind()
            self.journal.sync()
            now = time.monotonic()
            # Time in which this thread did not run either (a stopped process) does not count.
            if self._look(min(now - before, 2 * self._tick)):
                return
            before = now

    def _look(self, elapsed: float) -> bool:
        """Whether the process had to end, after a while in which all were silent."""
        for watched in list(self._watched.values()):
            watched.silent += elapsed
            if watched.silent < watched.limit:
                continue
            if watched.code is not None:
                self._end(EXIT_DEADLINE, watched.code, f"{watched.what} took too long")
                return True
            frame = sys._current_frames().get(watched.thread)  # noqa: SLF001 - documented.
            code, where = self._culprits.of_frame(frame)
            if code is not None:
                self.journal.begin(code, where)
            self._end(EXIT_STALLED, code, f"{watched.what} showed no life, held up in {where}")
            return True
        if (found := self._memory.exceeded(self._loop)) is not None:
            held, (code, where) = found
            why = f"the process holds {held >> 20} MiB, more than [limits] memory_bytes"
            if code is not None:
                self.journal.begin(code, f"{where}, holding {held >> 20} MiB of memory")
            self._end(EXIT_MEMORY, code, f"{why}, and {where} was at work")
            return True
        return False

    def _listen_to_exit(self) -> None:
        """Have those functions note who called them that end a process and raise nothing."""
        leave, kill, own = os._exit, os.kill, os.getpid()

        def note(how: str) -> None:
            code, where = self._culprits.of_frame(sys._getframe(2))  # noqa: SLF001 - documented.
            if code is not None and os.getpid() == own:
                with contextlib.suppress(BaseException):
                    self.journal.begin(code, f"{where}, by {how}")

        def _exit(status: int) -> Any:
            note(f"os._exit({status!r})")
            leave(status)

        def kill_(pid: int, number: int, /) -> None:
            if pid == own and number == signal.SIGKILL:
                note("os.kill")
            kill(pid, number)

        self._leaving = (leave, kill)
        os._exit, os.kill = _exit, kill_

    def _end(self, status: int, code: Code | None, why: str) -> None:
        culprit = f"plugin {code.plugin}" if code else "the hub itself"
        cure = "; the next start leaves it switched off" if code else ""
        text = f"bloop: {culprit}: {why}: the process ends{cure}. What its threads were doing:\n"
        # No buffered stream is touched: a thread that hangs may hold its lock.
        with contextlib.suppress(OSError):
            os.write(2, text.encode("utf-8", "backslashreplace"))
            faulthandler.dump_traceback(file=2, all_threads=True)
        self.journal.sync()
        self._exit(status)

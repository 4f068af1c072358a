"""Wakes: hints between the processes of a hub that there may be something to do.

They are never needed: whoever listens also looks by itself now and then, and looks again where
hints may have been missed. So telling never waits and never fails; what can't be carried is
dropped. ``docs/decisions/`` says why hints go out after the commit, and not within it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Protocol
from uuid import uuid4

from bloop.tasks import end_tasks
from bloop.telemetry.logs import get_logger

EVENTS_SAID = "events"
"""A commit has said events."""
JOBS_DUE = "jobs"
"""A job may be due."""
JOB_CANCELLED = "jobs.cancelled"
"""A running job, named by its id, is to stop."""

GATHER_SECONDS = 0.005
"""So long after a message further hints are gathered into the next one."""
SEND_SECONDS = 2.0
LAST_SECONDS = 1.0
"""How long the end of a process waits for its last hints to go out."""
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
MOST_WAITING = 1000
MOST_CHARACTERS = 6000
"""PostgreSQL takes less than 8000 bytes in one notice."""

Listener = Callable[[str], None]
"""Called with what it is about, or "" where it may be about anything; from any thread."""

log = get_logger("bloop.wakes")


class Carrier(Protocol):
    """What brings messages to the other processes; used by one event loop."""

    name: str

    async def send(self, message: str) -> None:
        """Send to all who listen, which may raise anything."""
        ...

    def receive(self) -> AsyncGenerator[str | None]:
        """What is sent from now on, after a None once that is so; raises when it is lost."""
        ...

    async def close(self) -> None:
        """Let go of what was opened to send."""
        ...


class Wakes:
    """Who listens in this process, and the way to the others; without a ``carrier`` none."""

    def __init__(self, carrier: Carrier | None = None) -> None:
        self.carrier = carrier.name if carrier else None
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        self._messenger = _Messenger(carrier, self._call) if carrier else None

    @property
    def fault(self) -> str | None:
        """Why other processes are not reached, while they are not."""
        faults = self._messenger.faults() if self._messenger else []
        return faults[0] if faults else None

    def listen(self, subject: str, listener: Listener) -> None:
        """Have ``listener`` called on each hint, wherever it came from; it must be quick."""
        self._listeners[subject] = (*self._listeners.get(subject, ()), listener)
        if self._messenger is not None:
            self._messenger.hear()

    def unlisten(self, subject: str, listener: Listener) -> None:
        """Call it no more."""
        left = tuple(one for one in self._listeners.get(subject, ()) if one != listener)
        self._listeners[subject] = left

    def tell(self, subject: str, about: str = "") -> None:
        """Wake who listens: here at once, in this thread, elsewhere soon."""
        self._call(subject, about)
        if self._messenger is not None:
            self._messenger.send(f"{subject} {about}")

    def close(self) -> None:
        """Let the last hints go out, and hear no more."""
        if self._messenger is not None:
            self._messenger.close()

    def _call(self, subject: str | None, about: str) -> None:
        """Call who listens to a subject; to any of them, for None."""
        found = [self._listeners.get(subject, ())] if subject else list(self._listeners.values())
        for listener in (one for listeners in found for one in listeners):
            try:  # A commit that is done must not seem to fail.
                listener(about)
            except Exception as err:
                log.warning("wakes: a listener failed", subject=subject, exc_info=err)


class _Messenger:
    """A thread with an event loop of its own, begun with the first message or listener.

    The hub's event loop may stand still, and a command has none.
    """

    def __init__(self, carrier: Carrier, heard: Callable[[str | None, str], None]) -> None:
        self._carrier = carrier
        self._heard = heard
        self._own = uuid4().hex
        self._waiting: dict[str, None] = {}
        self._faults: dict[str, str] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        # Their loop is that of whoever waits for them first.
        self._sending = asyncio.Lock()
        self._something, self._hearing, self._stop = (asyncio.Event() for _ in range(3))

    def send(self, line: str) -> None:
        """Have a line sent, once, with what else waits."""
        with self._lock:
            known = bool(self._waiting)
            if len(self._waiting) < MOST_WAITING:
                self._waiting[line] = None
            if not known:
                self._set(self._something)

    def hear(self) -> None:
        """Begin to listen."""
        with self._lock:
            self._set(self._hearing)

    def faults(self) -> list[str]:
        """Why it can't send or hear, while it can't."""
        return list(self._faults.values())

    def close(self) -> None:
        """Send what waits, should that be quick, and end the thread."""
        with self._lock:
            self._is_closed = True
            thread, loop = self._thread, self._loop
        if thread is not None and loop is not None and thread.is_alive():
            with contextlib.suppress(RuntimeError):  # It has just ended.
                loop.call_soon_threadsafe(self._stop.set)
            # A server that hangs may keep it for longer; the process need not wait for that.
            thread.join(3 * LAST_SECONDS)

    def _set(self, event: asyncio.Event) -> None:
        if self._is_closed:
            return
        # Where no thread can be had, or the process ends, the others poll.
        with contextlib.suppress(RuntimeError, OSError):
            self._loop = self._loop or self._begin()
            self._loop.call_soon_threadsafe(event.set)

    def _begin(self) -> asyncio.AbstractEventLoop:
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        loop = runner.get_loop()
        self._thread = threading.Thread(
            target=self._run, args=(runner,), name="bloop-wakes", daemon=True
        )
        self._thread.start()
        return loop

    def _run(self, runner: asyncio.Runner) -> None:
        with runner:
            runner.run(self._live())

    async def _live(self) -> None:
        tasks = [
            asyncio.create_task(self._forever(self._speak), name="bloop-wakes-speak"),
            asyncio.create_task(self._forever(self._listen), name="bloop-wakes-listen"),
        ]
        await self._stop.wait()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LAST_SECONDS):
                await self._send()
        await end_tasks(tasks)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LAST_SECONDS):
                await self._carrier.close()

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await step()
                pause = FIRST_PAUSE_SECONDS
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                self._lost(step.__name__, err)
                if asyncio.get_running_loop().time() - began > LONGEST_PAUSE_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                # Spread, so that a server that comes back is not met by all at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 # nosec B311
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _speak(self) -> None:
        await self._something.wait()
        self._something.clear()
        async with asyncio.timeout(SEND_SECONDS):
            await self._send()
        self._reached(self._speak.__name__)
        await asyncio.sleep(GATHER_SECONDS)

    async def _send(self) -> None:
        async with self._sending:
            with self._lock:
                lines, self._waiting = list(self._waiting), {}
            for message in _messages(lines):
                await self._carrier.send(f"{self._own}\n{message}")

    async def _listen(self) -> None:
        await self._hearing.wait()
        async with contextlib.aclosing(self._carrier.receive()) as messages:
            async for message in messages:
                self._reached(self._listen.__name__)
                if message is None:
                    self._heard(None, "")
                else:
                    self._take(message)

    def _take(self, message: str) -> None:
        """Pass on what others say; what is no hint of ours wakes nobody."""
        sender, *lines = message.split("\n")
        if sender != self._own:
            for line in lines:
                subject, space, about = line.partition(" ")
                if subject and space:
                    self._heard(subject, about)

    def _lost(self, step: str, err: Exception) -> None:
        # Only its kind: what a driver says may hold an address with its password.
        reason = f"{self._carrier.name} cannot be reached ({type(err).__name__})"
        if not self._faults:
            log.warning("wakes: processes do not hear of each other at once", reason=reason)
        self._faults[step] = reason

    def _reached(self, step: str) -> None:
        if self._faults.pop(step, None) is not None and not self._faults:
            log.info("wakes: processes hear of each other again", carrier=self._carrier.name)


def _messages(lines: list[str]) -> Iterator[str]:
    """The lines in as few messages as may be."""
    gathered: list[str] = []
    size = 0
    for line in lines:
        if size + len(line) > MOST_CHARACTERS and gathered:
            yield "\n".join(gathered)
            gathered, size = [], 0
        gathered.append(line)
        size += len(line) + 1
    if gathered:
        yield "\n".join(gathered)

"""A child of Celery's worker: a hub with an event loop in a thread, which runs what offers say."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import Any

from bloop.hub import Hub
from bloop.ops.garbage import look_less
from bloop.ops.serve import run_loop, sampler
from bloop.ops.slots import Slots
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError

SLICE_SECONDS = 1.0
"""After this time an offer's child begins no more of its jobs, so that other queues have theirs."""
SWEEP_SECONDS = 1.0
TICK_SECONDS = 0.25
START_AGAIN_SECONDS = 2.0

log = get_logger(__name__)


class Child:
    """Made in the child process. Celery's thread hands over offers, and waits for their end."""

    def __init__(
        self, config: Path | None, queues: Sequence[str], slots: Slots, index: int, parent: int
    ) -> None:
        self._config = config
        self._queues = tuple(queues)
        self._slots = slots
        self._index = index
        self._parent = parent
        self._is_busy = False
        self._is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked: asyncio.Event | None = None
        self._hub: Hub | None = None
        self._thread = threading.Thread(target=self._run, name="bloop-hub", daemon=True)

    def start(self) -> None:
        """Open the hub; offers wait until its plugins are there."""
        self._beat()
        signal.signal(signal.SIGTERM, lambda *_: self._ask())
        self._thread.start()

    def run(self, queue: str) -> None:
        """Run what waits in a queue, as far as the hub is there."""
        self._is_busy = True
        try:
            self._is_up.wait()
            hub, loop = self._hub, self._loop
            if hub is not None and loop is not None and self._thread.is_alive():
                offer = hub.jobs.run_offer(queue, SLICE_SECONDS)
                done = asyncio.run_coroutine_threadsafe(offer, loop)
                # Handed to a loop that has just ended, it would never come to its end.
                while self._thread.is_alive() and not done.done():
                    wait([done], timeout=1)
        finally:
            self._is_busy = False

    def stop(self) -> None:
        """Let what runs come to its end; what takes too long is given back."""
        self._ask()
        self._thread.join()
        self._slots.leave(self._index)

    def _ask(self) -> None:
        self._is_up.set()
        if self._loop is not None and self._asked is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._asked.set)

    def _run(self) -> None:
        try:
            run_loop(self._live())
        except BaseException as err:  # Also a plugin's SystemExit.
            if self._hub is not None:
                self._hub.accuse(err)
            log.error("a child of the worker ends", exc_info=err)  # noqa: TRY400 - the SDK's Logger
            # Its successor should not fail again at once.
            time.sleep(START_AGAIN_SECONDS)
            os._exit(1)

    async def _live(self) -> None:
        self._loop, self._asked = asyncio.get_running_loop(), asyncio.Event()
        ticking = asyncio.create_task(self._tick(), name="tick")
        try:
            hub = await self._open()
            if hub is not None:
                self._hub = hub
                self._is_up.set()
                await self._asked.wait()
                await hub.stop()
        finally:
            ticking.cancel()
            self._is_up.set()

    async def _open(self) -> Hub | None:
        """The hub once it has started, however often that takes; None when asked to end."""
        assert self._asked is not None, "the loop runs"
        while not self._asked.is_set():
            hub: Hub | None = None
            try:
                hub = Hub.open(self._config, "worker")
                hub.workers, hub.queues = 1, self._queues
                hub.attach(partial(sampler, hub))
                await hub.start()
                await hub.loaded()
                look_less()
            except BloopError as err:
                log.error("the worker's hub does not start", reason=err.message, cure=err.cure)  # noqa: TRY400 - told in words
                if hub is not None:
                    await hub.stop()
                await asyncio.sleep(START_AGAIN_SECONDS)
            else:
                return hub
        return None

    async def _tick(self) -> None:
        while True:
            self._beat()
            if os.getppid() != self._parent:
                self._ask()
            if self._hub is not None and self._slots.take_turn(SWEEP_SECONDS):
                try:
                    await self._hub.jobs.sweep()
                except BloopError as err:
                    log.warning("jobs: the ledger can't be reached", step="sweep", error=err)
            await asyncio.sleep(TICK_SECONDS)

    def _beat(self) -> None:
        self._slots.beat(self._index, is_busy=self._is_busy)


def index_of_this_process() -> int:
    """Which of its parent's children this process is, from 0; a successor has the same number."""
    from billiard import current_process

    process: Any = current_process()
    index: int = process.index
    return index

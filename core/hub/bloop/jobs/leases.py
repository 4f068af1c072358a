"""The leases of jobs: prolonged for those that run here, taken back from the dead."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from bloop.jobs import ledger
from bloop.jobs.context import RunningJob, StopReason
from bloop.jobs.owners import is_dead
from bloop.jobs.queries import LEASES
from bloop.store.database import Database, in_unit
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds: how often the ledger is looked at, leases are prolonged, and how long they last.

    What a machine that has died was running goes on elsewhere within ``lease + reap + poll``.
    """

    poll: float = 1.0
    beat: float = 1.0
    lease: float = 6.0
    reap: float = 1.5
    drain: float = 10.0


@dataclass(slots=True)
class Running:
    """A job that this process has claimed."""

    context: RunningJob
    task: asyncio.Task[None]
    claimed_at: float
    in_handler: bool = False

    def stop(self, reason: StopReason) -> None:
        """Have the handler end at its next await, or its next report of progress.

        Before it, and while what came of it is written, the task must not be interrupted.
        """
        self.context.stopped = self.context.stopped or reason
        if self.in_handler:
            self.task.cancel()


class Leases:
    """Looks after the leases of the jobs in ``running``, by id, and after those of the dead.

    They are prolonged by a thread of its own: code that holds up the event loop for a while must
    not cost the jobs beside it theirs. ``tell`` hears what a step has failed of, or None.
    """

    def __init__(
        self,
        database: Database,
        call: Call,
        running: Mapping[str, Running],
        timing: Timing,
        tell: Callable[[str, Exception | None], None],
    ) -> None:
        self._database = database
        self._call = call
        self._running = running
        self._timing = timing
        self._tell = tell
        self._looked = time.monotonic()
        self._back = -math.inf
        self._silent = False
        self._due = threading.Event()
        self._beater: threading.Thread | None = None

    def start(self) -> None:
        """Begin to prolong them."""
        self._beater = threading.Thread(
            target=self._beat_until_silent,
            args=(asyncio.get_running_loop(),),
            name="bloop-jobs-beat",
            daemon=True,
        )
        self._beater.start()

    async def stop(self) -> None:
        """Prolong none any more."""
        self._silent = True
        self._due.set()
        if self._beater is not None:
            await asyncio.to_thread(self._beater.join)

    def beat_now(self, job_id: str) -> None:
        """Ask the ledger now whether a job is to stop, should it run here ("": any); any thread."""
        if not job_id or job_id in self._running:
            self._due.set()

    async def reap(self) -> int:
        """Take back what runners that have died held; gives how many."""
        # A read first, as with claims.
        leases = await self._database.read(LEASES, self._call, now=utcnow())
        patient = self._is_patient()
        others = [lease for lease in leases if lease[0] not in self._running]
        if not any(
            (is_over and not patient) or owner is None or is_dead(owner)
            for _, owner, is_over in others
        ):
            return 0
        reap = partial(ledger.reap, alive=frozenset(self._running), patient=patient)
        return await self._database.run(in_unit, self._database, self._call, reap)

    def _is_patient(self) -> bool:
        """Whether the ledger could not be looked at for a while, until a moment ago.

        Then nobody could prolong a lease either, and all get the time of one to do so.
        """
        now = time.monotonic()
        if now - self._looked > self._timing.lease / 2:
            self._back = now
        self._looked = now
        return now - self._back < self._timing.lease

    def _beat_until_silent(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self._due.wait(self._timing.beat)
            self._due.clear()
            if self._silent:
                return
            try:
                self._beat(loop)
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                self._tell("beat", err)
            else:
                self._tell("beat", None)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        due = [one for one in list(self._running.values()) if one.in_handler]
        if not due:
            return
        lost, cancelled = in_unit(self._database, self._call, self._beat_all, due)
        for running in lost:
            loop.call_soon_threadsafe(running.stop, StopReason.LOST)
        for running in cancelled:
            loop.call_soon_threadsafe(running.stop, StopReason.CANCELLED)

    def _beat_all(
        self, unit: UnitOfWork, due: list[Running]
    ) -> tuple[list[Running], list[Running]]:
        lost, cancelled = [], []
        for running in due:
            context = running.context
            try:
                if ledger.beat(unit, context.claim, context.take_progress(), self._timing.lease):
                    cancelled.append(running)
            except LookupError:
                lost.append(running)
        return lost, cancelled

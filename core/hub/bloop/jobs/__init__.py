"""The job ledger and its runners.

    jobs.register("content.sync", sync_course)
    with database.unit(call) as unit:
        job_id = jobs.enqueue(unit, "content.sync", {"connection": "..."}, key="nightly-2026-01-31")

The row is the truth: a job begins after the unit that asked for it has committed, is carried by
whichever process claims it first, and goes to another when its process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from bloop.jobs import ledger
from bloop.jobs.context import JobStoppedError, RunningJob
from bloop.jobs.leases import Timing
from bloop.jobs.models import JobState
from bloop.jobs.offers import Offers
from bloop.jobs.queries import DEPTH
from bloop.jobs.runner import Handler, Runner
from bloop.store.commands import command
from bloop.store.database import Database
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.store.wakes import JOB_CANCELLED, JOBS_DUE
from bloop.telemetry import traces
from bloop.telemetry.metrics import metrics
from bloop_sdk import Call, Principal, PrincipalKind, Role

__all__ = ["JobState", "JobStoppedError", "Jobs", "RunningJob", "Timing"]


class Jobs:
    """The ledger's public face, and this process's runner.

    With no ``workers`` jobs are asked for here and run elsewhere; without ``queues`` those of every
    queue are run. With a ``broker_url`` those that are asked for are offered there, and are run
    here only by :meth:`run_offer`.
    """

    def __init__(
        self,
        database: Database,
        *,
        workers: int = 2,
        queues: Collection[str] = (),
        timing: Timing | None = None,
        broker_url: str | None = None,
    ) -> None:
        self._database = database
        self._workers = workers
        self._queues = queues
        self._timing = timing or Timing()
        self._kinds: dict[str, Handler] = {}
        self._runner: Runner | None = None
        self._offers = None if broker_url is None else Offers(broker_url)
        self._loop: asyncio.AbstractEventLoop | None = None

    def register(self, kind: str, handler: Handler) -> None:
        """Have jobs of ``kind`` run by ``handler``."""
        self._kinds[kind] = handler
        self._wake()

    async def unregister(self, kind: str) -> None:
        """Run no more of them here; they wait until somebody registers the kind again.

        Those that run may end in the time to drain, or are given back.
        """
        self._kinds.pop(kind, None)
        if self._runner is not None:
            await self._runner.drain(kind)

    def enqueue(
        self, unit: UnitOfWork, kind: str, payload: Mapping[str, Any], **options: Any
    ) -> str:
        """Ask for a job, as :func:`bloop.jobs.ledger.enqueue`; its id."""
        job_id = ledger.enqueue(unit, kind, payload, **options)
        if not options.get("delay"):
            self._due_after(unit, options.get("queue", "default"))
        return job_id

    @command("jobs:cancel")
    def cancel(self, unit: UnitOfWork, job_id: str) -> int:
        """Stop a job, as :func:`bloop.jobs.ledger.cancel`; its new version."""
        job = ledger.cancel(unit, job_id)
        self._tell_after(unit, JOB_CANCELLED, job_id)
        unit.session.flush()
        return job.row_version

    @command("jobs:cancel")
    def retry(self, unit: UnitOfWork, job_id: str) -> int:
        """Try a job again, as :func:`bloop.jobs.ledger.retry`; its new version."""
        job = ledger.retry(unit, job_id)
        self._due_after(unit, job.queue)
        unit.session.flush()
        return job.row_version

    def depth(self) -> list[dict[str, Any]]:
        """Jobs that wait or run, by queue and state, with their number and the oldest's time."""
        return to_dicts(DEPTH, self._database.read_now(DEPTH, system_call()))

    async def start(self) -> None:
        """Begin to run jobs in this event loop, and to tell how many wait."""
        metrics().before_scrape("jobs", self._measure)
        if self._offers is not None:
            self._offers.start()
        if self._workers:
            self._loop = asyncio.get_running_loop()
            self._runner = Runner(
                self._database,
                system_call(),
                self._kinds,
                workers=self._workers,
                queues=self._queues,
                timing=self._timing,
                polls=self._offers is None,
                on_more=self._offer,
            )
            self._runner.start()
            self._database.wakes.listen(JOBS_DUE, self._wake)
            self._database.wakes.listen(JOB_CANCELLED, self._cancelled)

    async def stop(self) -> None:
        """Drain: running jobs end, or are given back when that takes too long."""
        if self._runner is not None:
            self._database.wakes.unlisten(JOBS_DUE, self._wake)
            self._database.wakes.unlisten(JOB_CANCELLED, self._cancelled)
            runner, self._runner = self._runner, None
            await runner.stop()
        if self._offers is not None:
            await asyncio.to_thread(self._offers.stop)

    async def run_offer(self, queue: str, seconds: float) -> None:
        """Run what waits in a queue ("": in all of them), and begin none after ``seconds``."""
        if self._runner is not None:
            await self._runner.run_offer([queue] if queue else [], seconds)

    async def sweep(self) -> None:
        """Offer to this process's queues what waits: whatever had been offered may be lost."""
        if self._runner is not None and await self._runner.is_something_due():
            self._offer(self._queues)

    def _measure(self) -> None:
        metrics().jobs.clear()
        metrics().job_wait_seconds.clear()
        now = utcnow()
        for row in self.depth():
            metrics().jobs.labels(row["queue"], row["state"]).set(row["count"])
            if row["state"] == JobState.WAITING:
                oldest = now - datetime.fromisoformat(row["oldest"])
                metrics().job_wait_seconds.labels(row["queue"]).set(oldest.total_seconds())

    def _due_after(self, unit: UnitOfWork, queue: str) -> None:
        """Have a job that may begin be heard of, once it is committed."""
        self._tell_after(unit, JOBS_DUE)
        if self._offers is not None:
            # Also to those who work for every queue.
            offered = [queue, ""]
            unit.after_commit(partial(self._offer, offered))

    def _tell_after(self, unit: UnitOfWork, subject: str, about: str = "") -> None:
        """Tell all runners of it, here and elsewhere, once it is committed."""
        unit.after_commit(partial(self._database.wakes.tell, subject, about))

    def _offer(self, queues: Collection[str]) -> None:
        if self._offers is not None:
            self._offers.say(*(queues or [""]))

    def _wake(self, _about: str = "") -> None:
        if self._runner is not None and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # It has just been closed.
                self._loop.call_soon_threadsafe(self._runner.wake)

    def _cancelled(self, about: str) -> None:
        if self._runner is not None:
            self._runner.leases.beat_now(about)


def system_call() -> Call:
    """The call of the runner itself."""
    principal = Principal(PrincipalKind.SYSTEM, "jobs", Role.OPERATOR)
    return Call(principal, EVERY_INSTITUTION, traces.start())

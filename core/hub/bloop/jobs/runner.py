"""The embedded runner: carries jobs of the ledger inside the hub's process, in its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from typing import Any

import orjson

from bloop.jobs import ledger
from bloop.jobs.context import RunningJob, StopReason
from bloop.jobs.ledger import Claim
from bloop.jobs.models import JobState
from bloop.jobs.owners import is_dead, this_process
from bloop.jobs.queries import DUE_KINDS, DUE_LATER, LEASES
from bloop.kernel.faults import describe
from bloop.store.database import Database, in_unit
from bloop.store.errors import TRANSIENT, StoreError
from bloop.store.faults import NO_SPACE, from_file
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tasks import end_tasks
from bloop.telemetry.context import log_context
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop_sdk import BloopError, Call, RetriableError
from bloop_sdk._masking import mask_text

DAY_SECONDS = 86400.0

Handler = Callable[[RunningJob, dict[str, Any]], Awaitable[Any]]
"""What runs jobs of a kind: given the job and its payload, gives its result."""


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
class _Running:
    context: RunningJob
    task: asyncio.Task[None]
    in_handler: bool = False

    def stop(self, reason: StopReason) -> None:
        """Have the handler end at its next await, or its next report of progress.

        Before it, and while what came of it is written, the task must not be interrupted.
        """
        self.context.stopped = self.context.stopped or reason
        if self.in_handler:
            self.task.cancel()


class Runner:
    """Runs up to ``workers`` jobs at a time of the kinds in ``kinds``; no ``queues`` means all.

    The ledger is polled; :meth:`wake` only makes it sooner. Leases are prolonged by a thread of
    its own: code that holds up the event loop for a while must not cost the jobs beside it theirs.
    """

    def __init__(
        self,
        database: Database,
        call: Call,
        kinds: Mapping[str, Handler],
        *,
        workers: int,
        timing: Timing,
        queues: Collection[str] = (),
    ) -> None:
        self._database = database
        self._call = call
        self._kinds = kinds
        self._workers = workers
        self._queues = queues
        self._timing = timing
        self._owner = this_process()
        self._log = get_logger(__name__)
        self._running: dict[str, _Running] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []
        self._told: dict[str, str] = {}
        self._looked = time.monotonic()
        self._back = -math.inf
        self._silent = False
        self._due = threading.Event()
        self._beater: threading.Thread | None = None

    def start(self) -> None:
        """Begin to claim and run."""
        self._beater = threading.Thread(
            target=self._beat_until_silent,
            args=(asyncio.get_running_loop(),),
            name="bloop-jobs-beat",
            daemon=True,
        )
        self._beater.start()
        self._loops = [
            asyncio.create_task(self._forever(step, seconds), name=f"bloop-jobs-{step.__name__}")
            for step, seconds in (
                (self._claim, self._timing.poll),
                (self._reap, self._timing.reap),
            )
        ]

    async def stop(self) -> None:
        """Claim no more, let running jobs end in the time to drain, give the others back."""
        self._stopping = True
        claiming, *others = self._loops
        self._wake.set()
        await claiming
        await self._drain(list(self._running.values()))
        await end_tasks(others)
        self._silent = True
        self._due.set()
        if self._beater is not None:
            await asyncio.to_thread(self._beater.join)

    async def drain(self, kind: str) -> None:
        """Let running jobs of a kind end in the time to drain, give the others back."""
        found = [one for one in self._running.values() if one.context.claim.kind == kind]
        await self._drain(found)

    async def _drain(self, running: list[_Running]) -> None:
        if not running:
            return
        await asyncio.wait([one.task for one in running], timeout=self._timing.drain)
        for one in running:
            one.stop(StopReason.STOPPING)
        await asyncio.gather(*(one.task for one in running), return_exceptions=True)

    def wake(self) -> None:
        """Look at the ledger now; from the event loop's thread."""
        self._wake.set()

    def beat_now(self, job_id: str) -> None:
        """Ask the ledger now whether a job is to stop, should it run here ("": any); any thread."""
        if not job_id or job_id in self._running:
            self._due.set()

    async def _forever(self, step: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Repeat a step; whatever goes wrong with the database must not end the runner."""
        claiming = step == self._claim
        while not (claiming and self._stopping):
            await self._tried(step)
            if not claiming:
                await asyncio.sleep(seconds)
                continue
            # Python 3.11's wait_for loses a cancellation that comes together with the wake.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            self._wake.clear()

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as err:  # noqa: BLE001 - logged, and tried again
            self._tell(step.__name__, err)
        else:
            self._told.pop(step.__name__, None)

    def _tell(self, step: str, err: Exception) -> None:
        """Log what a step failed of, once: a disk may be full for hours."""
        if self._told.get(step) != str(err):
            self._told[step] = str(err)
            self._log.warning("jobs: the ledger can't be reached", step=step, error=err)

    async def _claim(self) -> None:
        free = self._workers - len(self._running)
        if free <= 0 or self._stopping:
            return
        # A read first: claiming writes, and a hub without work should not write every second.
        due = {kind for (kind,) in await self._database.read(DUE_KINDS, self._call)}
        if await self._database.read(DUE_LATER, self._call, now=utcnow()):
            due = set(self._kinds)
        kinds = self._kinds.keys() & due
        if not kinds:
            return
        claims = await self._unit(
            ledger.claim,
            self._owner,
            kinds,
            queues=self._queues,
            limit=free,
            lease_seconds=self._timing.lease,
        )
        for claim in claims:
            context = RunningJob(claim)
            handler = self._kinds[claim.kind]
            task = asyncio.create_task(self._run(handler, context), name=f"job-{claim.id}")
            self._running[claim.id] = _Running(context, task)

    async def _run(self, handler: Handler, context: RunningJob) -> None:
        claim, call = context.claim, context.call
        begin = time.perf_counter()
        with log_context(
            job_id=claim.id,
            plugin=claim.plugin_id,
            institution=call.institution,
            trace_id=call.trace.trace_id,
        ):
            try:
                outcome = await self._attempt(handler, context)
                metrics().jobs_finished.labels(claim.kind, outcome).inc()
                metrics().job_seconds.labels(claim.kind).observe(time.perf_counter() - begin)
            except Exception as err:  # noqa: BLE001 - the lease ends, and somebody takes it up
                self._log.error("job not ended in the ledger", kind=claim.kind, error=err)
            finally:
                del self._running[claim.id]
                self._wake.set()

    async def _attempt(self, handler: Handler, context: RunningJob) -> str:
        """Run the handler and write what came of it; gives the outcome in a word."""
        claim, failure, result = context.claim, None, None
        running = self._running[claim.id]
        try:
            running.in_handler = True
            context.check()
            # Through JSON and back: what the ledger can't hold is the handler's failure.
            result = orjson.loads(orjson.dumps(await handler(context, claim.payload)))
        except BaseException as err:  # noqa: BLE001 - SystemExit in a handler must not end the hub
            failure = err
        running.in_handler = False
        if failure is None:
            progress = context.take_progress()
            await self._write(
                ledger.finish, claim, JobState.SUCCEEDED, result=result, progress=progress
            )
            return "succeeded"
        match context.stopped:
            case StopReason.CANCELLED:
                await self._write(ledger.finish, claim, JobState.CANCELLED)
                return "cancelled"
            case StopReason.STOPPING:
                await self._write(ledger.give_back, claim)
                return "given_back"
            case StopReason.LOST:
                return "lost"
        return await self._failed(context, failure)

    async def _failed(self, context: RunningJob, err: BaseException) -> str:
        claim, error = context.claim, error_of(err)
        again = isinstance(err, RetriableError) or error["code"] in TRANSIENT
        if again and claim.attempt < claim.max_attempts:
            self._log.info("job will be tried again", kind=claim.kind, error=err)
            await self._write(ledger.retry_later, claim, error, retry_after=_seconds(err))
            return "retried"
        self._log.warning("job failed", kind=claim.kind, exc_info=err)
        await self._write(
            ledger.finish,
            claim,
            JobState.FAILED,
            error=error,
            progress=context.take_progress(),
        )
        return "failed"

    async def _write(
        self, function: Callable[..., bool], claim: Claim, *args: Any, **kwargs: Any
    ) -> None:
        """End an attempt in the ledger, however long nothing can be written; a stop ends the tries.

        As nobody can claim the job meanwhile, what it has done need not be done again.
        """
        pauses = chain((0.1, 0.5, 2.0), repeat(5.0))
        while True:
            try:
                if not await self._unit(function, claim, *args, **kwargs):
                    self._log.warning("job had gone to another runner")
            except StoreError as err:
                stopped = self._running[claim.id].context.stopped
                if stopped is StopReason.STOPPING or err.code not in TRANSIENT:
                    raise
                await asyncio.sleep(next(pauses))
            else:
                return

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
                self._told.pop("beat", None)

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
        self, unit: UnitOfWork, due: list[_Running]
    ) -> tuple[list[_Running], list[_Running]]:
        lost, cancelled = [], []
        for running in due:
            context = running.context
            try:
                if ledger.beat(unit, context.claim, context.take_progress(), self._timing.lease):
                    cancelled.append(running)
            except LookupError:
                lost.append(running)
        return lost, cancelled

    async def _reap(self) -> None:
        # A read first, as with claims.
        leases = await self._database.read(LEASES, self._call, now=utcnow())
        patient = self._is_patient()
        others = [lease for lease in leases if lease[0] not in self._running]
        if not any(
            (is_over and not patient) or owner is None or is_dead(owner)
            for _, owner, is_over in others
        ):
            return
        alive = frozenset(self._running)
        if taken_back := await self._unit(ledger.reap, alive=alive, patient=patient):
            self._log.warning("jobs: took back what dead runners held", jobs=taken_back)
            self._wake.set()

    def _is_patient(self) -> bool:
        """Whether the ledger could not be looked at for a while, until a moment ago.

        Then nobody could prolong a lease either, and all get the time of one to do so.
        """
        now = time.monotonic()
        if now - self._looked > self._timing.lease / 2:
            self._back = now
        self._looked = now
        return now - self._back < self._timing.lease

    async def _unit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._database.run(
            partial(in_unit, self._database, self._call, function, *args, **kwargs)
        )


def _seconds(err: BaseException) -> float | None:
    """How long somebody outside asks to wait, as far as that is a time."""
    asked = getattr(err, "retry_after", None)
    return min(asked, DAY_SECONDS) if isinstance(asked, int | float) and asked >= 0 else None


def error_of(err: BaseException) -> dict[str, Any]:
    """What the ledger says of a failure: ``code message cure``, without secrets."""
    if isinstance(err, OSError) and err.errno in NO_SPACE:
        err = from_file(err, err.filename or "a file")
    if isinstance(err, BloopError):
        # A plugin may have put anything there.
        code, message, cure = (getattr(err, name, None) for name in ("code", "message", "cure"))
        if type(code) is str and type(message) is str and isinstance(cure, str | None):
            return {"code": code[:60], "message": mask_text(message, 2000), "cure": cure}
    return {
        "code": "job_crashed",
        "message": mask_text(describe(err), 2000),
        "cure": "see the hub's log, which has the job's id, for where it happened",
    }

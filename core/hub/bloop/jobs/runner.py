"""The embedded runner: carries jobs of the ledger inside the hub's process, in its event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any

import orjson

from bloop.jobs import ledger
from bloop.jobs.context import RunningJob, StopReason
from bloop.jobs.endings import Endings, error_of, is_final, is_put_off, wait_of
from bloop.jobs.leases import Leases, Running, Timing
from bloop.jobs.ledger import Claim
from bloop.jobs.models import JobState
from bloop.jobs.owners import this_process
from bloop.jobs.queries import DUE_KINDS, DUE_LATER
from bloop.store.database import Database, in_unit
from bloop.store.types import utcnow
from bloop.tasks import end_tasks
from bloop.telemetry.context import log_context
from bloop.telemetry.logs import get_logger
from bloop.telemetry.metrics import metrics
from bloop_sdk import BloopError, Call

NEVER = float("inf")
AHEAD_SECONDS = 0.02
"""Quick jobs are claimed ahead: as many as are over within this time,"""
MOST_AHEAD = 64
"""but no more than these;"""
PATIENCE_SECONDS = 0.25
"""and those that have not begun after this time are given back, so that others can have them."""
OTHERS_SECONDS = 2.5
"""So long an offer is kept that others can use, longer than it takes until there is another one;"""
OTHERS_EACH_SECONDS = 5.0
"""and then none for so long."""

Handler = Callable[[RunningJob, dict[str, Any]], Awaitable[Any]]
"""What runs jobs of a kind: given the job and its payload, gives its result."""


class Runner:
    """Runs up to ``workers`` jobs at a time of the kinds in ``kinds``; no ``queues`` means all.

    The ledger is polled; :meth:`wake` only makes it sooner. Without ``polls`` jobs are claimed
    while :meth:`run_offer` runs, and ``on_more`` is told the queues that seem to hold more than was
    claimed.
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
        polls: bool = True,
        on_more: Callable[[Collection[str]], None] = lambda _queues: None,
    ) -> None:
        self._database = database
        self._call = call
        self._kinds = kinds
        self._workers = workers
        self._queues = queues
        self._timing = timing
        self._owner = this_process()
        self._log = get_logger(__name__)
        self._running: dict[str, Running] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._polls = polls
        self._on_more = on_more
        self._slots = asyncio.Semaphore(workers)
        self._pace = NEVER
        self._endings = Endings(self._unit, self._gives_up)
        self._loops: list[asyncio.Task[None]] = []
        self._told: dict[str, str] = {}
        self._kept_until = -NEVER
        self.leases = Leases(database, call, self._running, timing, self._tell)

    def start(self) -> None:
        """Begin to claim and run."""
        self.leases.start()
        steps = [(self._reap, self._timing.reap)]
        if self._polls:
            steps.append((self._claim_any, self._timing.poll))
        self._loops = [
            asyncio.create_task(self._forever(step, seconds), name=f"bloop-jobs-{step.__name__}")
            for step, seconds in steps
        ]

    async def stop(self) -> None:
        """Claim no more, let running jobs end in the time to drain, give the others back."""
        self._stopping = True
        reaping, *claiming = self._loops
        self._wake.set()
        await asyncio.gather(*claiming)
        await self._drain(list(self._running.values()))
        await end_tasks([reaping])
        await self.leases.stop()

    async def drain(self, kind: str) -> None:
        """Let running jobs of a kind end in the time to drain, give the others back."""
        found = [one for one in self._running.values() if one.context.claim.kind == kind]
        await self._drain(found)

    async def _drain(self, running: list[Running]) -> None:
        if not running:
            return
        await asyncio.wait([one.task for one in running], timeout=self._timing.drain)
        for one in running:
            one.stop(StopReason.STOPPING)
        await asyncio.gather(*(one.task for one in running), return_exceptions=True)

    def wake(self) -> None:
        """Look at the ledger now; from the event loop's thread."""
        self._wake.set()

    async def run_offer(self, queues: Collection[str], seconds: float) -> None:
        """Run jobs of these queues until none is left, or the time is over; none named, of all.

        Those that run then come to their end, however long it takes.
        """
        end, used = time.monotonic() + seconds, False
        try:
            while await self._claim(queues):
                used = True
                if self._stopping or time.monotonic() >= end:
                    self._on_more(queues)
                    break
                await self._pause(end - time.monotonic())
            if not used:
                await self._leave_to_others()
        except BloopError as err:
            self._tell("claim", err)
        while self._running:
            await self._pause(self._timing.poll)

    async def _leave_to_others(self) -> None:
        """Keep an offer for a while that is for others: who has no time for it is passed over.

        A process without a plugin that is idle would be given each offer, while its sibling, which
        could run the job, waits.
        """
        now = time.monotonic()
        if now < self._kept_until + OTHERS_EACH_SECONDS or self._stopping:
            return
        due = {kind for (kind,) in await self._database.read(DUE_KINDS, self._call)}
        if due and not due & self._kinds.keys():
            self._kept_until = now + OTHERS_SECONDS
            await asyncio.sleep(OTHERS_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait for a job to end, or for somebody to ask for one."""
        # Python 3.11's wait_for loses a cancellation that comes together with the wake.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _forever(self, step: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Repeat a step; whatever goes wrong with the database must not end the runner."""
        claiming = step == self._claim_any
        while not (claiming and self._stopping):
            await self._tried(step)
            if claiming:
                await self._pause(seconds)
            else:
                await asyncio.sleep(seconds)

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as err:  # noqa: BLE001 - logged, and tried again
            self._tell(step.__name__, err)
        else:
            self._tell(step.__name__, None)

    def _tell(self, step: str, err: Exception | None) -> None:
        """Log what a step failed of, once: a disk may be full for hours."""
        if err is None:
            self._told.pop(step, None)
        elif self._told.get(step) != str(err):
            self._told[step] = str(err)
            self._log.warning("jobs: the ledger can't be reached", step=step, error=err)

    async def _claim_any(self) -> None:
        await self._claim(self._queues)

    async def _claim(self, queues: Collection[str]) -> bool:
        """Claim as many jobs as there is room for; False where none is left in these queues."""
        ahead = min(MOST_AHEAD, int(self._workers * AHEAD_SECONDS / max(self._pace, 1e-6)))
        free = self._workers + ahead - len(self._running)
        if free <= ahead // 2 or self._stopping:
            return True
        # A read first: claiming writes, and a hub without work should not write every second.
        if not (kinds := await self._due_kinds()):
            return False
        begin = time.monotonic()
        claims = await self._unit(
            ledger.claim,
            self._owner,
            kinds,
            queues=queues,
            limit=free,
            lease_seconds=self._timing.lease,
        )
        for claim in claims:
            context = RunningJob(claim)
            task = asyncio.create_task(self._run(context), name=f"job-{claim.id}")
            self._running[claim.id] = Running(context, task, begin)
        if len(claims) == free:
            self._on_more(queues)
        return bool(claims)

    async def is_something_due(self) -> bool:
        """Whether a job could begin now, of a kind that is run here."""
        return bool(await self._due_kinds())

    async def _due_kinds(self) -> set[str]:
        due = {kind for (kind,) in await self._database.read(DUE_KINDS, self._call)}
        if await self._database.read(DUE_LATER, self._call, now=utcnow()):
            return set(self._kinds)
        return self._kinds.keys() & due

    async def _run(self, context: RunningJob) -> None:
        claim, call = context.claim, context.call
        with log_context(
            job_id=claim.id,
            plugin=claim.plugin_id,
            institution=call.institution,
            trace_id=call.trace.trace_id,
        ):
            try:
                outcome = await self._attempt(context)
                metrics().jobs_finished.labels(claim.kind, outcome).inc()
            except Exception as err:  # noqa: BLE001 - the lease ends, and somebody takes it up
                self._log.error("job not ended in the ledger", kind=claim.kind, error=err)
            finally:
                del self._running[claim.id]
                self._wake.set()

    async def _attempt(self, context: RunningJob) -> str:
        """Run the handler and write what came of it; gives the outcome in a word."""
        running = self._running[context.claim.id]
        if not await self._has_slot():
            return await self._give_back(context)
        try:
            if (handler := self._may_begin(running)) is None:
                return await self._give_back(context)
            result, failure = await self._handle(handler, running)
        finally:
            self._slots.release()
        if failure is None:
            await self._endings.write(
                ledger.finish,
                context.claim,
                JobState.SUCCEEDED,
                result=result,
                progress=context.take_progress(),
            )
            return "succeeded"
        match context.stopped:
            case StopReason.CANCELLED:
                await self._endings.write(ledger.finish, context.claim, JobState.CANCELLED)
                return "cancelled"
            case StopReason.STOPPING:
                return await self._give_back(context)
            case StopReason.LOST:
                return "lost"
        return await self._failed(context, failure)

    async def _has_slot(self) -> bool:
        """Wait for one of the ``workers``; False where it takes too long."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._slots.acquire()
        except TimeoutError:
            # What runs now is slow: nothing more is claimed ahead until it is over.
            self._pace = NEVER
            return False

    def _may_begin(self, running: Running) -> Handler | None:
        """The job's handler; None where it should not begin here any more."""
        # Nobody prolongs a lease before the job begins: one that waited may be another's by now.
        late = time.monotonic() - running.claimed_at > self._timing.lease / 2
        return None if self._stopping or late else self._kinds.get(running.context.claim.kind)

    async def _handle(self, handler: Handler, running: Running) -> tuple[Any, BaseException | None]:
        """Run the handler: its result, or what it raised."""
        context, result, failure = running.context, None, None
        begin = time.perf_counter()
        try:
            running.in_handler = True
            context.check()
            # Through JSON and back: what the ledger can't hold is the handler's failure.
            result = orjson.loads(orjson.dumps(await handler(context, context.claim.payload)))
        except BaseException as err:  # noqa: BLE001 - SystemExit in a handler must not end the hub
            failure = err
        running.in_handler = False
        took = time.perf_counter() - begin
        metrics().job_seconds.labels(context.claim.kind).observe(took)
        self._pace = took if self._pace == NEVER else 0.8 * self._pace + 0.2 * took
        return result, failure

    async def _give_back(self, context: RunningJob) -> str:
        await self._endings.write(ledger.give_back, context.claim)
        return "given_back"

    async def _failed(self, context: RunningJob, err: BaseException) -> str:
        claim, error = context.claim, error_of(err)
        wait = wait_of(err) or 0.0
        if is_put_off(err):
            self._log.info("job goes on when it may", kind=claim.kind, error=err)
            await self._endings.write(ledger.give_back, claim, error, wait=wait)
            return "put_off"
        if not is_final(claim, err):
            self._log.info("job will be tried again", kind=claim.kind, error=err)
            await self._endings.write(ledger.retry_later, claim, error, retry_after=wait)
            return "retried"
        self._log.warning("job failed", kind=claim.kind, exc_info=err)
        await self._endings.write(
            ledger.finish,
            claim,
            JobState.FAILED,
            error=error,
            progress=context.take_progress(),
        )
        return "failed"

    def _gives_up(self, claim: Claim) -> bool:
        """Whether the end of an attempt is no longer to be written: this process stops."""
        running = self._running.get(claim.id)
        return running is None or running.context.stopped is StopReason.STOPPING

    async def _reap(self) -> None:
        if taken_back := await self.leases.reap():
            self._log.warning("jobs: took back what dead runners held", jobs=taken_back)
            self._wake.set()

    async def _unit(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self._database.run(
            partial(in_unit, self._database, self._call, function, *args, **kwargs)
        )

"""What comes of jobs, on its way into the ledger: written together, and however often it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import chain, repeat
from typing import Any, NamedTuple

from bloop.jobs import ledger
from bloop.jobs.ledger import Claim
from bloop.kernel.faults import describe
from bloop.store.errors import TRANSIENT, StoreError
from bloop.store.faults import NO_SPACE, from_file
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, RateLimitedError, RetriableError
from bloop_sdk._masking import mask_text

DAY_SECONDS = 86400.0
MOST_TOGETHER = 64

log = get_logger("bloop.jobs.runner")

Write = Callable[[UnitOfWork], bool]


class _Ending(NamedTuple):
    """How an attempt at a job ended, and who waits for it to be written."""

    job: str
    write: Write
    done: asyncio.Future[bool]


class Endings:
    """Writes how attempts ended. What ends while a commit is under way goes into the next one.

    ``run`` runs a function in a unit of work of its own; ``gives_up`` says of an attempt whether
    nobody waits for its end any more.
    """

    def __init__(
        self,
        run: Callable[[Callable[[UnitOfWork], list[bool]]], Awaitable[Any]],
        gives_up: Callable[[Claim], bool],
    ) -> None:
        self._run = run
        self._gives_up = gives_up
        self._waiting: list[_Ending] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(
        self, function: Callable[..., bool], claim: Claim, *args: Any, **kwargs: Any
    ) -> None:
        """End an attempt as ``function(unit, claim, ...)`` does, however long that takes.

        As nobody can claim the job meanwhile, what it has done need not be done again. Raises
        StoreError for what is not for a while, and where the attempt is given up.
        """

        def one(unit: UnitOfWork) -> bool:
            return function(unit, claim, *args, **kwargs)

        pauses = chain((0.1, 0.5, 2.0), repeat(5.0))
        while True:
            try:
                if not await self._together(claim.id, one):
                    log.warning("job had gone to another runner")
            except StoreError as err:
                if self._gives_up(claim) or err.code not in TRANSIENT:
                    raise
                await asyncio.sleep(next(pauses))
            else:
                return

    def _together(self, job: str, write: Write) -> asyncio.Future[bool]:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Ending(job, write, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting(), name="bloop-jobs-write")
        return done

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = (
                    self._waiting[:MOST_TOGETHER],
                    self._waiting[MOST_TOGETHER:],
                )
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[_Ending]) -> None:
        # In one order everywhere, as those who ask for jobs behind these hold them.
        batch = sorted(batch, key=lambda one: one.job)
        try:
            written = await self._run(partial(_all, [one.write for one in batch]))
        except Exception as err:  # noqa: BLE001 - handed to whoever waits
            if len(batch) == 1:
                if not batch[0].done.done():
                    batch[0].done.set_exception(err)
                return
            # One that the database refuses must not keep the others from being written.
            for one in batch:
                await self._write_batch([one])
            return
        for one, held in zip(batch, written, strict=True):
            if not one.done.done():
                one.done.set_result(held)


def _all(writes: list[Write], unit: UnitOfWork) -> list[bool]:
    return [write(unit) for write in writes]


def wait_of(err: BaseException) -> float | None:
    """How long somebody outside asks to wait, as far as that is a time."""
    asked = getattr(err, "retry_after", None)
    return min(asked, DAY_SECONDS) if isinstance(asked, int | float) and asked >= 0 else None


def is_put_off(err: BaseException) -> bool:
    """Whether somebody outside asks for so long a wait that the attempt does not count."""
    long = (wait_of(err) or 0.0) >= ledger.LONG_WAIT_SECONDS
    return isinstance(err, RateLimitedError) and long


def is_final(claim: Claim, err: BaseException) -> bool:
    """Whether a job that raises this has failed for good."""
    if is_put_off(err):
        return False
    again = isinstance(err, RetriableError) or error_of(err)["code"] in TRANSIENT
    return not again or claim.attempt >= claim.max_attempts


def error_of(err: BaseException) -> dict[str, Any]:
    """What the ledger says of a failure: ``code message cure``, without secrets."""
    if isinstance(err, OSError) and err.errno in NO_SPACE:
        err = from_file(err, err.filename or "a file")
    if isinstance(err, BloopError):
        # A plugin may have put anything there.
        code, message, cure = (getattr(err, name, None) for name in ("code", "message", "cure"))
        if type(code) is str and type(message) is str and isinstance(cure, str | None):
            told = {"code": code[:60], "message": mask_text(message, 2000)}
            return told | {"cure": mask_text(cure, 1000) if cure else None}
    return {
        "code": "job_crashed",
        "message": mask_text(describe(err), 2000),
        "cure": "see the hub's log, which has the job's id, for where it happened",
    }

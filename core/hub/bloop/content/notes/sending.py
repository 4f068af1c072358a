"""Sending what was changed here: one write after another, each settled before the next.

A write goes out with the precondition that the other side is as it was here. Where it is not, what
is there comes in first, is merged (:mod:`bloop.content.notes.arriving`), and the rest is sent
again. What the other side answers is written as what a sync reads, so that nothing comes back as
somebody else's change. A kill between the answer and the commit sends the same once more, and says
so (:attr:`bloop_sdk.WriteOp.again`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from bloop.content.notes import settling
from bloop.content.notes.steps import Step, next_step
from bloop.content.notes.waiting import sender_of, set_unversioned
from bloop.content.options import FILE_LIMIT
from bloop.content.refresh import conceal, take
from bloop.content.writing import once_more
from bloop.kernel.models import Connection
from bloop.store.blobs import BlobRef, Blobs
from bloop.store.commands import command
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import (
    AuthError,
    Batch,
    BloopError,
    Call,
    Content,
    FatalError,
    MissingRecordError,
    PermissionMissingError,
    PreconditionFailedError,
    RateLimitedError,
    Ref,
    RetriableError,
    WriteResult,
)
from bloop_sdk.providers.content import ContentProvider

T = TypeVar("T")

MOST_TRIES = 5
"""How often one change is sent in one go: somebody may be writing over there at the same time."""
MOST_FAILURES = 3
"""After so many that may work later the other side is taken to be away."""


@dataclass
class Sending:
    """All that waits for one connection, sent by one job."""

    database: Database
    blobs: Blobs
    provider: ContentProvider
    call: Call
    connection: str
    job: str
    progress: Callable[[int], None] | None = None
    counts: Counter[str] = field(default_factory=Counter)
    _tries: Counter[str] = field(default_factory=Counter)
    _failed: dict[str, RetriableError] = field(default_factory=dict)

    async def run(self) -> dict[str, int]:
        """Send; gives how many were ``sent``, ``met`` a newer version, and were ``refused``.

        Raises what may work later, once everything else is sent; AuthError, and where the other
        side asked for a pause, at once. Another job that sends already is left alone.
        """
        if not await self._do(_begin, self.connection, self.job):
            return dict(self.counts)
        try:
            while step := await self._do(_next, self, self.blobs):
                await self._send(step)
                if len(self._failed) >= MOST_FAILURES:
                    break
                if self.progress is not None:
                    self.progress(self.counts["sent"])
        except BaseException:
            # What failed as a whole is tried again by whoever asked for it.
            await self._do(_release, self.connection, self.job)
            raise
        if self.counts["sent"] or self.counts["met"]:
            await self._do(conceal, self.connection)
        if self._failed:
            await self._do(_release, self.connection, self.job)
            raise next(iter(self._failed.values()))
        return dict(self.counts)

    def tried(self, row: str) -> bool:
        """Whether a change is not sent again in this go."""
        return row in self._failed or self._tries[row] >= MOST_TRIES

    async def _send(self, step: Step) -> None:
        self._tries[step.row] += 1
        answer = await self._asked(step, self._write(step))
        if isinstance(answer, WriteResult):
            await self._settle(step, answer)
        elif answer is not None:
            await self._meet(step, answer)

    async def _write(self, step: Step) -> WriteResult | BloopError:
        """The answer, or the error that says that something else is there than was expected."""
        try:
            return await self.provider.write(step.op, step.precondition)
        except (PreconditionFailedError, MissingRecordError) as err:
            return err

    async def _asked(self, step: Step, question: Awaitable[T]) -> T | None:
        """What the other side answers; None where the change waits with the reason why not.

        The others go on, unless the error is one of all of them.
        """
        try:
            return await question
        except PermissionMissingError as err:
            await self._refuse(step, err)
        except (AuthError, RateLimitedError) as err:
            # It may have come after a part of it: what was made is not to be made twice.
            unknown = step.op.again or step.op.kind in settling.MADE
            await self._do(settling.failed, step.row, err, unknown=unknown)
            raise
        except RetriableError as err:
            self._failed[step.row] = err
            await self._do(settling.failed, step.row, err)
        except BloopError as err:
            await self._refuse(step, err)
        return None

    async def _settle(self, step: Step, answer: WriteResult) -> None:
        await self._do(settling.adopt, step, answer)
        batch = answer.batch
        if batch is None:
            # What fails from here on came through: the next try finds it there.
            written = replace(step, op=replace(step.op, again=True))
            batch = await self._asked(written, self._read_back(answer.ref))
        if batch is None:
            return
        self.counts["sent"] += 1
        held = {}
        if step.op.file is not None:
            held[answer.ref] = BlobRef(step.op.file.sha256, step.op.file.size)
        await self._take(batch, partial(settling.settled, step=step, lost=answer.lost), held)

    async def _meet(self, step: Step, error: BloopError) -> None:
        """Let in what is over there; what then is left of the change is sent again."""
        self.counts["met"] += 1
        if step.op.ref is None:
            await self._refuse(step, error)
            return
        ref = step.op.ref
        batch = await self._asked(step, self._fetched(ref))
        if batch is None:
            return
        versions = [
            one.remote_version
            for one in batch.records
            if isinstance(one, Content) and one.ref == ref
        ]
        version = versions[-1] if versions else None
        gone = ref in batch.deleted
        await self._take(batch, partial(settling.met, step=step, gone=gone, version=version))

    async def _read_back(self, ref: Ref) -> Batch:
        """What is there after a write; where nobody can say, it is told that it came through."""
        try:
            return await self._fetched(ref)
        except (AuthError, RetriableError):
            raise
        except BloopError as err:
            raise FatalError(
                f"it was written; what is there now cannot be read: {err.message}",
                code=err.code,
                cure=err.cure,
            ) from err

    async def _fetched(self, ref: Ref) -> Batch:
        """What is there now; what is not there is gone."""
        try:
            batch = await self.provider.fetch([ref])
        except MissingRecordError:
            return Batch(deleted=(ref,))
        told = {one.ref for one in batch.skipped if one.code != MissingRecordError.code}
        found = any(isinstance(one, Content) and one.ref == ref for one in batch.records)
        if found or str(ref) in told:
            return batch
        return Batch(records=batch.records, deleted=(*batch.deleted, ref))

    async def _take(
        self,
        batch: Batch,
        around: Any,
        held: dict[Ref, BlobRef] | None = None,
    ) -> None:
        await once_more(
            partial(
                take,
                self._do,
                self.blobs,
                self.connection,
                batch,
                FILE_LIMIT,
                around=around,
                held=held or {},
            )
        )

    async def _refuse(self, step: Step, error: BloopError) -> None:
        self.counts["refused"] += 1
        await self._do(settling.refused, step.row, error)

    async def _do(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.database.run(in_unit, self.database, self.call, work, *args, **kwargs)


@command("content:write")
def _begin(unit: UnitOfWork, connection_id: str, job: str) -> bool:
    """Take the sending over; False where another job sends."""
    connection = unit.get(Connection, connection_id)
    sender = sender_of(unit, connection)
    if sender not in {None, job}:
        return False
    set_unversioned(unit, connection, send_job=job)
    return True


@command("content:write")
def _next(unit: UnitOfWork, sending: Sending, blobs: Blobs) -> Step | None:
    """The next step. Where there is none, nobody sends any more, said in the same transaction."""
    connection = unit.get(Connection, sending.connection)
    if sender_of(unit, connection) != sending.job:
        return None
    step = next_step(unit, sending.connection, blobs, sending.tried)
    if step is None:
        set_unversioned(unit, connection, send_job=None)
    return step


@command("content:write")
def _release(unit: UnitOfWork, connection_id: str, job: str) -> None:
    connection = unit.get(Connection, connection_id)
    if sender_of(unit, connection) == job:
        set_unversioned(unit, connection, send_job=None)

"""The ``lms`` provider: a cartridge file, read like any other system."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from bloop_cartridge.archive import Archive
from bloop_cartridge.config import CartridgeConfig
from bloop_cartridge.reader import Reader
from bloop_sdk import (
    CheckResult,
    ConnectionContext,
    Deletes,
    FatalError,
    Hint,
    Partition,
    Precondition,
    ProviderSpec,
    Stream,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import Batch, Container, Cursor, File, Kind, Record, Ref, Skipped

STREAM = "content"
_KINDS = frozenset(
    {
        Kind.COURSE,
        Kind.MODULE,
        Kind.PAGE,
        Kind.ASSIGNMENT,
        Kind.QUIZ,
        Kind.FILE,
        Kind.DISCUSSION,
        Kind.LINK,
        Kind.TOOL,
        Kind.OPAQUE,
    }
)


class CartridgeProvider:
    """Reads ``ctx.source``; yields nothing before the zip and the manifest have been checked."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._ctx = ctx
        self._reader: Reader | None = None
        self._opening = asyncio.Lock()

    def spec(self) -> ProviderSpec:
        """One stream: the course, its tree, then everything in it; what is not listed is gone."""
        return ProviderSpec(streams=(Stream(name=STREAM, kinds=_KINDS, deletes=Deletes.ENUMERATE),))

    async def check(self) -> CheckResult:
        """Open and check the file; ``account`` counts what is in it, ``gaps`` what is missing."""
        reader = await self._open()
        counts, faults = await self._ctx.run_sync(_count, reader)
        course = reader.course
        listed = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
        return CheckResult(
            account=f"{course.title or reader.archive.name} ({listed})",
            site=reader.archive.name,
            version=course.version or None,
            gaps=tuple(faults),
        )

    async def discover(self) -> Sequence[Container]:
        """The one course of the file."""
        reader = await self._open()
        return [await self._ctx.run_sync(reader.container)]

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """Every record of the file, in an order that depends on its content alone.

        The cursor holds the position and the content's hash: another file starts anew.
        """
        if partition.stream != STREAM:
            raise UnsupportedError(f"a cartridge has no stream {partition.stream!r}")
        reader = await self._open()
        known = state is not None and state.value.get("file") == reader.identity
        position = int(state.value.get("next", 0)) if state is not None and known else 0
        while True:
            batch, position = await self._ctx.run_sync(_next_batch, reader, position)
            yield batch
            if batch.done == batch.total:
                return

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """Some records by their refs; what the file does not hold is skipped."""
        reader = await self._open()
        return await self._ctx.run_sync(_fetch, reader, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """A file is not written to; raises UnsupportedError."""
        del precondition
        raise UnsupportedError(
            f"{op.kind}: a cartridge is a file and is read only",
            cure="export the course to make a new cartridge",
        )

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """A file sends nothing; raises UnsupportedError."""
        del request
        raise UnsupportedError("a cartridge sends no webhooks")

    async def _open(self) -> Reader:
        async with self._opening:
            if self._reader is None:
                source, config = self._ctx.source, self._ctx.config
                if source is None:
                    raise FatalError(
                        "this connection stands for no file",
                        cure="import a file: bloop import COURSE.imscc",
                    )
                if not isinstance(config, CartridgeConfig):
                    config = CartridgeConfig()
                self._reader = await self._ctx.run_sync(Reader, source, config, self._chunks)
            return self._reader

    def _chunks(self, archive: Archive, path: str) -> Callable[[], AsyncIterator[bytes]]:
        async def chunks() -> AsyncIterator[bytes]:
            pieces = archive.chunks(path)
            while piece := await self._ctx.run_sync(next, pieces, b""):
                yield piece

        return chunks


def _next_batch(reader: Reader, position: int) -> tuple[Batch, int]:
    """The records from a position on, up to the bounds of a batch."""
    bounds = reader.archive.bounds
    records: list[Record] = []
    skipped: list[Skipped] = []
    size = 0
    for step in reader.index.steps(position, bounds.batch_records):
        made = reader.make(step)
        if isinstance(made, Skipped):
            skipped.append(made)
        else:
            records.append(made)
        position = step.seq
        if not isinstance(made, File):
            size += sum(file["size"] for file in made.raw.get("files", ()))
        if size > bounds.batch_bytes:
            break
    cursor = Cursor({"file": reader.identity, "next": position})
    batch = Batch(
        records=tuple(records),
        skipped=tuple(skipped),
        cursor=cursor,
        done=position,
        total=reader.index.total(),
    )
    return batch, position


def _fetch(reader: Reader, refs: Sequence[Ref]) -> Batch:
    records: list[Record] = []
    skipped: list[Skipped] = []
    for ref in refs:
        step = reader.step_of(ref)
        made = (
            reader.make(step)
            if step
            else Skipped(
                ref=str(ref), reason="the cartridge does not hold it", code="record_missing"
            )
        )
        if isinstance(made, Skipped):
            skipped.append(made)
        else:
            records.append(made)
    return Batch(records=tuple(records), skipped=tuple(skipped))


def _count(reader: Reader) -> tuple[Counter[str], list[str]]:
    """Content by kind as the manifest lists it, and what is wrong with it."""
    counts: Counter[str] = Counter()
    query = (
        "SELECT kind, count(*) FROM resource WHERE owner IS NULL AND kind IS NOT NULL GROUP BY kind"
    )
    counts.update(dict(reader.index.db.execute(query).fetchall()))
    counts["item"] = reader.index.db.execute("SELECT count(*) FROM node").fetchone()[0]
    faults = reader.index.db.execute("SELECT reason FROM problem ORDER BY seq LIMIT 100")
    return counts, [row[0] for row in faults]

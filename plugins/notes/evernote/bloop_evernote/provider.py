"""The ``notes`` provider: what the hub calls. The work is in :mod:`bloop_evernote.making`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from bloop_evernote.config import EvernoteConfig
from bloop_evernote.making import LEAF, Windows, make
from bloop_evernote.reader import Bytes, Reader
from bloop_sdk import (
    CheckResult,
    ConnectionContext,
    Deletes,
    FatalError,
    Hint,
    MalformedRecordError,
    Partition,
    Precondition,
    ProviderSpec,
    Stream,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import Batch, Container, Cursor, Kind, Node, Record, Ref, Skipped

STREAM = "notes"
MOST_KNOWN = 1500
"""So many notebooks of a connection are remembered; of more each read is as the first."""
_KINDS = frozenset({Kind.NOTEBOOK, Kind.MODULE, Kind.NOTE, Kind.FILE})


class EvernoteProvider:
    """Reads ``ctx.source``: an ``.enex``, or a folder or a zip of them."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._ctx = ctx
        self._reader: Reader | None = None
        self._opening = asyncio.Lock()
        self._key = f"notebooks/{ctx.connection}"

    def spec(self) -> ProviderSpec:
        """One stream: the notebooks with their notes and files; what is not listed is gone."""
        return ProviderSpec(streams=(Stream(name=STREAM, kinds=_KINDS, deletes=Deletes.ENUMERATE),))

    async def check(self) -> CheckResult:
        """What is there: ``account`` counts it, ``gaps`` names what is not read."""
        reader = await self._open()
        counted = f"notebooks: {len(reader.source.exports)}, notes: {len(reader.index.entries)}"
        gaps = [f"{path}: {why}" for path, why in reader.source.refused[:100]]
        if reader.source.others:
            gaps.append(f"{reader.source.others} files that are no .enex")
        return CheckResult(
            account=f"{reader.source.name} ({counted})",
            site=reader.source.name,
            gaps=tuple(gaps),
        )

    async def discover(self) -> Sequence[Container]:
        """The notebooks, one for each export."""
        reader = await self._open()
        return [reader.container(number) for number in range(len(reader.source.exports))]

    def source_key(self) -> str:
        """The file or the folder: it may hold one more notebook the next time."""
        return self._reader.source.key if self._reader else ""

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """Everything in the order of the exports; the cursor holds the last note's offset."""
        if partition.stream != STREAM:
            raise UnsupportedError(f"notes have no stream {partition.stream!r}")
        reader = await self._open()
        if state is None:
            await self._ctx.run_sync(self._begin, reader)
            records = tuple(await self.discover())
            refused = tuple(reader.refused())
            size = reader.bounds.batch_records
            for start in range(0, max(len(records), len(refused)), size):
                part = slice(start, start + size)
                yield Batch(records=records[part], skipped=refused[part])
        at = reader.index.after(**state.value) if state else 0
        total = len(reader.index.entries)
        while at < total:
            batch = await self._ctx.run_sync(_next_batch, reader, at)
            yield batch
            at = batch.done or total
        await self._ctx.run_sync(self._end, reader)

    def _begin(self, reader: Reader) -> None:
        """Keep whether all notebooks were read before: see :meth:`_end`."""
        kept = self._kept()
        is_known = _digests(reader) <= set(kept["notebooks"])
        if is_known != kept["is_known"]:
            self._ctx.store.set(self._key, {**kept, "is_known": is_known})

    def _end(self, reader: Reader) -> None:
        """Raise MalformedRecordError where there may be notes that were not read.

        Not where a notebook is read for the first time: it is shown, even if a part of it lacks.
        """
        kept = self._kept()
        if kept["is_known"]:
            reader.require_whole()
        else:
            known = sorted({*kept["notebooks"], *_digests(reader)})[:MOST_KNOWN]
            self._ctx.store.set(self._key, {**kept, "notebooks": known})

    def _kept(self) -> dict[str, Any]:
        return self._ctx.store.get(self._key) or {"notebooks": [], "is_known": False}

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """Some records by their refs; what is not there is skipped."""
        reader = await self._open()
        return await self._ctx.run_sync(_fetch, reader, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """An export is not written to; raises UnsupportedError."""
        del precondition
        raise UnsupportedError(
            f"{op.kind}: an export of Evernote is read only",
            cure="change the note in Evernote, export the notebook again, and import it",
        )

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """A file sends nothing; raises UnsupportedError."""
        del request
        raise UnsupportedError("an export of Evernote sends no webhooks")

    async def _open(self) -> Reader:
        async with self._opening:
            if self._reader is None:
                source, config = self._ctx.source, self._ctx.config
                if source is None:
                    raise FatalError(
                        "this connection stands for no file",
                        cure="import one: bloop import NOTEBOOK.enex",
                    )
                if not isinstance(config, EvernoteConfig):
                    config = EvernoteConfig()
                self._reader = await self._ctx.run_sync(Reader, source, config, self._chunks)
            return self._reader

    def _chunks(self, where: Bytes) -> Callable[[], AsyncIterator[bytes]]:
        """What reads a file when the hub wants its bytes, and notices when they have changed."""

        async def chunks() -> AsyncIterator[bytes]:
            pieces = (await self._open()).pieces(where)
            digest = hashlib.md5(usedforsecurity=False)
            while piece := await self._ctx.run_sync(next, pieces, b""):
                digest.update(piece)
                yield piece
            if digest.hexdigest() != where.md5:
                raise MalformedRecordError(
                    "the export changed while it was read", cure="import it again"
                )

        return chunks


def _digests(reader: Reader) -> set[str]:
    ids = map(reader.container_id, range(len(reader.source.exports)))
    return {hashlib.sha256(one.encode()).hexdigest()[:16] for one in ids}


def _next_batch(reader: Reader, at: int) -> Batch:
    """The notes from one on, up to the bounds of a batch."""
    entries, bounds = reader.index.entries, reader.bounds
    records: list[Record] = []
    skipped: list[Skipped] = []
    size = 0
    with Windows() as windows:
        for entry in entries[at : at + bounds.batch_records]:
            made = make(reader, entry, windows)
            records += made.records
            skipped += made.skipped
            size += made.size
            at += 1
            if size > bounds.batch_bytes:
                break
    last = entries[at - 1]
    key = reader.source.exports[last.notebook].key
    return Batch(
        records=tuple(records),
        skipped=tuple(skipped),
        cursor=Cursor({"key": key, "start": last.start}),
        done=at,
        total=len(entries),
    )


def _fetch(reader: Reader, refs: Sequence[Ref]) -> Batch:
    records: list[Record] = []
    skipped: list[Skipped] = []
    notebooks = {reader.container_id(n): n for n in range(len(reader.source.exports))}
    for ref in refs:
        if ref.kind is Kind.NOTEBOOK and ref.remote_id in notebooks:
            records.append(reader.container(notebooks[ref.remote_id]))
            continue
        # A file's id begins with that of its note.
        entry = reader.index.entry(ref.remote_id.removesuffix(LEAF).partition("-")[0])
        with Windows() as windows:
            made = make(reader, entry, windows) if entry else None
        found = [one for one in made.records if _ref(one) == ref] if made else []
        records += found
        if made and not found:
            skipped += made.skipped
        elif not found:
            reason = "the export does not hold it"
            skipped.append(Skipped(ref=str(ref), reason=reason, code="record_missing"))
    return Batch(records=tuple(records), skipped=tuple(skipped))


def _ref(record: Record) -> Ref:
    kind = Kind.MODULE if isinstance(record, Node) else record.kind  # type: ignore[attr-defined]
    return Ref(kind, record.remote_id)

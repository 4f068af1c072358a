"""The ``notes`` provider: what the hub calls. The work is in :mod:`bloop_markdown.reader`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import cast

from bloop_markdown.config import MarkdownConfig
from bloop_markdown.reader import Ids, Reader
from bloop_markdown.source import is_note
from bloop_markdown.vault import Vault, root_of
from bloop_markdown.watching import Watcher, noticed
from bloop_markdown.writing import Writer
from bloop_sdk import (
    CheckResult,
    ConnectionContext,
    Deletes,
    FileDraft,
    FolderWrite,
    Hint,
    MalformedRecordError,
    NoteWrite,
    Partition,
    Precondition,
    ProviderSpec,
    Stream,
    UnavailableError,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import Batch, Container, Cursor, Kind, Node, Record, Ref, Skipped

STREAM = "notes"
_WRITES = frozenset({*map(str, NoteWrite), *map(str, FolderWrite)})
_KINDS = frozenset({Kind.NOTEBOOK, Kind.MODULE, Kind.NOTE, Kind.FILE, Kind.OPAQUE})


class MarkdownProvider:
    """Reads ``ctx.source``: a folder, a zip of one, or a single note.

    Without one it stands for a vault, the ``folder`` of its settings, and writes there too.
    """

    def __init__(self, ctx: ConnectionContext) -> None:
        self._ctx = ctx
        self._reader: Reader | None = None
        self._known: Ids = {}
        self._held_key = f"held/{ctx.connection}"
        self._opening = asyncio.Lock()

    def spec(self) -> ProviderSpec:
        """One stream: the notebook, its folders, notes and files; what is not listed is gone."""
        return ProviderSpec(
            streams=(Stream(name=STREAM, kinds=_KINDS, deletes=Deletes.ENUMERATE),),
            writes=frozenset() if self._ctx.source else _WRITES,
        )

    async def check(self) -> CheckResult:
        """What is there: ``account`` counts it, ``gaps`` names what is not read."""
        reader = await self._open()
        notes = sum(map(is_note, reader.source.entries))
        files = len(reader.source.entries) - notes
        title = reader.container().title
        return CheckResult(
            account=f"{title} (notes: {notes}, other files: {files})",
            site=reader.source.name,
            gaps=tuple(f"{path}: {why}" for path, why in reader.source.refused[:100]),
        )

    async def discover(self) -> Sequence[Container]:
        """The one notebook."""
        return [(await self._open()).container()]

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """Everything in reading order; the cursor holds the path of the last file."""
        if partition.stream != STREAM:
            raise UnsupportedError(f"notes have no stream {partition.stream!r}")
        reader = await self._open()
        held = await self._ctx.run_sync(self._ctx.store.get, self._held_key)
        after: str | None = state.value.get("after") if state else None
        if after is None:
            refused = list(reader.refused())
            for start in range(0, len(refused), reader.bounds.batch_records):
                yield Batch(skipped=tuple(refused[start : start + reader.bounds.batch_records]))
        while True:
            batch = await self._ctx.run_sync(_next_batch, reader, after)
            yield batch
            if batch.done == batch.total:
                # What is read for the first time is shown, even if a part of it lacks.
                if held is not None:
                    reader.require_whole()
                elif reader.source.entries:
                    await self._ctx.run_sync(self._ctx.store.set, self._held_key, True)
                return
            after = batch.cursor.value["after"] if batch.cursor else None

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """Some records by their refs; what is not there is skipped."""
        reader = await self._open()
        return await self._ctx.run_sync(_fetch, reader, refs)

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Change one file of the vault; an import is never written to."""
        if op.kind not in self.spec().writes:
            raise UnsupportedError(
                f"{op.kind}: this cannot be written to a folder of notes",
                cure="connect the folder instead of importing it: bloop connect markdown",
            )
        reader = await self._open(again=True)
        config = reader.bounds
        root = await self._ctx.run_sync(root_of, config, self._ctx.call.institution)
        writer = Writer(reader, Vault(root), self._read_again)
        version = precondition.remote_version
        if op.file is None:
            answer = await self._ctx.run_sync(writer.write, op, version, None)
        else:
            with tempfile.TemporaryDirectory(prefix="bloop-") as folder:
                upload = Path(folder) / "upload"
                await self._receive(op.file, upload)
                answer = await self._ctx.run_sync(writer.write, op, version, upload)
        self._reader = None
        return answer

    async def _receive(self, draft: FileDraft, target: Path) -> None:
        """The bytes that shall be attached, which must be those that were promised."""
        digest = hashlib.sha256()
        with await self._ctx.run_sync(target.open, "wb") as file:
            async for piece in draft.chunks():
                digest.update(piece)
                await self._ctx.run_sync(file.write, piece)
        if digest.hexdigest() != draft.sha256:
            raise UnavailableError(f"{draft.name}: other bytes than were promised")

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """A folder sends nothing; raises UnsupportedError."""
        del request
        raise UnsupportedError("a folder of notes sends no webhooks")

    def can_watch(self) -> bool:
        """A vault can be watched, an import cannot."""
        return self._ctx.source is None

    async def watch(self) -> AsyncGenerator[Batch]:
        """What somebody does to files of the vault, the hub too."""
        root = await self._ctx.run_sync(
            root_of, cast("MarkdownConfig", self._ctx.config), self._ctx.call.institution
        )
        watcher: Watcher | None = None
        async with contextlib.aclosing(noticed(root)) as changes:
            async for told in changes:
                if watcher is None:
                    # It tells from now on: what it tells of is compared with this.
                    read_again = self._read_again
                    watcher = Watcher(read_again, await self._ctx.run_sync(read_again))
                    yield Batch()
                elif hint := await self._ctx.run_sync(watcher.hint, root, told):
                    yield hint

    async def _open(self, *, again: bool = False) -> Reader:
        async with self._opening:
            if self._reader is None or again:
                self._reader = await self._ctx.run_sync(self._read_again)
            return self._reader

    def _read_again(self) -> Reader:
        source, config = self._ctx.source, self._ctx.config
        if not isinstance(config, MarkdownConfig):
            config = MarkdownConfig()
        if source is not None:
            return Reader(source, config, self._chunks)
        root = root_of(config, self._ctx.call.institution)
        reader = Reader(root, config, self._chunks, living=True, known=self._known)
        self._require_mounted(root, reader)
        return reader

    def _require_mounted(self, root: Path, reader: Reader) -> None:
        """Raise UnavailableError where there is nothing at all, and there was something once.

        That is how a folder looks on which nothing is mounted; whoever deletes all notes leaves
        a hidden name, such as ``.obsidian``, or Bloop's own ``.trash``.
        """
        if reader.source.entries or any(root.iterdir()):
            return
        if self._ctx.store.get(self._held_key) is not None:
            raise UnavailableError(
                f"{root.name}: the folder is empty, and held notes before",
                cure="mount it again; if they are deleted on purpose, put any file into it",
            )

    def _chunks(self, path: str, sha256: str | None) -> Callable[[], AsyncIterator[bytes]]:
        """What reads a file when the hub wants its bytes, and notices when they have changed."""

        async def chunks() -> AsyncIterator[bytes]:
            source = (await self._open()).source
            listed = source.entries.get(path)
            pieces = source.pieces(path)
            digest, size = hashlib.sha256(), 0
            while piece := await self._ctx.run_sync(next, pieces, b""):
                digest.update(piece)
                size += len(piece)
                yield piece
            other = digest.hexdigest() != sha256 if sha256 else size != (listed and listed.size)
            if other:
                raise MalformedRecordError(
                    f"{path} changed while it was read", cure="read the folder again"
                )

        return chunks


def _next_batch(reader: Reader, after: str | None) -> Batch:
    """The records behind a path, up to the bounds of a batch; the notebook comes first."""
    records: list[Record] = [] if after else [reader.container()]
    skipped: list[Skipped] = []
    paths = reader.paths_after(after)
    taken = size = 0
    for path in paths[: reader.bounds.batch_records]:
        made = reader.make(path)
        if isinstance(made, Skipped):
            skipped += reader.left_out(path, made)
        else:
            records += made
        taken, after = taken + 1, path
        size += reader.source.entries[path].size if is_note(path) else 0
        if size > reader.bounds.batch_bytes:
            break
    total = len(reader.index.order)
    return Batch(
        records=tuple(records),
        skipped=tuple(skipped),
        cursor=Cursor({"after": after}),
        done=total - len(paths) + taken,
        total=total,
    )


def _fetch(reader: Reader, refs: Sequence[Ref]) -> Batch:
    records: list[Record] = []
    skipped: list[Skipped] = []
    for ref in refs:
        path = reader.path_of(ref)
        if ref == Ref(Kind.NOTEBOOK, reader.container_id):
            records.append(reader.container())
        elif path is None:
            reason = "the notebook does not hold it"
            skipped.append(Skipped(ref=str(ref), reason=reason, code="record_missing"))
        elif isinstance(made := reader.make(path), Skipped):
            skipped.append(made)
        else:
            records += (one for one in made if isinstance(one, Node) == (ref.kind is Kind.MODULE))
    return Batch(records=tuple(records), skipped=tuple(skipped))

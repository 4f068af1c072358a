"""A system of notes in memory that is read and written, with faults that a test can ask for.

It keeps what Markdown cannot say (``colours``), answers stale writes as systems do, remembers what
a lost answer has made, and trims blanks at the ends of lines, as many do.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk import (
    Batch,
    CheckResult,
    Container,
    Cursor,
    Deletes,
    File,
    Kind,
    MissingRecordError,
    Node,
    Note,
    NoteWrite,
    Partition,
    Precondition,
    PreconditionFailedError,
    ProviderSpec,
    Record,
    Ref,
    Stream,
    UnsupportedError,
    WebhookRequest,
    WriteOp,
    WriteResult,
)

BOOK = "book"


@dataclass
class Sheet:
    """One note as the system has it."""

    id: str
    title: str
    markdown: str
    tags: tuple[str, ...] = ()
    parent: str | None = None
    position: int = 0
    version: int = 1
    colours: str = "red"
    made_by: str | None = None


@dataclass
class Desk:
    """The system. ``before`` and ``after`` are called around each write, and may raise.

    ``unreadable`` are what fetching some notes raises.
    """

    sheets: dict[str, Sheet] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    trash: dict[str, Sheet] = field(default_factory=dict)
    writes: frozenset[str] = frozenset(map(str, NoteWrite))
    before: Callable[[WriteOp], None] = lambda _op: None
    after: Callable[[WriteOp], None] = lambda _op: None
    tells: bool = True
    unreadable: dict[str, Exception] = field(default_factory=dict)
    log: list[WriteOp] = field(default_factory=list)
    number: int = 0

    def add(self, title: str, markdown: str = "", **values: Any) -> Sheet:
        """Somebody writes a note over there."""
        self.number += 1
        sheet = Sheet(f"s{self.number}", title, _trimmed(markdown), position=self.number, **values)
        self.sheets[sheet.id] = sheet
        return sheet

    def change(self, id_: str, **values: Any) -> None:
        """Somebody changes one over there."""
        sheet = self.sheets[id_]
        for name, value in values.items():
            setattr(sheet, name, value)
        sheet.version += 1

    def remove(self, id_: str) -> None:
        """Somebody deletes one over there, with all that is below it."""
        self.trash[id_] = self.sheets.pop(id_)
        for sheet in [one for one in self.sheets.values() if one.parent == id_]:
            self.remove(sheet.id)

    def named(self, title: str) -> Sheet:
        """The note of a title, of which there must be one."""
        [found] = [sheet for sheet in self.sheets.values() if sheet.title == title]
        return found


def _trimmed(markdown: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in markdown.splitlines())


class DeskProvider:
    """Reads and writes a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def spec(self) -> ProviderSpec:
        """Notebooks, and what is in them."""
        return ProviderSpec(
            streams=(
                Stream(name="books", kinds=frozenset({Kind.NOTEBOOK}), deletes=Deletes.ENUMERATE),
                Stream(
                    name="notes",
                    kinds=frozenset({Kind.NOTE, Kind.MODULE, Kind.FILE}),
                    deletes=Deletes.ENUMERATE,
                    partitioned=True,
                ),
            ),
            writes=self.desk.writes,
        )

    async def check(self) -> CheckResult:
        """Anybody may."""
        return CheckResult(account="me")

    async def discover(self) -> Sequence[Container]:
        """One notebook."""
        book = Container(remote_id=BOOK, kind=Kind.NOTEBOOK, title="Book", raw={"id": BOOK})
        return [book]

    async def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """All of it, each time."""
        del state
        if partition.stream == "books":
            yield Batch(records=tuple(await self.discover()))
            return
        records: list[Record] = []
        left = dict(self.desk.sheets)
        while left:
            ready = [s for s in left.values() if s.parent is None or s.parent not in left]
            for sheet in ready:
                records += self.records(sheet)
                del left[sheet.id]
        records += [self.file(name) for name in self.desk.files]
        yield Batch(records=tuple(records))

    def records(self, sheet: Sheet) -> list[Record]:
        """A note and its place."""
        raw = {
            "id": sheet.id,
            "title": sheet.title,
            "markdown": sheet.markdown,
            "tags": list(sheet.tags),
            "colours": sheet.colours,
        }
        note = Note(
            remote_id=sheet.id,
            container=BOOK,
            title=sheet.title,
            markdown=sheet.markdown,
            tags=sheet.tags,
            remote_version=str(sheet.version),
            raw=raw,
        )
        place = Node(
            remote_id=f"n-{sheet.id}",
            container=BOOK,
            parent=f"n-{sheet.parent}" if sheet.parent else None,
            position=sheet.position,
            title=sheet.title,
            content=note.ref,
            raw={"id": sheet.id},
        )
        return [note, place]

    def file(self, name: str) -> File:
        """An attachment."""
        about, data = self.desk.files[name]

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return File(
            remote_id=name,
            container=BOOK,
            title=about,
            name=about,
            size=len(data),
            chunks=chunks,
            raw={"id": name, "sha256": hashlib.sha256(data).hexdigest()},
        )

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """Notes as they are; those that are gone are told as gone."""
        records: list[Record] = []
        gone = []
        for ref in refs:
            if ref.remote_id in self.desk.unreadable:
                raise self.desk.unreadable[ref.remote_id]
            if ref.remote_id in self.desk.sheets:
                records += self.records(self.desk.sheets[ref.remote_id])
            elif ref.remote_id in self.desk.files:
                records.append(self.file(ref.remote_id))
            else:
                gone.append(ref)
        return Batch(records=tuple(records), deleted=tuple(gone))

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Change one thing."""
        if op.kind not in self.desk.writes:
            raise UnsupportedError(f"a desk takes no {op.kind}")
        self.desk.log.append(op)
        self.desk.before(op)
        if op.kind == NoteWrite.ATTACH:
            answer = await self._attach(op)
        elif op.kind == NoteWrite.CREATE:
            answer = self._create(op)
        else:
            answer = self._change(op, precondition)
        self.desk.after(op)
        return answer

    async def _attach(self, op: WriteOp) -> WriteResult:
        assert op.file is not None
        name = f"f-{op.file.sha256[:8]}"
        self.desk.files[name] = (
            op.file.name,
            b"".join([piece async for piece in op.file.chunks()]),
        )
        batch = Batch(records=(self.file(name),)) if self.desk.tells else None
        return WriteResult(ref=Ref(Kind.FILE, name), remote_version=None, batch=batch)

    def _create(self, op: WriteOp) -> WriteResult:
        assert op.note is not None
        made = next((s for s in self.desk.sheets.values() if s.made_by == op.idempotency_key), None)
        if made is None or not op.again:
            parent = op.note.parent.removeprefix("n-") if op.note.parent else None
            made = self.desk.add(
                op.note.title,
                op.note.markdown,
                tags=op.note.tags,
                parent=parent,
                made_by=op.idempotency_key,
            )
        return self._answer(made)

    def _change(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        assert op.ref is not None
        sheet = self.desk.sheets.get(op.ref.remote_id)
        if sheet is None:
            if op.kind == NoteWrite.DELETE and op.again:
                return WriteResult(ref=op.ref, remote_version=None, batch=Batch(deleted=(op.ref,)))
            raise MissingRecordError(f"there is no {op.ref}", ref=str(op.ref))
        if str(sheet.version) != precondition.remote_version:
            raise PreconditionFailedError(f"{op.ref} is at version {sheet.version}")
        if op.kind == NoteWrite.DELETE:
            there = set(self.desk.sheets)
            self.desk.remove(sheet.id)
            gone = tuple(Ref(Kind.NOTE, id_) for id_ in sorted(there - set(self.desk.sheets)))
            return WriteResult(ref=op.ref, remote_version=None, batch=Batch(deleted=gone))
        if op.kind == NoteWrite.MOVE:
            parent, after = op.values["parent"], op.values["after"]
            place = self.desk.sheets[after.removeprefix("n-")].position + 1 if after else 0
            self.desk.change(
                sheet.id, parent=parent.removeprefix("n-") if parent else None, position=place
            )
        else:
            assert op.note is not None
            self.desk.change(
                sheet.id,
                title=op.note.title,
                markdown=_trimmed(op.note.markdown),
                tags=op.note.tags,
            )
        return self._answer(sheet)

    def _answer(self, sheet: Sheet) -> WriteResult:
        note = self.records(sheet)
        return WriteResult(
            ref=Ref(Kind.NOTE, sheet.id),
            remote_version=str(sheet.version),
            batch=Batch(records=tuple(note)) if self.desk.tells else None,
        )

    def verify_webhook(self, request: WebhookRequest) -> Any:
        """None come."""
        del request
        raise UnsupportedError("a desk calls nobody")

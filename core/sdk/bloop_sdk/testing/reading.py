"""Reads a content provider as the hub does, holding it to the contract's order and identity.

replica = await read_all(provider)
assert replica.counts() == {"course": 1, "page": 2}
"""

from __future__ import annotations

import hashlib
import json
from collections import ChainMap
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk.errors import (
    HostileInputError,
    PermissionMissingError,
    SkippableError,
    UnsupportedError,
)
from bloop_sdk.providers.content import ContentProvider, Deletes, Partition, Stream
from bloop_sdk.records import (
    CONTAINER_KINDS,
    KIND_OF,
    KIND_OF_OTHERS,
    Batch,
    Container,
    Content,
    Cursor,
    Enrolment,
    File,
    Kind,
    Node,
    Record,
    Ref,
)
from bloop_sdk.testing.differing import shown
from bloop_sdk.testing.faults import Killed
from bloop_sdk.testing.parts import Parts

MAX_BATCH = 1000
_STATES = {"record_forbidden": "forbidden", "record_unshared": "unshared"}


class ContractError(AssertionError):
    """A provider broke the contract; the message says which rule, and where."""


def ref_of(record: Record) -> Ref:
    """The identity of any record within its connection; a node's is of kind ``module``."""
    match record:
        case Container():
            return Ref(record.kind, record.remote_id)
        case Content():
            return record.ref
    kind = KIND_OF_OTHERS.get(type(record))
    if kind is not None:
        return Ref(kind, record.remote_id)
    raise ContractError(f"{type(record).__name__} is not a record of bloop_sdk.records")


def raw_hash(record: Record) -> str:
    """SHA-256 of a record as it came: equal hashes mean that nothing changed.

    Where the record stands is part of it, as a move need not show in ``raw``.
    """
    place: Any = getattr(record, "container", None)
    if isinstance(record, Node):
        place = [place, record.parent, record.position, str(record.content), record.title]
        place.append(record.published)
    body = record.raw or repr(record)
    text = json.dumps([place, body], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Row:
    """What the hub holds of one record. ``sha256`` is of a file's bytes, where they came."""

    record: Record
    hash: str
    state: str = "active"
    sha256: str | None = None
    run: int = 0


@dataclass
class Report:
    """What a run did, all its attempts together."""

    seen: int = 0
    written: int = 0
    deleted: int = 0


@dataclass
class _Position:
    run: int
    cursor: Cursor | None = None
    complete: bool = False
    whole: bool = True


@dataclass
class Replica:
    """What the hub would hold of a connection, in memory.

    A batch is kept whole with its cursor or not at all; a run that ended early is taken up by the
    next one; what a complete reading did not list is missing.
    """

    rows: dict[Ref, Row] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Reasons by ref: the quarantine."""
    gaps: dict[str, str] = field(default_factory=dict)
    """Why an optional stream could not be read, in the first container that refused it."""
    positions: dict[tuple[str, str | None], _Position] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)
    report: Report = field(default_factory=Report)
    batches: int = 0
    run_number: int = 0
    finished: bool = True

    @property
    def records(self) -> dict[Ref, Record]:
        """The records that are there, in the order of their first appearance."""
        return {ref: row.record for ref, row in self.rows.items() if row.state == "active"}

    @property
    def files(self) -> dict[Ref, str]:
        """SHA-256 of the bytes of each file that has any."""
        return {ref: row.sha256 for ref, row in self.rows.items() if row.sha256}

    def of(self, kind: Kind) -> list[Record]:
        """The records of a kind."""
        return [record for ref, record in self.records.items() if ref.kind is kind]

    def counts(self) -> dict[str, int]:
        """How many records of each kind."""
        counts: dict[str, int] = {}
        for ref in self.records:
            counts[ref.kind] = counts.get(ref.kind, 0) + 1
        return counts

    def held(self) -> dict[str, Any]:
        """Every record with its state and the hash of its bytes."""
        return {str(ref): (row.state, row.record, row.sha256) for ref, row in self.rows.items()}

    def state(self) -> dict[str, Any]:
        """Everything that must be equal after a resumed and after an undisturbed read."""
        return {**self.held(), **{f"quarantine {ref}": why for ref, why in self.skipped.items()}}

    async def run(self, provider: ContentProvider, *, stop_after: int | None = None) -> Report:
        """Read to the end, from where the last unfinished run stopped.

        Raises what the provider raises, :class:`ContractError` where it breaks a rule, and
        :class:`Killed` after ``stop_after`` batches.
        """
        if self.finished:
            self.run_number += 1
            self.finished, self.report, self.gaps = False, Report(), {}
        stop = None if stop_after is None else self.batches + stop_after
        streams = provider.spec().streams
        for stream in streams:
            for container in self._partitions(stream, streams):
                try:
                    await self._read(provider, stream, container, stop)
                except (PermissionMissingError, UnsupportedError) as err:
                    if not stream.optional:
                        raise
                    self.gaps.setdefault(stream.name, err.message)
        self._sweep(streams)
        self.finished = True
        return self.report

    def _partitions(self, stream: Stream, streams: tuple[Stream, ...]) -> Sequence[str | None]:
        if not stream.partitioned:
            return [None]
        listed = bool(_swept(streams) & CONTAINER_KINDS)
        return sorted(
            ref.remote_id
            for ref, row in self.rows.items()
            if ref.kind in CONTAINER_KINDS
            and row.state == "active"
            and (not listed or row.run == self.run_number)
        )

    async def _read(
        self, provider: ContentProvider, stream: Stream, container: str | None, stop: int | None
    ) -> None:
        known = self.positions.get((stream.name, container), _Position(0))
        mine = known.run == self.run_number
        if mine and known.complete:
            return
        cursor = known.cursor if mine or stream.incremental else None
        whole = True
        place = (stream.name, container)
        while True:
            tried = cursor
            self.parts.begin(place)
            partition = Partition(stream.name, container, self._known(stream, container))
            try:
                reading = _closing(provider.read(partition, cursor))
                async with aclosing(reading) as batches:
                    async for batch in batches:
                        await self._take(batch, stream)
                        self._meet(place, batch, partition)
                        cursor = batch.cursor or cursor
                        self.positions[stream.name, container] = _Position(self.run_number, cursor)
                        self.batches += 1
                        if self.batches == stop:
                            raise Killed
                break
            except SkippableError as err:
                self.skipped[err.ref or f"{stream.name}:{container or '*'}"] = str(err)
                if cursor == tried:
                    whole = False
                    break
        self.positions[stream.name, container] = _Position(
            self.run_number, cursor, complete=True, whole=whole
        )

    def _known(self, stream: Stream, container: str | None) -> dict[str, str]:
        """Digests of parts whose records are held as they were made, for the provider."""
        if not stream.partitioned or stream.incremental or stream.deletes is not Deletes.ENUMERATE:
            return {}
        held = {ref: row.hash for ref, row in self.rows.items() if row.state == "active"}
        return self.parts.known((stream.name, container), held)

    def _meet(self, place: tuple[str, str | None], batch: Batch, partition: Partition) -> None:
        if batch.same:
            if batch.part is None or partition.known.get(batch.part.key) != batch.part.digest:
                raise ContractError(f"stream {place[0]}: `same`, of a part that nobody knows")
            for ref in self.parts.refs(place, batch.part.key):
                self.rows[ref].run = self.run_number
                self.report.seen += 1
            return
        refs = [ref_of(record) for record in batch.records]
        whole = not batch.skipped and not any(str(ref) in self.skipped for ref in refs)
        made = {ref: self.rows[ref].hash for ref in refs}
        self.parts.take(place, made, batch.part, whole=whole, ends=batch.cursor is not None)

    async def _take(self, batch: Batch, stream: Stream) -> None:
        if len(batch.records) > MAX_BATCH:
            raise ContractError(
                f"stream {stream.name}: a batch of {len(batch.records)} records; "
                f"at most {MAX_BATCH}"
            )
        rows: dict[Ref, Row] = {}
        problems: dict[str, str] = {}
        known: ChainMap[Ref, Row] = ChainMap(rows, self.rows)
        for record in batch.records:
            _check(record, stream, known)
            rows[ref_of(record)] = Row(record, raw_hash(record), run=self.run_number)
        for record in batch.records:
            # Of what comes together, people are written first.
            if isinstance(record, Enrolment) and Ref(Kind.PERSON, record.person) not in known:
                raise ContractError(
                    f"stream {stream.name}: enrolment {record.remote_id!r} comes before its "
                    f"person {record.person!r}"
                )
        for ref, row in rows.items():
            row.sha256 = await self._bytes(ref, row, problems)
        self._commit(batch, rows, problems)

    async def _bytes(self, ref: Ref, row: Row, problems: dict[str, str]) -> str | None:
        known = self.rows.get(ref)
        if known is not None and known.hash == row.hash and known.sha256 is not None:
            return known.sha256
        if not isinstance(row.record, File) or row.record.chunks is None:
            return None
        digest = hashlib.sha256()
        try:
            async with aclosing(row.record.chunks()) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    digest.update(chunk)
        except (SkippableError, HostileInputError) as err:
            problems[str(ref)] = f"its bytes: {err}"
            return None
        return digest.hexdigest()

    def _commit(self, batch: Batch, rows: dict[Ref, Row], problems: dict[str, str]) -> None:
        for ref, row in rows.items():
            known = self.rows.get(ref)
            self.skipped.pop(str(ref), None)
            changed = known is None or known.state != "active"
            if known is None or changed or (known.hash, known.sha256) != (row.hash, row.sha256):
                self.report.written += 1
                self.rows[ref] = row
            known = self.rows[ref]
            known.run = self.run_number
        self.report.seen += len(batch.records) + len(batch.skipped)
        self.skipped |= problems
        for one in batch.skipped:
            self.skipped[one.ref] = one.reason
            for ref, row in self.rows.items():
                if str(ref) == one.ref:
                    # It was met, so it is not gone.
                    row.run = self.run_number
                    row.state = _STATES.get(one.code, row.state)
        for ref in batch.deleted:
            if ref in self.rows and self.rows[ref].state != "missing":
                self.rows[ref].state = "missing"
                self.report.deleted += 1

    def _sweep(self, streams: tuple[Stream, ...]) -> None:
        for ref, row in self.rows.items():
            if (
                row.state == "missing"
                or row.run == self.run_number
                or ref.kind not in _swept(streams)
            ):
                continue
            listing = [stream for stream in streams if ref.kind in stream.kinds]
            partitioned = any(stream.partitioned for stream in listing)
            place = getattr(row.record, "container", None) if partitioned else None
            if all(self._whole(stream, place) for stream in listing):
                row.state = "missing"
                self.report.deleted += 1

    def _whole(self, stream: Stream, place: str | None) -> bool:
        position = self.positions.get((stream.name, place if stream.partitioned else None))
        return (
            position is not None
            and position.run == self.run_number
            and position.complete
            and position.whole
        )


async def _closing(batches: Any) -> AsyncGenerator[Batch]:
    """Each batch; what gives them is closed at the end, as the hub does, where it can be."""
    closing = aclosing(batches) if hasattr(batches, "aclose") else nullcontext()
    async with closing:
        async for batch in batches:
            yield batch


def _swept(streams: tuple[Stream, ...]) -> set[Kind]:
    """The kinds whose every stream lists all there is."""
    return {
        kind
        for stream in streams
        for kind in stream.kinds
        if all(each.deletes is Deletes.ENUMERATE for each in streams if kind in each.kinds)
    }


async def read_all(provider: ContentProvider) -> Replica:
    """Read every stream from its beginning; raises :class:`ContractError` for a broken rule."""
    replica = Replica()
    await replica.run(provider)
    return replica


def _check(record: Record, stream: Stream, rows: Mapping[Ref, Row]) -> None:
    where = f"stream {stream.name}: {type(record).__name__} {record.remote_id!r}"
    ref = ref_of(record)
    if not record.remote_id or not isinstance(record.remote_id, str):
        raise ContractError(f"{where}: a record needs an immutable remote id, which is text")
    if ref.kind not in stream.kinds:
        raise ContractError(f"{where}: the stream does not declare the kind {ref.kind}")
    if type(record) in KIND_OF and record.raw == {}:
        raise ContractError(f"{where}: raw is empty, so a change could not be noticed")
    try:
        raw_hash(record)
    except (TypeError, ValueError) as err:
        raise ContractError(f"{where}: raw is not JSON: {err}") from err
    for name in ("created_at", "updated_at"):
        moment = getattr(record, name)
        if moment is not None and moment.tzinfo is None:
            raise ContractError(f"{where}: {name} has no zone; times are aware, in UTC")
    container = getattr(record, "container", None)
    if container is not None and not any(Ref(kind, container) in rows for kind in CONTAINER_KINDS):
        raise ContractError(f"{where}: comes before its container {container!r}")
    parent = record.parent if isinstance(record, Node) else None
    if parent is not None and Ref(Kind.MODULE, parent) not in rows:
        raise ContractError(f"{where}: comes before its parent {parent!r}")


def difference(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """In words, how one state differs from another; empty where they are equal."""
    lost, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    other = [
        f"{ref} is {shown(found[ref], expected[ref])}"
        for ref in sorted(expected.keys() & found.keys())
        if found[ref] != expected[ref]
    ]
    parts = [
        f"{what}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}"
        for what, names in (("lost", lost), ("too many", more), ("different", other))
        if names
    ]
    return "; ".join(parts)

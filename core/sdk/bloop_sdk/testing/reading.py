"""Reads a content provider as the hub does, holding it to the contract's order and identity."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from bloop_sdk.providers.content import ContentProvider, Partition, Stream
from bloop_sdk.records import (
    KIND_OF,
    Batch,
    Container,
    Content,
    Cursor,
    Enrolment,
    File,
    Kind,
    Node,
    Outcome,
    Person,
    Record,
    Ref,
)

MAX_BATCH = 1000


class ContractError(AssertionError):
    """A provider broke the contract; the message says which rule, and where."""


def ref_of(record: Record) -> Ref:
    """The identity of any record within its connection; a node's is of kind ``module``."""
    match record:
        case Container():
            return Ref(record.kind, record.remote_id)
        case Node():
            return Ref(Kind.MODULE, record.remote_id)
        case Content():
            return record.ref
        case Person():
            return Ref(Kind.PERSON, record.remote_id)
        case Enrolment():
            return Ref(Kind.ENROLMENT, record.remote_id)
        case Outcome():
            return Ref(Kind.OUTCOME, record.remote_id)
    raise ContractError(f"{type(record).__name__} is not a record of bloop_sdk.records")


def raw_hash(record: Record) -> str:
    """SHA-256 over the canonical JSON of ``raw``: equal hashes mean that nothing changed."""
    text = json.dumps(record.raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Snapshot:
    """What a read gave: records by identity, in the order of their first appearance."""

    records: dict[Ref, Record] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    files: dict[Ref, str] = field(default_factory=dict)
    """SHA-256 of the bytes of each file that has any."""
    cursors: list[tuple[Partition, Cursor | None]] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Record]:
        """The records of a kind."""
        return [record for ref, record in self.records.items() if ref.kind is kind]

    def counts(self) -> dict[str, int]:
        """How many records of each kind."""
        counts: dict[str, int] = {}
        for ref in self.records:
            counts[ref.kind] = counts.get(ref.kind, 0) + 1
        return counts

    def state(self) -> dict[str, Any]:
        """Everything that must be equal after a resumed and after an undisturbed read."""
        return {
            "records": {str(ref): record for ref, record in self.records.items()},
            "skipped": self.skipped,
            "files": self.files,
        }


async def read_all(
    provider: ContentProvider, *, into: Snapshot | None = None, stop_after: int | None = None
) -> Snapshot:
    """Read every stream from its beginning; ``stop_after`` batches simulates a kill.

    Continues an interrupted snapshot when it is given as ``into``, from its last cursors. Raises
    :class:`ContractError` where the provider breaks a rule.
    """
    snapshot = into or Snapshot()
    left = stop_after
    resumed = dict(snapshot.cursors)
    finished = set(resumed) - {partition for partition, _ in snapshot.cursors[-1:]}
    for stream in provider.spec().streams:
        for partition in _partitions(stream, snapshot):
            if partition in finished:
                continue
            async for batch in provider.read(partition, resumed.get(partition)):
                await _apply(batch, stream, snapshot)
                snapshot.cursors.append((partition, batch.cursor))
                if left is not None:
                    left -= 1
                    if left == 0:
                        return snapshot
    return snapshot


def _partitions(stream: Stream, snapshot: Snapshot) -> list[Partition]:
    if not stream.partitioned:
        return [Partition(stream.name)]
    containers = [record for record in snapshot.records.values() if isinstance(record, Container)]
    return [Partition(stream.name, container.remote_id) for container in containers]


async def _apply(batch: Batch, stream: Stream, snapshot: Snapshot) -> None:
    if len(batch.records) > MAX_BATCH:
        raise ContractError(
            f"stream {stream.name}: a batch of {len(batch.records)} records; at most {MAX_BATCH}"
        )
    for record in batch.records:
        _check(record, stream, snapshot)
        ref = ref_of(record)
        snapshot.records[ref] = record
        if isinstance(record, File) and record.chunks is not None:
            digest = hashlib.sha256()
            async for chunk in record.chunks():
                digest.update(chunk)
            snapshot.files[ref] = digest.hexdigest()
    for skipped in batch.skipped:
        snapshot.skipped[skipped.ref] = skipped.reason
    for ref in batch.deleted:
        snapshot.records.pop(ref, None)


def _check(record: Record, stream: Stream, snapshot: Snapshot) -> None:
    where = f"stream {stream.name}: {type(record).__name__} {record.remote_id!r}"
    if not record.remote_id:
        raise ContractError(f"{where}: a record needs an immutable remote id")
    if type(record) in KIND_OF and record.raw == {}:
        raise ContractError(f"{where}: raw is empty, so a change could not be noticed")
    try:
        raw_hash(record)
    except (TypeError, ValueError) as err:
        raise ContractError(f"{where}: raw is not JSON: {err}") from err
    container = getattr(record, "container", None)
    if container is not None and not any(
        Ref(kind, container) in snapshot.records for kind in (Kind.COURSE, Kind.NOTEBOOK)
    ):
        raise ContractError(f"{where}: comes before its container {container!r}")
    parent = record.parent if isinstance(record, Node) else None
    if parent is not None and Ref(Kind.MODULE, parent) not in snapshot.records:
        raise ContractError(f"{where}: comes before its parent {parent!r}")

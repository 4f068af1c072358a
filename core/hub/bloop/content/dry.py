"""A dry run: what a sync would write, told and not written.

It reads as a first run does, from the beginning, and compares with what the hub holds. Refs of all
that was met are kept in memory, so that what is gone can be counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sqlalchemy import func, select

from bloop.content.engine import MOST_GAPS
from bloop.content.incoming import MODELS, Work, hashed, look_up
from bloop.content.models import Container, Sourced
from bloop.content.options import Meter, Progress, RunOptions
from bloop.content.reading import read_on
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.unit import UnitOfWork
from bloop_sdk import (
    Batch,
    Call,
    Deletes,
    Partition,
    PermissionMissingError,
    SkippableError,
    Skipped,
    Stream,
    UnsupportedError,
)
from bloop_sdk.providers.content import ContentProvider
from bloop_sdk.records import CONTAINER_KINDS, Kind

PROBLEMS_TOLD = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DryReport:
    """What a sync would do now, in records; ``gone`` counts what its streams no longer list."""

    seen: int
    new: int
    changed: int
    unchanged: int
    gone: int
    quarantined: int
    requests: int
    seconds: float
    by_kind: Mapping[str, int]
    problems: tuple[Mapping[str, str], ...]
    gaps: tuple[str, ...]
    dry_run: bool = True


async def dry_read(
    database: Database,
    blobs: Blobs,
    provider: ContentProvider,
    call: Call,
    *,
    connection: str,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    meter: Meter | None = None,
) -> DryReport:
    """Read all that a sync would read, and write nothing. Raises what the provider raises."""
    del blobs
    reader = _DryReader(database, provider, call, connection, options or RunOptions(), progress)
    return await reader.run(meter)


@dataclass(slots=True)
class _DryReader:
    database: Database
    provider: ContentProvider
    call: Call
    connection: str
    options: RunOptions
    progress: Progress | None
    counts: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    met: Counter[Kind] = field(default_factory=Counter)
    containers: list[str] = field(default_factory=list)
    problems: list[Mapping[str, str]] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)

    async def run(self, meter: Meter | None) -> DryReport:
        began = monotonic()
        streams = self.options.chosen(self.provider.spec().streams)
        whole: set[Kind] = set()
        for stream in streams:
            if await self._stream(stream) and stream.deletes is Deletes.ENUMERATE:
                whole |= stream.kinds
        counts = self.counts
        return DryReport(
            seen=counts["seen"],
            new=counts["new"],
            changed=counts["changed"],
            unchanged=counts["unchanged"],
            quarantined=counts["quarantined"],
            gone=await self._reading(self._gone, whole),
            requests=meter.requests if meter else 0,
            seconds=round(monotonic() - began, 3),
            by_kind=dict(sorted((+self.by_kind).items())),
            problems=tuple(self.problems),
            gaps=tuple(self.gaps),
        )

    async def _stream(self, stream: Stream) -> bool:
        """Read a stream; whether it was read to its end."""
        places: list[str | None] = [*self.containers] if stream.partitioned else [None]
        whole = True
        for place in places:
            try:
                whole &= await self._partition(Partition(stream.name, place))
            except (PermissionMissingError, UnsupportedError) as err:
                if not stream.optional:
                    raise
                whole = False
                if len(self.gaps) < MOST_GAPS:
                    self.gaps.append(f"{stream.name}: {err.message}")
        return whole

    async def _partition(self, partition: Partition) -> bool:
        try:
            async with aclosing(read_on(self.provider, partition, None)) as batches:
                async for batch in batches:
                    await self._take(partition, batch)
        except SkippableError as err:
            ref = err.ref or f"{partition.stream}:{partition.container or '*'}"
            await self._take(partition, Batch(skipped=(Skipped(ref=ref, reason=str(err)),)))
            return False
        return True

    async def _take(self, partition: Partition, batch: Batch) -> None:
        work = await asyncio.to_thread(hashed, batch, self.options.left_out)
        await self._reading(look_up, self.connection, work)
        self._count(work)
        if self.progress is not None:
            place = f"{partition.stream} {partition.container or ''}".strip()
            done = batch.done if batch.done is not None else self.counts["seen"]
            self.progress(done, batch.total, place)

    def _count(self, work: Work) -> None:
        for ref, one in work.incoming.items():
            known = "new" if one.known is None else "changed" if one.changed else "unchanged"
            self.counts[known] += 1
            self.by_kind[one.counted_as] += known != "unchanged"
            self.met[ref.kind] += one.known is not None
            if ref.kind in CONTAINER_KINDS:
                self.containers.append(ref.remote_id)
        self.counts["seen"] += len(work.incoming) + len(work.skipped)
        self.counts["quarantined"] += len(work.skipped)
        for skipped in work.skipped[: PROBLEMS_TOLD - len(self.problems)]:
            told = {"ref": skipped.ref, "code": skipped.code, "reason": skipped.reason}
            self.problems.append(told)

    def _gone(self, unit: UnitOfWork, whole: set[Kind]) -> int:
        """How many rows of kinds that were listed whole were not met."""
        gone = 0
        for kind in sorted(whole):
            held = unit.session.scalar(self._held(unit, kind)) or 0
            gone += max(0, held - self.met[kind])
        return gone

    def _held(self, unit: UnitOfWork, kind: Kind) -> Any:
        model: Any = MODELS[kind]
        query = select(func.count()).where(
            model.institution_id == unit.institution,
            model.connection_id == self.connection,
            model.state.in_(["active", "pending", "forbidden", "unshared"]),
        )
        if hasattr(model, "kind"):
            query = query.where(model.kind == str(kind))
        chosen = self.options.containers
        if chosen is not None and hasattr(model, "container_id"):
            query = query.where(model.container_id.in_(_ids(unit, self.connection, chosen)))
        if chosen is not None and model is Container:
            query = query.where(model.remote_id.in_(sorted(chosen)))
        return query

    async def _reading(self, work: Any, *args: Any) -> Any:
        def inside() -> Any:
            with self.database.reading(self.call) as unit:
                return work(unit, *args)

        return await self.database.run(inside)


def _ids(unit: UnitOfWork, connection: str, remote_ids: frozenset[str]) -> Any:
    table: type[Sourced] = Container
    return select(table.id).where(
        table.institution_id == unit.institution,
        table.connection_id == connection,
        table.remote_id.in_(sorted(remote_ids)),
    )

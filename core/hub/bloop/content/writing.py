"""The commit of a batch: rows, states, bytes and quarantine, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import select

from bloop.content.changes import chunks, set_state
from bloop.content.codec import parse_ref
from bloop.content.incoming import MODELS, WRITE_ORDER, Work
from bloop.content.models import Sourced
from bloop.content.notes.arriving import Arriving, gone
from bloop.content.quarantine import put_aside, resolve
from bloop.content.upsert import Upsert
from bloop.store.errors import ConflictError
from bloop.store.held import hold
from bloop.store.unit import UnitOfWork
from bloop_sdk import Ref, Skipped
from bloop_sdk.records import KIND_OF_OTHERS, Kind

T = TypeVar("T")

_STATE_BY_CODE = {"record_forbidden": "forbidden", "record_unshared": "unshared"}
"""What this credential may no longer read is kept, and no longer shown."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whose rows are written, by which run, and (of an imported file) into which course.

    ``items`` are ids of items that the run has added before, as far as it knows them still.
    """

    connection_id: str
    run_id: str
    into_id: str | None = None
    items: Mapping[Ref, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch, in records; ``bytes`` are of files."""

    seen: int
    written: int
    quarantined: int
    deleted: int
    bytes: int

    @property
    def counts(self) -> dict[str, int]:
        """As runs count."""
        return {
            "seen": self.seen,
            "written": self.written,
            "unchanged": self.seen - self.written - self.quarantined,
            "quarantined": self.quarantined,
            "deleted": self.deleted,
            "bytes": self.bytes,
        }


def write(unit: UnitOfWork, target: Target, work: Work) -> Written:
    """Write what changed, and keep what could not be used."""
    connection = target.connection_id
    arrived = len(work.incoming) + work.doubled + len(work.skipped)
    arriving = Arriving(unit, connection, target.run_id, work)
    arriving.merge()
    upsert = Upsert(unit, connection, target.run_id, target.into_id, target.items)
    written = upsert.write(work)
    arriving.finish()
    deleted = _mark(unit, target, work.batch.deleted, "missing")
    for code, state in _STATE_BY_CODE.items():
        _mark(unit, target, _skipped_as(code, work), state)
    if work.incoming:
        resolve(unit, connection, _settled(work))
    _hold_blobs(unit, work)
    problems = [Skipped(ref=ref, reason=why, code=code) for ref, why, code in work.problems]
    if work.skipped or problems:
        put_aside(unit, connection, target.run_id, [*problems, *work.skipped])
    return Written(arrived, sum(written.values()), len(work.skipped), deleted, work.bytes)


async def once_more(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again where somebody wrote the same records between the look at them and the commit.

    A connection has one sync, and fetches single records again beside it.
    """
    try:
        return await attempt()
    except ConflictError:
        return await attempt()


def _mark(unit: UnitOfWork, target: Target, refs: Sequence[Ref], state: str) -> int:
    """Give the rows that ``refs`` name a state; how many had another."""
    changed = 0
    for model in WRITE_ORDER:
        wanted = {ref for ref in refs if MODELS[ref.kind] is model}
        for part in chunks(sorted({ref.remote_id for ref in wanted})):
            rows = unit.session.scalars(_rows_named(unit, target, model, part)).all()
            rows = [row for row in rows if row.state != "trashed" and _ref(row) in wanted]
            change = "deleted" if state == "missing" else "updated"
            changed += set_state(unit, model, rows, state, change, target.run_id)
            if state == "missing":
                gone(unit, target.run_id, rows)
    return changed


def _rows_named(unit: UnitOfWork, target: Target, model: type[Sourced], names: list[str]) -> Any:
    return select(model).where(
        model.institution_id == unit.institution,
        model.connection_id == target.connection_id,
        model.remote_id.in_(names),
    )


def _ref(row: Any) -> Ref:
    kind = getattr(row, "kind", None) or _KIND_OF_TABLE[type(row)]
    return Ref(Kind(kind), row.remote_id)


_KIND_OF_TABLE = {MODELS[kind]: kind for kind in KIND_OF_OTHERS.values()}


def _skipped_as(code: str, work: Work) -> list[Ref]:
    named = [parse_ref(one.ref) for one in work.skipped if one.code == code]
    return [ref for ref in named if ref is not None]


def _settled(work: Work) -> Iterator[str]:
    """Refs of the batch's records that nothing is wrong with."""
    bad = {ref for ref, _, _ in work.problems} | {one.ref for one in work.skipped}
    return (name for ref in work.incoming if (name := str(ref)) not in bad)


def _hold_blobs(unit: UnitOfWork, work: Work) -> None:
    """Say that the institution holds the bytes that came with this batch."""
    held = (
        (one.blob, getattr(one.record, "media_type", None))
        for one in work.incoming.values()
        if one.blob is not None
    )
    hold(unit, *held)

"""The life of a run in the database: begun or taken up again, committed batch by batch, ended.

A run that failed or was killed is taken up by the next attempt, with its counts and its cursors.
Each attempt raises the run's epoch, and a commit of an older one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import (
    bindparam,
    delete,
    exists,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from bloop.content.bulk import of_connection
from bloop.content.changes import announce_row, known_owners
from bloop.content.codec import parse_ref
from bloop.content.concealed import conceal_after_run
from bloop.content.enrolling.linking import link_people
from bloop.content.models import Container
from bloop.content.notes.models import Conflict
from bloop.content.sync_models import Quarantine, SyncCursor, SyncRun, SyncSeen
from bloop.kernel.connections import found_by_run
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of
from bloop_sdk import FatalError, Ref, RetriableError

COUNTS = ("seen", "written", "unchanged", "quarantined", "deleted", "requests", "bytes")
MASS_DELETE = "mass_delete"
PROBLEMS_SHOWN = 100


class OvertakenError(RetriableError):
    """Another process has taken this run up; this one must not write any more."""

    code = "run_overtaken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An open line of the quarantine."""

    ref: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """What a run did, all its attempts together.

    ``seen`` = ``written`` + ``unchanged`` + ``quarantined``, in records; ``by_kind`` counts those
    that the hub holds now, ``bytes`` those of files. ``problems`` are the connection's open lines
    of quarantine, at most a hundred. ``conflicts`` counts the notes that were changed here and
    there, each kept in both forms.
    """

    run: str
    connection: str
    state: str
    first: bool
    containers: tuple[str, ...]
    seen: int
    written: int
    unchanged: int
    quarantined: int
    deleted: int
    requests: int
    bytes: int
    seconds: float
    by_kind: Mapping[str, int]
    problems: tuple[Problem, ...]
    gaps: tuple[str, ...]
    conflicts: int = 0


@dataclass(slots=True)
class Run:
    """A run in progress, as the engine carries it."""

    id: str
    connection_id: str
    generation: int
    epoch: int
    into_id: str | None
    counts: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    seconds_before: float = 0.0

    def count(self, **amounts: int) -> None:
        """Add to the counts."""
        for name, amount in amounts.items():
            self.counts[name] = self.counts.get(name, 0) + amount

    def count_kinds(self, amounts: Mapping[str, int]) -> None:
        """Add to the counts of kinds."""
        for kind, amount in amounts.items():
            self.by_kind[kind] = self.by_kind.get(kind, 0) + amount

    def as_json(self) -> dict[str, Any]:
        """What the run's row keeps."""
        return {**self.counts, "by_kind": self.by_kind, "gaps": self.gaps}


class Counted:
    """The run's counts before a commit, for when that fails."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._counts, self._by_kind = dict(run.counts), dict(run.by_kind)

    def restore(self) -> None:
        """Forget what was counted since."""
        self._run.counts, self._run.by_kind = self._counts, self._by_kind


def start_run(
    unit: UnitOfWork,
    connection_id: str,
    *,
    source: str | None = None,
    into_id: str | None = None,
    full: bool = False,
) -> Run:
    """Take up the connection's unfinished run of the same source and extent, or begin a new one."""
    connection = unit.get(Connection, connection_id)
    last = newest_run(unit, connection_id)
    if last is not None and _resumable(last, source, into_id, full=full):
        last.epoch += 1
        last.state, last.code, last.reason, last.cure = "running", None, None, None
        last.beat_at = utcnow()
        found_by_run(unit, connection, ConnectionState.ACTIVE)
        return _carried(last)
    if last is not None and last.state == "running":
        last.state, last.code = "failed", "run_superseded"
        last.reason, last.finished_at = "another run began before it ended", utcnow()
    row = SyncRun(
        institution_id=unit.institution,
        id=new_id(),
        connection_id=connection_id,
        generation=last.generation + 1 if last else 1,
        full=full,
        source=source,
        into_id=into_id,
        actor=actor_of(unit.call),
    )
    unit.session.add(row)
    unit.session.flush()
    if last is not None:
        drop_marks(unit, connection_id, last.generation)
    unit.audit.append("content.sync_started", f"connection:{connection_id}", {"run": row.id})
    return _carried(row)


def _resumable(last: SyncRun, source: str | None, into_id: str | None, *, full: bool) -> bool:
    """What stopped at the mass-delete brake has to be read afresh: its reading was complete."""
    return (
        last.state in {"running", "failed"}
        and last.code not in {MASS_DELETE, "run_superseded"}
        and (last.source, last.into_id, last.full) == (source, into_id, full)
    )


def _carried(row: SyncRun) -> Run:
    counts = row.counts or {}
    return Run(
        row.id,
        row.connection_id,
        row.generation,
        row.epoch or 1,
        row.into_id,
        {name: int(counts.get(name, 0)) for name in COUNTS},
        dict(counts.get("by_kind", {})),
        list(counts.get("gaps", [])),
        row.seconds or 0.0,
    )


def newest_run(unit: UnitOfWork, connection_id: str, *, undone: bool = True) -> SyncRun | None:
    """The connection's last run, or the last one that was not undone."""
    query = _NEWEST if undone else _NEWEST.where(SyncRun.state != "undone")
    return unit.session.scalar(query, of_connection(unit, connection_id))


_NEWEST = (
    select(SyncRun)
    .where(
        SyncRun.institution_id == bindparam("of_institution"),
        SyncRun.connection_id == bindparam("of_connection"),
    )
    .order_by(SyncRun.generation.desc())
    .limit(1)
)


def of_run(unit: UnitOfWork, run: Run) -> dict[str, Any]:
    """The parameters of statements about a run that are made once."""
    return {**of_connection(unit, run.connection_id), "of_generation": run.generation}


def beat(unit: UnitOfWork, run: Run, seconds: float, **changes: Any) -> frozenset[Ref]:
    """Save the counts; gives what came another way while the run read.

    Raises :class:`OvertakenError` where a newer attempt has begun.
    """
    values = {
        "counts": run.as_json(),
        "beat_at": utcnow(),
        "seconds": run.seconds_before + seconds,
        **changes,
    }
    known = {"run": run.id, "of_epoch": run.epoch, "of_institution": unit.institution}
    # Past the session, for which the statement would be made anew: it is part of each commit.
    row = unit.connection.execute(_beating(tuple(values)), {**values, **known}).first()
    if row is None:
        raise OvertakenError("another process has taken up this run, or it was undone")
    return frozenset(ref for name in row.fetched if (ref := parse_ref(name)) is not None)


@cache
def _beating(columns: tuple[str, ...]) -> ReturningUpdate[Any]:
    table: Any = inspect(SyncRun).local_table
    return (
        update(table)
        .where(
            table.c.institution_id == bindparam("of_institution"),
            table.c.id == bindparam("run"),
            table.c.epoch == bindparam("of_epoch"),
            table.c.state == "running",
        )
        .values({name: bindparam(name) for name in columns})
        .returning(table.c.fetched)
    )


def note_fetched(run: SyncRun, refs: Iterable[Ref]) -> None:
    """Say that records came another way, which what the run reads may be older than."""
    if run.state == "running":
        run.fetched = sorted({*run.fetched, *map(str, refs)})


def fetched_of(unit: UnitOfWork, run: Run) -> list[Ref]:
    """What came another way while the run read."""
    names = unit.connection.scalar(_FETCHED, {"of_institution": unit.institution, "run": run.id})
    return [ref for name in names or () if (ref := parse_ref(name)) is not None]


_FETCHED = select(SyncRun.fetched).where(
    SyncRun.institution_id == bindparam("of_institution"), SyncRun.id == bindparam("run")
)


def fail_run(unit: UnitOfWork, run: Run, seconds: float, error: Exception, state: str) -> None:
    """Say why a run ended; its rows and cursors stay, so that the next attempt continues."""
    code = str(getattr(error, "code", "error"))[:60]
    reason = str(getattr(error, "message", error))[:2000]
    cure = str(getattr(error, "cure", None) or "run it again: it continues where it stopped")
    conceal_after_run(unit, run.id, whole=False)
    beat(
        unit,
        run,
        seconds,
        state="failed",
        code=code,
        reason=reason,
        cure=cure[:1000],
        finished_at=utcnow(),
    )
    connection = unit.get(Connection, run.connection_id)
    found_by_run(unit, connection, ConnectionState(state), reason, cure)
    unit.audit.append(
        "content.sync_failed", f"connection:{run.connection_id}", {"run": run.id, "code": code}
    )


def finish_run(unit: UnitOfWork, run: Run, seconds: float) -> None:
    """End a run: containers that were read whole become active, and its marks are dropped."""
    whole = unit.session.scalars(_PENDING_AND_WHOLE, of_run(unit, run)).all()
    known_owners(unit, {row.id: row.owner_id for row in whole})
    for row in whole:
        row.state = "active"
        announce_row(unit, row, "updated")
    unit.session.flush()
    conceal_after_run(unit, run.id, shown=[row.id for row in whole])
    drop_marks(unit, run.connection_id, run.generation)
    link_people(unit, run.connection_id)
    beat(unit, run, seconds, state="succeeded", finished_at=utcnow())
    found_by_run(unit, unit.get(Connection, run.connection_id), ConnectionState.ACTIVE)
    summary = {name: run.counts[name] for name in COUNTS}
    unit.audit.append(
        "content.sync_finished", f"connection:{run.connection_id}", {"run": run.id, **summary}
    )


_PENDING_AND_WHOLE = select(Container).where(
    Container.institution_id == bindparam("of_institution"),
    Container.connection_id == bindparam("of_connection"),
    Container.state == "pending",
    ~exists().where(
        SyncCursor.institution_id == bindparam("of_institution"),
        SyncCursor.connection_id == bindparam("of_connection"),
        SyncCursor.generation == bindparam("of_generation"),
        SyncCursor.whole.is_(False),
        SyncCursor.partition.in_(["", Container.remote_id]),
    ),
)


def drop_marks(unit: UnitOfWork, connection_id: str, generation: int | None = None) -> None:
    """Forget what was seen; of parts that the run of ``generation`` met it is kept."""
    of = of_connection(unit, connection_id)
    if generation is None:
        unit.connection.execute(_DROPPING, of)
    else:
        unit.connection.execute(_DROPPING_STALE, {**of, "of_generation": generation})


_MARKS: Any = inspect(SyncSeen).local_table
_DROPPING = delete(_MARKS).where(
    _MARKS.c.institution_id == bindparam("of_institution"),
    _MARKS.c.connection_id == bindparam("of_connection"),
)
_DROPPING_STALE = _DROPPING.where(
    _MARKS.c.digest.is_(None) | (_MARKS.c.generation != bindparam("of_generation"))
)


def report_of(unit: UnitOfWork, run_id: str) -> RunReport:
    """The report of a run, from its row."""
    row = unit.get(SyncRun, run_id)
    counts = row.counts or {}
    of = of_connection(unit, row.connection_id)
    problems = unit.connection.execute(_PROBLEMS, of).all()
    containers = unit.connection.scalars(_CONTAINERS, of).all()
    return RunReport(
        run=row.id,
        connection=row.connection_id,
        state=row.state,
        first=row.generation == 1,
        containers=(row.into_id,) if row.into_id else tuple(containers),
        seconds=round(row.seconds, 3),
        by_kind=dict(sorted(counts.get("by_kind", {}).items())),
        problems=tuple(Problem(ref=one.ref, code=one.code, reason=one.reason) for one in problems),
        gaps=tuple(counts.get("gaps", [])),
        conflicts=unit.connection.scalar(_CONFLICTS, {**of, "of_run": row.id}) or 0,
        **{name: int(counts.get(name, 0)) for name in COUNTS},
    )


_CONFLICTS = (
    select(func.count())
    .select_from(Conflict)
    .where(
        Conflict.institution_id == bindparam("of_institution"),
        Conflict.run_id == bindparam("of_run"),
    )
)
_PROBLEMS = (
    select(Quarantine.ref, Quarantine.code, Quarantine.reason)
    .where(
        Quarantine.institution_id == bindparam("of_institution"),
        Quarantine.connection_id == bindparam("of_connection"),
        Quarantine.resolved_at.is_(None),
    )
    .order_by(Quarantine.ref)
    .limit(PROBLEMS_SHOWN)
)
_CONTAINERS = (
    select(Container.id)
    .where(
        Container.institution_id == bindparam("of_institution"),
        Container.connection_id == bindparam("of_connection"),
    )
    .order_by(Container.id)
    .limit(PROBLEMS_SHOWN)
)


class MassDeleteError(FatalError):
    """So much is gone at the source that somebody should look first."""

    code = MASS_DELETE

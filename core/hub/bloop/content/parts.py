"""What a run has met: marks for the sweep, and parts that a later run knows again.

A part is what a source answers as one. Its digest tells whether it is the same as when its records
were made; whether their rows are still what was made of them is asked once, while the first
answers are on their way.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    inspect,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy import delete as deleting

from bloop.content.bulk import insert_rows, members, of_connection
from bloop.content.codec import RECORD_VERSION, parse_ref
from bloop.content.incoming import MODELS, UNSEEN, Incoming, Work
from bloop.content.models import REMOTE_ID_LENGTH
from bloop.content.runs import Run
from bloop.content.sanitise import SANITISER_VERSION
from bloop.content.steps import Step
from bloop.content.sync_models import PART_LENGTH, SyncSeen
from bloop.store.errors import ConflictError
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork
from bloop_sdk import Deletes, Part, Ref, Stream, records
from bloop_sdk.records import CONTAINER_KINDS, Kind

MOST_ROWS = 10_000
"""A part of more records is none that is known again: until its end they are held in memory."""

Place = tuple[str, str]
"""A stream and a partition of it."""

_NO_BYTES = "-"
"""Stands before the hash of a file that has no bytes at its source."""

_SEEN: Any = inspect(SyncSeen).local_table
_OF_CONNECTION = (
    _SEEN.c.institution_id == bindparam("of_institution"),
    _SEEN.c.connection_id == bindparam("of_connection"),
)


@dataclass(slots=True)
class Known:
    """A part whose records are in their rows as they were made; ``counted`` as reports count."""

    digest: str
    records: int = 0
    rows: int = 0
    counted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Open:
    """What was met since the last cursor; ``clean`` while all of it has its row."""

    met: dict[Ref, Incoming | None] = field(default_factory=dict)
    clean: bool = True

    def add(self, step: Step, taken: Mapping[int, Incoming]) -> None:
        """The records of a step; adding them again changes nothing."""
        for record in step.batch.records:
            one = taken.get(id(record))
            if one is None:
                self.clean = False
            else:
                self.met[one.ref] = one
                # Bytes that the hub does not hold have to be asked for once more.
                self.clean &= one.has_bytes
        self.clean &= not step.batch.skipped and len(self.met) <= MOST_ROWS


KnownParts = Mapping[Place, Mapping[str, Known]]


class Parts:
    """What one attempt at a run knows of parts, and what it has met since their last cursors."""

    def __init__(self, version: str) -> None:
        self.version = version
        self._known: KnownParts = {}
        self._open: dict[Place, _Open] = {}

    def know(self, known: KnownParts) -> None:
        """From now on parts may be the same as those of an earlier run."""
        self._known = known

    def known(self, stream: Stream, place: str) -> dict[str, str]:
        """Digests of parts by their keys, for the provider."""
        found = self._known.get((stream.name, place), {}) if _remembers(stream) else {}
        return {key: one.digest for key, one in found.items()}

    def meet(self, unit: UnitOfWork, run: Run, steps: Sequence[Step], work: Work) -> Met:
        """Mark what a commit has met; :meth:`keep` it once that is done."""
        met = Met(dict(self._open))
        taken = {id(one.record): one for one in work.incoming.values()}
        for step in steps:
            at, part = (step.stream.name, step.place), step.batch.part
            if step.batch.same and part is not None:
                met.again(at, part.key, self._known[at][part.key])
                continue
            one = met.open.setdefault(at, _Open())
            one.add(step, taken)
            ends = part is not None or step.batch.cursor is not None or step.end is not None
            if ends or not one.clean:
                known_again = part if one.clean and _remembers(step.stream) else None
                met.close(at, known_again, _kinds(step), self.version)
            if not ends and not one.clean:
                met.open[at] = _Open(clean=False)
        refs = work.left_out | {ref for skip in work.skipped if (ref := parse_ref(skip.ref))}
        kinds = frozenset[Kind]().union(*map(_kinds, steps))
        met.rows += _marks((ref, None) for ref in refs if ref.kind in kinds)
        met.write(unit, run)
        return met

    def keep(self, met: Met) -> None:
        """What was left open goes on with the next commit."""
        self._open = met.open


@dataclass(slots=True)
class Met:
    """What one commit marks; ``unchanged`` counts records of parts that were the same."""

    open: dict[Place, _Open]
    rows: list[dict[str, Any]] = field(default_factory=list)
    parts: set[tuple[Place, str]] = field(default_factory=set)
    same: defaultdict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))
    expected: int = 0
    unchanged: int = 0
    counted: Counter[str] = field(default_factory=Counter)

    def again(self, at: Place, key: str, known: Known) -> None:
        """A part that was the same."""
        if key not in self.same[at]:
            self.same[at].append(key)
            self.expected += known.rows
        self.unchanged += known.records
        self.counted += known.counted

    def close(self, at: Place, part: Part | None, kinds: frozenset[Kind], version: str) -> None:
        """All of a part, or what can be no part any more, was met."""
        one = self.open.pop(at)
        rows = _marks((ref, found) for ref, found in one.met.items() if ref.kind in kinds)
        marked = sum(len(row["rows"]) for row in rows)
        if part is not None and marked == len(one.met) and (at, part.key) not in self.parts:
            self.parts.add((at, part.key))
            told = {"stream": at[0], "partition": at[1], "version": version}
            rows = [{**row, **told, "key": part.key, "digest": part.digest} for row in rows]
        self.rows += rows

    def write(self, unit: UnitOfWork, run: Run) -> None:
        """Keep the marks, in place of what was known of the same parts."""
        of_run = {"institution_id": unit.institution, "connection_id": run.connection_id}
        stale: defaultdict[Place, list[str]] = defaultdict(list)
        for at, key in self.parts:
            stale[at].append(key)
        for at, keys in stale.items():
            unit.connection.execute(deleting(_SEEN).where(*_parts_of(unit, run, at, keys)))
        insert_rows(
            unit, SyncSeen, [{**row, **of_run, "generation": run.generation} for row in self.rows]
        )
        marked = 0
        for at, keys in self.same.items():
            again = update(_SEEN).where(*_parts_of(unit, run, at, keys))
            marked += unit.connection.execute(again.values(generation=run.generation)).rowcount
        if marked != self.expected:
            raise ConflictError(
                "what was known of this connection was taken away while it was read",
                cure="run it again",
            )


def _kinds(step: Step) -> frozenset[Kind]:
    return step.stream.kinds | CONTAINER_KINDS


def _remembers(stream: Stream) -> bool:
    """Whether a later run that reads the stream meets all of it again."""
    return stream.partitioned and stream.deletes is Deletes.ENUMERATE and not stream.incremental


def _marks(met: Iterable[tuple[Ref, Incoming | None]]) -> list[dict[str, Any]]:
    """Rows of marks, one a kind."""
    rows: defaultdict[Kind, dict[str, str | None]] = defaultdict(dict)
    counted: defaultdict[Kind, Counter[str]] = defaultdict(Counter)
    for ref, one in met:
        rows[ref.kind][ref.remote_id[:REMOTE_ID_LENGTH]] = _mark_of(one) if one else None
        if one is not None:
            counted[ref.kind][one.counted_as] += 1
    return [
        {"key": new_id(), "kind": str(kind), "rows": names, "counted": dict(counted[kind])}
        for kind, names in rows.items()
    ]


def _mark_of(one: Incoming) -> str:
    """The hash that a row has while it is as it was written; of a file without bytes, so told."""
    file = one.record if isinstance(one.record, records.File) else None
    return _NO_BYTES + one.hash if file and file.chunks is None and one.blob is None else one.hash


def mark(unit: UnitOfWork, connection_id: str, generation: int, refs: Iterable[Ref]) -> None:
    """Say that a run that is not over has met these: they are not gone."""
    shared = {"institution_id": unit.institution, "connection_id": connection_id}
    rows = _marks((ref, None) for ref in refs)
    insert_rows(unit, SyncSeen, [{**row, **shared, "generation": generation} for row in rows])


def _parts_of(unit: UnitOfWork, run: Run, at: Place, keys: Sequence[str]) -> list[Any]:
    return [
        _SEEN.c.institution_id == unit.institution,
        _SEEN.c.connection_id == run.connection_id,
        _SEEN.c.stream == at[0],
        _SEEN.c.partition == at[1],
        _SEEN.c.key.in_(keys),
    ]


@cache
def met_by(kinds: frozenset[str], dialect: str) -> Select[Any]:
    """Kinds and remote ids of what the run of :func:`bloop.content.runs.of_run` has met."""
    names = members(_SEEN.c.rows, dialect)
    return (
        select(_SEEN.c.kind, names.c.key)
        .select_from(_SEEN.join(names, true()))
        .where(
            *_OF_CONNECTION,
            _SEEN.c.generation == bindparam("of_generation"),
            _SEEN.c.kind.in_(sorted(kinds)),
        )
    )


def version_of(provider: str) -> str:
    """What a part's records depend on besides it, in one text; ``provider`` is of the plugin."""
    return f"{RECORD_VERSION}.{SANITISER_VERSION}.{provider}"[:PART_LENGTH]


def parts_of(unit: UnitOfWork, connection_id: str, version: str) -> Sequence[Row[*tuple[Any, ...]]]:
    """Parts that the last run has met, one row a kind; whether they stand, :func:`still_known`."""
    parameters = of_connection(unit, connection_id)
    return unit.connection.execute(_PARTS, {**parameters, "of_version": version}).all()


def still_known(
    unit: UnitOfWork, connection_id: str, parts: Sequence[Row[*tuple[Any, ...]]]
) -> KnownParts:
    """Those that would change nothing if they came again: their rows are as they were written."""
    standing: Counter[tuple[str, str, str, str]] = Counter()
    parameters = of_connection(unit, connection_id)
    for model in {MODELS[Kind(part.kind)] for part in parts}:
        asked = _standing(cast("Hashable", model), unit.dialect)
        found = unit.connection.execute(asked, parameters)
        standing.update({tuple(row[:4]): row[4] for row in found})
    known: defaultdict[Place, dict[str, Known]] = defaultdict(dict)
    changed: set[tuple[str, str, str]] = set()
    for stream, partition, key, kind, digest, counted in parts:
        one = known[stream, partition].setdefault(key, Known(digest))
        one.records += (size := sum(counted.values()))
        one.rows += 1
        one.counted.update(counted)
        if standing[stream, partition, key, kind] != size:
            changed.add((stream, partition, key))
    for stream, partition, key in changed:
        del known[stream, partition][key]
    return known


_TOLD = ("stream", "partition", "key", "kind", "digest", "counted")
_PARTS = select(*(_SEEN.c[name] for name in _TOLD)).where(
    *_OF_CONNECTION, _SEEN.c.digest.is_not(None), _SEEN.c.version == bindparam("of_version")
)


@cache
def _standing(model: Any, dialect: str) -> Select[Any]:
    """How many records of each part are in their rows, as :attr:`Incoming.changed` sees it."""
    table: Any = inspect(model).local_table
    names = members(_SEEN.c.rows, dialect)
    kinds = [str(kind) for kind, one in MODELS.items() if one is model]
    same = table.c.raw_hash == names.c.value
    if "blob" in table.c:
        # Bytes that are gone are asked for again, where there are any.
        whole = or_(table.c.kind != Kind.FILE, table.c.blob.is_not(None))
        without = literal(_NO_BYTES) + table.c.raw_hash == names.c.value
        same = or_(and_(same, whole), without)
    as_it_was = [same, table.c.state.not_in(sorted(UNSEEN))]
    if "sanitiser" in table.c:
        as_it_was.append(table.c.sanitiser.in_([0, SANITISER_VERSION]))
    conditions = [
        table.c.institution_id == _SEEN.c.institution_id,
        table.c.connection_id == _SEEN.c.connection_id,
        table.c.remote_id == names.c.key,
    ]
    if "kind" in table.c:
        conditions.append(table.c.kind == _SEEN.c.kind)
    as_it_is = or_(table.c.state == "trashed", and_(*as_it_was))
    own = [_SEEN.c[name] for name in _TOLD[:4]]
    return (
        select(*own, func.count())
        .select_from(_SEEN.join(names, true()))
        .where(
            *_OF_CONNECTION,
            _SEEN.c.digest.is_not(None),
            _SEEN.c.kind.in_(kinds),
            # A join would let SQLite go through all of the list for each row of the table.
            exists().where(*conditions, as_it_is),
        )
        .group_by(*own)
    )

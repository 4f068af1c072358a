"""Rotation of master keys while the hub runs, in four steps, each of which can be done again.

A new key is *announced*: it is in the ring and seals nothing. Once every living process has it,
it is *switched*: it seals from then on. Then what older keys sealed is *rewrapped*, each value
under traffic, and at last an older key may be *retired*. Where a rotation stands is in the
database alone, so whoever is killed anywhere goes on with the same command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, RowMapping, func, literal, select, tuple_, update
from sqlalchemy.orm import Session

from bloop.accounts.sessions import system_call
from bloop.jobs.owners import is_dead
from bloop.kernel.models import HubProcess
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.keys import announce, current_key, hold
from bloop.store.models import EVERY_INSTITUTION, KeyState, MasterKey
from bloop.store.sealed import SealedColumn, sealed_columns
from bloop.store.sealing import HEAD_BYTES, Place, SealError, head_of, version_of
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.tables import core_metadata

if TYPE_CHECKING:
    from bloop.store.database import Database

BATCH = 200
"""Values that are rewrapped in one transaction; on SQLite others write only between two."""
SILENT_SECONDS = 20.0
"""A process that was not heard of for so long counts as dead."""
LOOK_SECONDS = 0.2
MOST_TOLD = 10
_WAS = "sealed_value"

Told = Callable[[str, int, int | None], None]
"""Hears what is being done, how much of it is, and how much there is."""


@dataclass(frozen=True, slots=True)
class Laggard:
    """A living process that does not have the new key."""

    host: str
    pid: int
    kind: str


@dataclass(frozen=True, slots=True)
class KeyReport:
    """A master key, and how many values of each column are sealed with it."""

    version: int
    state: str
    in_ring: bool
    """Whether this machine has it, and it is the right one."""
    created_at: datetime
    switched_at: datetime | None
    rewrapped_at: datetime | None
    sealed: dict[str, int]
    processes: int
    """Living processes that have it."""


@dataclass(frozen=True, slots=True)
class Status:
    """All of them."""

    source: str
    keys: tuple[KeyReport, ...]
    processes: int
    warning: str | None
    unknown: tuple[int, ...] = field(default=())
    """Versions in the ring that the database does not know, or that are retired."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did."""

    version: int
    resumed: bool
    rewrapped: dict[str, int]


def rotate(database: Database, told: Told = lambda *_: None, *, wait: float = 60.0) -> Rotation:
    """Seal with a new master key, and rewrap all that older ones sealed; blocks.

    One that was interrupted is brought to its end instead. ``wait`` is how long living processes
    have (seconds) to take the new key up: raises ConflictError that names those that did not.
    """
    version, resumed = _announce(database)
    if version is not None:
        _wait_for_all(database, version, told, wait)
        _switch(database, version)
    work = [_Rewrapping(database, column) for column in _columns()]
    for one in work:
        one.run(told)
    if broken := [place for one in work for place in one.broken]:
        raise SealError(
            f"{len(broken)} sealed values do not open, all others are rewrapped: "
            + ", ".join(map(str, broken[:MOST_TOLD])),
            cure="restore them or their master key from a backup, or set these secrets anew; then "
            "run: bloop keys rotate",
        )
    rewrapped = {one.column.name: one.done for one in work}
    with database.unit(_call()) as unit:
        current = _current(unit.session)
        if current.rewrapped_at is None:
            current.rewrapped_at = utcnow()
            detail: dict[str, Any] = {"rewrapped": rewrapped}
            unit.audit.append("keys:rewrap", _resource(current.version), detail)
        return Rotation(current.version, resumed, rewrapped)


def status(database: Database) -> Status:
    """Every master key, where it is and what it seals; it may block."""
    ring = database.ring
    warning = ring.source.warning
    with database.reading(_call()) as unit:
        rows = unit.session.scalars(select(MasterKey).order_by(MasterKey.version)).all()
        alive = list(_alive(unit.session))
        counts = {column.name: _counts(unit.session, column) for column in _columns()}
    keys = tuple(
        KeyReport(
            version=row.version,
            state=row.state,
            in_ring=ring.opens(row.version, row.proof),
            created_at=row.created_at,
            switched_at=row.switched_at,
            rewrapped_at=row.rewrapped_at,
            sealed={
                name: found[row.version] for name, found in counts.items() if row.version in found
            },
            processes=sum(row.version in process.master_keys for process in alive),
        )
        for row in rows
        if row.state != KeyState.RETIRED
    )
    known = ring.reload()
    in_ring = known.versions if known else frozenset()
    unknown = tuple(sorted(in_ring - {key.version for key in keys}))
    return Status(str(ring.source), keys, len(alive), warning, unknown)


def retire(database: Database, version: int) -> bool:
    """Let go of an older master key; whether this machine's ring was rid of it, too.

    Raises ConflictError while something is sealed with it. Done again it goes on.
    """
    with database.unit(_call()) as unit:
        row = unit.session.get(MasterKey, version)
        if row is None:
            raise NotFoundError(f"the database knows no master key {version}")
        if row.state != KeyState.RETIRED:
            _check_idle(unit.session, row)
            row.state, row.retired_at = KeyState.RETIRED, utcnow()
            unit.audit.append("keys:retire", _resource(version))
    return database.ring.source.remove(version)


def _check_idle(session: Session, row: MasterKey) -> None:
    if row.state != KeyState.OLD:
        raise ConflictError(
            f"master key {row.version} is {row.state}", cure="rotate first: bloop keys rotate"
        )
    used = {
        column.name: found[row.version]
        for column in _columns()
        if row.version in (found := _counts(session, column))
    }
    if used:
        where = ", ".join(f"{count} of {name}" for name, count in used.items())
        raise ConflictError(
            f"values are sealed with master key {row.version}: {where}",
            cure="bring the rotation to its end: bloop keys rotate",
        )


def _announce(database: Database) -> tuple[int | None, bool]:
    """The version that is to be switched to, if any; and whether a rotation goes on."""
    with database.unit(_call()) as unit:
        session, ring = unit.session, database.ring
        # Two who rotate at once would each write a key of this version.
        hold(session, alone=True)
        coming = session.scalar(select(MasterKey).where(MasterKey.state == KeyState.COMING))
        if coming is not None:
            ring.check(coming.version, coming.proof)
            return coming.version, True
        before = unit.sealer.version
        if _current(session).rewrapped_at is None:
            return None, True
        newest = session.scalar(select(func.max(MasterKey.version))) or before
        keys = ring.reload()
        given = [one for one in (keys.versions if keys else ()) if one > newest]
        version = min(given, default=newest + 1)
        ring.source.add(version)
        announce(session, ring, version)
        unit.audit.append("keys:announce", _resource(version))
        return version, False


def _wait_for_all(database: Database, version: int, told: Told, wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        with database.reading(_call()) as unit:
            alive = list(_alive(unit.session))
        late = [one for one in alive if version not in one.master_keys]
        told("processes", len(alive) - len(late), len(alive))
        if not late:
            return
        if time.monotonic() > end:
            names = ", ".join(f"{one.kind} {one.pid} on {one.host}" for one in late)
            raise ConflictError(
                f"master key {version} is not in the ring of {names}",
                cure="put the same keys on every machine (with a variable, start the process "
                "again), then run: bloop keys rotate",
            )
        time.sleep(LOOK_SECONDS)


def _switch(database: Database, version: int) -> None:
    with database.unit(_call()) as unit:
        hold(unit.session, alone=True)
        current, coming = _current(unit.session), unit.session.get(MasterKey, version)
        if coming is None or coming.state != KeyState.COMING:
            return  # Somebody else has done it.
        current.state = KeyState.OLD
        unit.session.flush()
        coming.state, coming.switched_at = KeyState.CURRENT, utcnow()
        unit.audit.append("keys:switch", _resource(version), {"before": current.version})


@dataclass(slots=True)
class _Rewrapping:
    """One column being brought under the current key."""

    database: Database
    column: SealedColumn
    done: int = 0
    broken: list[Place] = field(default_factory=list)

    def run(self, told: Told) -> None:
        """All of it, in the order of the primary key; every batch is a transaction."""
        total, last = None, None
        while True:
            with self.database.unit(_call()) as unit:
                older = _head(self.column) != literal(head_of(unit.sealer.version), LargeBinary)
                if total is None:
                    total = unit.session.scalar(select(func.count()).where(older)) or 0
                rows = self._batch(unit.session, older, last)
                for row in rows:
                    self._put(unit, row)
            if not rows:
                return
            last = tuple(rows[-1][one.name] for one in self.column.column.table.primary_key)
            told(self.column.name, self.done, max(self.done, total))

    def _batch(self, session: Session, older: Any, last: Any) -> Sequence[RowMapping]:
        table, key = self.column.column.table, list(self.column.column.table.primary_key)
        names = {one.name for one in key} | set(self.column.row)
        names |= {self.column.plugin} if self.column.plugin else set()
        query = select(*(table.c[name] for name in sorted(names)), self.column.column.label(_WAS))
        if last is not None:
            query = query.where(tuple_(*key) > tuple_(*(literal(one) for one in last)))
        return session.execute(query.where(older).order_by(*key).limit(BATCH)).mappings().all()

    def _put(self, unit: UnitOfWork, row: RowMapping) -> None:
        """Write one value back, unless somebody changed it meanwhile: then it is sealed anew."""
        column, was, place = self.column.column, row[_WAS], self.column.place(row)
        try:
            sealed = unit.sealer.rewrap(was, place)
        except SealError:
            self.broken.append(place)
            return
        same = [one == row[one.name] for one in column.table.primary_key]
        # Nothing was changed that anybody would want to know of.
        kept: dict[Any, Any] = {one: one for one in column.table.c if one.onupdate is not None}
        found: Any = unit.session.execute(
            update(column.table).where(*same, column == was).values({**kept, column: sealed})
        )
        self.done += int(found.rowcount)


def _counts(session: Session, column: SealedColumn) -> dict[int, int]:
    """How many values each master key sealed."""
    head = _head(column)
    rows = session.execute(
        select(head, func.count()).where(column.column.is_not(None)).group_by(head)
    )
    counts: dict[int, int] = {}
    for found, count in rows:
        version = version_of(bytes(found) + b"\0")
        counts[version] = counts.get(version, 0) + count
    return counts


def _head(column: SealedColumn) -> Any:
    return func.substr(column.column, 1, HEAD_BYTES, type_=LargeBinary)


def _alive(session: Session) -> Iterator[HubProcess]:
    since = utcnow() - timedelta(seconds=SILENT_SECONDS)
    for process in session.scalars(select(HubProcess).where(HubProcess.beat_at > since)):
        if process.lease_owner is None or not is_dead(process.lease_owner):
            yield process


def _columns() -> Sequence[SealedColumn]:
    return list(sealed_columns(core_metadata()))


def _current(session: Session) -> MasterKey:
    found = current_key(session)
    assert found is not None, "somebody has sealed, or made it known"
    return found


def _resource(version: int) -> str:
    return f"master_key:{version}"


def _call() -> Any:
    return system_call(EVERY_INSTITUTION)

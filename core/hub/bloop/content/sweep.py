"""What a complete reading did not list is gone at its source: marked missing, never deleted here.

A scope is one container, or what stands in none; in it only kinds are swept whose every stream
lists all there is and was read to its end without giving up on a part. A brake stops a sweep that
would take more than half of a scope.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, bindparam, func, inspect, literal, select
from sqlalchemy.sql.elements import ColumnElement

from bloop.content.changes import IDS_AT_ONCE, set_state
from bloop.content.incoming import MODELS, WRITE_ORDER
from bloop.content.models import Container, Sourced
from bloop.content.notes.arriving import gone as gone_here
from bloop.content.parts import met_by
from bloop.content.runs import MassDeleteError, Run, of_run
from bloop.content.sync_models import SyncCursor
from bloop.store.unit import UnitOfWork
from bloop_sdk import Deletes, Stream
from bloop_sdk.records import CONTAINER_KINDS, Kind

BRAKE_ROWS = 20
BRAKE_SHARE = 0.5


_INSTITUTION: Any = bindparam("of_institution")
_CONNECTION: Any = bindparam("of_connection")
# Past the session, which would make each of them anew.
_CONTAINERS = (
    select(Container.id, Container.remote_id, Container.title)
    .where(
        Container.institution_id == _INSTITUTION,
        Container.connection_id == _CONNECTION,
        Container.state.in_(["pending", "active"]),
    )
    .order_by(Container.remote_id)
)
_WHOLE = select(SyncCursor.stream, SyncCursor.partition).where(
    SyncCursor.institution_id == _INSTITUTION,
    SyncCursor.connection_id == _CONNECTION,
    SyncCursor.generation == bindparam("of_generation"),
    SyncCursor.complete.is_(True),
    SyncCursor.whole.is_(True),
)


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows of one table and some kinds, in one container or (None) in the whole connection."""

    model: type[Sourced]
    kinds: tuple[str, ...]
    container_id: str | None = None
    container_name: str | None = None


def scopes_of(unit: UnitOfWork, run: Run, streams: Sequence[Stream]) -> list[Scope]:
    """Everything that may be swept after this run."""
    whole = _whole_partitions(unit, run)
    places = partitions_of(unit, run, streams)
    found: list[Scope] = []
    for model in WRITE_ORDER:
        if model is Container and run.into_id is not None:
            continue  # The course that the file goes into is not the file's own.
        kinds = [kind for kind in sorted(_swept_kinds(streams)) if MODELS[kind] is model]
        found += _global_scopes(model, kinds, streams, whole)
        found += _container_scopes(model, kinds, places, streams, whole)
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """A container as a partition: its remote id, its row and its title."""

    remote_id: str
    container_id: str
    title: str


def partitions_of(unit: UnitOfWork, run: Run, streams: Sequence[Stream]) -> list[Place]:
    """The containers to read: those of this run, and known ones that it had no need to list."""
    met = unit.connection.execute(met_by(CONTAINER_KINDS, unit.dialect), of_run(unit, run))
    seen = {remote_id for _, remote_id in met}
    if run.into_id is not None:
        title = unit.get(Container, run.into_id).title
        return [Place(name, run.into_id, title) for name in sorted(seen)]
    known = unit.connection.execute(_CONTAINERS, of_run(unit, run)).all()
    listed = seen if _swept_kinds(streams) & CONTAINER_KINDS else None
    return [
        Place(row.remote_id, row.id, row.title)
        for row in known
        if listed is None or row.remote_id in listed
    ]


def _swept_kinds(streams: Sequence[Stream]) -> set[Kind]:
    listed = {kind for stream in streams for kind in stream.kinds}
    return {
        kind
        for kind in listed
        if all(stream.deletes is Deletes.ENUMERATE for stream in streams if kind in stream.kinds)
    }


def _whole_partitions(unit: UnitOfWork, run: Run) -> set[tuple[str, str]]:
    rows = unit.connection.execute(_WHOLE, of_run(unit, run))
    return {(row.stream, row.partition) for row in rows}


def _global_scopes(
    model: type[Sourced],
    kinds: Iterable[Kind],
    streams: Sequence[Stream],
    whole: set[tuple[str, str]],
) -> Iterator[Scope]:
    swept = tuple(
        str(kind)
        for kind in kinds
        if not _partitioned(kind, streams)
        and all((stream.name, "") in whole for stream in streams if kind in stream.kinds)
    )
    if swept:
        yield Scope(model, swept)


def _container_scopes(
    model: type[Sourced],
    kinds: Iterable[Kind],
    places: Iterable[Place],
    streams: Sequence[Stream],
    whole: set[tuple[str, str]],
) -> Iterator[Scope]:
    partitioned = [kind for kind in kinds if _partitioned(kind, streams)]
    if not partitioned:
        return
    for place in places:
        swept = tuple(
            str(kind)
            for kind in partitioned
            if all(
                (stream.name, place.remote_id if stream.partitioned else "") in whole
                for stream in streams
                if kind in stream.kinds
            )
        )
        if swept:
            yield Scope(model, swept, place.container_id, place.title)


def _partitioned(kind: Kind, streams: Sequence[Stream]) -> bool:
    return any(stream.partitioned for stream in streams if kind in stream.kinds)


def scopes_with_gone(
    unit: UnitOfWork, run: Run, streams: Sequence[Stream], *, brake: bool
) -> list[Scope]:
    """What may be swept after this run, and has lost something.

    With a ``brake`` not more than half may be gone: raises :class:`MassDeleteError`.
    """
    found = []
    for scope in _with_unmet(unit, run, scopes_of(unit, run, streams)):
        asked, parameters = _asked(unit, scope), _parameters(unit, run, scope)
        gone = unit.connection.scalar(asked.gone, parameters) or 0
        if gone:
            found.append(scope)
        if not brake or gone <= BRAKE_ROWS:
            continue
        held = unit.connection.scalar(asked.held, parameters) or 0
        if gone > held * BRAKE_SHARE:
            where = f" of {scope.container_name!r}" if scope.container_name else ""
            raise MassDeleteError(
                f"{gone} of {held} rows{where} ({', '.join(scope.kinds)}) are gone at the source; "
                "nothing was marked missing",
                cure="look there; if it is right, run again and confirm the deletes",
            )
    return found


def _with_unmet(unit: UnitOfWork, run: Run, scopes: Iterable[Scope]) -> Iterator[Scope]:
    """The scopes of tables that hold, in whatever state, anything that the run has not met.

    Mostly none does, and names alone tell: an index has them, and no row has to be read.
    """
    for model, some in groupby(scopes, lambda scope: scope.model):
        own = list(some)
        kinds = tuple(sorted({kind for scope in own for kind in scope.kinds}))
        asked = _unmet(cast("Hashable", model), kinds, unit.dialect)
        if unit.connection.scalar(asked, of_run(unit, run)) is not None:
            yield from own


def sweep_page(unit: UnitOfWork, run: Run, scope: Scope) -> int:
    """Mark some of a scope's unseen rows missing; how many (0: it is done)."""
    names = unit.connection.execute(_asked(unit, scope).some, _parameters(unit, run, scope))
    wanted = {(kind, remote_id) for kind, remote_id in names}
    if not wanted:
        return 0
    table: Any = scope.model
    rows = unit.session.scalars(
        select(table).where(
            table.institution_id == unit.institution,
            table.connection_id == run.connection_id,
            table.remote_id.in_(sorted({remote_id for _, remote_id in wanted})),
        )
    ).all()
    rows = [r for r in rows if (getattr(r, "kind", scope.kinds[0]), r.remote_id) in wanted]
    count = set_state(unit, scope.model, rows, "missing", "deleted", run.id)
    gone_here(unit, run.id, rows)
    return count


class _Asked(NamedTuple):
    """Of a scope: how many rows it holds, how many of them the run has not met, some of those."""

    held: Select[Any]
    gone: Select[Any]
    some: Select[Any]


def _asked(unit: UnitOfWork, scope: Scope) -> _Asked:
    model = cast("Hashable", scope.model)
    return _statements(model, scope.kinds, unit.dialect, inside=scope.container_id is not None)


def _parameters(unit: UnitOfWork, run: Run, scope: Scope) -> dict[str, Any]:
    inside = {} if scope.container_id is None else {"of_container": scope.container_id}
    return of_run(unit, run) | inside


@cache
def _statements(model: Hashable, kinds: tuple[str, ...], dialect: str, *, inside: bool) -> _Asked:
    """A set's difference costs a database the same whatever it believes of a table's size.

    It may have been filled a moment ago.
    """
    table: Any = inspect(cast("type[Any]", model)).local_table
    held = _names(table, kinds).where(
        table.c.state.in_(["active", "pending", "forbidden", "unshared"])
    )
    if inside and "container_id" in table.c:
        held = held.where(table.c.container_id == bindparam("of_container"))
    gone = held.except_(met_by(frozenset(kinds), dialect)).subquery()
    return _Asked(
        select(func.count()).select_from(held.subquery()),
        select(func.count()).select_from(gone),
        select(gone.c.kind, gone.c.remote_id).order_by(*gone.c).limit(IDS_AT_ONCE),
    )


@cache
def _unmet(model: Hashable, kinds: tuple[str, ...], dialect: str) -> Select[Any]:
    """A row where the connection has any name in a table that the run has not met."""
    names = _names(inspect(cast("type[Any]", model)).local_table, kinds)
    unmet = names.except_(met_by(frozenset(kinds), dialect)).subquery()
    return select(literal(1)).select_from(unmet).limit(1)


def _names(table: Any, kinds: tuple[str, ...]) -> Select[Any]:
    """Kinds and remote ids of a connection's rows in a table."""
    conditions: list[ColumnElement[bool]] = [
        table.c.institution_id == _INSTITUTION,
        table.c.connection_id == _CONNECTION,
    ]
    if "kind" in table.c:
        conditions.append(table.c.kind.in_(kinds))
    kind = table.c.kind if "kind" in table.c else literal(kinds[0]).label("kind")
    return select(kind, table.c.remote_id).where(*conditions)

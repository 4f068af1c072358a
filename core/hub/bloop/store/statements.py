"""Reads: statements registered once, compiled once, never without their institution.

    ITEM = register("content.item", select(Item.id, Item.title).where(
        Item.institution_id == institution, Item.id == bindparam("id")))

    row = await database.read_one(ITEM, call, id=item_id)

Rows come as tuples in the order of :attr:`Statement.columns`, the same from both databases:
booleans as ``bool``, times as RFC 3339 text in UTC (``2026-01-31T08:00:00.000000Z``), JSON columns
as :class:`orjson.Fragment`, ready to be put into an answer without parsing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any

import orjson
from sqlalchemy import (
    BinaryExpression,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Insert,
    Select,
    String,
    bindparam,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.types import JSON

from bloop.store.errors import TenantError
from bloop.store.models import ID
from bloop_sdk import Call, PrincipalKind
from bloop_sdk.tables import UtcDateTime

Row = tuple[Any, ...]
Convert = Callable[[Row], Row]

institution = bindparam("institution", type_=ID)
"""The parameter that every registered statement must use."""

_OF_CALLER: dict[str, Callable[[Call], Any]] = {}


def _to_json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Halves of surrogate pairs and very large numbers, which it does not know.
        return json.dumps(value)


_DIALECTS: dict[str, Callable[[str], Any]] = {
    "sqlite": lambda style: SQLiteDialect_pysqlite(paramstyle=style, json_serializer=_to_json),
    "postgresql": lambda style: PGDialect_psycopg(paramstyle=style),  # type: ignore[no-untyped-call]
}
_NAMED = {"sqlite": "named", "postgresql": "pyformat"}
_IN_PLACES = {"sqlite": "qmark", "postgresql": "format"}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as one driver takes it: its text, its values, and a row converter."""

    sql: str
    constants: Mapping[str, Any]
    processors: Mapping[str, Callable[[Any], Any]]
    convert: Convert | None = None

    def values(self, institution: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What the driver is given."""
        values = {**self.constants, **parameters, "institution": institution}
        for name, process in self.processors.items():
            values[name] = process(values[name])
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A read by its name. ``heavy`` ones never run in the event loop.

    ``of_caller`` are the parameters that the call itself gives (:func:`caller_parameter`).
    ``whole`` says why it reads what somebody owns, whoever asks.
    """

    name: str
    select: Select[*tuple[Any, ...]]
    columns: tuple[str, ...]
    parameters: frozenset[str]
    heavy: bool = False
    of_caller: tuple[tuple[str, Callable[[Call], Any]], ...] = ()
    whole: str = ""
    _compiled: dict[str, Compiled] = field(default_factory=dict, repr=False)

    def compiled(self, dialect: str) -> Compiled:
        """The compiled form for ``sqlite`` or ``postgresql``, made on first use."""
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = _compile(self, dialect)
        return found

    def as_dict(self, row: Row) -> dict[str, Any]:
        """The row by column names."""
        return dict(zip(self.columns, row, strict=True))


REGISTRY: dict[str, Statement] = {}


def caller_parameter(name: str, value: Callable[[Call], Any]) -> BindParameter[Any]:
    """A parameter that the database fills in from the call, as it does the institution."""
    _OF_CALLER[name] = value
    return bindparam(name, type_=_OfCaller(ID.length))


class _OfCaller(String):
    """What the call itself gives, which no read may have another parameter's name for."""


def values_of_caller(call: Call) -> dict[str, Any]:
    """All of them, for a statement that is not registered."""
    return {name: value(call) for name, value in _OF_CALLER.items()}


def _reader(call: Call) -> str:
    return call.principal.id if call.principal.kind is PrincipalKind.USER else ""


reader = caller_parameter("reader", _reader)
"""The id of the user who asks, empty for everybody else and for the hub itself."""


def reachable(owner: Any) -> ColumnElement[bool]:
    """Whether whoever asks may know of what has this owner: a user, or NULL for the institution.

    A read of what may have one holds it to this, or says why it does not (``whole``).
    """
    return or_(owner.is_(None), owner == reader)


def select_rows(*columns: Any) -> Any:
    """``select`` without the types of its columns, which no reader of these rows asks for."""
    return select(*columns)


def register(
    name: str, select: Select[*tuple[Any, ...]], *, heavy: bool = False, whole: str = ""
) -> Statement:
    """Register a read under ``domain.name``.

    Raises TenantError where ``:institution`` is missing or a table is not held to it.
    """
    if name in REGISTRY:
        raise ValueError(f"a read named {name!r} is registered already")
    parts = list(visitors.iterate(select))
    binds = [part for part in parts if isinstance(part, BindParameter)]
    for bind in binds:
        if bind.required and bind.expanding:
            raise ValueError(f"the read {name!r} has a list :{bind.key}, which no driver takes")
        if bind.key in _OF_CALLER and not isinstance(bind.type, _OfCaller):
            raise ValueError(
                f"the read {name!r} has a :{bind.key} of its own, and the call has one"
            )
    parameters = frozenset(bind.key for bind in binds if bind.required)
    if "institution" not in parameters:
        raise TenantError(
            f"the read {name!r} has no :institution",
            cure="compare an institution_id column with bloop.store.statements.institution",
        )
    if free := _unbound_tables(parts):
        raise TenantError(
            f"the read {name!r} would show every institution's rows of {', '.join(free)}",
            cure="compare the institution_id of each of its tables",
        )
    columns = tuple(select.selected_columns.keys())
    of_caller = tuple((key, _OF_CALLER[key]) for key in sorted(parameters & _OF_CALLER.keys()))
    statement = Statement(name, select, columns, parameters, heavy, of_caller, whole)
    REGISTRY[name] = statement
    return statement


def _unbound_tables(parts: Iterable[object]) -> list[str]:
    """Tables (or aliases) of a statement with an ``institution_id`` compared with nothing."""
    used: dict[str, str] = {}
    compared: set[str] = set()
    for part in parts:
        if isinstance(part, Column) and "institution_id" in part.table.c:
            used[part.table.name] = getattr(part.table, "element", part.table).name
        if isinstance(part, BinaryExpression) and part.operator is operators.eq:
            for side in (part.left, part.right):
                if isinstance(side, Column) and side.key == "institution_id":
                    compared.add(side.table.name)
    return sorted({table for name, table in used.items() if name not in compared})


def _compile(statement: Statement, name: str) -> Compiled:
    made = for_driver(statement.select, name, statement.parameters)
    return replace(made, convert=_converter(statement.select, name))


def for_driver(
    clause: Select[*tuple[Any, ...]] | Insert, name: str, parameters: Collection[str]
) -> Compiled:
    """A statement as the driver of a dialect takes it, for columns or binds ``parameters``."""
    dialect = _DIALECTS[name](_NAMED[name])
    columns = None if isinstance(clause, Select) else list(parameters)
    compiled: Any = clause.compile(dialect=dialect, column_keys=columns)
    # Writes out lists of fixed values, `kind IN ('page', 'quiz')`, which the drivers don't do.
    state = compiled.construct_expanded_state(dict.fromkeys(parameters))
    processors = {
        key: process
        for key in state.parameters
        if (bind := compiled.binds.get(key)) is not None
        and (process := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    constants = {key: value for key, value in state.parameters.items() if key not in parameters}
    for key in constants.keys() & processors.keys():
        constants[key] = processors.pop(key)(constants[key])
    return Compiled(state.statement, constants, processors)


TOGETHER = 64
"""Rows in one statement; SQLite takes 32,766 values in one."""

Process = Callable[[Any], Any] | None
"""What makes the driver's value of one of ours; None where they are the same."""


@dataclass(frozen=True, slots=True)
class Rows:
    """An INSERT of many rows as one driver takes it: its text, and what each place of it takes.

    ``together`` is the same of :data:`TOGETHER` rows, where the driver is quicker by it.
    """

    sql: str
    places: tuple[tuple[str, Process], ...]
    together: str = ""

    def insert(self, connection: Connection, values: Sequence[tuple[Any, ...]]) -> None:
        """Insert what :meth:`of` has made."""
        whole = len(values) // TOGETHER * TOGETHER if self.together else 0
        if whole:
            starts = range(0, whole, TOGETHER)
            parts = [tuple(chain.from_iterable(values[at : at + TOGETHER])) for at in starts]
            connection.exec_driver_sql(self.together, parts)
        if whole < len(values):
            connection.exec_driver_sql(self.sql, list(values[whole:]))

    def of(
        self,
        rows: Sequence[Mapping[str, Any]],
        shared: Mapping[str, Any],
        defaults: Mapping[str, Callable[[], Any]] = MappingProxyType({}),
    ) -> list[tuple[Any, ...]]:
        """What the driver is given: of each place what ``shared`` names, else a row's own value.

        What a row does not name either is made by ``defaults``, for each row anew.
        """
        # Column by column: each is one loop, and most are as they are.
        columns: list[Iterable[Any]] = []
        for name, process in self.places:
            if name in shared:
                given = process(shared[name]) if process else shared[name]
                columns.append(repeat(given, len(rows)))
                continue
            try:
                values = [row[name] for row in rows]
            except KeyError:
                make = defaults[name]
                values = [row[name] if name in row else make() for row in rows]
            columns.append(values if process is None else map(process, values))
        return list(zip(*columns, strict=True))


def for_rows(clause: Insert, name: str, parameters: Collection[str]) -> Rows:
    """An INSERT of many rows as the driver of a dialect takes it; it holds no constants."""
    dialect = _DIALECTS[name](_IN_PLACES[name])
    compiled: Any = clause.compile(dialect=dialect, column_keys=list(parameters))
    assert set(compiled.positiontup) <= set(parameters), compiled.positiontup
    kinds = {key: compiled.binds[key].type for key in compiled.positiontup}
    places = [(key, _processor(kinds[key], dialect)) for key in compiled.positiontup]
    head, _, row = compiled.string.partition(" VALUES ")
    # SQLite's gives the interpreter away, and gets it back, for each statement that it carries out.
    alike = name == "sqlite" and _PLAIN_ROW.fullmatch(row)
    together = f"{head} VALUES {', '.join([row] * TOGETHER)}" if alike else ""
    return Rows(compiled.string, tuple(places), together)


_PLAIN_ROW = re.compile(r"\([?1](?:, [?1])*\)")


def _processor(kind: Any, dialect: Any) -> Process:
    """What makes the driver's value of one of ours; SQLAlchemy's would be called through others."""
    if isinstance(kind, UtcDateTime):
        return partial(kind.process_bind_param, dialect=dialect)
    if isinstance(kind, JSON) and kind.none_as_null:
        if dialect.name == "sqlite":
            return lambda value: None if value is None else _to_json(value)
        from psycopg.types.json import Jsonb

        return lambda value: None if value is None else Jsonb(value, _to_json)
    made: Process = kind.dialect_impl(dialect).bind_processor(dialect)
    return made


def _converter(select: Select[*tuple[Any, ...]], dialect: str) -> Convert | None:
    """PostgreSQL's driver gives booleans itself, and JSON by the loader set in ``reads``."""
    if dialect != "sqlite":
        return None
    kinds = [column.type for column in select.selected_columns]
    flags = [index for index, kind in enumerate(kinds) if isinstance(kind, Boolean)]
    jsons = [index for index, kind in enumerate(kinds) if isinstance(kind, JSON)]
    if not flags and not jsons:
        return None

    def convert(row: Row) -> Row:
        values = list(row)
        for index in flags:
            if values[index] is not None:
                values[index] = values[index] == 1
        for index in jsons:
            found = values[index]
            if found is not None:
                # A document that is a number has become one: SQLite's JSON columns are numeric.
                values[index] = orjson.Fragment(found if isinstance(found, str) else repr(found))
        return tuple(values)

    return convert


def parsed(value: Any) -> Any:
    """A JSON column of a row, parsed; most answers pass it on as it is."""
    return None if value is None else orjson.loads(orjson.dumps(value))


def moment(value: Any) -> datetime:
    """A time of a row: a registered read gives it as the driver does, from SQLite as text."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def to_dicts(statement: Statement, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows by column names."""
    columns = statement.columns
    return [dict(zip(columns, row, strict=True)) for row in rows]

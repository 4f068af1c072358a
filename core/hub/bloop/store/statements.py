"""Reads: statements registered once, compiled once, never without their institution.

    ITEM = register("content.item", select(Item.id, Item.title).where(
        Item.institution_id == institution, Item.id == bindparam("id")))

    row = await database.read_one(ITEM, call, id=item_id)

Rows come as tuples in the order of :attr:`Statement.columns`, booleans as ``bool``, JSON columns
as :class:`orjson.Fragment`, ready to be put into an answer without parsing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Boolean, Select, bindparam
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.types import JSON

from bloop.store.errors import TenantError
from bloop.store.models import ID

Row = tuple[Any, ...]
Convert = Callable[[Row], Row]

institution = bindparam("institution", type_=ID)
"""The parameter that every registered statement must use."""

_DIALECTS: dict[str, Callable[[], Any]] = {
    "sqlite": lambda: SQLiteDialect_pysqlite(paramstyle="named"),
    "postgresql": lambda: PGDialect_psycopg(paramstyle="pyformat"),  # type: ignore[no-untyped-call]
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as one driver takes it: its text, fixed parameters, and a row converter."""

    sql: str
    constants: dict[str, Any]
    convert: Convert | None


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A read by its name. ``heavy`` ones never run in the event loop."""

    name: str
    select: Select[Any]
    columns: tuple[str, ...]
    parameters: frozenset[str]
    heavy: bool = False
    _compiled: dict[str, Compiled] = field(default_factory=dict, repr=False)

    def compiled(self, dialect: str) -> Compiled:
        """The compiled form for ``sqlite`` or ``postgresql``, made on first use."""
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = _compile(self.select, dialect)
        return found

    def as_dict(self, row: Row) -> dict[str, Any]:
        """The row by column names."""
        return dict(zip(self.columns, row, strict=True))


REGISTRY: dict[str, Statement] = {}


def register(name: str, select: Select[Any], *, heavy: bool = False) -> Statement:
    """Register a read under ``domain.name``; raises TenantError without ``:institution``."""
    if name in REGISTRY:
        raise ValueError(f"a read named {name!r} is registered already")
    parameters = frozenset(
        element.key
        for element in visitors.iterate(select)
        if isinstance(element, BindParameter) and element.required
    )
    if "institution" not in parameters:
        raise TenantError(
            f"the read {name!r} has no :institution",
            cure="compare an institution_id column with bloop.store.statements.institution",
        )
    columns = tuple(column.name for column in select.selected_columns)
    statement = Statement(name, select, columns, parameters, heavy)
    REGISTRY[name] = statement
    return statement


def _compile(select: Select[Any], name: str) -> Compiled:
    dialect = _DIALECTS[name]()
    compiled = select.compile(dialect=dialect)
    constants = {key: value for key, value in compiled.params.items() if value is not None}
    return Compiled(str(compiled), constants, _converter(select, name))


def _converter(select: Select[Any], dialect: str) -> Convert | None:
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
            if values[index] is not None:
                values[index] = orjson.Fragment(values[index])
        return tuple(values)

    return convert


def to_dicts(statement: Statement, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows by column names."""
    columns = statement.columns
    return [dict(zip(columns, row, strict=True)) for row in rows]

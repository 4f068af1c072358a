"""Many rows in one statement each way; the ORM would send a statement a row for versioned ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import ARRAY, Column, String, any_, bindparam, func, inspect, select, update

from bloop.content.models import Sourced
from bloop.store.errors import ConflictError, TenantError
from bloop.store.inserting import INSERT
from bloop.store.statements import Compiled, Rows, for_driver, for_rows, institution
from bloop.store.unit import UnitOfWork


def of_connection(unit: UnitOfWork, connection_id: str) -> dict[str, str]:
    """The parameters of statements about a connection that are made once, past the session."""
    return {"of_institution": unit.institution, "of_connection": connection_id}


def insert_rows(
    unit: UnitOfWork,
    model: type[Any],
    rows: Sequence[Mapping[str, Any]],
    shared: Mapping[str, Any] | None = None,
    *,
    replace: bool = False,
) -> None:
    """Add rows of this institution, or ``replace`` those of the same keys.

    ``shared`` is what all have in common. What neither names gets its default, or NULL. The session
    would build each row anew.
    """
    if not rows:
        return
    shared = shared or {}
    owners = {shared.get("institution_id") or row["institution_id"] for row in rows}
    if owners != {unit.institution}:
        raise TenantError(f"rows of another institution in a unit of work of {unit.institution}")
    table = cast("Hashable", model)
    # A driver takes its time over each NULL, too; one that replaces has to say it.
    absent = frozenset(
        name
        for name in (() if replace else _optional(table))
        if shared.get(name) is None and all(row.get(name) is None for row in rows)
    )
    adding = _adding(table, unit.dialect, absent, replace=replace)
    values = adding.rows.of(rows, shared, adding.defaults)
    adding.rows.insert(unit.connection, values)


class _Adding(NamedTuple):
    """An INSERT as its driver takes it, and what makes each column that a row does not name."""

    rows: Rows
    defaults: Mapping[str, Callable[[], Any]]


@cache
def _optional(model: Hashable) -> tuple[str, ...]:
    """Columns that are NULL where nobody names them."""
    return tuple(
        column.key
        for column in _table_of(model).c
        if column.nullable and column.default is None and column.server_default is None
    )


def _table_of(model: Hashable) -> Any:
    return inspect(cast("type[Any]", model)).local_table


@cache
def _adding(model: Hashable, dialect: str, absent: frozenset[str], *, replace: bool) -> _Adding:
    table = _table_of(model)
    names = [
        column.key for column in table.c if column.identity is None and column.key not in absent
    ]
    adding = INSERT[dialect](table)
    if replace:
        keys = [column.key for column in table.primary_key]
        new = {name: adding.excluded[name] for name in names if name not in keys}
        adding = adding.on_conflict_do_update(index_elements=keys, set_=new)
    defaults = {name: _default(table.c[name]) for name in names}
    return _Adding(for_rows(adding, dialect, names), defaults)


def _default(column: Column[Any]) -> Callable[[], Any]:
    default: Any = column.default
    if default is None:
        return lambda: None
    return partial(default.arg, None) if default.is_callable else lambda: default.arg


def named_rows(
    unit: UnitOfWork,
    model: type[Sourced],
    columns: tuple[str, ...],
    connection_id: str,
    names: Mapping[str, Collection[str]],
    *,
    without: str | None = None,
) -> Sequence[tuple[Any, ...]]:
    """Columns of a connection's rows, as the driver gives them; each of ``names`` is of a list.

    However many they are, it is one statement, with one parameter a list. ``without`` is a column
    that must be empty.
    """
    finding = _finding(cast("Hashable", model), columns, tuple(names), without, unit.dialect)
    lists: dict[str, Any] = {f"any_{key}": list(values) for key, values in names.items()}
    if unit.dialect == "sqlite":
        lists = {key: orjson.dumps(values).decode() for key, values in lists.items()}
    values = finding.values(unit.institution, {"connection": connection_id, **lists})
    return cast(
        "Sequence[tuple[Any, ...]]", unit.connection.exec_driver_sql(finding.sql, values).all()
    )


@cache
def _finding(
    model: Hashable,
    columns: tuple[str, ...],
    keys: tuple[str, ...],
    without: str | None,
    dialect: str,
) -> Compiled:
    table = _table_of(model)
    listed = [
        table.c[key] == any_(bindparam(f"any_{key}", type_=ARRAY(String)))
        if dialect == "postgresql"
        else table.c[key].in_(
            select(
                func.json_each(bindparam(f"any_{key}", type_=String)).table_valued("value").c.value
            )
        )
        for key in keys
    ]
    statement = select(*(table.c[key] for key in columns)).where(
        table.c.institution_id == institution,
        table.c.connection_id == bindparam("connection", type_=String),
        *listed,
        *([] if without is None else [table.c[without].is_(None)]),
    )
    binds = ["institution", "connection", *(f"any_{key}" for key in keys)]
    return for_driver(statement, dialect, binds)


def members(column: Any, dialect: str) -> Any:
    """The ``key`` and ``value`` of each member of a JSON object, texts both, to be joined with."""
    each = func.jsonb_each_text if dialect == "postgresql" else func.json_each
    return each(column).table_valued("key", "value").alias()


def update_rows(
    unit: UnitOfWork, model: type[Sourced], changes: Sequence[tuple[Sourced, Mapping[str, Any]]]
) -> None:
    """Give loaded rows new values and the next row version; the objects themselves stay as read.

    Raises :class:`ConflictError` where somebody else changed one since it was loaded.
    """
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row, values in changes:
        keys = tuple(sorted(values))
        parameters = {f"new_{key}": values[key] for key in keys}
        parameters |= {"row_id": row.id, "was": row.row_version, "will_be": row.row_version + 1}
        groups[keys].append(parameters)
    table = inspect(model).local_table
    for keys, parameters_of_all in groups.items():
        statement = (
            update(table)
            .where(
                table.c.institution_id == unit.institution,
                table.c.id == bindparam("row_id"),
                table.c.row_version == bindparam("was"),
            )
            .values(
                row_version=bindparam("will_be"),
                **{key: bindparam(f"new_{key}", type_=table.c[key].type) for key in keys},
            )
        )
        # Past the session, which would refuse a bare table; the institution stands in it.
        done = unit.connection.execute(statement, parameters_of_all)
        if done.rowcount != len(parameters_of_all):
            raise ConflictError(
                f"somebody changed a {table.name} at the same time",
                cure="try again: what was committed before stays",
            )

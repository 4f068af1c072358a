"""Rows in and out: batches after a key, of so many rows or bytes, whatever the table's size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bloop.ops.copying.shapes import Pair, Table
from bloop.store.errors import InvalidError
from bloop.store.faults import from_driver, translated

BATCH_ROWS = 2000
BATCH_BYTES = 4 * 1024 * 1024
FETCHED_ROWS = 100

Values = list[Any]
_WHERE = re.compile(r"^COPY [^\n]*?, line (\d+)(?:, column ([^:\n]+))?", re.MULTILINE)


def next_batch(
    source: Connection, pair: Pair, after: Sequence[Any] | None
) -> tuple[list[Values], Sequence[Any] | None, bool]:
    """The rows after a position, in the common form; the position of the last of them.

    And whether there are no more.
    """
    table, postgres = pair.source, source.dialect.name == "postgresql"
    if table.key:
        keys = [column.name for column in table.key]
        kinds = [column.type.compile(source.dialect) for column in table.key]
    else:
        keys, kinds = (["ctid"], ["tid"]) if postgres else (["rowid"], [""])
    # Of the table: ORDER BY would take what is selected under that name.
    keys = [f"{table.quoted}.{key}" for key in keys]
    # On PostgreSQL a position is text, which any key can be; cast to the key's own type, so that
    # its index serves.
    positions = [f"{key}::text" for key in keys] if postgres else keys
    marks = [f"%s::{kind}" if postgres else "?" for kind in kinds]
    selected = ", ".join([*(column.selected for column in table.columns), *positions])
    where = f"WHERE ({', '.join(keys)}) > ({', '.join(marks)})" if after else ""
    sql = (
        f"SELECT {selected} FROM {table.quoted} {where}"  # noqa: S608 - names of tables and columns, quoted
        f" ORDER BY {', '.join(keys)} LIMIT {BATCH_ROWS}"
    )
    rows: list[Values] = []
    position, size = None, 0
    for found in stream(source, sql, tuple(after or ())):
        values = found[: -len(keys)]
        rows.append(common(table, values))
        position = list(found[-len(keys) :])
        size += sum(len(value) for value in values if isinstance(value, str | bytes))
        if size >= BATCH_BYTES:
            return rows, position, False
    return rows, position, len(rows) < BATCH_ROWS


def stream(connection: Connection, sql: str, values: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Rows one by one; the driver holds a few at a time."""
    options = {"stream_results": True, "max_row_buffer": FETCHED_ROWS}
    try:
        result = connection.exec_driver_sql(sql, values, execution_options=options)
        try:
            while some := result.fetchmany(FETCHED_ROWS):
                yield from some
        finally:
            result.close()
    except DBAPIError as err:
        raise translated(err) from err


def common(table: Table, values: Sequence[Any]) -> Values:
    """A row in the common form; raises InvalidError with its table, key and column."""
    row = [None] * len(values)
    for at, column in enumerate(table.columns):
        value = values[at]
        if value is not None:
            try:
                row[at] = column.read(value)
            except (ValueError, TypeError, AttributeError) as err:
                raise unfit(table, values, column.name, str(err)) from err
    return row


def write_batch(target: Connection, pair: Pair, rows: list[Values]) -> None:
    """Insert rows; raises InvalidError for one that the database refuses."""
    if target.dialect.name == "postgresql":
        _copy_in(target, pair.target, rows)
    else:
        _insert(target, pair.target, rows)


def unfit(table: Table, row: Sequence[Any], column: str | None, reason: str) -> InvalidError:
    """That a row cannot be copied as it is."""
    where = f", column {column}" if column else ""
    return InvalidError(
        f"{table.name}, row {table.key_of(row)}{where}: {reason}",
        field=column,
        cure="mend or remove that row where the hub still is, then begin again with --restart",
    )


def _written(table: Table, row: Values) -> Iterator[Any]:
    for column, value in zip(table.columns, row, strict=True):
        try:
            yield None if value is None else column.write(value)
        except ValueError as err:
            raise unfit(table, row, column.name, str(err)) from err


def _copy_in(target: Connection, table: Table, rows: list[Values]) -> None:
    """COPY keeps the values of identity columns, and tells the line and column that it refuses."""
    import psycopg

    names = ", ".join(column.name for column in table.columns)
    driver: Any = target.connection.driver_connection
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table.quoted} ({names}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(tuple(_written(table, row)))
    except psycopg.Error as err:
        found = _WHERE.search(getattr(err.diag, "context", None) or "")
        if found is None:
            raise from_driver(err) from err
        row = rows[int(found[1]) - 1]
        reason = err.diag.message_detail or err.diag.message_primary
        if err.sqlstate and err.sqlstate.startswith("23"):
            reason = err.diag.message_primary  # The detail quotes values.
        raise unfit(table, row, found[2], f"PostgreSQL refuses it: {reason}") from err


def _insert(target: Connection, table: Table, rows: list[Values]) -> None:
    names = ", ".join(column.name for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    sql = f"INSERT INTO {table.quoted} ({names}) VALUES ({marks})"  # noqa: S608 - names of tables and columns, quoted
    written = [tuple(_written(table, row)) for row in rows]
    try:
        with _savepoint(target):
            target.exec_driver_sql(sql, written)
    except DBAPIError:
        for row, values in zip(rows, written, strict=True):
            try:
                target.exec_driver_sql(sql, values)
            except DBAPIError as err:
                reason = f"SQLite refuses it: {str(err.orig).partition(chr(10))[0]}"
                raise unfit(table, row, None, reason) from err


@contextmanager
def _savepoint(connection: Connection) -> Iterator[None]:
    with connection.begin_nested():
        yield

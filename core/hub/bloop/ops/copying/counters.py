"""Counters of tables: no number that was given once is given again after a move.

A consumer's position is such a number, and the newest events may be gone. So the counter itself is
carried over, not only the largest number that is left.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text


def carry_over(source: Connection, target: Connection, tables: list[str]) -> None:
    """Set the target's counters to where the source's are."""
    for name in tables:
        column = counted(target, name)
        if column is not None:
            _set_next(target, name, column, next_of(source, name, column))


def counted(connection: Connection, table: str) -> str | None:
    """The column that this database numbers by a counter of its own, if there is one."""
    inspector = inspect(connection)
    if connection.dialect.name == "postgresql":
        for found in inspector.get_columns(table):
            if found.get("identity") or str(found.get("default")).startswith("nextval("):
                return str(found["name"])
        return None
    sql = connection.scalar(
        text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"),
        {"name": table},
    )
    if "AUTOINCREMENT" not in (sql or "").upper():
        return None
    (column,) = inspector.get_pk_constraint(table)["constrained_columns"]
    return str(column)


def next_of(connection: Connection, table: str, column: str) -> int:
    """The number that the next row would get."""
    quote = connection.dialect.identifier_preparer.quote
    largest = connection.scalar(text(f"SELECT max({quote(column)}) FROM {quote(table)}")) or 0  # noqa: S608 - names of the catalogue
    if counted(connection, table) != column:
        return int(largest) + 1
    if connection.dialect.name == "postgresql":
        sequence = _sequence(connection, table, column)
        last, called = connection.execute(
            text(f"SELECT last_value, is_called FROM {sequence}")  # noqa: S608 - quoted by PostgreSQL
        ).one()
        return max(int(largest) + 1, int(last) + bool(called))
    last = connection.scalar(
        text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table}
    )
    return max(int(largest), int(last or 0)) + 1


def _set_next(connection: Connection, table: str, column: str, number: int) -> None:
    if connection.dialect.name == "postgresql":
        sequence = _sequence(connection, table, column)
        connection.execute(
            text("SELECT setval(CAST(:sequence AS regclass), :number, false)"),
            {"sequence": sequence, "number": number},
        )
        return
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table})
    if number > 1:
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"),
            {"name": table, "seq": number - 1},
        )


def _sequence(connection: Connection, table: str, column: str) -> str:
    quote = connection.dialect.identifier_preparer.quote
    found = connection.scalar(
        text("SELECT pg_get_serial_sequence(:table, :column)"),
        {"table": quote(table), "column": column},
    )
    return str(found)

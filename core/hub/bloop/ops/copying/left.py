"""Tables of a plugin that is not installed: made from what the source itself tells of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, DefaultClause, MetaData, Table, text, types
from sqlalchemy.types import TypeEngine

from bloop.store.errors import MigrationError
from bloop.store.models import BigSerial
from bloop.store.types import Json, UtcDateTime

TIME_LENGTH = 27
_LITERALS = ("true", "false", "null")
_NO_TIME = """
    SELECT 1 FROM {table} WHERE {column} IS NOT NULL AND {column} NOT GLOB
    '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].*Z' LIMIT 1
"""


def make_tables(source: Connection, target: Connection, names: list[str]) -> None:
    """Make these tables in the target, with their keys and indexes."""
    found = MetaData()
    found.reflect(bind=source, only=names)
    if source.dialect.name != target.dialect.name:
        for table in found.tables.values():
            for column in table.columns:
                _fit(source, table, column)
    # In the order of their foreign keys.
    found.create_all(target, checkfirst=False)


def _fit(source: Connection, table: Table, column: Column[Any]) -> None:
    column.type = _type(source, table, column)
    default = getattr(column.server_default, "arg", None)
    if default is None:
        return
    told = str(getattr(default, "text", default))
    if told.startswith("nextval("):
        column.server_default = None
        column.autoincrement = True
        return
    plain = told.partition("::")[0].strip("()")
    if isinstance(column.type, types.Boolean) and plain in {"0", "1", "true", "false"}:
        plain = "true" if plain in {"1", "true"} else "false"
    elif not (plain.lower() in _LITERALS or plain.startswith("'") or _is_number(plain)):
        raise MigrationError(
            f"{table.name}.{column.name} has a default that only {source.dialect.name} knows",
            cure="install its plugin for the time of the copy, or purge it",
        )
    column.server_default = DefaultClause(text(plain))


def _is_number(told: str) -> bool:
    try:
        float(told)
    except ValueError:
        return False
    return True


def _type(source: Connection, table: Table, column: Column[Any]) -> TypeEngine[Any]:
    """The type as the hub and its plugins declare it, which each database has in its own way."""
    type_ = column.type
    if isinstance(type_, types.JSON):
        return Json
    if isinstance(type_, types.DateTime) and type_.timezone:
        return UtcDateTime()
    if isinstance(type_, BigInteger):
        return BigSerial
    could_be_time = isinstance(type_, types.String) and type_.length == TIME_LENGTH
    if source.dialect.name == "sqlite" and could_be_time and _holds_times(source, table, column):
        return UtcDateTime()
    return type_.as_generic(allow_nulltype=False)


def _holds_times(source: Connection, table: Table, column: Column[Any]) -> bool:
    """A time on SQLite is text of 27 characters; whether all that is there is one."""
    quote = source.dialect.identifier_preparer.quote
    statement = _NO_TIME.format(table=quote(table.name), column=quote(column.name))
    return source.exec_driver_sql(statement).first() is None

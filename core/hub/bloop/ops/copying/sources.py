"""The source: nobody writes to it while it is copied, nor does the copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bloop.kernel.models import HubProcess
from bloop.ops.purge import ALIVE_SECONDS
from bloop.store.database import Database, open_engine
from bloop.store.errors import ConflictError, StoreError
from bloop.store.faults import translated
from bloop.store.migrate import table_names
from bloop.store.types import utcnow

LOCK_TIMEOUT = "10s"
"""How long transactions of others may take to end, on PostgreSQL."""


@contextmanager
def held(database: Database) -> Iterator[Connection]:
    """A transaction that sees one state of the source and keeps everybody from changing it.

    SQLite: its write lock, by which others still read. PostgreSQL: a lock of its tables and a
    serializable snapshot that can only read. Raises ConflictError while the hub runs.
    """
    engine = open_engine(database.owner_url, pool=NullPool, pragmas=("foreign_keys=ON",))
    try:
        with engine.connect() as opened:
            try:
                connection = _snapshot(opened) if database.dialect == "postgresql" else opened
                if database.dialect == "sqlite":
                    connection.exec_driver_sql("PRAGMA query_only=ON")
            except DBAPIError as err:
                raise _taken(err) from err
            _refuse_running(connection)
            yield connection
            connection.rollback()
    finally:
        engine.dispose()


def _snapshot(connection: Connection) -> Connection:
    names = sorted(table_names(connection))
    connection.rollback()
    reading = connection.execution_options(
        isolation_level="SERIALIZABLE", postgresql_readonly=True, postgresql_deferrable=True
    )
    quote = reading.dialect.identifier_preparer.quote
    reading.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    reading.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    if names:
        # Before the first query, which takes the snapshot.
        tables = ", ".join(quote(name) for name in names)
        reading.execute(text(f"LOCK TABLE {tables} IN SHARE MODE"))
    reading.execute(text("SELECT set_config('bloop.institution', '*', true)"))
    return reading


def _taken(err: DBAPIError) -> Exception:
    fault = translated(err)
    if fault.code == "store_busy":
        return ConflictError(
            "somebody writes to the database that is to be copied",
            cure="stop every process of the hub, then run the same command again",
        )
    if isinstance(fault, StoreError) and fault.code == "store_forbidden":
        fault.cure = "set [store] owner_url: only their owner may lock the tables"
    return fault


def _refuse_running(connection: Connection) -> None:
    if HubProcess.__tablename__ not in table_names(connection):
        raise ConflictError("there is no hub here to be copied", cure="run: bloop init")
    since = utcnow() - timedelta(seconds=ALIVE_SECONDS)
    process = connection.execute(
        select(HubProcess.kind, HubProcess.pid, HubProcess.host).where(HubProcess.beat_at > since)
    ).first()
    if process is not None:
        raise ConflictError(
            f"the hub runs: process {process.pid} ({process.kind}) on {process.host}",
            cure="stop it and run this again; one that died is forgotten after a minute",
        )


def count_rows(connection: Connection, names: list[str]) -> dict[str, int]:
    """How many rows each table has."""
    quote = connection.dialect.identifier_preparer.quote
    return {
        name: connection.scalar(select(func.count()).select_from(text(quote(name)))) or 0
        for name in names
    }

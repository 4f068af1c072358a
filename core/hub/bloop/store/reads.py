"""How registered reads reach the driver: past the ORM, past the thread pool where that is safe."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import orjson
from sqlalchemy.engine import URL

from bloop.store.errors import StoreError
from bloop.store.statements import Row, Statement

READ_THREADS = 4
POOL_SIZE = 8


class Reader(Protocol):
    """Runs registered reads of one institution."""

    async def rows(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows."""
        ...

    def rows_now(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows, without an event loop."""
        ...

    async def close(self) -> None:
        """Let go of the connections that belong to the event loop."""
        ...

    def close_now(self) -> None:
        """Let go of the others."""
        ...


def open_reader(url: URL) -> Reader:
    """The reader of a database; connects on first use."""
    return SqliteReader(url) if url.get_backend_name() == "sqlite" else PostgresReader(url)


class SqliteReader:
    """A point read costs microseconds, less than a change of thread: it runs in the event loop.

    Statements registered as heavy go to threads with connections of their own.
    """

    def __init__(self, url: URL) -> None:
        self._path = str(url.database)
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="bloop-read")
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    async def rows(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows."""
        if not statement.heavy:
            return self.rows_now(statement, institution, parameters)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self.rows_now, statement, institution, parameters
        )

    def rows_now(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows, in this thread."""
        compiled = statement.compiled("sqlite")
        values = {**compiled.constants, **parameters, "institution": institution}
        try:
            rows = self._connection().execute(compiled.sql, values).fetchall()
        except sqlite3.Error as err:
            raise StoreError(f"reading {statement.name} failed: {err}") from err
        return [compiled.convert(row) for row in rows] if compiled.convert else rows

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(
                self._path, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            found.execute("PRAGMA query_only=ON")
            found.execute("PRAGMA busy_timeout=2000")
            self._local.connection = found
            self._all.append(found)
        return found

    async def close(self) -> None:
        """Nothing belongs to the event loop alone."""

    def close_now(self) -> None:
        """Close every thread's connection."""
        self._threads.shutdown(wait=True)
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._local = threading.local()


class PostgresReader:
    """psycopg's async driver with prepared statements; JSON passes unparsed.

    The institution that row-level security reads is a setting of the connection. It is changed,
    in the same round trip as the read, only when another institution used the connection last.
    """

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool: Any = None
        self._opening: asyncio.Lock | None = None

    async def rows(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows."""
        import psycopg

        compiled = statement.compiled("postgresql")
        values = {**compiled.constants, **parameters, "institution": institution}
        pool = self._pool or await self._open()
        try:
            async with pool.connection() as connection:
                return await _fetch(connection, compiled.sql, values, institution)
        except psycopg.Error as err:
            raise StoreError(f"reading {statement.name} failed: {_short(err)}") from err

    async def _open(self) -> Any:
        from psycopg_pool import AsyncConnectionPool

        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._pool is None:
                pool: Any = AsyncConnectionPool(
                    self._conninfo,
                    min_size=1,
                    max_size=POOL_SIZE,
                    open=False,
                    kwargs={"autocommit": True, "prepare_threshold": 0},
                    configure=_configure_async,
                    check=None,
                )
                await pool.open()
                self._pool = pool
        return self._pool

    def rows_now(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows, over a connection of this call."""
        import psycopg

        compiled = statement.compiled("postgresql")
        values = {**compiled.constants, **parameters, "institution": institution}
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                _set_loaders(connection)
                connection.execute(_SET_INSTITUTION, (institution,))
                return connection.execute(compiled.sql, values).fetchall()
        except psycopg.Error as err:
            raise StoreError(f"reading {statement.name} failed: {_short(err)}") from err

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def close_now(self) -> None:
        """Nothing is kept outside the pool."""


_SET_INSTITUTION = "SELECT set_config('bloop.institution', %s, false)"


async def _fetch(
    connection: Any, sql: str, values: Mapping[str, Any], institution: str
) -> Sequence[Row]:
    if connection.bloop_institution == institution:
        rows: Sequence[Row] = await (await connection.execute(sql, values)).fetchall()
        return rows
    connection.bloop_institution = None
    async with connection.pipeline():
        await connection.execute(_SET_INSTITUTION, (institution,))
        cursor = await connection.execute(sql, values)
        rows = await cursor.fetchall()
    connection.bloop_institution = institution
    return rows


async def _configure_async(connection: Any) -> None:
    connection.bloop_institution = None
    _set_loaders(connection)


def _set_loaders(connection: Any) -> None:
    from psycopg.types.json import set_json_loads

    set_json_loads(orjson.Fragment, connection)


def _short(err: Exception) -> str:
    return str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__

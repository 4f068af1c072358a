"""How registered reads reach the driver: past the ORM, past the thread pool where that is safe."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote

import orjson
from sqlalchemy.engine import URL

from bloop.store.faults import from_driver
from bloop.store.statements import Row, Statement

READ_THREADS = 4
POOL_SIZE = 8
POOL_TIMEOUT_SECONDS = 5.0
RECONNECT_SECONDS = 2.0
"""A pool's pauses between tries double until then, and the next read begins anew.

Left to itself it would find a server again as late as that had been away.
"""


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


class _Opened(NamedTuple):
    """A thread's connection; whoever closes it waits until it is not in use."""

    connection: sqlite3.Connection
    in_use: threading.Lock


class SqliteReader:
    """A point read costs microseconds, less than a change of thread: it runs in the event loop.

    Statements registered as heavy go to threads with connections of their own.
    """

    def __init__(self, url: URL) -> None:
        self._path = f"file:{quote(str(url.database))}?mode=rw"
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="bloop-read")
        self._local = threading.local()
        self._all: list[_Opened] = []

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
        values = compiled.values(institution, parameters)
        try:
            opened = self._opened()
            with opened.in_use:
                # Fetched whole: a cursor left open would keep its snapshot, and hide later writes.
                rows = opened.connection.execute(compiled.sql, values).fetchall()
        except sqlite3.Error as err:
            raise from_driver(err) from err
        return [compiled.convert(row) for row in rows] if compiled.convert else rows

    def _opened(self) -> _Opened:
        found: _Opened | None = getattr(self._local, "opened", None)
        if found is None:
            connection = sqlite3.connect(
                self._path,
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA busy_timeout=2000")
            self._local.opened = found = _Opened(connection, threading.Lock())
            self._all.append(found)
        return found

    async def close(self) -> None:
        """Nothing belongs to the event loop alone."""

    def close_now(self) -> None:
        """Close every thread's connection, each after what it is doing.

        Threads that are not ours read as well; SQLite crashes where one loses its connection.
        """
        self._threads.shutdown(wait=True)
        for opened in self._all:
            with opened.in_use:
                opened.connection.close()
        self._all.clear()
        self._local = threading.local()


class PostgresReader:
    """psycopg's async driver with prepared statements; JSON and times pass unparsed.

    The institution that row-level security reads is a setting of the connection. It is changed,
    in the same round trip as the read, only when another institution used the connection last.
    """

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pool: Any = None
        self._threads_pool: Any = None
        self._opening: asyncio.Lock | None = None
        self._opening_now = threading.Lock()

    async def rows(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows."""
        import psycopg

        compiled = statement.compiled("postgresql")
        values = compiled.values(institution, parameters)
        pool = self._pool or await self._open()
        broken = False
        while True:
            try:
                async with pool.connection() as connection:
                    try:
                        return await _fetch(connection, compiled.sql, values, institution)
                    except psycopg.OperationalError:
                        if broken or not connection.closed:
                            raise
                        broken = True
                # The server has been restarted: the pool's other connections are as dead.
                await pool.check()
            except psycopg.Error as err:
                raise from_driver(err) from err

    async def _open(self) -> Any:
        from psycopg_pool import AsyncConnectionPool

        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._pool is None:
                pool: Any = AsyncConnectionPool(
                    self._conninfo, configure=_configure_async, open=False, **_POOL
                )
                await pool.open()
                self._pool = pool
        return self._pool

    def rows_now(
        self, statement: Statement, institution: str, parameters: Mapping[str, Any]
    ) -> Sequence[Row]:
        """All rows, from a thread."""
        import psycopg

        compiled = statement.compiled("postgresql")
        values = compiled.values(institution, parameters)
        try:
            with self._open_now().connection() as connection:
                return _fetch_now(connection, compiled.sql, values, institution)
        except psycopg.Error as err:
            raise from_driver(err) from err

    def _open_now(self) -> Any:
        from psycopg_pool import ConnectionPool

        with self._opening_now:
            if self._threads_pool is None:
                self._threads_pool = ConnectionPool(
                    self._conninfo,
                    configure=_configure,
                    check=ConnectionPool.check_connection,
                    num_workers=1,
                    open=True,
                    **_POOL,
                )
        return self._threads_pool

    async def close(self) -> None:
        """Close the event loop's pool."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def close_now(self) -> None:
        """Close the threads' pool."""
        if self._threads_pool is not None:
            self._threads_pool.close()
            self._threads_pool = None


_POOL: dict[str, Any] = {
    "min_size": 1,
    "max_size": POOL_SIZE,
    "timeout": POOL_TIMEOUT_SECONDS,
    "reconnect_timeout": RECONNECT_SECONDS,
    "kwargs": {"autocommit": True, "prepare_threshold": 0},
}
_SET_INSTITUTION = "SELECT set_config('bloop.institution', %s, false)"


async def _fetch(
    connection: Any, sql: str, values: Mapping[str, Any], institution: str
) -> Sequence[Row]:
    if connection.bloop_institution == institution:
        rows: Sequence[Row] = await (await connection.execute(sql, values)).fetchall()
        return rows
    # Unknown until both have come back: a cancelled or failed round trip leaves it so, and then
    # whoever gets the connection next sets it again.
    connection.bloop_institution = None
    async with connection.pipeline():
        await connection.execute(_SET_INSTITUTION, (institution,))
        cursor = await connection.execute(sql, values)
        rows = await cursor.fetchall()
    connection.bloop_institution = institution
    return rows


def _fetch_now(
    connection: Any, sql: str, values: Mapping[str, Any], institution: str
) -> Sequence[Row]:
    if connection.bloop_institution != institution:
        connection.bloop_institution = None
        connection.execute(_SET_INSTITUTION, (institution,))
        connection.bloop_institution = institution
    rows: Sequence[Row] = connection.execute(sql, values).fetchall()
    return rows


async def _configure_async(connection: Any) -> None:
    await connection.execute("SET TIME ZONE 'UTC'")
    _prepare(connection)


def _configure(connection: Any) -> None:
    connection.execute("SET TIME ZONE 'UTC'")
    _prepare(connection)


def _prepare(connection: Any) -> None:
    from psycopg.adapt import Loader
    from psycopg.types.json import set_json_loads

    class TextTime(Loader):
        """``2026-01-31 08:00:00.5+00`` as the RFC 3339 text that SQLite holds."""

        def load(self, data: Any) -> str:
            text = bytes(data).decode("ascii")
            moment, _, fraction = text[:-3].partition(".")
            return f"{moment[:10]}T{moment[11:]}.{fraction:0<6}Z"

    set_json_loads(orjson.Fragment, connection)
    connection.adapters.register_loader("timestamptz", TextTime)
    connection.bloop_institution = None

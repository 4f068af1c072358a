"""One database: commands in units of work, reads by registered statements.

SQLite runs in WAL mode with one writer thread and ``BEGIN IMMEDIATE``; small reads run in the
event loop on a ``query_only`` connection. PostgreSQL runs on psycopg 3 as a role that owns
nothing. See ``docs/decisions/0002-store.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from bloop.store.errors import ConflictError, StoreError
from bloop.store.reads import Reader, open_reader
from bloop.store.statements import Row, Statement
from bloop.store.unit import UnitOfWork, bind_tenant
from bloop_sdk import Call, ConfigError

P = ParamSpec("P")
T = TypeVar("T")

COMMAND_THREADS = 8
BUSY_TIMEOUT_SECONDS = 10


class Database:
    """A hub's database; ``dialect`` is ``sqlite`` or ``postgresql``."""

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.dialect = self.url.get_backend_name()
        if self.dialect == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = _engine(self.url)
        writers = 1 if self.dialect == "sqlite" else COMMAND_THREADS
        self._commands = ThreadPoolExecutor(writers, thread_name_prefix="bloop-command")
        self._reader: Reader = open_reader(self.url)

    @contextmanager
    def unit(self, call: Call) -> Iterator[UnitOfWork]:
        """A transaction of this call: commits at the end, rolls back on any exception."""
        session = Session(self.engine, expire_on_commit=False)
        try:
            bind_tenant(session, call.institution)
            yield UnitOfWork(session, call)
            session.commit()
        except IntegrityError as err:
            session.rollback()
            raise ConflictError(f"the database refused: {_short(err)}") from err
        except DBAPIError as err:
            session.rollback()
            raise _translated(err) from err
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command (a sync function that opens a unit) in a writer thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._commands, partial(function, *args, **kwargs))

    async def read(self, statement: Statement, call: Call, **parameters: Any) -> Sequence[Row]:
        """All rows of a registered read, for this call's institution."""
        return await self._reader.rows(statement, call.institution, parameters)

    async def read_one(self, statement: Statement, call: Call, **parameters: Any) -> Row | None:
        """The first row of a registered read, or None."""
        rows = await self._reader.rows(statement, call.institution, parameters)
        return rows[0] if rows else None

    def read_now(self, statement: Statement, call: Call, **parameters: Any) -> Sequence[Row]:
        """The same from a thread or the command line, without an event loop."""
        return self._reader.rows_now(statement, call.institution, parameters)

    async def close(self) -> None:
        """Let go of every connection and thread; running commands end first."""
        await self._reader.close()
        self.close_now()

    def close_now(self) -> None:
        """The same without an event loop, for the command line."""
        self._reader.close_now()
        self._commands.shutdown(wait=True)
        self.engine.dispose()


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as err:
        raise ConfigError(
            "[store] url: not a database URL",
            cure='write "sqlite:///var/bloop.db" or "postgresql+psycopg://user@host/name"',
        ) from err
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ConfigError(
            f"[store] url: {parsed.drivername} is not supported",
            cure="use sqlite or postgresql+psycopg",
        )
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigError("[store] url: SQLite needs a file", cure='write "sqlite:///var/bloop.db"')
    return parsed


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_size=COMMAND_THREADS, max_overflow=4, pool_pre_ping=True)
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS}
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver must not begin by itself: a deferred BEGIN that later wants to write meets
        # "database is locked" at once, whatever the busy time-out.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _translated(err: DBAPIError) -> StoreError:
    text = _short(err)
    if isinstance(err, OperationalError) and "readonly" in text:
        return StoreError(f"the database is read-only: {text}", code="store_read_only")
    if "full" in text or "No space" in text:
        return StoreError(
            f"the disk is full: {text}", code="store_full", cure="free some space and try again"
        )
    return StoreError(f"the database failed: {text}")


def _short(err: DBAPIError) -> str:
    """The driver's words alone: the statement's values may hold personal data."""
    return str(err.orig).strip().splitlines()[0] if err.orig is not None else "unknown"

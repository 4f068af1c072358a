"""One database: commands in units of work, reads by registered statements.

SQLite runs in WAL mode with one writer thread and ``BEGIN IMMEDIATE``; small reads run in the
event loop on a ``query_only`` connection. PostgreSQL runs on psycopg 3 as a role that owns
nothing. See ``docs/decisions/0002-store.md``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import Pool

from bloop.store.cache import Cache
from bloop.store.carriers import carrier_for
from bloop.store.commands import Judge, check_stated
from bloop.store.errors import CANNOT_WRITE, ConflictError
from bloop.store.faults import translated
from bloop.store.idempotency import key_of
from bloop.store.reads import Reader, open_reader
from bloop.store.shared import Shared
from bloop.store.statements import Row, Statement
from bloop.store.tenants import InstitutionSession, bind_tenant, check_call
from bloop.store.unit import UnitOfWork
from bloop.store.wakes import EVENTS_SAID, Wakes
from bloop_sdk import BloopError, Call, ConfigError, PrincipalKind

if TYPE_CHECKING:
    from bloop.store.keyring import KeySource
    from bloop.store.keys import Ring
    from bloop.store.rates import SharedRates

P = ParamSpec("P")
T = TypeVar("T")

COMMAND_THREADS = 8
READS_ONLY = "this unit only reads: write in a transaction"
BUSY_TIMEOUT_SECONDS = 10
TROUBLE_SECONDS = 5.0
"""For so long after a write that failed the database counts as one that takes none."""


class Database:
    """A hub's database; ``dialect`` is ``sqlite`` or ``postgresql``.

    ``owner_url`` is what migrations connect with: on PostgreSQL the tables' owner, else the same.
    ``wakes`` reach the other processes through ``redis_url``, else through PostgreSQL itself.
    ``key_source`` is where the master keys of sealed secrets are.
    """

    def __init__(
        self,
        url: str,
        owner_url: str | None = None,
        *,
        redis_url: str | None = None,
        key_source: KeySource | None = None,
        judge: Judge | None = None,
    ) -> None:
        self.url = _checked(url, "url")
        self.owner_url = _checked(owner_url, "owner_url") if owner_url else self.url
        self.dialect = self.url.get_backend_name()
        if self.dialect == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        self.engine = open_engine(self.url)
        writers = 1 if self.dialect == "sqlite" else COMMAND_THREADS
        self._commands = ThreadPoolExecutor(writers, thread_name_prefix="bloop-command")
        self._reader: Reader = open_reader(self.url)
        self._trouble: tuple[float, BloopError] | None = None
        self.wakes = Wakes(carrier_for(self.url, redis_url))
        self._redis_url = redis_url
        self._key_source = key_source
        self.judge = judge
        """Who decides whether a call may do what a command does; None lets everybody."""

    @cached_property
    def ring(self) -> Ring:
        """The master keys that secrets are sealed with; read when first needed."""
        from bloop.store.keys import Ring

        if self._key_source is None:
            raise ConfigError("this database has no master keys, so it keeps no secrets")
        return Ring(self._key_source)

    @cached_property
    def shared_rates(self) -> SharedRates | None:
        """What counts requests for all processes; None without Redis."""
        if self._redis_url is None:
            return None
        from bloop.store.rates import SharedRates

        return SharedRates(self._redis_url, self.url)

    @cached_property
    def cache(self) -> Cache:
        """What is read often and changes seldom, in this process.

        On PostgreSQL also in Redis, where that is set; from SQLite it is read as quickly.
        """
        if self._redis_url is None or self.dialect == "sqlite":
            return Cache()
        return Cache(Shared(self._redis_url, self.url))

    @contextmanager
    def unit(self, call: Call) -> Iterator[UnitOfWork]:
        """A transaction of this call: commits at the end, rolls back on any exception.

        The first one of a request claims its idempotency key.
        """
        check_call(call)
        with (
            key_of(call) as key,
            InstitutionSession(self.engine, expire_on_commit=False) as session,
        ):
            try:
                bind_tenant(session, call.institution)
                unit = UnitOfWork(session, call, self)
                if key is not None:
                    key.claim(unit)
                yield unit
                said = unit.finish()
                session.commit()
                if key is not None:
                    key.committed = True
            except StaleDataError as err:
                raise ConflictError(
                    f"somebody else changed it meanwhile: {err}",
                    cure="read it again and decide with the current version",
                ) from err
            except (DBAPIError, PoolTimeoutError) as err:
                found = translated(err)
                # A plugin's transaction that hung was cut off, which looks like a read-only file.
                if found.code in CANNOT_WRITE and call.principal.kind is not PrincipalKind.PLUGIN:
                    self._trouble = time.monotonic(), found
                raise found from err
        if said:
            self.wakes.tell(EVENTS_SAID)

    @property
    def trouble(self) -> BloopError | None:
        """Why nothing could be written a moment ago: the disk is full, say.

        A process that serves or works writes every few seconds that it lives, so it knows.
        """
        noted = self._trouble
        return noted[1] if noted and time.monotonic() - noted[0] < TROUBLE_SECONDS else None

    @contextmanager
    def reading(self, call: Call) -> Iterator[UnitOfWork]:
        """A unit that sees one state of the database, and can write nothing.

        What it found may be used after it. Raises RuntimeError where something is written.
        """
        check_call(call)
        with InstitutionSession(self._readers, expire_on_commit=False) as session:
            try:
                bind_tenant(session, call.institution)
                yield UnitOfWork(session, call, self)
                if session.new or session.dirty or session.deleted:
                    raise RuntimeError(READS_ONLY)
            except (DBAPIError, PoolTimeoutError) as err:
                found = translated(err)
                if found.code == "store_read_only":
                    raise RuntimeError(READS_ONLY) from err
                raise found from err

    @cached_property
    def _readers(self) -> Engine:
        """Connections of their own: readers that hang keep no command waiting for one."""
        if self.dialect == "sqlite":
            return open_engine(self.url, pragmas=("query_only=ON",), begin="BEGIN")
        return open_engine(self.url).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a command (a sync function that opens a unit) in a writer thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._commands, partial(function, *args, **kwargs))

    async def read(self, statement: Statement, call: Call, **parameters: Any) -> Sequence[Row]:
        """All rows of a registered read, for this call's institution."""
        check_call(call)
        for name, value in statement.of_caller:
            parameters[name] = value(call)
        return await self._reader.rows(statement, call.institution, parameters)

    async def read_one(self, statement: Statement, call: Call, **parameters: Any) -> Row | None:
        """The first row of a registered read, or None."""
        check_call(call)
        for name, value in statement.of_caller:
            parameters[name] = value(call)
        rows = await self._reader.rows(statement, call.institution, parameters)
        return rows[0] if rows else None

    def read_now(self, statement: Statement, call: Call, **parameters: Any) -> Sequence[Row]:
        """The same from a thread or the command line, without an event loop."""
        check_call(call)
        for name, value in statement.of_caller:
            parameters[name] = value(call)
        return self._reader.rows_now(statement, call.institution, parameters)

    async def close(self) -> None:
        """Let go of every connection and thread; running commands end first."""
        await self._reader.close()
        for name in ("cache", "shared_rates"):
            if (part := self.__dict__.get(name)) is not None:
                await part.close()
        self.close_now()

    def close_now(self) -> None:
        """The same without an event loop, for the command line."""
        self._reader.close_now()
        self._commands.shutdown(wait=True)
        self.wakes.close()
        self.engine.dispose()
        if "_readers" in self.__dict__:
            self._readers.dispose()


def in_unit(
    database: Database,
    call: Call,
    command: Callable[Concatenate[UnitOfWork, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run ``command(unit, ...)`` in a unit of its own: ``await database.run(in_unit, ...)``.

    Where somebody judges, it raises UnstatedActionError for a command that states no action,
    unless the hub itself asks for it.
    """
    if database.judge is not None:
        check_stated(call, command)
    with database.unit(call) as unit:
        return command(unit, *args, **kwargs)


def open_engine(
    url: URL,
    *,
    pool: type[Pool] | None = None,
    pragmas: Sequence[str] = ("foreign_keys=ON",),
    begin: str = "BEGIN IMMEDIATE",
) -> Engine:
    """An engine; ``pragmas`` are SQLite's, beside those that all have, and so is ``begin``."""
    if url.get_backend_name() != "sqlite":
        sizes = {} if pool else {"pool_size": COMMAND_THREADS, "max_overflow": 4}
        return create_engine(url, poolclass=pool, pool_pre_ping=True, hide_parameters=True, **sizes)
    engine = create_engine(
        url,
        poolclass=pool,
        hide_parameters=True,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_SECONDS},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # The driver must not begin by itself: a deferred BEGIN that later wants to write meets
        # "database is locked" at once, whatever the busy time-out.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        try:
            connection.connection.driver_connection.execute(begin)
        except sqlite3.Error as err:
            raise OperationalError(begin, None, err) from err

    return engine


def _checked(url: str, key: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as err:
        raise ConfigError(
            f"[store] {key}: not a database URL",
            cure='write "sqlite:///var/bloop.db" or "postgresql+psycopg://user@host/name"',
        ) from err
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise ConfigError(
            f"[store] {key}: {parsed.drivername} is not supported",
            cure="use sqlite or postgresql+psycopg",
        )
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigError(
            f"[store] {key}: SQLite needs a file", cure='write "sqlite:///var/bloop.db"'
        )
    return parsed

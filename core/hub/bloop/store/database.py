"""One database: commands in units of work, reads by registered statements.

SQLite runs in WAL mode with one writer thread and ``BEGIN IMMEDIATE``; small reads run in the
event loop on a ``query_only`` connection. PostgreSQL runs on psycopg 3 as a role that owns
nothing. See ``docs/decisions/0002-store.md``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial
from math import inf
from pathlib import Path
from select import POLLIN, poll
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import Pool

from bloop.store.cache import Cache
from bloop.store.carriers import carrier_for
from bloop.store.commands import Judge, check_stated
from bloop.store.errors import CANNOT_WRITE, ConflictError
from bloop.store.faults import translated
from bloop.store.idempotency import key_of
from bloop.store.log import WriteAheadLog
from bloop.store.reads import Reader, open_reader
from bloop.store.shared import Shared
from bloop.store.statements import Row, Statement
from bloop.store.tenants import check_call
from bloop.store.transaction import Transaction
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
BEGIN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}
BEGIN_READING = {
    "sqlite": "BEGIN",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}
BUSY_TIMEOUT_SECONDS = 10
IDLE_SECONDS = 60.0
"""For so long a transaction may ask PostgreSQL nothing, whose time-out of a dead peer is hours.

Whoever began it stands still, or was on a machine that is gone, and others wait for what it holds.
"""
SEEN_SECONDS = 30.0
"""For so long a connection that was in use is taken to be there while nothing is said on it."""
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
        self._log: WriteAheadLog | None = None
        if self.dialect == "sqlite" and self.url.database:
            path = Path(self.url.database)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._log = WriteAheadLog(path)
        self.engine = open_engine(self.url, begin=BEGIN[self.dialect])
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
            Transaction(self.engine, call.institution) as transaction,
        ):
            try:
                unit = UnitOfWork(transaction, call, self)
                if key is not None:
                    key.claim(unit)
                yield unit
                said = unit.finish()
                transaction.commit()
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
        if self._log is not None:
            self._log.committed()
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
        with Transaction(self._readers, call.institution) as transaction:
            try:
                yield UnitOfWork(transaction, call, self)
                if transaction.unwritten():
                    raise RuntimeError(READS_ONLY)
            except (DBAPIError, PoolTimeoutError) as err:
                found = translated(err)
                if found.code == "store_read_only":
                    raise RuntimeError(READS_ONLY) from err
                raise found from err

    @cached_property
    def _readers(self) -> Engine:
        """Connections of their own: readers that hang keep no command waiting for one."""
        begin = BEGIN_READING[self.dialect]
        return open_engine(self.url, pragmas=("query_only=ON",), begin=begin)

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
        if self._log is not None:
            self._log.close()
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


_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    # A batch of a sync is some megabytes. In SQLite's own 2 MB of cache its pages would be written
    # before its commit and again at it.
    "cache_size=-16000",
    # Commits copy the log only where nobody else does (:mod:`bloop.store.log`).
    "wal_autocheckpoint=40000",
)


def open_engine(
    url: URL,
    *,
    pool: type[Pool] | None = None,
    pragmas: Sequence[str] = ("foreign_keys=ON",),
    begin: str | None = None,
) -> Engine:
    """An engine; ``pragmas`` are SQLite's, beside those that all have.

    ``begin`` is how a transaction begins: by default as one that writes, of no institution.
    """
    if url.get_backend_name() != "sqlite":
        return _open_postgresql(url, pool, begin)
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
        for pragma in (*_PRAGMAS, *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    beginning = begin or BEGIN["sqlite"]
    # What the dialect leaves to the driver. An event would be looked up for every transaction.
    dialect: Any = engine.dialect
    dialect.do_begin = lambda connection: connection.driver_connection.execute(beginning)
    return engine


def _open_postgresql(url: URL, pool: type[Pool] | None, begin: str | None) -> Engine:
    sizes = {} if pool else {"pool_size": COMMAND_THREADS, "max_overflow": 4}
    engine = create_engine(url, poolclass=pool, pool_pre_ping=True, hide_parameters=True, **sizes)
    dialect: Any = engine.dialect
    ping = dialect.do_ping

    def do_ping(connection: Any) -> bool:
        # A server that ends says so on the line: to ask costs a round trip for each transaction.
        now = time.monotonic()
        is_seen = now - getattr(connection, "bloop_seen", -inf) < SEEN_SECONDS
        alive = (is_seen and _is_quiet(connection)) or bool(ping(connection))
        connection.bloop_seen = now
        return alive

    dialect.do_ping = do_ping
    if begin is not None:
        # The driver would begin by itself, in a round trip before the one that names whose it is.
        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            connection.autocommit = True

        def do_begin(connection: Any) -> None:
            named = connection.info.pop("institution", None)
            statement = begin if named is None else _naming(begin, named, IDLE_SECONDS)
            connection.driver_connection.execute(statement, prepare=False)

        dialect.do_begin = do_begin
    return engine


def _is_quiet(connection: Any) -> bool:
    if connection.closed:
        return False
    line = poll()
    line.register(connection.fileno(), POLLIN)
    return not line.poll(0)


@lru_cache(1024)
def _naming(begin: str, institution: str, idle: float) -> str:
    """Begins a transaction, and tells row-level security whose rows it may touch."""
    from psycopg.sql import Literal

    named = Literal(institution).as_string(None)
    return (
        f"{begin}; SELECT set_config('bloop.institution', {named}, true),"
        f" set_config('idle_in_transaction_session_timeout', '{round(idle * 1000)}ms', true)"
    )


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

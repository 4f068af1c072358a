"""Where processes share their books: a file of this machine, Redis, or a table of PostgreSQL.

Each offers one thing, to change a book as if nobody else did so meanwhile. In Redis and PostgreSQL
a change is compared with the version that it began from and made again where that has gone, so
that the rules stand in :mod:`bloop.net.books` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from sqlalchemy.engine import URL

from bloop.net.books import Book
from bloop.store.carriers import ANSWER_SECONDS, namespace, open_redis
from bloop_sdk import RetriableError
from bloop_sdk._http.wire import Key

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")
Change = Callable[[Book, float], T]
"""Changes a book at a time, and gives what came of it. It may be called more than once."""

KEEP_SECONDS = 7 * 86400
"""A book that nobody has opened for so long is thrown away."""
_MOST_SEEN = 10_000


class BoardAwayError(RetriableError):
    """Nobody can share anything just now."""

    code = "pacer_away"


class Board(Protocol):
    """Books that several processes write in."""

    name: str

    async def change(self, key: Key, change: Change[T]) -> T:
        """Change a book; raises :class:`BoardAwayError` where that can't be done in seconds."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def board_for(database: URL, redis_url: str | None, folder: Path) -> Board:
    """Redis where it is set, else PostgreSQL itself; on SQLite all processes share a machine."""
    if redis_url is not None:
        return RedisBoard(redis_url, database)
    return FileBoard(folder) if database.get_backend_name() == "sqlite" else TableBoard(database)


class FileBoard:
    """A locked file for each book: processes of one machine, whose monotonic clock is one."""

    name = "a folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tidied = False

    async def change(self, key: Key, change: Change[T]) -> T:
        """As :meth:`Board.change`."""
        try:
            if not self._tidied:
                self._tidy()
            file = os.open(self._folder / f"{_named(key)}.json", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                await _lock(file)
                return _rewrite(file, change)
            finally:
                os.close(file)  # This gives up the lock too, as the end of the process would.
        except OSError as err:
            raise BoardAwayError(f"{self._folder}: {err.strerror}") from err

    async def close(self) -> None:
        """Nothing is open."""

    def _tidy(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - KEEP_SECONDS:
                    path.unlink()
        self._tidied = True


async def _lock(file: int) -> None:
    """Others hold it for microseconds, unless they are stopped: the loop must not wait for it."""
    end = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            if time.monotonic() > end:
                raise BoardAwayError("another process keeps a file of the pacer locked") from err
            await asyncio.sleep(0.001)
        else:
            return


def _rewrite(file: int, change: Change[T]) -> T:
    now = time.monotonic()
    text = os.pread(file, os.fstat(file).st_size, 0)
    try:
        book = Book.read(text, now)
    except (ValueError, TypeError):  # half written, by whoever was killed then
        book = Book()
    result = change(book, now)
    written = book.write(now)
    os.pwrite(file, written, 0)
    os.ftruncate(file, len(written))
    return result


class Cell(NamedTuple):
    """A book in a store, and what the store's clock says."""

    version: int
    text: bytes
    time: float


class _Versioned:
    """A store that can swap a text for another where its version is still the expected one."""

    name = ""

    def __init__(self) -> None:
        self._seen: dict[Key, Cell] = {}
        self._ahead: float | None = None
        """The store's clock is so far ahead of this process's."""

    async def change(self, key: Key, change: Change[T]) -> T:
        """As :meth:`Board.change`."""
        cancelled = _times_cancelled()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result = await self._change(key, change)
        except Exception as err:  # noqa: BLE001 - whatever it is, nobody shares anything
            self._seen.clear()
            self._ahead = None
            with contextlib.suppress(Exception):
                await self.close()
            # Only its kind: it might hold an address with its password.
            raise BoardAwayError(f"{self.name} does not answer: {type(err).__name__}") from None
        finally:
            # One that is cancelled may come back all the same (seen with redis-py 8.1 on Python
            # 3.11); whoever waits for a turn would then wait on.
            if _times_cancelled() > cancelled:
                raise asyncio.CancelledError
        return result

    async def close(self) -> None:
        """As :meth:`Board.close`."""
        raise NotImplementedError

    async def _change(self, key: Key, change: Change[T]) -> T:
        seen = self._seen.get(key)
        if seen is None or self._ahead is None:
            seen = await self._read(key)
        while True:
            now = time.monotonic() + (self._ahead or 0.0)
            book = Book.read(seen.text, now)
            result = change(book, now)
            text = book.write(now)
            found = await self._swap(key, seen.version, text)
            self._ahead = found.time - time.monotonic()
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[key] = found
            if found.version == seen.version + 1 and found.text is text:
                return result
            seen = found

    async def _read(self, key: Key) -> Cell:
        found = await self._swap(key, -1, b"")
        self._ahead = found.time - time.monotonic()
        return found

    async def _swap(self, key: Key, version: int, text: bytes) -> Cell:
        """The new cell, with this very ``text``, or the one that is there instead."""
        raise NotImplementedError


_SWAP = """
local t = redis.call('TIME')
local now = string.format('%.6f', t[1] + t[2] / 1000000)
local found = redis.call('HMGET', KEYS[1], 'v', 's')
local version = found[1] or '0'
if version ~= ARGV[1] then return {version, found[2] or '', now, '0'} end
redis.call('HSET', KEYS[1], 'v', version + 1, 's', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {version + 1, '', now, '1'}
"""


class RedisBoard(_Versioned):
    """A hash for each book, for all processes of a hub."""

    name = "Redis"

    def __init__(self, redis_url: str, database: URL) -> None:
        super().__init__()
        self._url = redis_url
        self._prefix = f"{namespace(database)}:pace:"
        self._redis: Redis | None = None

    async def close(self) -> None:
        """As :meth:`Board.close`."""
        client, self._redis = self._redis, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await client.aclose()

    async def _swap(self, key: Key, version: int, text: bytes) -> Cell:
        if self._redis is None:
            self._redis = open_redis(self._url)
        name = self._prefix + _named(key)
        answer: Any = await self._redis.eval(_SWAP, 1, name, str(version), text, KEEP_SECONDS)
        current, found, now, done = answer
        return Cell(int(current), text if done == b"1" else found, float(now))


_UPDATE = """
UPDATE pace_book SET version = version + 1, state = %(state)s, touched_at = now()
WHERE key = %(key)s AND version = %(version)s
RETURNING version, extract(epoch FROM clock_timestamp())::float8
"""
_SELECT = """
SELECT version, state, extract(epoch FROM clock_timestamp())::float8
FROM pace_book WHERE key = %(key)s
"""
_INSERT = """
INSERT INTO pace_book (key, version, state, touched_at) VALUES (%(key)s, 0, '', now())
ON CONFLICT DO NOTHING
"""
_TIDY = "DELETE FROM pace_book WHERE touched_at < now() - make_interval(secs => %s)"


class TableBoard(_Versioned):
    """A row for each book, over one connection of its own that never waits for the disk."""

    name = "PostgreSQL"

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection: Any = None
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """As :meth:`Board.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _swap(self, key: Key, version: int, text: bytes) -> Cell:
        values = {"key": _named(key), "version": version, "state": text.decode()}
        async with self._turn:
            connection = self._connection
            if connection is None or connection.closed:
                connection = await self._connect()
            if version >= 0:
                done = await (await connection.execute(_UPDATE, values)).fetchone()
                if done is not None:
                    return Cell(done[0], text, done[1])
            while True:
                found = await (await connection.execute(_SELECT, values)).fetchone()
                if found is not None:
                    return Cell(found[0], found[1].encode(), found[2])
                await connection.execute(_INSERT, values)

    async def _connect(self) -> Any:
        from psycopg import AsyncConnection

        self._connection = await AsyncConnection.connect(
            self._conninfo,
            autocommit=True,
            application_name="bloop pacer",
            connect_timeout=int(ANSWER_SECONDS),
            # What a crash would lose is forgotten within seconds anyway.
            options="-c synchronous_commit=off",
            prepare_threshold=1,
        )
        await self._connection.execute(_TIDY, (KEEP_SECONDS,))
        return self._connection


def _times_cancelled() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _named(key: Key) -> str:
    """A name that tells nothing of the credential, and may stand in a path."""
    return hashlib.sha256("\n".join(key).encode()).hexdigest()[:32]

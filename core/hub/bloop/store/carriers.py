"""What brings wakes to the other processes: PostgreSQL's notices, or Redis."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from bloop.store.wakes import Carrier

if TYPE_CHECKING:
    from redis.asyncio import Redis

CHANNEL = "bloop_wakes"
QUIET_SECONDS = 10.0
"""A Redis that has been silent for so long is asked whether it is there."""
ANSWER_SECONDS = 2.0
MOST_CONNECTIONS = 32

# A peer that is gone without a word is noticed by the system, at no cost to the database.
_PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def carrier_for(database: URL, redis_url: str | None) -> Carrier | None:
    """Redis where it is set, else PostgreSQL itself; SQLite alone has no way to others."""
    if redis_url is not None:
        return RedisCarrier(redis_url, f"{namespace(database)}:wakes")
    return None if database.get_backend_name() == "sqlite" else PostgresCarrier(database)


def namespace(database: URL) -> str:
    """What keeps hubs apart that share a Redis: those of one database have the same."""
    host = database.host or socket.gethostname()
    place = f"{host}:{database.port or 5432}/{database.database}"
    return f"bloop:{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def open_redis(url: str) -> Redis:
    """A client that gives up soon; whoever uses it knows what to do without it.

    It has so many connections at most: a thousand requests at once must not open a thousand.
    """
    from redis.asyncio import BlockingConnectionPool, Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis.from_pool(pool)


class PostgresCarrier:
    """LISTEN and NOTIFY, on two connections of their own."""

    name = "PostgreSQL"

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._sender: Any = None

    async def send(self, message: str) -> None:
        """Send to all who listen."""
        if self._sender is None or self._sender.closed:
            self._sender = await self._connect()
        await self._sender.execute("SELECT pg_notify(%s, %s)", (CHANNEL, message))

    async def receive(self) -> AsyncGenerator[str | None]:
        """What is sent from now on; psycopg's OperationalError when the connection is lost."""
        connection = await self._connect()
        try:
            await connection.execute(f"LISTEN {CHANNEL}")
            yield None
            async for notice in connection.notifies():
                yield notice.payload
        finally:
            await connection.close()

    async def close(self) -> None:
        """Close the sender's connection."""
        if self._sender is not None:
            await self._sender.close()

    async def _connect(self) -> Any:
        from psycopg import AsyncConnection

        return await AsyncConnection.connect(
            self._conninfo, autocommit=True, application_name="bloop wakes", **_PATIENCE
        )


class RedisCarrier:
    """Publish and subscribe on one channel of Redis, which all its databases share."""

    name = "Redis"

    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._sender: Redis | None = None

    async def send(self, message: str) -> None:
        """Send to all who listen."""
        self._sender = self._sender or open_redis(self._url)
        await self._sender.publish(self._channel, message)

    async def receive(self) -> AsyncGenerator[str | None]:
        """What is sent from now on; an error of redis, or TimeoutError, when it is lost."""
        async with open_redis(self._url) as client, client.pubsub() as pubsub:
            async with asyncio.timeout(2 * ANSWER_SECONDS):
                await pubsub.subscribe(self._channel)
            asked = False
            while True:
                seconds = ANSWER_SECONDS if asked else QUIET_SECONDS
                message = await pubsub.get_message(timeout=seconds)
                if message is None and asked:
                    raise TimeoutError
                asked = message is None
                if message is None:
                    await pubsub.ping()
                elif message["type"] == "subscribe":
                    yield None
                elif message["type"] == "message":
                    yield message["data"].decode(errors="replace")

    async def close(self) -> None:
        """Close the sender's connections."""
        if self._sender is not None:
            with contextlib.suppress(Exception):
                await self._sender.aclose()

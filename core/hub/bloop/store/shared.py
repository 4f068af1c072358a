"""What the processes of a hub keep together in Redis, which may go away or be emptied at any time.

Everything in it can be read again from the database, so whatever goes wrong here is no error: the
value is not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL

from bloop.store.carriers import namespace, open_redis
from bloop.telemetry.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from redis.asyncio import Redis

ANSWER_SECONDS = 0.25
AWAY_SECONDS = 5.0
"""A Redis that failed is left alone for so long: one request in a while waits for it in vain."""
KEPT_SECONDS = 3600
LOADING_SECONDS = 2.0
"""Who loads has so long before others do it themselves."""
AGAIN_SECONDS = 0.01
DIGEST_BYTES = 16

log = get_logger("bloop.cache")


class Shared:
    """Values by key. Each is signed, so that only what this hub has put there is believed."""

    def __init__(self, redis_url: str, database: URL) -> None:
        self._url = redis_url
        self._prefix = f"{namespace(database)}:cache:"
        # All processes of a hub have it, and nobody who has this Redis alone.
        whole = database.render_as_string(hide_password=False)
        self._secret = hashlib.sha256(f"bloop cache {whole}".encode()).digest()
        self._redis: Redis | None = None
        self._away_until = 0.0

    async def answers(self) -> bool:
        """Whether Redis can be reached just now."""
        client = self._client()
        return client is not None and bool(await self._try(client.ping()))

    async def get_or_claim(self, key: str) -> bytes | None:
        """The value; None where the caller is to load it, and to ``put`` it then.

        While another process loads it, that is waited for.
        """
        end = time.monotonic() + LOADING_SECONDS
        while time.monotonic() < end:
            client = self._client()
            if client is None:
                return None
            name = self._prefix + key
            found = await self._try(client.get(name))
            if isinstance(found, bytes) and (value := self._opened(key, found)) is not None:
                return value
            claim = client.set(f"{name}:load", b"1", nx=True, px=int(LOADING_SECONDS * 1000))
            if await self._try(claim):
                # Who had claimed it may have put it between the two.
                found = await self._try(client.get(name))
                if isinstance(found, bytes) and (value := self._opened(key, found)) is not None:
                    await self._try(client.delete(f"{name}:load"))
                    return value
                return None
            await asyncio.sleep(AGAIN_SECONDS)
        return None

    async def put(self, key: str, value: bytes | None) -> None:
        """Keep a value, or only say that it is not being loaded any more."""
        client = self._client()
        if client is None:
            return
        name = self._prefix + key
        both = client.pipeline(transaction=False)
        if value is not None:
            both.set(name, self._sign(key, value) + value, ex=KEPT_SECONDS)
        both.delete(f"{name}:load")
        await self._try(both.execute())

    async def close(self) -> None:
        """Close the connections."""
        client, self._redis = self._redis, None
        if client is not None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await client.aclose()

    def _client(self) -> Redis | None:
        if time.monotonic() < self._away_until:
            return None
        if self._redis is None:
            self._redis = open_redis(self._url)
        return self._redis

    async def _try(self, asked: Awaitable[object]) -> object:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asked
        except Exception as err:  # noqa: BLE001 - whatever it is, the value is not there
            if time.monotonic() > self._away_until:
                # Only its kind: it might hold the address with its password.
                log.info("cache: Redis does not answer", error=type(err).__name__)
            self._away_until = time.monotonic() + AWAY_SECONDS
            # The other connections may be as dead.
            await self.close()
            return None

    def _opened(self, key: str, found: bytes) -> bytes | None:
        signature, value = found[:DIGEST_BYTES], found[DIGEST_BYTES:]
        return value if hmac.compare_digest(signature, self._sign(key, value)) else None

    def _sign(self, key: str, value: bytes) -> bytes:
        signed = hashlib.blake2b(key.encode() + b"\0", key=self._secret, digest_size=DIGEST_BYTES)
        signed.update(value)
        return signed.digest()

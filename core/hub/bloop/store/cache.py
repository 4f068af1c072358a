"""A cache of what is read often and changes seldom, by versions that change in the same commit.

A value is kept under the version of what it was made from, which the reader has just read from
the database. So nobody has to be told of a change: whoever reads after a commit reads another
version, and asks for another value. What is kept can be old, but it is never asked for again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from bloop.store.errors import TenantError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.shared import Shared
from bloop.telemetry.metrics import metrics
from bloop_sdk import Call

MOST_BYTES = 32 * 1024 * 1024
"""What one process keeps at most."""
VALUE_BYTES = 1024 * 1024
"""A larger value is read each time."""

Load = Callable[[], Awaitable[Any]]
"""Reads the value, in JSON's types."""


class Cache:
    """What one process keeps, the least used going first, and what all share where there is Redis.

    Belongs to one event loop.
    """

    def __init__(self, shared: Shared | None = None, *, most_bytes: int = MOST_BYTES) -> None:
        self._shared = shared
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._loading: dict[str, asyncio.Task[bytes]] = {}

    @property
    def is_shared(self) -> bool:
        """Whether processes share it, as far as Redis answers."""
        return self._shared is not None

    async def is_away(self) -> bool:
        """Whether Redis, which it is shared through, does not answer."""
        return self._shared is not None and not await self._shared.answers()

    async def fetch(self, call: Call, kind: str, name: str, version: str, load: Load) -> Any:
        """The value of ``name`` at ``version``, which is at least as new as that.

        It is the caller's own to change. ``kind`` says what it is, and who may see it must be
        decided by ``kind`` and the call's institution alone. Of many who ask at once one loads;
        what that raises, all get, and the next one loads again. Raises TenantError for a call for
        every institution.
        """
        if call.institution == EVERY_INSTITUTION:
            raise TenantError("a cached value belongs to one institution", cure="name it")
        key = f"{call.institution}/{kind}/{name}/{version}"
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            metrics().cache_reads.labels(kind, "hit").inc()
            return orjson.loads(found)
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._find(key, kind, load), name=f"load {kind}")
            self._loading[key] = task
            task.add_done_callback(lambda ended: self._ended(key, ended))
        else:
            metrics().cache_reads.labels(kind, "waited").inc()
        # Who goes away leaves the others what they wait for.
        return orjson.loads(await asyncio.shield(task))

    async def close(self) -> None:
        """Let go of Redis."""
        if self._shared is not None:
            await self._shared.close()

    async def _find(self, key: str, kind: str, load: Load) -> bytes:
        if self._shared is not None:
            found = await self._shared.get_or_claim(key)
            if found is not None:
                metrics().cache_reads.labels(kind, "shared").inc()
                self._keep(key, found)
                return found
        metrics().cache_reads.labels(kind, "load").inc()
        value: bytes | None = None
        try:
            value = orjson.dumps(await load())
        finally:
            if self._shared is not None:
                fits = value is not None and len(value) <= VALUE_BYTES
                await self._shared.put(key, value if fits else None)
        self._keep(key, value)
        return value

    def _ended(self, key: str, task: asyncio.Task[bytes]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # Nobody may be left who waits for it.

    def _keep(self, key: str, value: bytes) -> None:
        if len(value) > min(VALUE_BYTES, self._most_bytes):
            return
        self._kept[key] = value
        self._size += len(key) + len(value)
        while self._size > self._most_bytes:
            oldest, dropped = self._kept.popitem(last=False)
            self._size -= len(oldest) + len(dropped)
        metrics().cache_bytes.set(self._size)

"""One connection that is watched: its hints are gathered, compared, and have it read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from bloop.accounts.sessions import system_call
from bloop.content.syncing import ask_for_sync
from bloop.content.watched import BUSY, Seen, is_held
from bloop.hub.connections import open_provider
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.types import utcnow
from bloop.tasks import end_tasks, in_thread_to_its_end
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, RetriableError, UnsupportedError
from bloop_sdk._masking import mask_text

if TYPE_CHECKING:
    from bloop.hub import Hub

QUIET_SECONDS = 0.5
"""What comes so soon after a hint is of the same change."""
CONFIRM_SECONDS = 1.5
"""What is not as the hub has it is looked at again after so long: most watches tell in half."""
ASK_SECONDS = 0.5
"""How often it is asked whether a job is over, while something waits for that."""
SHARE = 3
"""A read that took a second is followed by three without one: somebody may be typing all day."""
LONGEST_PAUSE = 300.0
REST_SECONDS = 5.0
LONGEST_REST = 600.0
UNSUPPORTED_SECONDS = 3600.0
"""A place that cannot be watched may be another one some day."""
HELD_SECONDS = 60.0
"""A watch that stood for so long has failed for a new reason."""

log = get_logger("bloop.watching")


class Tell(Protocol):
    """Keeps with the connection since when it is watched, or why it is not."""

    def __call__(self, *, since: datetime | None, reason: str | None) -> Awaitable[None]:
        """One of the two."""
        ...


class Watch:
    """Watches a connection until it is cancelled."""

    def __init__(self, hub: Hub, institution: str, connection: str, tell: Tell) -> None:
        self._hub = hub
        self._call = system_call(institution)
        self._connection = connection
        self._tell = tell
        self._seen = Seen()
        self._news = asyncio.Event()
        self._told: str | None = None

    async def run(self) -> None:
        """Listen, again and again; what is missed in between is found by the first hint."""
        asking = asyncio.create_task(self._ask(), name=f"ask for {self._connection}")
        rest = REST_SECONDS
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._listen()
                    pause = await self._failed("it ended by itself", None)
                except Exception as err:  # noqa: BLE001 - whatever it was, it is tried again
                    pause = await self._failed(*_words(err), err)
                if time.monotonic() - began > HELD_SECONDS:
                    rest = REST_SECONDS
                await asyncio.sleep(max(rest, pause))
                rest = min(rest * 2, LONGEST_REST)
        finally:
            await end_tasks([asking])

    async def _listen(self) -> None:
        provider = await open_provider(self._hub, self._call, self._connection)
        stands = False
        async with contextlib.aclosing(provider.watch()) as hints:
            async for batch in hints:
                self._seen.add(batch)
                self._news.set()
                if not stands:
                    await self._tell(since=utcnow(), reason=None)
                    stands, self._told = True, None

    async def _failed(self, reason: str, cure: str | None, error: Exception | None = None) -> float:
        """Say why it is not watched; the seconds that it rests at least."""
        told = mask_text(f"{reason}: {cure}" if cure else reason, 2000)
        if told != self._told:
            self._told = told
            log.warning("a connection is not watched", connection=self._connection, reason=told)
            with contextlib.suppress(BloopError):
                await self._tell(since=None, reason=told)
        if isinstance(error, UnsupportedError):
            return UNSUPPORTED_SECONDS
        return (error.retry_after or 0.0) if isinstance(error, RetriableError) else 0.0

    # -- what becomes of hints

    async def _ask(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(QUIET_SECONDS)
            try:
                await self._calm()
                took = await self._read()
            except Exception as err:  # noqa: BLE001 - a hint that waits is tried again
                log.info("a hint waits", connection=self._connection, reason=str(err))
                took = REST_SECONDS
            await asyncio.sleep(min(took * SHARE, LONGEST_PAUSE))

    async def _read(self) -> float:
        """Have the connection read, if it holds anything new; how many seconds that took."""
        seen = self._take()
        began = time.monotonic()
        try:
            if not seen.anything and not await self._is_held(seen):
                # The hub may have written once more since that was seen: then it is told again.
                await asyncio.sleep(CONFIRM_SECONDS)
                await self._calm()
                seen.then(self._take())
            if not await self._is_held(seen):
                await self._ask_for_sync()
                await self._calm()
                return time.monotonic() - began
        except NotFoundError:
            return 0.0  # It is gone, and this will be told so.
        except BaseException:
            self._seen.anything = True
            self._news.set()
            raise
        return 0.0

    def _take(self) -> Seen:
        seen, self._seen = self._seen, Seen()
        self._news.clear()
        return seen

    async def _calm(self) -> None:
        """Wait until nobody reads the connection or writes to it: then the rows have it all."""
        database = self._hub.database
        while await database.read_one(BUSY, self._call, id=self._connection):  # noqa: ASYNC110
            await asyncio.sleep(ASK_SECONDS)

    async def _is_held(self, seen: Seen) -> bool:
        def look() -> bool:
            with self._hub.database.reading(self._call) as unit:
                return is_held(unit, self._connection, seen)

        return not seen.anything and await in_thread_to_its_end(look)

    async def _ask_for_sync(self) -> None:
        database, enqueue = self._hub.database, self._hub.jobs.enqueue
        await database.run(
            in_unit, database, self._call, ask_for_sync, self._connection, enqueue=enqueue
        )


def _words(error: Exception) -> tuple[str, str | None]:
    if isinstance(error, BloopError):
        return error.message, error.cure
    return f"{type(error).__name__}: {error}", None

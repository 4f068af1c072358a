"""Consumers and job runners as a hub runs them, in an event loop of a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

from _databases import system_call

from bloop.events import positions
from bloop.events.consumers import Consumers
from bloop.events.handlers import Consumer
from bloop.events.means import Means
from bloop.events.reader import Log
from bloop.jobs import Jobs
from bloop.kernel.breaker import Breakers
from bloop.store.database import Database
from bloop_sdk import Call, CallContext

CONSUMER = "bench.take"
KIND = "bench.work"


def begin_at_zero(database: Database) -> None:
    """Have the consumer stand before the first event; one that is new would start from now."""
    with database.unit(system_call()) as unit:
        positions.begin(unit, CONSUMER, "bench", 0)


def following(
    database: Database, handler: Callable[..., Any]
) -> contextlib.AbstractContextManager[None]:
    """A consumer of all events; the database is closed with it."""
    return _in_thread(_following(database, handler))


@contextlib.asynccontextmanager
async def _following(database: Database, handler: Callable[..., Any]) -> AsyncIterator[None]:
    async def enabled(_call: Call, _plugin: str) -> bool:
        return True

    async def no_context(_plugin: str, _call: Call) -> CallContext:
        raise NotImplementedError

    call = system_call()
    means = Means(
        database=database,
        call=call,
        log=Log(database, call),
        make_unit=lambda unit, _plugin: unit,  # type: ignore[arg-type,return-value]
        make_context=no_context,
        enabled=enabled,
        keep=lambda _plugin: contextlib.nullcontext(),
        breakers=Breakers(),
    )
    consumers = Consumers(means, keep=timedelta(days=7))
    await consumers.follow([Consumer(CONSUMER, "bench", ("*",), lambda: handler)])
    await consumers.start()
    try:
        yield
    finally:
        await consumers.stop()
        await database.close()


def running(
    database: Database, handler: Callable[..., Any], workers: int
) -> contextlib.AbstractContextManager[Jobs]:
    """The embedded runner; the database is closed with it."""
    return _in_thread(_running(database, handler, workers))


@contextlib.asynccontextmanager
async def _running(
    database: Database, handler: Callable[..., Any], workers: int
) -> AsyncIterator[Jobs]:
    jobs = Jobs(database, workers=workers)
    jobs.register(KIND, handler)
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop()
        await database.close()


@contextlib.contextmanager
def _in_thread(manager: AbstractAsyncContextManager[Any]) -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait(awaitable: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(awaitable, loop).result()

    try:
        given = wait(manager.__aenter__())
        try:
            yield given
        finally:
            wait(manager.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

"""Calling handlers, so that what they raise, return or hang in costs their consumer alone."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, TypeVar

from bloop.events.parking import Failure
from bloop.kernel.faults import describe, place
from bloop_sdk import DeadlineError, RetriableError
from bloop_sdk._masking import mask_text
from bloop_sdk.events import Event

T = TypeVar("T")

GRACE_SECONDS = 1.0
"""How long a handler that was told to end has for its last words."""
MOST_IDLE = 8
"""So many threads are kept for the next calls: starting one holds up the event loop."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who wants which events: ``target`` imports the handler, when the first of them comes.

    A handler is ``def (unit, event)``, ``async def (ctx, event)``, or a provider of a sink.

    ``topics`` may end in ``*``. Two that compare equal are the same; ``version`` is whatever
    tells a handler from the one that it was before. Into how many ``partitions`` its log is cut
    counts where its rows are made. What is somebody's alone only those are given that are
    ``trusted`` with it: the hub's own.
    """

    name: str
    plugin_id: str
    topics: tuple[str, ...]
    target: Callable[[], Any] = field(compare=False)
    version: Hashable = None
    partitions: int = field(default=1, compare=False)
    trusted: bool = field(default=False, compare=False)

    def wants(self, topic: str) -> bool:
        """Whether events of a topic are for it."""
        return _matches(topic, self.topics)

    def takes(self, event: Event) -> bool:
        """Whether an event is for it."""
        return self.wants(event.topic) and (self.trusted or owner_of(event) is None)


def owner_of(event: Event) -> str | None:
    """The user whose alone it is what an event of content or of a connection is about."""
    return event.payload.get("owner") if event.topic.startswith(("content.", "plugin.")) else None


def matches(topic: str, topics: Iterable[str]) -> bool:
    """Whether a topic is one of ``topics``, which may end in ``*``."""
    return any(
        topic.startswith(wanted[:-1]) if wanted.endswith("*") else topic == wanted
        for wanted in topics
    )


_matches = lru_cache(1024)(matches)
"""Topics are few, and events are many."""


class HandlerError(Exception):
    """A handler failed: ``error`` is what it raised, whatever that is."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(describe(error))
        self.error = error


def is_async(handler: Callable[..., Any]) -> bool:
    """Whether a handler is ``async def``, behind decorators and as a callable object too."""
    bare = inspect.unwrap(handler)
    call = getattr(type(bare), "__call__", None)  # noqa: B004 - whether that one is async
    return inspect.iscoroutinefunction(bare) or inspect.iscoroutinefunction(call)


def call_plain(handler: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Call a plain function; raises :class:`HandlerError` for all that goes wrong in it."""
    try:
        answer = handler(*args, **kwargs)
        if answer is not None and inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise TypeError("it returned something to await: write async def")  # noqa: TRY301
    except BaseException as err:
        # In a thread of its own nobody else's SystemExit or Ctrl-C can come.
        raise HandlerError(err) from err


async def call_async(call: Callable[[], Awaitable[Any]], seconds: float) -> None:
    """Await what ``call`` gives; raises :class:`HandlerError` for all that goes wrong in it.

    It runs in a task of its own: its SystemExit ends nothing, its CancelledError cancels nobody
    else, and one that will not end is left behind.
    """

    async def contained() -> BaseException | None:
        try:
            await call()
        except BaseException as err:  # noqa: BLE001 - given back
            return err
        return None

    task = asyncio.create_task(contained())
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
    if not task.done():
        await asyncio.wait({task}, timeout=GRACE_SECONDS)
        raise HandlerError(DeadlineError(f"it took longer than {seconds:g} s"))
    if (err := task.result()) is not None:
        raise err if isinstance(err, HandlerError) else HandlerError(err) from err


class _Worker:
    """A thread that takes one call after another, and does not keep the process from ending."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def run(self, name: str, call: Callable[[], None]) -> None:
        self._thread.name = name
        self._calls.put(call)

    def _work(self) -> None:
        while True:
            self._calls.get()()
            if len(_IDLE) >= MOST_IDLE:
                return
            _IDLE.append(self)


_IDLE: deque[_Worker] = deque()
"""Workers without a call. One that hangs never comes back, and another takes its place."""
os.register_at_fork(after_in_child=_IDLE.clear)


async def in_thread(
    name: str,
    function: Callable[[], T],
    seconds: float,
    abandon: Callable[[], None] = lambda: None,
) -> T:
    """Run blocking code in a thread that is its own meanwhile, and keeps no process from ending.

    After ``seconds`` it is left behind: ``abandon`` is called, and HandlerError raised.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: Any, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def work() -> None:
        result, error = None, None
        try:
            result = context.run(function)
        except Exception as err:  # noqa: BLE001 - it belongs to who awaits
            error = err
        except BaseException as err:  # noqa: BLE001 - likewise, but a future would pass it on
            error = HandlerError(err)
        with contextlib.suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(settle, result, error)

    _worker().run(name, work)
    try:
        await asyncio.wait({future}, timeout=seconds)
    finally:
        if not future.done():
            abandon()
            future.cancel()
    if future.cancelled():
        raise HandlerError(DeadlineError(f"it took longer than {seconds:g} s"))
    return future.result()


def _worker() -> _Worker:
    try:
        return _IDLE.pop()
    except IndexError:
        return _Worker()


def failure_of(error: BaseException, package: str) -> Failure:
    """What is kept of a failure: its words and its place in the plugin, without secrets."""
    at = place(error, package)
    reason = mask_text(describe(error) + (f" ({at})" if at else ""), 2000)
    floor = error.retry_after if isinstance(error, RetriableError) else None
    return Failure(reason, floor or 0.0)

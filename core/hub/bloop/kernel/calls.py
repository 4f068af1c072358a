"""Calls of providers: each has a breaker, a deadline and one way to fail.

What a provider raises of :mod:`bloop_sdk.errors` goes on as it is. Anything else becomes a
:class:`PluginFailedError` that names the plugin, and counts for the breaker; so do a call that
takes too long and a system outside that is not available.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, ParamSpec, TypeVar

from bloop.kernel.breaker import Breakers
from bloop.kernel.faults import (
    PluginFailedError,
    PluginUnavailableError,
    contained,
    describe,
    place,
)
from bloop.kernel.registry import ProviderHandle
from bloop_sdk._masking import mask_text
from bloop_sdk.errors import BloopError, DeadlineError, UnavailableError

P = ParamSpec("P")
T = TypeVar("T")

CLOSING_SECONDS = 10.0
"""What is iterated over without a deadline has so long to let go."""


class Calls:
    """Guards calls and counts those under way, so that a plugin can be stopped after them."""

    def __init__(self, breakers: Breakers) -> None:
        self.breakers = breakers
        self._packages: dict[str, str] = {}
        self._under_way: Counter[str] = Counter()
        self.leaving: set[str] = set()
        """Plugins that are being stopped."""
        self.on_leave: list[Callable[[str], None]] = []
        """Told of each, in a thread: whoever holds one for long lets go of it."""
        self._changed = threading.Condition()

    def admit(self, plugin: str, package: str) -> None:
        """Let calls of a plugin through."""
        self._packages[plugin] = package

    def drain(self, plugin: str, seconds: float) -> int:
        """Wait until no call of a plugin is under way, then let none through.

        Gives how many are under way all the same. Meanwhile calls are made as before: who holds
        the plugin may finish what it began.
        """
        end = time.monotonic() + seconds
        self.leaving.add(plugin)
        for tell in self.on_leave:
            tell(plugin)
        with self._changed:
            while self._under_way[plugin] and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
            self._packages.pop(plugin, None)
            self.leaving.discard(plugin)
            return self._under_way[plugin]

    @contextlib.contextmanager
    def hold(self, plugin: str) -> Iterator[None]:
        """Keep a plugin from being stopped, over a run of several calls.

        Raises :class:`PluginUnavailableError` for one that is switched off.
        """
        with self._changed:
            if plugin not in self._packages:
                raise PluginUnavailableError(
                    f"plugin {plugin} is switched off", cure=f"`bloop plugins enable {plugin}`"
                )
            self._under_way[plugin] += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way[plugin] -= 1
                self._changed.notify_all()

    async def call(
        self,
        handle: ProviderHandle,
        operation: str,
        work: Coroutine[Any, Any, T],
        *,
        timeout: float,  # noqa: ASYNC109 - it guards a stranger's code, not ours.
        connection: str | None = None,
    ) -> T:
        """Await ``work``, which one of a provider's async methods gave; ``timeout`` is in seconds.

        Raises the contract's errors, DeadlineError where it took longer, CircuitOpenError where
        the breaker is open, PluginFailedError for anything else that left the plugin.
        """
        try:
            with self._guard(handle, operation, connection):
                async with _deadline(handle, operation, timeout):
                    return await work
        finally:
            # Where it was not let through, it must not complain that nobody awaited it.
            if asyncio.iscoroutine(work):
                work.close()

    async def stream(
        self,
        handle: ProviderHandle,
        operation: str,
        batches: AsyncIterator[T],
        *,
        timeout: float | None,  # noqa: ASYNC109 - as above.
        connection: str | None = None,
    ) -> AsyncGenerator[T, None]:
        """Iterate over what an async generator of a provider gives, as :meth:`call` does.

        Each batch has ``timeout`` seconds, or as long as it takes (None). Leave it early by
        ``contextlib.aclosing`` only.
        """
        with self.hold(handle.plugin_id):
            try:
                while True:
                    with self._guard(handle, operation, connection):
                        async with _deadline(handle, operation, timeout):
                            batch = await anext(batches, _END)
                    if batch is _END:
                        return
                    yield batch
            finally:
                if isinstance(batches, AsyncGenerator):
                    closing = self._guard(handle, f"{operation} (closing)", connection)
                    with contextlib.suppress(BloopError), closing:
                        async with _deadline(handle, operation, timeout or CLOSING_SECONDS):
                            await batches.aclose()

    def run(
        self,
        handle: ProviderHandle,
        operation: str,
        function: Callable[P, T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Call one of a provider's plain methods, such as ``spec``, as :meth:`call` does."""
        with self._guard(handle, operation, None):
            return function(*args, **kwargs)

    @contextlib.contextmanager
    def _guard(
        self, handle: ProviderHandle, operation: str, connection: str | None
    ) -> Iterator[None]:
        plugin = handle.plugin_id
        with self.hold(plugin):
            breaker = self.breakers.get(plugin, operation, connection)
            breaker.enter()
            try:
                yield
            except (DeadlineError, UnavailableError) as error:
                breaker.failed(error)
                raise
            except BloopError:
                breaker.succeeded()
                raise
            except BaseException as error:
                if not contained(error):
                    breaker.abandoned()
                    raise
                breaker.failed(error)
                at = place(error, self._packages.get(plugin, ""))
                told = f"plugin {plugin}: {operation}: {describe(error)}" + (
                    f" ({at})" if at else ""
                )
                # Whoever called reads it, and what a library says may hold an address with a key.
                raise PluginFailedError(
                    mask_text(told),
                    cure=f"tell the plugin's author; `bloop plugins doctor {plugin}` says more",
                ) from error
            breaker.succeeded()


@contextlib.asynccontextmanager
async def _deadline(
    handle: ProviderHandle, operation: str, seconds: float | None
) -> AsyncIterator[None]:
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            yield
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise DeadlineError(
            f"plugin {handle.plugin_id}: {operation} took longer than {seconds:g} s"
        ) from error


_END: Any = object()

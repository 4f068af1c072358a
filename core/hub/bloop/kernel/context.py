"""What the hub hands to a plugin's class: settings, a log, a folder, threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from bloop.kernel.journal import calls_of
from bloop_sdk.plugin import Logger
from bloop_sdk.settings import PluginConfig

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
"""How many blocking calls a plugin may have under way at once; more of them wait."""

_SLOTS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True, slots=True)
class HubContext:
    """A :class:`bloop_sdk.PluginContext` of one plugin; ``folder`` is where its data lies."""

    plugin_id: str
    config: PluginConfig
    log: Logger
    folder: Path = field(repr=False)
    model: type[PluginConfig] = field(default=PluginConfig, repr=False)
    """What the settings of each institution are read with."""

    @property
    def data_dir(self) -> Path:
        """The plugin's folder, made on first use."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in a thread.

        The threads are the plugin's own, so that those that hang are missed by nobody else, and
        they do not keep the process from ending.
        """
        loop = asyncio.get_running_loop()
        # Of the plugin, not of this object: new settings make another one.
        slots = _SLOTS.setdefault(loop, {}).setdefault(self.plugin_id, asyncio.Semaphore(THREADS))
        await slots.acquire()
        future: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: T | None, error: BaseException | None) -> None:
            slots.release()
            if future.cancelled():
                return
            if isinstance(error, StopIteration):
                error = RuntimeError(f"{function!r} raised StopIteration")
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def work() -> None:
            result, error = None, None
            try:
                result = context.run(function, *args, **kwargs)
            except BaseException as err:  # noqa: BLE001 - it belongs to who awaits.
                error = err
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, error)

        entry = _entry(self.plugin_id)
        name = f"plugin-{self.plugin_id}"
        threading.Thread(target=entry, args=(work,), name=name, daemon=True).start()
        return await future


@cache
def _entry(plugin_id: str) -> Callable[[Callable[[], None]], None]:
    """What a thread begins with, so that its stack names the plugin whatever is called there."""

    def run_sync(work: Callable[[], None]) -> None:
        work()

    return FunctionType(run_sync.__code__.replace(co_filename=calls_of(plugin_id)), {})

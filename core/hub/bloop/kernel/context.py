"""What the hub hands to a plugin's class: settings, a log, a folder, threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar

from bloop_sdk.plugin import Logger
from bloop_sdk.settings import PluginConfig

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8
"""How many blocking calls a plugin may have under way at once; more of them wait."""


@dataclass(frozen=True, slots=True)
class HubContext:
    """A :class:`bloop_sdk.PluginContext` of one plugin; ``folder`` is where its data lies."""

    plugin_id: str
    config: PluginConfig
    log: Logger
    folder: Path = field(repr=False)
    model: type[PluginConfig] = field(default=PluginConfig, repr=False)
    """What the settings of each institution are read with."""
    _slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(THREADS), repr=False, compare=False
    )

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
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: T | None, error: BaseException | None) -> None:
            self._slots.release()
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

        threading.Thread(target=work, name=f"plugin-{self.plugin_id}", daemon=True).start()
        return await future

"""What a plugin's command has besides what all code of plugins has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

from bloop.cli.bars import progress_bar
from bloop.hub.contexts import PluginCall
from bloop.ops.topology import is_served
from bloop_sdk.plugin import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCall(PluginCall):
    """A :class:`bloop_sdk.CommandContext`."""

    def bar(self, title: str) -> AbstractContextManager[Told]:
        """A live bar."""
        return progress_bar(title)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Take the plugin's jobs of the queues that nobody serves."""
        hub = self.hub
        queues = {one.queue for one in self.manifest.contributes.jobs}
        served = await asyncio.gather(
            *(asyncio.to_thread(is_served, hub, queue) for queue in sorted(queues))
        )
        alone = [queue for queue, is_ in zip(sorted(queues), served, strict=True) if not is_]
        if alone and not hub.has_broker:
            hub.workers, hub.queues = max(1, hub.config.value.jobs.workers), tuple(alone)
            await hub.take_up_jobs()
            await hub.jobs.start()
        yield

"""The ``storyboarder`` provider."""

from __future__ import annotations

from bloop_outline.board import outline
from bloop_outline.config import OutlineConfig
from bloop_sdk import ConnectionContext
from bloop_sdk.providers.ai import Lesson
from bloop_sdk.storyboard import Storyboard


class OutlineStoryboarder:
    """Takes a lesson's own sentences; says nothing that it does not."""

    def __init__(self, ctx: ConnectionContext) -> None:
        assert isinstance(ctx.config, OutlineConfig)
        self._config = ctx.config
        self._run_sync = ctx.run_sync

    async def storyboard(self, lesson: Lesson) -> Storyboard:
        """In a thread: a long lesson takes a second."""
        return await self._run_sync(outline, lesson, self._config)

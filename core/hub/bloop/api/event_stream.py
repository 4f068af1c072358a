"""A stream of server-sent events (HTML Living Standard, section 9.2) as an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bloop.hub.listeners import Listener

LAST_SECONDS = 1.0
"""How long a client that does not read is waited for at the end."""


class EventStream(Response):
    """Sends frames until there are no more, the client goes away, or its listener is ended.

    The server lets ``send`` wait for a client that reads slowly, so such a one holds up its own
    frames alone; its listener is ended once too many wait.
    """

    media_type = "text/event-stream"

    def __init__(self, listener: Listener, frames: AsyncGenerator[bytes, None]) -> None:
        # A proxy that collects answers (nginx) would keep events back.
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._listener = listener
        self._frames = frames

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_left(receive))
        ended = asyncio.create_task(self._listener.ended.wait())
        tasks = {writing, leaving, ended}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._frames.aclose()
        if writing.done() and not writing.cancelled() and (err := writing.exception()) is not None:
            raise err
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        async for frame in self._frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

"""Reading ahead: while something is written the next is read, and what waits is written at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from bloop.tasks import end_tasks

T = TypeVar("T")


async def gathered(
    source: AsyncGenerator[T, None], size: Callable[[T], int], limit: int
) -> AsyncGenerator[list[T], None]:
    """All that has come meanwhile, in its order; once ``limit`` waits, nothing more is read.

    What was read before the source failed comes first, then its error. Leave it early by
    ``contextlib.aclosing`` only.
    """
    waiting: list[T] = []
    came, room = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        try:
            async with aclosing(source):
                async for one in source:
                    waiting.append(one)
                    came.set()
                    while sum(map(size, waiting)) >= limit:
                        room.clear()
                        await room.wait()
        finally:
            came.set()

    reading = asyncio.create_task(read())
    try:
        while True:
            await came.wait()
            came.clear()
            part, waiting[:] = list(waiting), []
            room.set()
            if part:
                yield part
            elif reading.done():
                reading.result()
                return
            if reading.done():
                came.set()
    finally:
        await end_tasks([reading])

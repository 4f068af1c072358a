"""Reading ahead: while something is written the next is read, and what waits is written at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from bloop.tasks import end_tasks

T = TypeVar("T")


TURNS = 5
"""Of the event loop in which nothing has come: then what comes next is still on its way."""


async def gathered(
    source: AsyncGenerator[T, None],
    size: Callable[[T], int],
    limit: int,
    together: Callable[[Sequence[T]], int] = len,
) -> AsyncGenerator[list[T], None]:
    """All that has come meanwhile, in its order; once ``limit`` waits, nothing more is read.

    ``together`` says how many of what waits are taken at once; the others wait on, with what comes
    behind them. What was read before the source failed comes first, then its error. Leave it early
    by ``contextlib.aclosing`` only.
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
            while not waiting and not reading.done():
                came.clear()
                await came.wait()
            if not waiting:
                reading.result()
                return
            await _settled(waiting, size, limit)
            taken = waiting[: together(waiting)]
            del waiting[: len(taken)]
            room.set()
            yield taken
    finally:
        await end_tasks([reading])


async def _settled(waiting: Sequence[T], size: Callable[[T], int], limit: int) -> None:
    """Wait until nothing more comes at once: each taking has its price, however few are taken."""
    met = turns = 0
    while turns < TURNS and sum(map(size, waiting)) < limit:
        turns = turns + 1 if len(waiting) == met else 0
        met = len(waiting)
        await asyncio.sleep(0)

"""Ending tasks for good, and threads that must come to their end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 2.0
"""A task may take so long to end before it is told again."""


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended, and forget what they raised.

    Once is not always enough: on Python 3.11 ``asyncio.wait_for``, in libraries too, loses a
    cancellation that comes together with what it waits for, and whoever waits for the task would
    wait for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=PATIENCE_SECONDS)
        for task in ended:
            if not task.cancelled():
                task.exception()


async def in_thread_to_its_end(function: Callable[[], T]) -> T:
    """Run blocking code in a thread, and wait for it also when cancelled.

    What it uses, such as the database, is mostly closed next.
    """
    future = asyncio.get_running_loop().run_in_executor(None, function)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({future})
        raise

"""Ending tasks for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

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

"""Working: a process that runs jobs of some queues, and serves nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bloop.ops.serve import begin, leave_soon, run_loop
from bloop.ops.supervise import Lifeline

if TYPE_CHECKING:
    from bloop.hub import Hub

OnReady = Callable[["Hub"], None]


def work(
    config: Path | None,
    *,
    queues: Sequence[str],
    workers: int,
    on_ready: OnReady = lambda _hub: None,
    lifeline: Lifeline | None = None,
) -> None:
    """Run up to ``workers`` jobs at a time of these queues (none named: all) until SIGTERM.

    Jobs that run then end in the time to drain, or are given back.
    """
    from bloop.hub import Hub
    from bloop.telemetry.logs import configure

    line = lifeline or Lifeline()
    hub = Hub.open(config, "worker")
    hub.workers, hub.queues = workers, tuple(queues)
    configure(hub.config.value.log.level, hub.config.value.log.format)
    line.hand_over(None, hub.journal_folder)
    try:
        run_loop(_work(hub, on_ready, line))
    except (SystemExit, KeyboardInterrupt) as error:
        hub.accuse(error)
        raise


async def _work(hub: Hub, on_ready: OnReady, lifeline: Lifeline) -> None:
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    try:
        await begin(hub, lifeline)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, asked.set)
        lifeline.on_loss(loop, asked.set)
        await hub.loaded()
        on_ready(hub)
        await asked.wait()
    finally:
        await hub.stop()
        leave_soon(lifeline)

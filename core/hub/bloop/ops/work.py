"""Working: a process that runs jobs of some queues, and serves nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bloop.ops.garbage import look_less
from bloop.ops.serve import begin, leave_soon, run_loop
from bloop.ops.supervise import Lifeline

if TYPE_CHECKING:
    from bloop.hub import Hub

OnReady = Callable[[], None]
MAX_OFFERS = 10_000


def work(
    config: Path | None,
    *,
    queues: Sequence[str],
    workers: int,
    max_offers: int = MAX_OFFERS,
    on_ready: OnReady = lambda: None,
    lifeline: Lifeline | None = None,
) -> None:
    """Run up to ``workers`` jobs at a time of these queues (none named: all) until SIGTERM.

    Jobs that run then end in the time to drain, or are given back. Where Celery carries the jobs,
    each runs in a process of its own, which is replaced after ``max_offers`` offers.
    """
    from bloop.hub import Hub, read_config
    from bloop.telemetry.logs import configure

    line = lifeline or Lifeline()
    found = read_config(config)
    configure(found.value.log.level, found.value.log.format)
    if found.value.jobs.carrier == "celery":
        from bloop.ops import prefork

        prefork.work(
            found,
            queues=queues,
            workers=workers,
            max_offers=max_offers,
            on_ready=on_ready,
            lifeline=line,
        )
        return
    hub = Hub(found, "worker")
    hub.workers, hub.queues = workers, tuple(queues)
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
        look_less()
        on_ready()
        await asked.wait()
    finally:
        await hub.stop()
        leave_soon(lifeline)

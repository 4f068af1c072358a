"""One process that looks for schedules that are due, as often as it can: URLs, an institution."""

from __future__ import annotations

import asyncio

from bloop.jobs import ledger, system_call
from bloop.jobs.clock import Clock
from bloop.jobs.declared import Declared, Wanted
from bloop.store.database import Database

SWEEP = Declared(
    name="canvas.sweep",
    plugin_id="canvas",
    every="366d",
    zone="UTC",
    queue="default",
    priority=5,
    max_attempts=5,
)


async def main(ready, url: str, owner_url: str, institution: str) -> None:
    clock = Clock(
        Database(url, owner_url),
        system_call(),
        ledger.enqueue,
        lambda: [institution],
        look_seconds=0.005,
    )
    clock.follow(Wanted(declared=(SWEEP,)))
    await clock.look()
    clock.start()
    ready.send("ready")
    await asyncio.Event().wait()


def run_clock(ready, *given: str) -> None:
    """Look until it is killed; says when it does."""
    asyncio.run(main(ready, *given))

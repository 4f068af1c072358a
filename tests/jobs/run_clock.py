"""One process that looks for schedules that are due, as often as it can: URLs, an institution."""

from __future__ import annotations

import asyncio
import sys

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


async def main(url: str, owner_url: str, institution: str) -> None:
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
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

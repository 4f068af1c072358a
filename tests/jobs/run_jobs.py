"""One process that runs jobs, for tests that end it: URLs, a machine's name, then queues.

A job ``work`` appends a line to the file in its payload as it begins and as it ends, and takes
as long as the payload says.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bloop.jobs import Jobs, owners
from bloop.store.database import Database


async def work(ctx, payload):
    def note(what):
        with Path(payload["file"]).open("a") as out:
            out.write(f"{what} {ctx.job} {os.getpid()}\n")

    note("began")
    if ctx.attempt == 1:
        try:
            await asyncio.sleep(payload["seconds"])
        except asyncio.CancelledError:
            note("cancelled")
            raise
    note("ended")
    return os.getpid()


async def main(ready, url: str, owner_url: str, machine: str, *queues: str) -> None:
    # As if on a machine of its own, so that nobody sees by itself that this process is gone.
    owners._machine = lambda: machine
    jobs = Jobs(Database(url, owner_url), queues=queues)
    jobs.register("work", work)
    await jobs.start()
    ready.send("ready")
    await asyncio.Event().wait()


def run_jobs(ready, *given: str) -> None:
    """Run jobs until it is killed; says when it does."""
    asyncio.run(main(ready, *given))

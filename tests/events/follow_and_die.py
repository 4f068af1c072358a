"""One process of the hub that follows the log, for tests that kill it.

An effect writes one audit line an event; a delivery appends one line an event to a file. Both say
which process it was.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from bloop.events.consumers import Consumers
from bloop.jobs.owners import this_process
from bloop.kernel.models import HubProcess
from bloop.store.database import Database
from tests.events.conftest import consumer, means
from tests.support.database import make_system_call


def take(unit, event):
    detail = {"aggregate": event.aggregate, "n": event.sequence, "pid": os.getpid()}
    unit.audit("took", event.id, detail)


def say_that_it_lives(database):
    with database.unit(make_system_call()) as unit:
        process = HubProcess(kind="api", host="here", pid=os.getpid(), generation="")
        process.lease_owner = this_process()
        unit.session.add(process)


async def main(ready, url: str, owner_url: str, kind: str, file: str) -> None:
    async def deliver(ctx, event):
        line = f"{event.aggregate} {event.sequence} {event.id} {os.getpid()}\n"
        with Path(file).open("a") as out:  # noqa: ASYNC230 - a line that a kill may not tear
            out.write(line)

    database = Database(url, owner_url)
    say_that_it_lives(database)
    consumers = Consumers(means(database), keep=timedelta(days=7))
    await consumers.follow([consumer(take if kind == "effect" else deliver)])
    await consumers.start()
    ready.send("ready")
    await asyncio.Event().wait()


def follow(ready, *given: str) -> None:
    """Follow the log of a database (URLs) with a handler (its kind, its file), and say so."""
    asyncio.run(main(ready, *given))

"""The clock of a process: looks whether a schedule is due, as every process of the hub may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bloop.jobs import declared, schedules
from bloop.jobs.declared import Wanted
from bloop.jobs.queries import DUE_SCHEDULE
from bloop.jobs.schedules import Enqueue
from bloop.store.database import Database, in_unit
from bloop.store.statements import Statement
from bloop.store.types import utcnow
from bloop.tasks import end_tasks, in_thread_to_its_end
from bloop.telemetry.logs import get_logger
from bloop_sdk import Call

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 10.0
"""How soon an institution that is new, or uses a plugin again, has its schedules."""

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """Something that may be due: a read that looks (``now``), and what asks for some of it.

    ``fire`` takes a unit for every institution and the time, and gives how many rows were due.
    """

    look: Statement
    fire: Callable[..., int]


class Clock:
    """Keeps the rows of schedules at what is declared, and asks for what is due.

    ``call`` is the hub's own, for every institution; ``institutions`` gives the ids of all;
    ``others`` is what is due besides the schedules of plugins.
    """

    def __init__(
        self,
        database: Database,
        call: Call,
        enqueue: Enqueue,
        institutions: Callable[[], Collection[str]],
        *,
        others: Sequence[Due] = (),
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database = database
        self._call = call
        own = Due(DUE_SCHEDULE, lambda unit, now: schedules.fire(unit, now, enqueue))
        self._due = (own, *others)
        self._institutions = institutions
        self._look_seconds = look_seconds
        self._wanted: Wanted | None = None
        self._anew = False
        self._settled_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def follow(self, wanted: Wanted) -> None:
        """Take up what this process declares from now on."""
        self._wanted, self._anew = wanted, True

    def start(self) -> None:
        """Begin to look, in this event loop."""
        self._task = asyncio.create_task(self._forever(), name="bloop-jobs-clock")

    async def stop(self) -> None:
        """Look no more."""
        await end_tasks([self._task] if self._task else [])

    async def _forever(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as err:  # noqa: BLE001 - logged, and tried again
                _log.warning("schedules: the database can't be reached", error=err)
            await asyncio.sleep(self._look_seconds)

    async def look(self) -> None:
        """Settle what is declared, now and then; ask for what is due."""
        wanted = self._wanted
        if wanted and (self._anew or time.monotonic() - self._settled_at > SETTLE_SECONDS):
            await self._settle(wanted)
        for due in self._due:
            # A read first: a hub without work should not write every second.
            while await self._database.read_one(due.look, self._call, now=utcnow()):
                if not await self._unit(due.fire, utcnow()):
                    break  # Another process is at it.

    async def _settle(self, wanted: Wanted) -> None:
        anew = self._anew
        found = await in_thread_to_its_end(partial(self._changes, wanted, anew=anew))
        if found:
            await self._unit(declared.apply, found)
        self._settled_at = time.monotonic()
        if wanted is self._wanted:
            self._anew = False

    def _changes(self, wanted: Wanted, *, anew: bool) -> list[declared.Change]:
        institutions = self._institutions()
        with self._database.reading(self._call) as unit:
            return declared.changes(unit, wanted, institutions, utcnow(), anew=anew)

    async def _unit(self, command: Callable[..., Any], *args: Any) -> Any:
        return await self._database.run(in_unit, self._database, self._call, command, *args)

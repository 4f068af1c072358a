"""What starts by itself, for the clock of this process: plugins' schedules, syncs, estimates."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.sessions import system_call
from bloop.content import syncing
from bloop.jobs.clock import Clock, Due
from bloop.jobs.declared import Declared, Wanted
from bloop.jobs.times import next_time
from bloop.kernel.queries import DUE_CONNECTION
from bloop.kernel.states import PluginState
from bloop.learning.training import estimates
from bloop.learning.training.queries import DUE_UPKEEP
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.telemetry.logs import get_logger

if TYPE_CHECKING:
    from bloop.hub import Hub

_log = get_logger(__name__)


def make_clock(hub: Hub) -> Clock:
    """What starts the jobs that are due, for all institutions."""
    call = system_call(EVERY_INSTITUTION)

    def institutions() -> list[str]:
        return [row[0] for row in hub.database.read_now(INSTITUTIONS, call)]

    def fire(unit: UnitOfWork, now: datetime) -> int:
        return syncing.fire(unit, now, hub.config.value.hub.time_zone, hub.jobs.enqueue)

    def bring(unit: UnitOfWork, now: datetime) -> int:
        return estimates.fire(unit, now, hub.jobs.enqueue)

    others = (Due(DUE_CONNECTION, fire), Due(DUE_UPKEEP, bring))
    return Clock(hub.database, call, hub.jobs.enqueue, institutions, others=others)


def schedules_of(hub: Hub) -> Wanted:
    """What this process declares now; a line that means nothing is told, and left out."""
    kernel = hub.kernel
    jobs = {
        (part.plugin_id, part.declaration.kind): part.declaration
        for part in kernel.contributions("jobs")
    }
    found = []
    for part in kernel.contributions("schedules"):
        line, job = part.declaration, jobs[part.plugin_id, part.declaration.job]
        zone = line.zone or hub.config.value.hub.time_zone
        try:
            next_time(line.every, zone, None, utcnow())
        except ValueError as err:
            told = {"plugin": part.plugin_id, "schedule": line.job}
            _log.error("a schedule starts nothing", **told, reason=str(err))
            continue
        found.append(
            Declared(
                name=f"{part.plugin_id}.{line.job}",
                plugin_id=part.plugin_id,
                every=line.every,
                zone=zone,
                queue=job.queue,
                priority=job.priority,
                max_attempts=job.attempts,
            )
        )
    plugins = kernel.plugins
    ready = {id_ for id_, one in plugins.items() if one.status.state is PluginState.READY}
    return Wanted(declared=tuple(found), unready=hub.wanted().enabled - ready)

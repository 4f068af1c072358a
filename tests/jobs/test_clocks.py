"""Several processes whose clocks look at one schedule; one of them is killed."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.jobs import system_call
from bloop.jobs.models import Job, JobSchedule, JobState
from bloop.store.types import utcnow
from tests.jobs.run_clock import run_clock
from tests.support.database import HOME
from tests.support.forking import fork

ROUNDS = 8


@contextlib.contextmanager
def clocks(urls, count):
    """So many processes that look; they start beside each other."""
    started = [fork(run_clock, *urls, HOME) for _ in range(count)]
    try:
        for _, ready in started:
            assert ready.recv() == "ready"
        yield [process for process, _ in started]
    finally:
        for process, ready in started:
            process.kill()
            process.join()
            ready.close()


def make_due(database):
    """Let the schedule be due, its last job having ended; the time at which it is."""
    due = utcnow() - timedelta(minutes=1)
    with database.unit(system_call()) as unit:
        unit.session.execute(update(Job).values(state=JobState.SUCCEEDED, finished_at=due))
        unit.session.execute(update(JobSchedule).values(next_at=due))
    return due


def fired(database, due):
    with database.unit(system_call()) as unit:
        return unit.session.scalar(select(JobSchedule.last_due_at)) == due


@pytest.mark.slow
async def test_each_due_time_gives_one_job_whoever_looks_and_is_killed(database, database_urls):
    with clocks(database_urls, 3) as started:
        for number in range(ROUNDS):
            due = make_due(database)
            if number == ROUNDS // 2:
                started[0].kill()
            async with asyncio.timeout(60):
                while not fired(database, due):  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.01)
    with database.unit(system_call()) as unit:
        jobs = unit.session.scalars(select(Job.kind)).all()
    assert jobs == ["canvas.sweep"] * ROUNDS

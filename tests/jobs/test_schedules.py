"""Schedules: rows follow what is declared, and what is due starts one job."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bloop.jobs import Jobs, ledger, schedules, system_call
from bloop.jobs.clock import Clock
from bloop.jobs.declared import SKEW, Declared, Wanted, apply, changes
from bloop.jobs.models import Job, JobSchedule, JobState
from bloop.jobs.queries import SCHEDULES
from bloop.kernel.institutions import switch_plugin
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import AuditLine
from bloop.store.types import utcnow
from tests.support.database import HOME, OTHER, make_call

NAME = "canvas.sync"
START = utcnow().replace(microsecond=0)
MINUTE = timedelta(minutes=1)


def declared(every="15m", name=NAME, zone="UTC", **options):
    values = {"queue": "sync", "priority": 4, "max_attempts": 3} | options
    return Declared(name=name, plugin_id="canvas", every=every, zone=zone, **values)


class Site:
    """The schedules of a hub; its time is told."""

    def __init__(self, database, institutions=(HOME,)):
        self.database = database
        self.institutions = institutions
        self.settle(declared())

    def settle(self, *lines, now=START, anew=True, unready=()):
        wanted = Wanted(declared=lines, unready=frozenset(unready))
        with self.database.unit(system_call()) as unit:
            found = changes(unit, wanted, self.institutions, now, anew=anew)
            apply(unit, found)
        return len(found)

    def fire(self, now):
        with self.database.unit(system_call()) as unit:
            return schedules.fire(unit, now, ledger.enqueue)

    def row(self, institution=HOME):
        with self.database.unit(make_call(institution)) as unit:
            return unit.session.scalar(select(JobSchedule))

    def jobs(self, institution=HOME):
        with self.database.unit(make_call(institution)) as unit:
            return unit.session.scalars(select(Job).order_by(Job.id)).all()

    def end(self, state=JobState.SUCCEEDED):
        """End all jobs."""
        with self.database.unit(system_call()) as unit:
            unit.session.execute(update(Job).values(state=state, finished_at=utcnow()))

    def act(self, command, *args, institution=HOME, **kwargs):
        with self.database.unit(make_call(institution)) as unit:
            return command(unit, *args, **kwargs)


@pytest.fixture
def site(database):
    return Site(database)


def test_what_is_due_starts_one_job_and_is_due_again_an_interval_later(site):
    assert site.row().next_at == START + 15 * MINUTE
    assert site.fire(START + 14 * MINUTE) == 0
    late = START + 15 * MINUTE + timedelta(seconds=7)
    assert site.fire(late) == 1
    assert site.fire(late) == 0
    (job,) = site.jobs()
    assert (job.kind, job.plugin_id, job.payload) == (NAME, "canvas", {})
    assert (job.queue, job.priority, job.max_attempts) == ("sync", 4, 3)
    assert (job.actor, job.actor_role) == ("system:schedules", "operator")
    row = site.row()
    assert (row.last_job_id, row.last_due_at) == (job.id, START + 15 * MINUTE)
    assert row.next_at == START + 30 * MINUTE
    assert row.row_version == 1


def test_times_that_were_missed_start_one_job(site):
    assert site.fire(START + 100 * MINUTE) == 1
    assert len(site.jobs()) == 1
    assert site.row().next_at == START + 105 * MINUTE


def test_a_time_at_which_the_last_job_is_under_way_is_skipped(site):
    site.fire(START + 15 * MINUTE)
    for state in (JobState.WAITING, JobState.RUNNING, JobState.BLOCKED):
        site.end(state)
        assert site.fire(site.row().next_at) == 1
    assert len(site.jobs()) == 1
    row = site.row()
    assert (row.skipped, row.skipped_at) == (3, START + 60 * MINUTE)
    site.end(JobState.FAILED)
    site.fire(row.next_at)
    assert len(site.jobs()) == 2
    assert (site.row().skipped, site.row().last_job_id) == (0, site.jobs()[1].id)


def test_each_institution_that_uses_the_plugin_has_its_own(database):
    site = Site(database, (HOME, OTHER))
    site.act(switch_plugin, "canvas", enabled=False, institution=OTHER)
    assert site.fire(START + 15 * MINUTE) == 2
    assert len(site.jobs(HOME)) == 1
    assert site.jobs(OTHER) == []
    assert site.row(OTHER).next_at is None
    assert site.settle(declared(), now=START + 16 * MINUTE, anew=False) == 0
    site.act(switch_plugin, "canvas", enabled=True, institution=OTHER)
    assert site.settle(declared(), now=START + 20 * MINUTE, anew=False) == 1
    assert site.row(OTHER).next_at == START + 35 * MINUTE


def test_an_institution_that_has_it_switched_off_gets_no_due_time(database):
    site = Site(database)
    site.act(switch_plugin, "canvas", enabled=False, institution=OTHER)
    site.institutions = (HOME, OTHER)
    assert site.settle(declared(), anew=False) == 1
    assert site.row(OTHER).next_at is None


def test_what_nobody_declares_any_more_starts_nothing_but_is_remembered(site):
    site.act(schedules.pause, NAME, paused=True)
    site.act(schedules.pause, NAME, paused=False)
    assert site.settle(anew=False, unready=["canvas"]) == 0
    assert site.settle(anew=False) == 1
    assert site.row().next_at is None
    assert site.fire(START + 60 * MINUTE) == 0
    site.settle(declared(), now=START + 60 * MINUTE)
    assert site.row().next_at == START + 75 * MINUTE
    assert site.row().row_version == 3


def test_a_declaration_that_changes_is_followed_by_who_took_it_up(site):
    site.fire(START + 15 * MINUTE)
    changed = declared("1h", queue="slow")
    assert site.settle(changed, now=START + 16 * MINUTE, anew=False) == 0
    assert site.settle(changed, now=START + 16 * MINUTE) == 1
    row = site.row()
    assert (row.every, row.queue, row.next_at) == ("1h", "slow", START + 75 * MINUTE)
    assert site.settle(changed, now=START + 17 * MINUTE) == 0
    assert site.settle(declared("0 3 * * *", zone="Europe/Berlin"), now=START) == 1
    assert site.row().next_at > START


def test_a_clock_that_jumps_forth_and_back_does_no_harm(site):
    far = START + timedelta(days=3000)
    site.fire(far)
    assert site.row().next_at > far
    site.end()
    now = START + MINUTE
    assert site.settle(declared(), now=now, anew=False) == 1
    assert now < site.row().next_at <= now + 15 * MINUTE
    assert site.settle(declared(), now=now, anew=False) == 0
    assert site.fire(site.row().next_at) == 1
    assert len(site.jobs()) == 2


@pytest.mark.parametrize("every", ["15m", "*/5 * * * *"])
def test_a_clock_that_is_a_little_behind_starts_nothing_twice(site, every):
    site.settle(declared(every))
    due = site.row().next_at
    site.fire(due)
    site.end()
    behind = due - SKEW / 2
    assert site.settle(declared(every), now=behind, anew=False) == 0
    assert site.fire(behind) == 0


def test_a_paused_schedule_starts_nothing_and_goes_on_without_making_up(site):
    version = site.act(schedules.pause, NAME, paused=True, version=1)
    assert site.row().next_at is None
    assert site.fire(START + 15 * MINUTE) == 0
    assert site.settle(declared(), anew=False) == 0
    with pytest.raises(ConflictError):
        site.act(schedules.pause, NAME, paused=False, version=1)
    assert site.act(schedules.pause, NAME, paused=False, version=version) == version + 1
    assert site.row().next_at > utcnow()
    with site.database.unit(make_call()) as unit:
        lines = unit.session.scalars(select(AuditLine.action).order_by(AuditLine.seq)).all()
    assert lines == ["schedules:pause", "schedules:resume"]


def test_a_schedule_is_run_by_hand_once_at_a_time(site):
    job = site.act(schedules.run, NAME, ledger.enqueue)
    assert site.row().last_job_id == job
    assert site.row().next_at == START + 15 * MINUTE
    with pytest.raises(ConflictError, match=f"under way: {job}"):
        site.act(schedules.run, NAME, ledger.enqueue)
    site.end()
    site.act(schedules.pause, NAME, paused=True)
    site.act(schedules.run, NAME, ledger.enqueue)
    site.end()
    site.act(switch_plugin, "canvas", enabled=False)
    with pytest.raises(ConflictError, match="not in use"):
        site.act(schedules.run, NAME, ledger.enqueue)
    with pytest.raises(NotFoundError):
        site.act(schedules.run, "canvas.other", ledger.enqueue)
    with pytest.raises(NotFoundError):
        site.act(schedules.run, NAME, ledger.enqueue, institution=OTHER)


def test_a_schedule_tells_of_its_last_job(site):
    site.fire(START + 15 * MINUTE)
    site.end(JobState.FAILED)
    (row,) = [SCHEDULES.as_dict(one) for one in site.database.read_now(SCHEDULES, make_call())]
    assert (row["name"], row["every"], row["last_state"]) == (NAME, "15m", "failed")
    assert site.database.read_now(SCHEDULES, make_call(OTHER)) == []


def test_two_that_look_at_once_start_one_job(database):
    names = [f"canvas.j{number}" for number in range(10)]
    site = Site(database)
    site.settle(*(declared(name=name) for name in names))
    start = threading.Barrier(4)

    def look():
        start.wait()
        while site.fire(START + 20 * MINUTE):
            pass

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    site.fire(START + 20 * MINUTE)
    assert sorted(job.kind for job in site.jobs()) == names


async def test_a_clock_settles_and_fires_and_a_quiet_one_only_reads(database, monkeypatch):
    jobs = Jobs(database)
    clock = Clock(database, system_call(), jobs.enqueue, lambda: [HOME])
    clock.follow(Wanted(declared=(declared("10s"),)))
    await clock.look()
    with database.unit(system_call()) as unit:
        unit.session.execute(update(JobSchedule).values(next_at=utcnow() - timedelta(days=1)))
    await clock.look()
    site = Site.__new__(Site)
    site.database = database
    assert len(site.jobs()) == 1
    units = []
    monkeypatch.setattr(database, "unit", units.append)
    await clock.look()
    assert units == []


async def test_a_clock_that_knows_of_no_plugins_yet_lets_nothing_rest(site):
    clock = Clock(site.database, system_call(), ledger.enqueue, lambda: [HOME])
    await clock.look()
    assert site.row().next_at is not None
    clock.follow(Wanted())
    await clock.look()
    assert site.row().next_at is None

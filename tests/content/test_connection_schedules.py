"""Connections are read by themselves, once whoever looks, and not where a person is waited for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.content.syncing import SYNC_JOB, ask_for_sync, fire, set_every
from bloop.jobs.ledger import enqueue
from bloop.jobs.models import Job
from bloop.kernel.connections import create, set_state
from bloop.kernel.models import Connection, InstitutionPlugin
from bloop.kernel.states import ConnectionState
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from tests.support.database import HOME, OTHER, make_call


@pytest.fixture
def connected(database):
    """The id of a connection that works and is read every hour, in an institution."""

    def make(institution=HOME, key="one"):
        def making(unit):
            made = create(unit, plugin_id="shelf", capability="lms", key=key, name=key)
            set_state(unit, made.id, ConnectionState.CHECKING)
            set_state(unit, made.id, ConnectionState.ACTIVE)
            set_every(unit, made.id, "1h", "UTC")
            return made.id

        return in_unit(database, make_call(institution), making)

    return make


def fired(database, minutes):
    """How many rows were due after so many minutes."""
    later = utcnow() + timedelta(minutes=minutes)
    return in_unit(database, system_call(EVERY_INSTITUTION), fire, later, "UTC", enqueue)


def jobs(database):
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        found = unit.session.execute(
            select(Job.institution_id, Job.kind, Job.payload, Job.actor).order_by(Job.id)
        )
        return [tuple(row) for row in found]


def row(database, connection, institution=HOME):
    with database.unit(make_call(institution)) as unit:
        found = unit.get(Connection, connection)
        unit.session.expunge(found)
        return found


def test_what_is_due_is_asked_for_once_in_its_institution(database, connected):
    mine, theirs = connected(), connected(OTHER)
    version = row(database, mine).row_version
    assert fired(database, 30) == 0
    assert fired(database, 61) == 2
    assert fired(database, 61) == 0
    assert {(of, kind, payload["connection"]) for of, kind, payload, _ in jobs(database)} == {
        (HOME, SYNC_JOB, mine),
        (OTHER, SYNC_JOB, theirs),
    }
    assert {actor for *_, actor in jobs(database)} == {"system:schedules"}
    after = row(database, mine)
    assert (after.row_version, after.job_id is not None) == (version, True)
    assert timedelta(hours=1, minutes=30) < after.next_at - utcnow() <= timedelta(hours=2)


def test_one_that_is_being_read_is_not_asked_for_again(database, connected):
    mine = connected()
    in_unit(database, make_call(HOME), ask_for_sync, mine, full=True)
    assert fired(database, 61) == 1
    assert len(jobs(database)) == 1
    assert fired(database, 300) == 1, "however many due times have passed, it is one"
    assert len(jobs(database)) == 1


# Of who is there, a transaction is told what it was told first.
_WHO_WAITS = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""


def test_who_asks_while_the_clock_does_gets_the_clocks_job(database, connected):
    mine, later = connected(), utcnow() + timedelta(minutes=61)
    with ThreadPoolExecutor(1) as threads:
        with database.unit(system_call(EVERY_INSTITUTION)) as unit:
            fire(unit, later, "UTC", enqueue)
            asked = threads.submit(in_unit, database, make_call(HOME), ask_for_sync, mine)
            end = monotonic() + 30
            while database.dialect == "postgresql" and monotonic() < end:
                if unit.connection.exec_driver_sql(_WHO_WAITS).scalar():
                    break
                sleep(0.01)
        job = asked.result()
    assert (len(jobs(database)), row(database, mine).job_id) == (1, job)


@pytest.mark.parametrize(
    "state", [ConnectionState.SUSPENDED, ConnectionState.AUTH_FAILED, ConnectionState.UNCONFIGURED]
)
def test_one_that_waits_for_a_person_is_left_alone(database, connected, state):
    mine = connected()
    in_unit(database, make_call(HOME), set_state, mine, state)
    assert fired(database, 61) == 1
    assert jobs(database) == []
    assert row(database, mine).next_at > utcnow() + timedelta(minutes=61)


def test_one_whose_plugin_the_institution_does_not_use_is_left_alone(database, connected):
    mine = connected()

    def switch_off(unit):
        unit.session.add(InstitutionPlugin(institution_id=HOME, plugin_id="shelf", enabled=False))

    in_unit(database, make_call(HOME), switch_off)
    assert fired(database, 61) == 1
    assert jobs(database) == []
    assert row(database, mine).next_at is not None


def test_a_rule_that_means_nothing_is_refused_and_one_is_taken_away(database, connected):
    mine = connected()
    for rule in ("1m", "soon", "* * * * *", "99999999d", ""):
        with pytest.raises(InvalidError):
            in_unit(database, make_call(HOME), set_every, mine, rule, "UTC")
    in_unit(database, make_call(HOME), set_every, mine, None, "UTC")
    assert (row(database, mine).every, row(database, mine).next_at) == (None, None)
    assert fired(database, 10_000) == 0

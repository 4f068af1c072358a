from __future__ import annotations

import threading

import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs.ledger import enqueue
from bloop.jobs.models import Job


@pytest.fixture
def job(hub_folder):
    """The id of a job that nobody runs."""
    hub = Hub.open(None, "cli")
    hub.tables.prepare()
    with hub.database.unit(system_call(hub.institution)) as unit:
        made = enqueue(unit, "content.import", {"name": "x"})
    hub.database.close_now()
    return made


def test_a_job_is_listed_shown_cancelled_and_tried_again(job, bloop):
    (only,) = bloop("jobs", "list", "--json").json["items"]
    assert (only["id"], only["state"]) == (job, "waiting")
    assert job in bloop("jobs", "list").out
    assert bloop("jobs", "show", job, "--json").json["kind"] == "content.import"
    assert bloop("jobs", "cancel", job, "--json").json["state"] == "cancelled"
    assert "waiting" in bloop("jobs", "retry", job).out
    assert "waiting" in bloop("jobs", "show", job).out


def test_an_unknown_job_is_a_failure_with_its_cure(hub_folder, bloop):
    for act in ("show", "cancel", "retry"):
        said = bloop("jobs", act, "?")
        assert said.code == 1
        assert "no job" in said.err


def test_no_jobs_is_said(hub_folder, bloop):
    assert bloop("jobs", "list").out == "There are no jobs.\n"
    assert bloop("jobs", "list", "--json").json == {"items": []}


def test_a_job_is_watched_until_it_is_over(job, hub_folder, bloop):
    def end(state):
        hub = Hub.open(None, "cli")
        with hub.database.unit(system_call(hub.institution)) as unit:
            unit.get(Job, job).state = state
        hub.database.close_now()

    later = threading.Timer(0.7, end, ["succeeded"])
    later.start()
    said = bloop("jobs", "watch", job)
    later.join()
    assert (said.code, said.out) == (0, "The job has succeeded.\n")
    assert bloop("jobs", "watch", job, "--json").json["state"] == "succeeded"
    end("failed")
    assert bloop("jobs", "watch", job).code == 1
    assert bloop("jobs", "watch", "?").code == 1

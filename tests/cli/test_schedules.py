from __future__ import annotations

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs.models import JobSchedule
from bloop.store.types import utcnow


def add(**values):
    """A schedule as a running hub has left it."""
    hub = Hub.open(None, "cli")
    with hub.database.unit(system_call(hub.institution)) as unit:
        row = JobSchedule(
            institution_id=hub.institution,
            name="canvas.sync",
            plugin_id="canvas",
            queue="default",
            priority=5,
            max_attempts=5,
            **{"every": "15m", "zone": "UTC", "next_at": utcnow()} | values,
        )
        unit.session.add(row)
    hub.database.close_now()


def test_schedules_are_listed_started_paused_and_resumed(hub_folder, bloop):
    add()
    (only,) = bloop("jobs", "schedules", "--json").json["items"]
    assert (only["name"], only["plugin_id"], only["every"]) == ("canvas.sync", "canvas", "15m")
    assert "canvas.sync" in bloop("jobs", "schedules").out
    job = bloop("jobs", "schedules", "run", "canvas.sync", "--json").json["job"]
    assert bloop("jobs", "show", job, "--json").json["kind"] == "canvas.sync"
    again = bloop("jobs", "schedules", "run", "canvas.sync")
    assert (again.code, f"under way: {job}" in again.err) == (1, True)
    assert bloop("jobs", "schedules", "pause", "canvas.sync").out == "It is paused.\n"
    assert "paused" in bloop("jobs", "schedules").out
    assert bloop("jobs", "schedules", "resume", "canvas.sync", "--json").json["next_at"]


def test_what_goes_wrong_is_said(hub_folder, bloop):
    add(every="30 3 * * *", zone="Europe/Berlin", next_at=None, skipped=2)
    said = bloop("jobs", "schedules").out
    assert "30 3 * * * (Europe/Berlin)" in said
    assert "not used" in said
    assert "skipped 2 times" in said
    wrong = bloop("jobs", "schedules", "pause", "canvas.other")
    assert (wrong.code, "no schedule" in wrong.err) == (1, True)


def test_no_schedules_is_said(hub_folder, bloop):
    assert bloop("jobs", "schedules").out.startswith("Nothing starts by itself.")
    assert bloop("jobs", "schedules", "--json").json == {"items": []}

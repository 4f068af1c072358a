"""What is kept of how the hub does: exact counts, of all processes, in a table that stays small."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from bloop.accounts.sessions import system_call
from bloop.api.app import API, PAGES, routes_of
from bloop.hub import Hub
from bloop.ops.models import HubCheck, HubSample
from bloop.ops.trends import parts
from bloop.ops.vitals import LEVELS, MOST_ROWS, PROBES, STREAMS, Measured, Sampler, add_sample
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from bloop.telemetry.metrics import REQUEST_SECONDS, Metrics
from bloop.telemetry.totals import NO_TIMES, Totals, quantile, totals

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def in_all(database, function, *args):
    return in_unit(database, system_call(EVERY_INSTITUTION), function, *args)


def counted(requests=0, errors=0, failed=0, *, under=0):
    times = [0] * len(NO_TIMES)
    times[under] = requests
    return Totals(requests, errors, failed, tuple(times))


def rows(database, seconds):
    def read(unit):
        found = select(HubSample).where(HubSample.seconds == seconds).order_by(HubSample.at)
        return [
            (row.requests, row.errors, sum(row.times), row.jobs_waiting, row.free_bytes)
            for row in unit.session.scalars(found)
        ]

    return in_all(database, read)


def test_totals_leave_out_probes_and_the_times_of_streams():
    made = Metrics()
    for route, status, seconds in (
        ("/", "200", 0.0007),
        ("/", "500", 0.003),
        ("/courses/{id}", "200", 99.0),
        ("/healthz", "200", 0.0001),
        ("/api/v1/events", "200", 600.0),
    ):
        made.requests.labels("GET", route, status).inc()
        made.request_seconds.labels(route).observe(seconds)
    made.jobs_finished.labels("content.sync", "failed").inc(2)
    made.jobs_finished.labels("content.sync", "retried").inc(5)
    found = totals(made, probes=PROBES, streams=STREAMS)
    assert (found.requests, found.errors, found.jobs_failed) == (4, 1, 2)
    assert sum(found.times) == 3
    assert (found.times[1], found.times[-1]) == (1, 1)
    assert (found - found) == Totals()


def test_the_routes_left_out_are_those_there_are():
    routes = routes_of((*API, *PAGES))
    assert {*PROBES, *STREAMS} <= {route.path for route in routes}
    streaming = {
        route.path for route in routes if "text/event-stream" in str(route.options.get("responses"))
    }
    assert streaming == STREAMS


def test_a_quantile_lies_within_its_bound():
    assert quantile(NO_TIMES, 0.5) is None
    times = [0] * len(NO_TIMES)
    times[3] = 100
    low, high = REQUEST_SECONDS[2], REQUEST_SECONDS[3]
    assert low < quantile(times, 0.05) < quantile(times, 0.95) <= high
    times[-1] = 100
    assert quantile(times, 0.95) == REQUEST_SECONDS[-1], "no more is known than that"


def test_processes_add_to_the_same_row_and_the_worst_is_kept(database):
    for number, free in ((3, 900), (4, 500), (0, 700)):
        found = Measured(number, number, 10, free)
        in_all(database, add_sample, counted(number, 1), found, NOON)
    in_all(database, add_sample, counted(1), None, NOON)
    for seconds in LEVELS:
        assert rows(database, seconds) == [(8, 3, 8, 4, 500)]


def test_many_at_once_lose_nothing(database):
    async def all_of_them():
        call = system_call(EVERY_INSTITUTION)
        adds = [
            database.run(in_unit, database, call, add_sample, counted(1), None, NOON)
            for _ in range(12)
        ]
        await asyncio.gather(*adds)

    asyncio.run(all_of_them())
    assert rows(database, 60) == [(12, 0, 12, None, None)]


def test_the_table_stays_small_and_adds_up_at_every_resolution(database):
    """Eight days, with more and more samples; before it all, a clock had run ahead."""
    end = NOON + timedelta(days=8)
    steps = [end - timedelta(hours=hours) for hours in range(8 * 24, 25, -1)]
    steps += [end - timedelta(minutes=minutes) for minutes in range(25 * 60, 65, -15)]
    steps += [end - timedelta(minutes=minutes) for minutes in range(65, -1, -1)]

    def live(unit):
        add_sample(unit, counted(9), None, end + timedelta(days=40))
        for moment in steps:
            add_sample(unit, counted(1), None, moment)

    in_all(database, live)
    many = {seconds: len(rows(database, seconds)) for seconds in LEVELS}
    assert many == {60: 60, 900: 96, 3600: 168}
    assert sum(many.values()) <= MOST_ROWS < 400
    newest = in_all(database, lambda unit: unit.session.scalar(select(func.max(HubSample.at))))
    assert newest <= end
    assert sum(row[0] for row in rows(database, 60)) == 60


async def test_a_hub_keeps_samples_and_what_its_checks_say(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    sampler, now = Sampler(hub), utcnow()

    def checks(unit):
        return {row.name: (row.ok, row.since) for row in unit.session.scalars(select(HubCheck))}

    try:
        await sampler.take(now)
        first = in_all(hub.database, checks)
        assert first["database"] == (True, now)
        await sampler.take(now + timedelta(minutes=1))
        assert in_all(hub.database, checks)["database"] == (True, now), "since when"
        assert len(rows(hub.database, 60)) == 2
        assert [part.ok for part in await parts(hub) if part.name == "disk"] == [True]
    finally:
        await hub.stop()
    hub = Hub.open(hub_toml, "cli")
    assert in_all(hub.database, checks) == {}, "they go with their process"
    await hub.database.close()


async def test_a_hub_begins_what_is_attached_once_its_plugins_are_loaded_and_ends_it(hub_toml):
    told = []

    class Attached:
        def start(self):
            told.append("start")

        async def stop(self):
            told.append("stop")

    hub = Hub.open(hub_toml, "api")
    hub.attach(Attached)
    await hub.start()
    assert told == []
    await hub.loaded()
    assert told == ["start"]
    await hub.stop()
    assert told == ["start", "stop"]

from __future__ import annotations

import asyncio

import pytest

from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_edge, routes_of
from bloop.store.database import in_unit
from bloop_sdk.testing.distributions import write_plugin
from tests.api.streams import Stream
from tests.support.hub import add_institution, log_in

STEPS: asyncio.Queue[bool]
"""What lets the job `steps` of this test take its next step."""

WORK = """
    async def steps(ctx, payload):
        from tests.api.test_jobs import STEPS
        for done in range(1, 4):
            await STEPS.get()
            ctx.progress(done, 3, f"step {done}")

    async def work(ctx, payload):
        ctx.progress(1, 2, "half")
        if payload.get("fail"):
            raise ValueError("no")
        return {"plugin": ctx.plugin_id, "got": payload["number"]}
"""


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that has a job."""
    jobs = [
        {"kind": "count", "handler": "bloop_counter.work:work"},
        {"kind": "steps", "handler": "bloop_counter.work:steps"},
    ]
    manifest = {"contributes": {"jobs": jobs}}
    write_plugin(site, "counter", files={"work.py": WORK}, manifest=manifest)
    with config_path.open("a") as file:
        file.write("\n[plugins.counter]\nenabled = true\n")
    return config_path


@pytest.fixture
def ask(hub, operator):
    """Asks for a job of the operator's institution; gives its id."""

    async def enqueue(payload, kind="counter.count", **options) -> str:
        call = system_call(hub.institution)
        return await hub.database.run(
            in_unit, hub.database, call, hub.jobs.enqueue, kind, payload, **options
        )

    return enqueue


async def over(client, job: str) -> dict:
    async with asyncio.timeout(30):
        while True:
            found = (await client.get(f"/api/v1/jobs/{job}")).json()
            if found["state"] not in {"waiting", "running"}:
                return found
            await asyncio.sleep(0.05)


async def test_a_plugins_job_runs_and_tells_what_came_of_it(operator, ask):
    done = await over(operator, await ask({"number": 7}))
    assert (done["state"], done["result"]) == ("succeeded", {"plugin": "counter", "got": 7})
    assert (done["progress_done"], done["progress_total"]) == (1, 2)
    failed = await over(operator, await ask({"fail": True}))
    assert failed["state"] == "failed" and "no" in str(failed["error"])


async def test_jobs_are_listed_newest_first_in_pages(operator, ask):
    made = [await ask({"number": number}) for number in range(3)]
    first = (await operator.get("/api/v1/jobs?limit=2")).json()
    assert [job["id"] for job in first["items"]] == made[:0:-1]
    rest = (await operator.get(f"/api/v1/jobs?before={first['next']}")).json()
    assert [job["id"] for job in rest["items"]] == made[:1] and rest["next"] is None
    assert (await operator.get("/api/v1/jobs?limit=0")).status_code == 422


async def test_a_waiting_job_is_cancelled_and_tried_again(operator, ask):
    job = await ask({"number": 1}, delay=3600)
    cancelled = await operator.post(f"/api/v1/jobs/{job}/cancel")
    assert cancelled.json()["state"] == "cancelled"
    again = await operator.post(f"/api/v1/jobs/{job}/retry")
    assert again.json()["state"] in {"waiting", "running"}
    assert (await over(operator, job))["state"] == "succeeded"
    assert (await operator.post(f"/api/v1/jobs/{job}/retry")).status_code == 409
    assert (await operator.get("/api/v1/jobs/nothing")).status_code == 404


async def test_a_client_that_holds_the_job_as_it_is_gets_304(operator, ask):
    job = await ask({"number": 1}, delay=3600)
    tag = (await operator.get(f"/api/v1/jobs/{job}")).headers["etag"]
    same = await operator.get(f"/api/v1/jobs/{job}", headers={"if-none-match": tag})
    assert same.status_code == 304


async def test_jobs_of_a_plugin_that_is_off_wait_for_it(operator, ask):
    await operator.post("/api/v1/plugins/counter/disable")
    job = await ask({"number": 2})
    await asyncio.sleep(0.3)
    assert (await operator.get(f"/api/v1/jobs/{job}")).json()["state"] == "waiting"
    await operator.post("/api/v1/plugins/counter/enable")
    assert (await over(operator, job))["result"]["got"] == 2


@pytest.fixture
def steps(monkeypatch):
    made = asyncio.Queue()
    monkeypatch.setattr("tests.api.test_jobs.STEPS", made, raising=False)
    return made


@pytest.fixture
def watch(hub, operator):
    """Opens the stream of a job as the operator."""
    edge = create_edge(hub)
    edge.use(routes_of(API))

    def open_(job, last_id=""):
        headers = {"authorization": operator.headers["authorization"]}
        if last_id:
            headers["last-event-id"] = last_id
        return Stream(edge, f"/api/v1/jobs/{job}/events", headers)

    return open_


async def test_a_job_is_followed_until_it_is_over(ask, watch, steps):
    job = await ask({}, "counter.steps")
    async with watch(job) as stream:
        seen = []
        for done in range(1, 4):
            steps.put_nowait(True)
            while done not in seen:
                _, last_id, found = await stream.next()
                seen.append(found["progress_done"])
        while found["state"] != "succeeded":
            _, last_id, found = await stream.next()
        await stream.ended()
        assert stream.done and found["id"] == job
    assert last_id == str(found["row_version"])
    async with watch(job, last_id) as again:
        assert again.status == 204, "an EventSource does not come again"
    async with watch(job, "1") as late:
        assert (await late.next())[2]["state"] == "succeeded"
        await late.ended()


async def test_who_follows_a_job_goes_when_the_hub_stops(hub, ask, watch, steps):
    async with watch(await ask({}, "counter.steps")) as stream:
        await stream.next()
        hub.stop_listening()
        await stream.ended()
    for _ in range(3):
        steps.put_nowait(True)


async def test_nobody_follows_a_job_that_is_not_theirs(hub, edge_guest, ask, watch):
    job = await ask({"number": 1})
    async with watch("nothing") as stream:
        assert stream.status == 404
    async with edge_guest(f"/api/v1/jobs/{job}/events") as guest:
        assert guest.status == 401
    away = log_in(hub, "operator", add_institution(hub, "away"))
    headers = {"authorization": f"Bearer {away.token}"}
    async with edge_guest(f"/api/v1/jobs/{job}/events", headers) as stranger:
        assert stranger.status == 404


@pytest.fixture
def edge_guest(hub):
    edge = create_edge(hub)
    edge.use(routes_of(API))
    return lambda url, headers=None: Stream(edge, url, headers)

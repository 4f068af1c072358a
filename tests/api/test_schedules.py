"""What a plugin starts by itself, through a hub: list, start, pause, and switch off."""

from __future__ import annotations

import asyncio

import pytest

from bloop.kernel.config import load
from bloop_sdk.testing.distributions import CODE, write_plugin

WORK = """
    async def sweep(ctx, payload):
        def ask(unit):
            parts = [unit.enqueue("part", {"n": n}) for n in (1, 2)]
            return unit.enqueue("whole", {}, after=[*parts, ctx.job])
        return {"whole": await ctx.transaction(ask), "who": ctx.call.principal.id}

    async def part(ctx, payload):
        return payload

    whole = part
"""
JOBS = [{"kind": kind, "handler": f"bloop_tidy.work:{kind}"} for kind in ("sweep", "part", "whole")]
MANIFEST = {
    "contributes": {
        "jobs": JOBS,
        "schedules": [
            {"job": "sweep", "every": "30 3 * * *", "zone": "Europe/Berlin"},
            {"job": "part", "every": "15m"},
            {"job": "whole", "every": "0 0 */31 * MON#5"},
        ],
    },
}
PATH = "/api/v1/schedules"


@pytest.fixture
def config_path(config_path, site):
    write_plugin(site, "tidy", code=CODE, files={"work.py": WORK}, manifest=MANIFEST)
    with config_path.open("a") as file:
        file.write("\n[plugins.tidy]\nenabled = true\n")
    return config_path


async def until(find):
    async with asyncio.timeout(60):
        while not (found := await find()):  # noqa: ASYNC110 - what the hub answers
            await asyncio.sleep(0.02)
    return found


@pytest.fixture
async def listed(hub, operator):
    """Look at the schedules, by name, once the hub has written them."""

    async def look():
        answer = await operator.get(PATH)
        return {one["name"]: one for one in answer.json()["items"]}

    await until(look)
    return look


async def job_of(operator, id_, *states):
    async def look():
        job = (await operator.get(f"/api/v1/jobs/{id_}")).json()
        return job if job["state"] in states else None

    return await until(look)


async def test_what_a_plugin_declares_is_listed_and_what_is_never_due_is_not(listed):
    found = await listed()
    assert list(found) == ["tidy.part", "tidy.sweep"]
    sweep = found["tidy.sweep"]
    assert (sweep["every"], sweep["zone"], sweep["plugin_id"]) == (
        "30 3 * * *",
        "Europe/Berlin",
        "tidy",
    )
    assert sweep["next_at"][14:16] == "30"
    assert (sweep["paused"], sweep["last_job_id"], sweep["skipped"]) == (False, None, 0)


async def test_it_is_started_now_and_its_group_runs_to_the_end(listed, operator):
    await listed()
    started = await operator.post(f"{PATH}/tidy.sweep/run")
    assert started.status_code == 202
    job = started.json()["job"]
    assert started.headers["location"] == f"/api/v1/jobs/{job}"
    done = await job_of(operator, job, "succeeded")
    assert done["result"]["who"] == "schedules"
    whole = await job_of(operator, done["result"]["whole"], "succeeded")
    assert len(whole["after"]) == 3
    assert (job in whole["after"], whole["pending"]) == (True, 0)
    shown = (await operator.get(f"{PATH}/tidy.sweep")).json()
    assert (shown["last_job_id"], shown["last_state"]) == (job, "succeeded")


async def test_it_is_paused_by_who_has_seen_it_as_it_is(listed, operator):
    await listed()
    shown = await operator.get(f"{PATH}/tidy.part")
    tag = {"if-match": shown.headers["etag"]}
    assert (await operator.patch(f"{PATH}/tidy.part", json={"paused": True})).status_code == 428
    paused = await operator.patch(f"{PATH}/tidy.part", json={"paused": True}, headers=tag)
    assert (paused.json()["paused"], paused.json()["next_at"]) == (True, None)
    stale = await operator.patch(f"{PATH}/tidy.part", json={"paused": False}, headers=tag)
    assert stale.status_code == 412
    now = {"if-match": paused.headers["etag"]}
    on = await operator.patch(f"{PATH}/tidy.part", json={"paused": False}, headers=now)
    assert on.json()["next_at"] is not None
    assert (await operator.get(f"{PATH}/tidy.nothing")).status_code == 404


async def test_a_plugin_that_is_switched_off_starts_nothing(listed, operator, hub, config_path):
    await listed()
    text = config_path.read_text()
    config_path.write_text(text.replace("enabled = true", "enabled = false"))
    await hub.reconfigure(load(config_path, {}))

    async def resting():
        found = await listed()
        return all(one["next_at"] is None for one in found.values())

    assert await until(resting)
    refused = await operator.post(f"{PATH}/tidy.part/run")
    assert (refused.status_code, "not in use" in refused.text) == (409, True)

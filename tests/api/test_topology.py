"""The topology over HTTP is for operators."""

from __future__ import annotations


async def test_operators_see_the_processes(operator):
    answer = await operator.get("/api/v1/topology")
    assert answer.status_code == 200
    (process,) = answer.json()["processes"]
    assert (process["kind"], process["is_stale"]) == ("api", False)


async def test_others_do_not(client):
    assert (await client.get("/api/v1/topology")).status_code == 401


async def test_operators_see_how_the_hub_does(operator):
    parts = await operator.get("/api/v1/system")
    assert (parts.status_code, parts.json()) == (200, {"items": []}), "nobody has checked yet"
    kept = (await operator.get("/api/v1/system/samples?range=24h")).json()
    assert (kept["seconds"], len(kept["points"]), kept["p95"]) == (900, 96, None)
    assert (await operator.get("/api/v1/system/samples?range=2y")).status_code == 422


async def test_others_do_not_see_how_it_does(client):
    for path in ("/api/v1/system", "/api/v1/system/samples"):
        assert (await client.get(path)).status_code == 401

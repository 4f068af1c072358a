"""The topology over HTTP is for operators."""

from __future__ import annotations


async def test_operators_see_the_processes(operator):
    answer = await operator.get("/api/v1/topology")
    assert answer.status_code == 200
    (process,) = answer.json()["processes"]
    assert (process["kind"], process["is_stale"]) == ("api", False)


async def test_others_do_not(client):
    assert (await client.get("/api/v1/topology")).status_code == 401

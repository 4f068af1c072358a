"""Of a plugin that an institution has switched off, nothing runs for it; for others it does."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bloop.accounts.models import Institution, User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk import Role
from bloop_sdk.testing.distributions import write_plugin

CODE = """
    from bloop_sdk import Plugin, hookimpl

    class Main(Plugin):
        @hookimpl
        def refuse_publish(self, item, principal):
            return "strict says no"
"""
WORK = """
    async def hello(request, ctx):
        return {"hello": ctx.plugin_id}

    async def work(ctx, payload):
        return {"did": "it"}
"""
MANIFEST = {
    "hooks": ["refuse_publish"],
    "contributes": {
        "routes": [
            {"path": "/hello", "handler": "bloop_strict.work:hello", "action": "content:read"}
        ],
        "jobs": [{"kind": "work", "handler": "bloop_strict.work:work"}],
    },
}


@pytest.fixture
def config_path(config_path, site):
    """A hub with a plugin that has a route, a hook that refuses, and a job."""
    write_plugin(site, "strict", code=CODE, files={"work.py": WORK}, manifest=MANIFEST)
    with config_path.open("a") as file:
        file.write("\n[plugins.strict]\nenabled = true\n")
    return config_path


def admin_of(hub, institution):
    with hub.database.unit(system_call(institution)) as unit:
        user = User(institution_id=institution, name="Ada", role=Role.ADMIN)
        unit.session.add(user)
        unit.session.flush()
        token = start_session(unit, user).token
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(hub)),
        base_url="http://127.0.0.1:8080",
        headers={"authorization": f"Bearer {token}"},
    )
    client.institution = institution
    return client


@pytest.fixture
async def schools(hub):
    """The admins of two institutions, of which the first has switched the plugin off."""
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        other = Institution(slug="other", name="Other")
        unit.session.add(other)
        unit.session.flush()
        ids = hub.institution, other.id
    async with admin_of(hub, ids[0]) as first, admin_of(hub, ids[1]) as second:
        answer = await first.put("/api/v1/plugins/strict/institution", json={"enabled": False})
        assert answer.status_code == 204
        yield first, second


async def test_its_routes_are_not_there(schools):
    first, second = schools
    assert (await first.get("/x/strict/hello")).status_code == 404
    assert (await second.get("/x/strict/hello")).json() == {"hello": "strict"}


async def test_its_hooks_are_not_called(schools):
    first, second = schools
    assert (await published(first)).status_code == 200
    refused = await published(second)
    assert (refused.status_code, "strict says no" in refused.text) == (409, True)
    await second.put("/api/v1/plugins/strict/institution", json={"enabled": False})
    assert (await published(second)).status_code == 200


async def published(client):
    course = (await client.post("/api/v1/containers", json={"title": "A course"})).json()
    path = f"/api/v1/containers/{course['id']}/items"
    made = await client.post(path, json={"kind": "page", "title": "A page"})
    assert made.status_code == 201, made.text
    path = f"/api/v1/items/{made.json()['id']}/publish"
    return await client.post(path, headers={"if-match": "*"})


async def test_its_jobs_do_not_run(hub, schools):
    states = [await job_of(hub, client) for client in schools]
    assert [state["state"] for state in states] == ["failed", "succeeded"]
    assert "switched off for this institution" in str(states[0]["error"])


async def job_of(hub, client):
    with hub.database.unit(system_call(client.institution)) as unit:
        job = hub.jobs.enqueue(unit, "strict.work", {})
    async with asyncio.timeout(30):
        while True:
            found = (await client.get(f"/api/v1/jobs/{job}")).json()
            if found["state"] not in {"waiting", "running"}:
                return found
            await asyncio.sleep(0.05)


async def test_an_import_or_export_by_it_is_refused_with_the_cure(schools):
    first, _ = schools
    answer = await first.get("/api/v1/containers/none/export?plugin=strict")
    assert answer.status_code == 503
    assert answer.json()["cure"] == "an admin can switch it on"

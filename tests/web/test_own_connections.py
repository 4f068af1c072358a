"""An account elsewhere that a learner connects for themselves: it and what it brings are theirs."""

from __future__ import annotations

import asyncio
import re

import pytest

from bloop.accounts.actions import ForbiddenError
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.hub.connection_views import survey
from tests.support.campus import CLIENT_SECRET, TOKEN, Campus, write_campus
from tests.support.hub import log_in

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

PATIENCE_SECONDS = 120
OWN, RULE = "/api/v1/account/connections", "/api/v1/own-connections"
ANY = {"if-match": "*"}


@pytest.fixture
def campus():
    campus = Campus()
    server = campus.start()
    yield campus
    campus.wait.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
async def hub(hub_toml, site, campus, monkeypatch):
    """A hub whose operator has said where the campus is, and has a token of the institution's."""
    monkeypatch.setenv("CAMPUS_TOKEN", TOKEN)
    monkeypatch.setenv("CAMPUS_SECRET", CLIENT_SECRET)
    more = (
        (
            f'base_url = "{campus.url}"\nclient_id = "7"\n'
            'token = {{ env = "CAMPUS_TOKEN" }}\nclient_secret = {{ env = "CAMPUS_SECRET" }}\n'
        )
        .replace("{{", "{")
        .replace("}}", "}")
    )
    write_campus(site, hub_toml, own=True, more=more)
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
async def come(hub, visit):
    """A client of a new user with a role, over the API."""

    async def enter(role):
        client = await visit()
        session = await hub.database.run(log_in, hub, role, hub.institution)
        client.headers.update({"authorization": f"Bearer {session.token}", "accept": "*/*"})
        client.session = session
        return client

    return enter


async def ended(client, job):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = await client.get(f"/api/v1/jobs/{job}")
            assert found.status_code == 200, found.text
            if found.json()["state"] in {"succeeded", "failed", "cancelled"}:
                return found.json()
            await asyncio.sleep(0.05)


async def is_kept_from(client, job, notebooks):
    assert (await client.get(f"/api/v1/jobs/{job}")).status_code == 404
    assert (await client.post(f"/api/v1/jobs/{job}/retry")).status_code == 404
    assert job not in (await client.get("/api/v1/jobs")).text
    listed = (await client.get("/api/v1/containers")).text
    assert not any(one["id"] in listed for one in notebooks)


async def an_admin_only_ends_it(admin, place):
    seen = await admin.get(place)
    assert (seen.json()["plugin"], seen.json()["state"]) == ("campus", "active")
    assert "zqhush" not in seen.text + (await admin.get("/api/v1/audit")).text
    for act, given in {"discover": None, "check": None, "sync": {}, "resume": None}.items():
        answer = await admin.post(f"{place}/{act}", json=given)
        assert answer.status_code == 403, act
    rotated = await admin.post(f"{place}/rotate", json={"secrets": {"token": "x"}})
    assert rotated.status_code == 403
    assert (await admin.post(f"{place}/pause")).json()["state"] == "suspended"


async def test_a_learner_connects_reads_pauses_and_removes_an_account_of_their_own(come, hub):
    learner, admin, educator = [await come(one) for one in ("learner", "admin", "educator")]
    body = {"plugin": "campus", "name": "Mine zqhush", "secrets": {"token": TOKEN}}
    refused = await learner.post(OWN, json=body)
    assert (refused.status_code, "does not let people" in refused.text) == (403, True)
    assert (await learner.get("/api/v1/account/connectable")).json() == {
        "allowed": False,
        "items": [],
    }
    assert (await learner.put(RULE, json={"allowed": True}, headers=ANY)).status_code == 403
    allowed = await admin.put(RULE, json={"allowed": True}, headers=ANY)
    assert (allowed.status_code, allowed.json()) == (200, {"allowed": True})
    (offered,) = (await learner.get("/api/v1/account/connectable")).json()["items"]
    assert (offered["plugin"], offered["settings"], offered["secrets"]) == ("campus", [], ["token"])

    elsewhere = body | {"settings": {"base_url": "https://evil.example"}}
    for wrong in (elsewhere, body | {"secrets": {"token": "x", "client_secret": "y"}}):
        answer = await learner.post(OWN, json=wrong)
        assert (answer.status_code, "for the institution to say" in answer.text) == (422, True)
    assert (await learner.post("/api/v1/connections", json=body)).status_code == 403
    made = await learner.post(OWN, json=body)
    assert made.status_code == 201, made.text
    place = f"/api/v1/connections/{made.json()['id']}"
    other = (await (await come("learner")).post(OWN, json=body)).json()
    assert other["id"] != made.json()["id"], "that somebody else has one is nothing to them"
    assert (await learner.get(f"/api/v1/connections/{other['id']}")).status_code == 403
    assert (await learner.post(f"{place}/check")).json()["state"] == "active"
    job = (await learner.post(f"{place}/sync", json={})).json()["job"]
    assert (await ended(learner, job))["state"] == "succeeded"
    notebooks = (await learner.get("/api/v1/account/notebooks")).json()["items"]
    assert len(notebooks) == 3
    assert {one["owner"] for one in notebooks} == {made.json()["owner"]}
    items = await learner.get(f"/api/v1/containers/{notebooks[0]['id']}/items")
    assert items.json()["items"]

    for client in (admin, educator):
        await is_kept_from(client, job, notebooks)
    await an_admin_only_ends_it(admin, place)
    assert (await learner.post(f"{place}/resume")).json()["state"] == "active"

    await admin.put(RULE, json={"allowed": False}, headers=ANY)
    assert (await learner.post(f"{place}/check")).json()["state"] == "active"
    assert (await learner.post(OWN, json=body | {"name": "More"})).status_code == 403
    gone = await learner.delete(f"{place}?content=trash", headers=ANY)
    assert gone.status_code == 204, gone.text
    assert (await learner.get("/api/v1/account/notebooks")).json()["items"] == []


async def test_the_institutions_token_is_not_theirs_and_a_login_gives_them_one(
    come, visit, hub, campus
):
    learner, admin = await come("learner"), await come("admin")
    await admin.put(RULE, json={"allowed": True}, headers=ANY)
    made = (await learner.post(OWN, json={"plugin": "campus", "name": "Mine"})).json()
    assert "id" in made, made
    place = f"/api/v1/connections/{made['id']}"
    checked = (await learner.post(f"{place}/check")).json()
    assert checked["state"] == "auth_failed", "else they would read what the institution reads"

    browser = await visit()
    browser.cookies.set(hub.sessions.cookie, learner.session.token, domain="127.0.0.1", path="/")
    page = await browser.get(f"/connections/{made['id']}")
    assert "Log in at Campus" in page.text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]
    left = await browser.post(f"/connections/{made['id']}/login", data={"csrf": csrf})
    url = re.search(r'id="on" href="([^"]+)"', left.text)[1].replace("&amp;", "&")
    back = await browser.get(f"/connections/callback?{campus.grant(url)}", follow_redirects=True)
    assert "The login worked." in back.text
    assert "as Olga OAuth" in back.text
    theirs = await admin.get(f"/connections/{made['id']}", headers={"accept": "text/html"})
    assert "Olga" not in theirs.text
    with pytest.raises(ForbiddenError, match="for themselves"):
        await survey(hub, system_call(hub.institution), made["id"])

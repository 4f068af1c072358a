"""The pages of connections, without scripts: made, chosen, read, mended, logged in, removed."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from bloop.accounts.sessions import system_call
from bloop.content.models import Container
from bloop.hub import Hub
from bloop.jobs.models import OVER, Job
from tests.support.campus import CLIENT_SECRET, TOKEN, Campus, write_campus

PATIENCE_SECONDS = 120


@pytest.fixture
async def hub(hub_toml, site):
    write_campus(site, hub_toml)
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def campus():
    campus = Campus()
    server = campus.start()
    yield campus
    campus.wait.set()
    server.shutdown()
    server.server_close()


class Browser:
    """Follows redirects within the hub, and sends forms with their token."""

    def __init__(self, client):
        self.client = client
        self.page = None

    async def go(self, path, status=200):
        self.page = await self.client.get(path, follow_redirects=True)
        assert self.page.status_code == status, self.page.text[:2000]
        return self.page.text

    async def send(self, path, status=200, **fields):
        csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', self.page.text)[1]
        named = {name.replace("__", "."): value for name, value in fields.items()}
        self.page = await self.client.post(
            path, data={"csrf": csrf, **named}, follow_redirects=True
        )
        assert self.page.status_code == status, self.page.text[:2000]
        return self.page.text

    @property
    def place(self):
        return self.page.url.path


@pytest.fixture
async def admin(visit):
    return Browser(await visit("admin"))


async def connect(admin, campus, **other):
    await admin.go("/connections/new?plugin=campus")
    given = {
        "name": "School", "every": "6h", "set__base_url": campus.url, "secret__token": TOKEN,
    }  # fmt: skip
    said = await admin.send("/connections/new?plugin=campus", **(given | other))
    return admin.place, said


async def idle(hub):
    """Wait until no job waits or runs."""

    def busy():
        with hub.database.reading(system_call(hub.institution)) as unit:
            return unit.session.query(Job).filter(Job.state.not_in(sorted(OVER))).count()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while await asyncio.to_thread(busy):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)


def courses(hub, *conditions):
    with hub.database.reading(system_call(hub.institution)) as unit:
        rows = unit.session.query(Container).filter(*conditions).all()
        return sorted(row.title for row in rows)


async def test_from_nothing_to_courses(admin, campus, hub):
    campus.pages["c1p1"].pop("title")
    campus.hides_people = True
    assert "Nothing is connected yet" in await admin.go("/connections")
    place, said = await connect(admin, campus)
    assert re.fullmatch(r"/connections/[0-9a-f-]{36}", place)
    assert "as Ada Admin" in said and "Campus 4.5" in said and TOKEN not in said
    hints = re.search(r"[^>]*/hints\?key=[\w-]+", said)[0]
    outside = {"cookie": ""}
    begun = await admin.client.post(hints, json={"begin": "to be pasted"}, headers=outside)
    assert begun.status_code == 202 and "to be pasted" in await admin.go(place)

    shown = await admin.go(f"{place}/courses")
    assert "Waves and sound" in shown and 'name="stream.people"' in shown
    found = await admin.go(f"{place}/courses?q=light")
    assert "Waves and sound" not in found and "those that are not shown stay" in found
    kept = await admin.send(
        f"{place}/courses", whole="no", streams="3", shown__c2="1", course__c2="yes",
        stream__courses="yes", stream__pages="yes", stream__people="yes",
    )  # fmt: skip
    assert "1 chosen" in kept
    await admin.go(f"{place}/courses?q=waves")
    kept = await admin.send(
        f"{place}/courses", whole="no", streams="3", shown__c1="1", course__c1="yes"
    )
    assert "2 chosen" in kept, "what a search left out stays chosen"

    await admin.send(f"{place}/sync")
    await idle(hub)
    assert courses(hub) == ["Light", "Waves and sound"]
    shown = await admin.go(place)
    assert "page:c1p1" in shown and "it has no title" in shown
    assert "Not read: people" in shown
    assert "1 record could not be used" in await admin.go("/connections")

    campus.pages["c1p1"]["title"] = "Mended"
    await admin.go(place)
    await admin.send(f"{place}/retry", ref="page:c1p1")
    await idle(hub)
    assert "page:c1p1" not in await admin.go(place)


async def test_what_is_wrong_stands_beside_its_field(admin, campus):
    await admin.go("/connections/new?plugin=campus")
    form, _, folded = admin.page.text.partition("<main")[2].partition("<details")
    assert ">Client</label>" in form and "secret.renewed" not in form + folded
    assert "set.page_size" in folded and "set.page_size" not in form
    await admin.go("/connections/new")
    said = await admin.send("/connections/new?plugin=campus", 422, name="School", set__base_url="")
    assert 'id="wrong-base_url"' in said
    place, said = await connect(admin, campus, secret__token="never-valid")
    assert "login refused" in said and "never-valid" not in said
    await admin.go(f"{place}/settings")
    version = re.search(r'name="version" value="(\d+)"', admin.page.text)[1]
    sent = {"name": "School", "set__base_url": campus.url, "version": version}
    said = await admin.send(f"{place}/settings", 422, **sent, secret__token="also-wrong")
    assert "also-wrong" not in said and 'role="alert"' in said
    await admin.go(f"{place}/settings")
    sent["version"] = re.search(r'name="version" value="(\d+)"', admin.page.text)[1]
    said = await admin.send(f"{place}/settings", **sent, secret__token=TOKEN)
    assert "Saved" in said and "as Ada Admin" in said


async def test_it_is_paused_resumed_rescheduled_and_removed(admin, campus, hub):
    place, _ = await connect(admin, campus)
    await admin.send(f"{place}/sync")
    await idle(hub)
    await admin.go(place)
    said = await admin.send(f"{place}/pause")
    assert "somebody paused it" in said and "Resume" in said
    said = await admin.send(f"{place}/resume")
    assert "Sync now" in said
    said = await admin.send(f"{place}/schedule", every="30 3 * * *")
    assert 'value="30 3 * * *"' in said
    assert "five minutes" in await admin.send(f"{place}/schedule", 422, every="1m")
    shown = await admin.go(f"{place}/remove")
    assert "This cannot be taken back" in shown
    said = await admin.send(f"{place}/remove", content="trash")
    assert "The connection was removed." in said
    assert courses(hub, Container.state != "trashed") == []
    assert len(courses(hub, Container.connection_id.is_(None))) == 3


async def test_a_login_at_the_other_side_gives_the_token(admin, visit, campus, hub):
    place, said = await connect(
        admin, campus, secret__token="", set__client_id="7", secret__client_secret=CLIENT_SECRET
    )
    assert "Log in at Campus" in said
    left = await admin.send(f"{place}/login")
    url = re.search(r'id="on" href="([^"]+)"', left)[1].replace("&amp;", "&")
    assert url.startswith(f"{campus.url}/login?")
    asked = dict(parse_qsl(urlsplit(url).query))
    assert asked["redirect_uri"] == f"{hub.config.value.public_url}/connections/callback"
    back = campus.grant(url)

    stranger = Browser(await visit("admin"))
    assert "not begun in this browser" in await stranger.go(f"/connections/callback?{back}", 403)
    forged = back.replace("state=", "state=x")
    assert "The login did not work" in await admin.go(f"/connections/callback?{forged}", 403)

    await admin.go(place)
    left = await admin.send(f"{place}/login")
    url = re.search(r'id="on" href="([^"]+)"', left)[1].replace("&amp;", "&")
    back = campus.grant(url)
    said = await admin.go(f"/connections/callback?{back}")
    assert "The login worked." in said and "as Olga OAuth" in said
    assert admin.place == place
    assert await admin.go(f"/connections/callback?{back}", 403)

    left = await admin.go(place)
    left = await admin.send(f"{place}/login")
    state = re.search(r"state=([^&\"]+)", left)[1]
    refused = await admin.go(f"/connections/callback?error=access_denied&state={state}", 403)
    assert "You have not let the hub in there" in refused


async def test_a_login_by_a_code_gives_the_token(admin, campus):
    place, said = await connect(admin, campus, secret__token="", set__client_id="by-code")
    assert 'id="login"' not in said
    said = await admin.send(f"{place}/device")
    assert "ABCD-1234" in said and f'href="{campus.url}/device"' in said
    assert "secret-of-device" not in said
    ticket = re.search(r'name="ticket" value="([^"]+)"', said)[1]
    campus.devices = [{}, {"error": "slow"}, {"token": "by-code"}]
    for _ in range(2):
        said = await admin.send(f"{place}/device/done", ticket=ticket)
        assert "Nobody has logged in with it yet." in said
    assert "The login did not work" in await admin.send(
        f"{place}/device/done", 403, ticket=ticket[:-8]
    )
    await admin.go(place)
    said = await admin.send(f"{place}/device/done", ticket=ticket)
    assert "The login worked." in said and "as Dora Device" in said
    await admin.send(f"{place}/device")
    campus.devices = [{"error": "declined"}]
    ticket = re.search(r'name="ticket" value="([^"]+)"', admin.page.text)[1]
    said = await admin.send(f"{place}/device/done", 403, ticket=ticket)
    assert "You have not let the hub in there" in said


async def test_who_is_no_admin_is_not_let_in(visit, hub):
    learner = await visit("learner")
    assert (await learner.get("/connections")).status_code == 403
    assert "/connections" not in (await learner.get("/")).text
    assert (await (await visit()).get("/connections")).status_code in {303, 401, 403}

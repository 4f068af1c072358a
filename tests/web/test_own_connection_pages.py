"""Pages with which a learner connects notes of their own, and an admin says whether they may."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from click.testing import CliRunner

from bloop.cli.main import cli
from bloop.hub import Hub
from tests.support.campus import CLIENT_SECRET, TOKEN, Campus, write_campus

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

CONNECT = "/notes/connect?plugin=campus"


@pytest.fixture
def campus():
    campus = Campus()
    server = campus.start()
    yield campus
    server.shutdown()
    server.server_close()


@pytest.fixture
async def hub(hub_toml, site, campus, monkeypatch, request):
    """A hub whose operator has said where the campus is, and as which app people log in.

    Its parameter is that app's id; with an empty one they have said nothing.
    """
    monkeypatch.setenv("CAMPUS_SECRET", CLIENT_SECRET)
    app, secret = getattr(request, "param", "7"), '{ env = "CAMPUS_SECRET" }'
    more = f'base_url = "{campus.url}"\nclient_id = "{app}"\nclient_secret = {secret}\n'
    write_campus(site, hub_toml, own=True, more=more if app else "")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def send(browser, path, page, status=303, **fields):
    """What a form of a page is answered with."""
    shown = await browser.get(page)
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', shown.text)[1]
    named = {name.replace("__", "."): value for name, value in fields.items()}
    answer = await browser.post(path, data={"csrf": token, **named})
    assert answer.status_code == status, answer.text[:2000]
    return answer


async def allow(admin, answer="yes"):
    back = await send(admin, "/connections/own", "/connections", allowed=answer)
    assert back.headers["location"] == "/connections#own"


async def connect(learner):
    given = {"name": "My campus", "secret__token": TOKEN}
    made = await send(learner, CONNECT, CONNECT, **given)
    return made.headers["location"].removesuffix("/courses"), made


async def test_nothing_is_offered_before_an_admin_allows_it(visit, hub):
    learner, admin, guest = await visit("learner"), await visit("admin"), await visit()
    assert "onnect" not in (await learner.get("/notes")).text.partition("<main")[2]
    assert 'href="/connections#own"' in (await admin.get("/notes")).text
    refused = await learner.get("/notes/connect")
    assert refused.status_code == 403
    await send(learner, CONNECT, "/notes", 403, name="Mine", secret__token=TOKEN)
    await send(learner, "/connections/own", "/notes", 403, allowed="yes")

    page = (await admin.get("/connections")).text
    assert "People may connect notes of their own" in page
    assert "With: Campus" in page
    await allow(admin)
    assert 'href="/notes/connect"' in (await learner.get("/notes")).text
    assert 'href="/connections#own"' not in (await admin.get("/notes")).text
    assert (await guest.get("/notes/connect")).status_code == 401


async def test_a_learner_connects_by_a_token_chooses_pauses_and_removes(visit, hub):
    learner, other, admin = [await visit(one) for one in ("learner", "learner", "admin")]
    await allow(admin)
    form = (await learner.get("/notes/connect")).text
    assert 'name="secret.token"' in form
    for foreign in ("base_url", "client_id", "client_secret", "webhook_secret", "every"):
        assert f'{foreign}"' not in form, "what the institution says is not asked"
    nameless = await send(learner, CONNECT, CONNECT, 422, name=" ", secret__token=TOKEN)
    assert TOKEN not in nameless.text

    place, made = await connect(learner)
    choice = await learner.get(made.headers["location"])
    assert "Waves and sound" in choice.text
    assert 'href="/notes"' in choice.text.partition('class="crumbs"')[2].partition("</p>")[0]
    chosen = {"whole": "no", "course__c2": "yes", "shown__c1": "1", "shown__c2": "1"}
    await send(learner, f"{place}/courses", f"{place}/courses", **chosen)
    shown = (await learner.get(f"{place}?said=saved")).text
    assert "1 chosen" in shown
    assert 'href="/connections"' not in shown

    assert "My campus" in (await learner.get("/notes")).text
    for someone in (other, admin):
        assert "My campus" not in (await someone.get("/notes")).text
    assert (await other.get(place)).status_code == 403
    for act in ("sync", "pause", "check", "remove"):
        await send(other, f"{place}/{act}", "/notes", 403)
    assert "My campus" not in (await admin.get("/connections")).text

    await allow(admin, "no")
    await send(learner, f"{place}/pause", "/notes")
    listed = (await learner.get("/notes")).text
    assert f'action="{place}/resume"' in listed, "what is connected stays so"
    assert 'href="/notes/connect"' not in listed
    removed = await send(learner, f"{place}/remove", f"{place}/remove", content="keep")
    gone = await learner.get(removed.headers["location"])
    assert (gone.url.path, "The connection was removed." in gone.text) == ("/notes", True)
    assert "My campus" not in gone.text


async def test_a_learner_without_a_token_is_led_to_the_login(visit, hub, campus):
    learner, admin = await visit("learner"), await visit("admin")
    await allow(admin)
    made = await send(learner, CONNECT, CONNECT, name="Mine")
    place = made.headers["location"]
    listed = (await learner.get("/notes")).text
    assert "login refused" in listed
    assert "Put it right" in listed
    left = await send(learner, f"{place}/login", place, 200)
    url = re.search(r'id="on" href="([^"]+)"', left.text)[1].replace("&amp;", "&")
    back = await learner.get(f"/connections/callback?{campus.grant(url)}", follow_redirects=True)
    assert "The login worked." in back.text
    first = re.search(r'<a class="button first" id="courses" href="([^"]+)"', back.text)[1]
    assert "Waves and sound" in (await learner.get(first)).text


@pytest.mark.parametrize("hub", ["by-code"], indirect=True)
async def test_a_learner_logs_in_by_a_code(visit, hub, campus):
    learner, other, admin = [await visit(one) for one in ("learner", "learner", "admin")]
    await allow(admin)
    place = (await send(learner, CONNECT, CONNECT, name="Mine")).headers["location"]
    await send(other, f"{place}/device", "/notes", 403)
    code = await send(learner, f"{place}/device", place, 200)
    assert "ABCD-1234" in code.text
    campus.devices = [{"token": "given-by-a-device"}]
    ticket = re.search(r'name="ticket" value="([^"]+)"', code.text)[1]
    done = await send(learner, f"{place}/device/done", place, ticket=ticket)
    assert "as Dora Device" in (await learner.get(done.headers["location"])).text


@pytest.mark.parametrize("hub", [""], indirect=True, ids=["unset"])
async def test_the_rule_is_set_from_a_terminal_and_says_what_is_not_set(visit, hub, hub_toml):
    async def own(*given):
        arguments = ["--config", str(hub_toml), "connections", "own", *given, "--json"]
        done = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    learner, admin = await visit("learner"), await visit("admin")
    assert await own() == {"allowed": False}
    assert await own("on") == {"allowed": True}
    assert 'href="/notes/connect"' in (await learner.get("/notes")).text
    form = (await learner.get("/notes/connect")).text
    assert "Your institution has to set for it: base_url" in form
    assert "<form" not in form.partition("<h1")[2].partition("</main>")[0]
    said = "Campus cannot be connected before this is set for everybody: base_url"
    assert said in (await admin.get("/connections")).text
    assert await own("off") == {"allowed": False}

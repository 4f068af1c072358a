"""The first steps of an empty hub: each knows from the database whether it is done."""

from __future__ import annotations

import re
import zipfile

import pytest

from bloop.accounts.people import service as people
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.hub.setup.sample import SAMPLE
from bloop.store.database import in_unit
from bloop_sdk import Role
from bloop_sdk.testing.distributions import write_plugin
from tests.web.conftest import csrf_of
from tests.web.test_import_pages import ended

PLUGINS = """
[plugins.cartridge]
enabled = true

[plugins.tour]
enabled = true
"""
TOUR = """
    async def good(ctx):
        return ctx.call.institution != ""

    async def rubbish(ctx):
        return "perhaps"

    async def crash(ctx):
        raise ValueError("no step")
"""
STEP = {"title": "T", "text": "What for.", "way": "Go", "action": "content:read"}


@pytest.fixture
async def hub(hub_toml, site):
    steps = [
        STEP | {"name": "seen", "path": "/", "done": "bloop_tour.steps:good"},
        STEP | {"name": "crash", "path": "/", "done": "bloop_tour.steps:crash"},
        STEP | {"name": "rubbish", "path": "/", "done": "bloop_tour.steps:rubbish"},
    ]
    write_plugin(site, "tour", files={"steps.py": TOUR}, manifest={"contributes": {"setup": steps}})
    hub_toml.write_text(hub_toml.read_text() + PLUGINS)
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def enter(hub, visit):
    """The operator's browser, as it comes by the link of an empty hub."""
    client = await visit()
    answer = await client.get(f"/start?token={await hub.login_token()}")
    assert answer.headers["location"] == "/setup"
    client.cookies.update(answer.cookies)
    return client


async def told(client):
    """What the API says: the progress, and the states by step."""
    answer = await client.get("/api/v1/setup", headers={"accept": "application/json"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return f"{found['done']}/{found['total']}", {s["name"]: s["state"] for s in found["steps"]}


async def send(client, path, **fields):
    page = await client.get("/setup")
    return await client.post(path, data={"csrf": csrf_of(page), **fields})


async def test_from_an_empty_hub_to_a_course_and_a_learner(hub, visit):
    client = await enter(hub, visit)
    assert "1 of 6 done" in (await client.get("/setup")).text
    found = {
        "login": "open", "course": "open", "access": "blocked", "learner": "open",
        "tour.seen": "done", "studio.video": "open",
    }  # fmt: skip
    assert await told(client) == ("1/6", found)

    sent = await send(client, "/setup/sample", once="a")
    assert (await send(client, "/setup/sample", once="a")).headers["location"] == sent.headers[
        "location"
    ]
    await ended(hub, sent.headers["location"].rpartition("/")[2])
    assert "Open Waves, Sound and Music" in (await client.get(sent.headers["location"])).text
    found |= {"course": "done", "access": "done"}
    assert await told(client) == ("3/6", found)

    await send(client, "/people/invite", role="learner", email="", uses="1", days="7")
    found["learner"] = "waiting"
    assert await told(client) == ("3/6", found)
    call = system_call(hub.institution)
    await hub.database.run(
        in_unit, hub.database, call,
        lambda unit: people.create(unit, name="Nora", email=None, role=Role.LEARNER),
    )  # fmt: skip
    found["learner"] = "done"
    words = {"email": "op@example.org", "password": "plum harbour violin seven", "first": "true"}
    assert (await send(client, "/account/password", **words)).status_code == 303
    found["login"] = "done"
    assert await told(client) == ("5/6", found)


async def test_a_step_is_put_away_for_oneself_or_for_all_and_brought_back(hub, visit):
    client, admin = await enter(hub, visit), await visit("admin")
    for _ in range(2):
        await send(client, "/setup/studio.video", what="dismiss")
        await send(admin, "/setup/login", what="dismiss_all")
    mine, theirs = await told(client), await told(admin)
    assert "login" not in mine[1] and "studio.video" not in mine[1]
    assert "login" not in theirs[1]
    assert theirs[1]["studio.video"] == "waiting"  # Only an operator may switch it on.
    assert mine[0] == "1/4"
    assert "Bring it back" in (await client.get("/setup")).text
    for step in ("studio.video", "login"):
        await send(client, f"/setup/{step}", what="restore")
    assert (await told(client))[0] == (await told(admin))[0] == "1/6"
    assert (await send(client, "/setup/nothing", what="dismiss")).status_code == 404
    educator = await visit("educator")
    assert (await educator.get("/setup")).status_code == 403


async def test_programs_put_steps_away_and_ask_for_the_sample(hub, visit):
    client = await enter(hub, visit)
    headers = {"x-csrf-token": csrf_of(await client.get("/setup")), "accept": "application/json"}
    place = "/api/v1/setup/steps/course/dismissal"
    away = await client.put(place, json={"for_all": True}, headers=headers)
    assert (away.status_code, away.json()["total"]) == (200, 5)
    assert away.json()["put_away"][0]["dismissed"] == "all"
    assert (await client.delete(place, headers=headers)).json()["total"] == 6
    unknown = await client.put(place.replace("course", "x"), json={}, headers=headers)
    assert unknown.status_code == 404
    asked = await client.post("/api/v1/setup/sample", headers=headers)
    assert asked.status_code == 202
    await ended(hub, asked.json()["job"])
    assert (await told(client))[1]["course"] == "done"


async def test_it_says_what_each_plugin_would_add_and_how(hub, visit):
    operator, admin = await visit("operator"), await visit("admin")
    page = (await operator.get("/setup")).text
    assert re.search(r'Canvas</strong> <a class="small" href="/plugins/canvas/enable"', page)
    assert "Reads courses, content, people and grades from Canvas LMS" in page
    # What the first video needs, each by the simplest plugin there is.
    ways = re.findall(r'class="button[^"]*" href="(/plugins/[^"]+)"', page)
    assert ways == [f"/plugins/{one}/enable" for one in ("studio", "outline", "espeak", "manim")]
    page = (await admin.get("/setup")).text
    assert "/plugins/canvas/enable" not in page
    assert "Reads courses, content, people and grades from Canvas LMS" in page


def test_the_sample_that_comes_with_the_hub_is_what_its_sources_make(sample):
    """Else run: python examples/build_course.py -o core/hub/bloop/hub/setup/waves.imscc."""

    def members(path):
        with zipfile.ZipFile(path) as archive:
            return [(one.filename, one.CRC) for one in archive.infolist()]

    assert members(SAMPLE) == members(sample / "waves.imscc")

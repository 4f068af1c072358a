"""Importing a file in the browser, without scripts: sent, watched, read, taken back; or refused."""

from __future__ import annotations

import asyncio
import io
import re
import zipfile

import pytest
from sqlalchemy import func, select

from bloop.accounts.sessions import system_call
from bloop.content.models import Container
from bloop.hub import Hub
from bloop.jobs.models import OVER, Job

PLUGINS = "\n[plugins.cartridge]\nenabled = true\n\n[plugins.evernote]\nenabled = true\n"
PATIENCE_SECONDS = 120
MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="first" xmlns="http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"
 xmlns:lom="http://ltsc.ieee.org/xsd/imsccv1p1/LOM/manifest">
<metadata><schema>IMS Common Cartridge</schema><schemaversion>1.1.0</schemaversion>
<lom:lom><lom:general><lom:title><lom:string>Tides</lom:string></lom:title></lom:general></lom:lom>
</metadata>
<organizations><organization identifier="o" structure="rooted-hierarchy"><item identifier="root">
<item identifier="i1" identifierref="r1"><title>The moon pulls</title></item>
</item></organization></organizations>
<resources><resource identifier="r1" type="webcontent" href="moon.html"><file href="moon.html"/>
</resource></resources></manifest>
"""


@pytest.fixture
async def hub(hub_toml):
    hub_toml.write_text(hub_toml.read_text() + PLUGINS + "\n[limits]\nupload_bytes = 2000000\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


def zipped(files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return held.getvalue()


CARTRIDGE = zipped({"imsmanifest.xml": MANIFEST, "moon.html": "<p>It pulls the sea.</p>"})


async def send(client, name, data, **fields):
    page = await client.get("/imports/new")
    assert page.status_code == 200
    target = re.search(r'action="(/imports/new\?csrf=[0-9a-f]+)"', page.text)[1]
    once = re.search(r'name="once" value="([^"]+)"', page.text)[1]
    return await client.post(target, data={"once": once, **fields}, files={"file": (name, data)})


async def ended(hub, job):
    def state():
        with hub.database.unit(system_call(hub.institution)) as unit:
            return unit.session.get(Job, job).state

    for _ in range(PATIENCE_SECONDS * 20):
        if await hub.database.run(state) in OVER:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it has not ended")


async def held(hub):
    def count():
        with hub.database.unit(system_call(hub.institution)) as unit:
            find = unit.session.scalar
            return find(select(func.count(Job.id))), find(select(func.count(Container.id)))

    return await hub.database.run(count)


async def test_a_file_is_sent_watched_read_and_taken_back(hub, visit):
    client = await visit("educator")
    sent = await send(client, "tides.imscc", CARTRIDGE)
    assert sent.status_code == 303
    place = sent.headers["location"]
    assert re.fullmatch(r"/imports/[0-9a-f-]+", place)
    assert "tides.imscc" in (await client.get(place)).text
    await ended(hub, place.rpartition("/")[2])

    done = await client.get(place)
    course = re.search(r'href="(/courses/[0-9a-f-]+)">Open Tides', done.text)[1]
    assert "Nothing was lost." in done.text
    assert "The moon pulls" in (await client.get(course)).text
    assert "tides.imscc" in (await client.get("/imports/new")).text

    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', done.text)[1]
    assert "Take tides.imscc back?" in (await client.get(f"{place}/undo")).text
    taken = await client.post(f"{place}/undo", data={"csrf": csrf})
    assert taken.status_code == 303
    assert "taken back" in (await client.get(place)).text
    assert (await client.get(course)).status_code == 404


async def test_what_cannot_be_imported_is_said_at_the_form_and_changes_nothing(hub, visit):
    client = await visit("educator")
    bomb = zipped({"imsmanifest.xml": MANIFEST, "moon.html": b"0" * 60_000_000})
    cases = {
        ("tides.imscc", b""): "the file is empty",
        ("tides.imscc", b"<p>no archive</p>"): "tides.imscc",
        ("tides.imscc", zipped({"a.txt": "a"})): "imsmanifest.xml",
        ("tides.pdf", CARTRIDGE): "no plugin imports .pdf",
        ("tides.enex", CARTRIDGE): "tides.enex",
        ("bomb.imscc", bomb): "bomb.imscc",
        ("large.imscc", b"0" * 2_100_000): "at most 1.9 MB",
    }
    for (name, data), told in cases.items():
        answer = await send(client, name, data)
        assert answer.status_code in {413, 422}, (name, answer.status_code, answer.text[:1500])
        fault = re.search(r'role="alert".*?</div>', answer.text, re.DOTALL)[0]
        assert told in fault
        assert 'type="file"' in answer.text
    assert await held(hub) == (0, 0)


async def test_sent_twice_it_is_imported_once_and_learners_send_nothing(hub, visit):
    client = await visit("educator")
    page = await client.get("/imports/new")
    target = re.search(r'action="(/imports/new\?csrf=[0-9a-f]+)"', page.text)[1]
    places = {
        (
            await client.post(target, data={"once": "a"}, files={"file": ("t.imscc", CARTRIDGE)})
        ).headers["location"]
        for _ in range(2)
    }
    assert len(places) == 1
    await ended(hub, places.pop().rpartition("/")[2])
    assert await held(hub) == (1, 1)
    learner = await visit("learner")
    assert (await learner.get("/imports/new")).status_code == 403


def cartridge(pages):
    """A course of so many pages."""
    place = '<item identifier="i{0}" identifierref="r{0}"><title>Page {0}</title></item>'
    part = (
        '<resource identifier="r{0}" type="webcontent" href="p{0}.html"><file href="p{0}.html"/>'
        "</resource>"
    )
    first = '<item identifier="i1" identifierref="r1"><title>The moon pulls</title></item>'
    more = range(2, pages + 1)
    manifest = MANIFEST.replace(first, first + "".join(place.format(one) for one in more))
    manifest = manifest.replace("</resources>", "".join(map(part.format, more)) + "</resources>")
    files = {f"p{one}.html": f"<p>{one}</p>" for one in more}
    return zipped({"imsmanifest.xml": manifest, "moon.html": "<p>It pulls.</p>", **files})


async def test_a_file_that_lost_most_of_its_course_waits_for_somebody_to_say_so(hub, visit):
    client = await visit("educator")
    sent = await send(client, "tides.imscc", cartridge(40))
    await ended(hub, sent.headers["location"].rpartition("/")[2])
    first = sent.headers["location"]
    place = (await send(client, "tides.imscc", CARTRIDGE)).headers["location"]
    await ended(hub, place.rpartition("/")[2])
    page = (await client.get(place)).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page)[1]
    assert "let them go" in page
    # One that nobody is asked about is not begun anew by a form of another time.
    early = await client.post(f"{first}/confirm", data={"csrf": csrf})
    assert early.status_code == 409 and "does not wait for anybody" in early.text
    sure = {await confirmed(client, place, csrf) for _ in range(2)}
    assert len(sure) == 1
    await ended(hub, sure.copy().pop().rpartition("/")[2])
    assert "are gone from the file" in (await client.get(sure.pop())).text


async def confirmed(client, place, csrf):
    answer = await client.post(f"{place}/confirm", data={"csrf": csrf})
    return answer.headers["location"]

"""The studio as apps and browsers meet it: routes, pages, and who may do what."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from sqlalchemy import update

from bloop.content import service
from bloop.store.database import in_unit
from bloop_sdk.storyboard import storyboard_schema
from tests.support.database import make_call
from tests.web.conftest import csrf_of


@pytest.fixture
async def lesson(hub, write_lesson):
    """A published lesson; gives its id."""
    return await hub.database.run(write_lesson)


@pytest.fixture
async def teacher(visit):
    """An educator's browser, which speaks JSON with its token."""
    browser = await visit("educator")
    token = csrf_of(await browser.get("/"))
    browser.headers.update({"x-csrf-token": token, "accept": "application/json"})
    return browser


async def made(browser, id_):
    async with asyncio.timeout(90):
        while True:
            row = (await browser.get(f"/x/studio/videos/{id_}")).json()
            if row["state"] in {"ready", "failed"}:
                return row
            await asyncio.sleep(0.05)


async def ask(browser, lesson, **more):
    return await browser.post("/x/studio/videos", json={"lesson": lesson, "quality": "480p"} | more)


async def test_an_app_asks_for_a_video_and_fetches_its_files(teacher, lesson):
    asked = await ask(teacher, lesson)
    assert asked.status_code == 202, asked.text
    assert asked.headers["location"] == f"/x/studio/videos/{asked.json()['id']}"
    row = await made(teacher, asked.json()["id"])
    assert (row["state"], row["percent"]) == ("ready", 100), row
    part = await teacher.get(row["files"]["video.mp4"], headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    captions = await teacher.get(row["files"]["captions.vtt"])
    assert captions.text.startswith("WEBVTT") and "wave" in captions.text
    plain = await teacher.get(row["files"]["captions.srt"])
    assert plain.headers["content-type"].startswith("application/x-subrip")
    assert plain.text.startswith("1\n00:00:0") and "wave" in plain.text
    again = {"if-none-match": captions.headers["etag"]}
    assert (await teacher.get(row["files"]["captions.vtt"], headers=again)).status_code == 304
    assert (await teacher.get(f"/x/studio/videos/{row['id']}/files/keys.db")).status_code == 404


async def test_whoever_may_read_the_lesson_watches_and_nobody_else(teacher, visit, lesson, hub):
    row = await made(teacher, (await ask(teacher, lesson)).json()["id"])
    learner, guest = await visit("learner"), await visit()
    watch = f"/x/studio/watch/{row['id']}"
    assert "<video" in (await learner.get(watch)).text
    assert "<video" in (await learner.get(f"/lessons/{lesson}")).text
    assert (await guest.get(row["files"]["video.mp4"])).status_code == 200
    refused = await learner.post(
        f"/x/studio/lessons/{lesson}/make", data={"csrf": csrf_of(await learner.get("/"))}
    )
    assert refused.status_code == 403
    # Why one could not be made names what only those need who make them.
    broken = {"code": "full", "message": "the disk is full: /srv/secret", "cure": "ask Ann"}
    await hub.database.run(set_video, hub, row["id"], state="failed", error=broken)
    api = f"/x/studio/videos/{row['id']}"
    for who, seen in ((teacher, True), (learner, False), (guest, False)):
        for place in (api, f"{api}/live", watch):
            shown = await who.get(place)
            assert shown.status_code == 200
            assert ("/srv/secret" in shown.text) is (seen and place != f"{api}/live")
    assert "could not be made" in (await guest.get(watch)).text
    await hub.database.run(set_video, hub, row["id"], state="ready", error=None)
    await hub.database.run(hide, hub, lesson)
    for who in (learner, guest):
        assert (await who.get(watch)).status_code == 404
        assert (await who.get(row["files"]["video.mp4"])).status_code == 404


async def test_nothing_is_made_of_a_note_of_ones_own_and_nobody_is_told_its_title(
    teacher, visit, lesson, hub
):
    beside = f"/api/v1/items/{lesson}/notes"
    note = (await teacher.post(beside, json={"title": "My doubts", "markdown": "None"})).json()[
        "id"
    ]
    assert (await teacher.get(f"/x/studio/lessons/{note}")).status_code == 200
    for answer in (
        await ask(teacher, note),
        await teacher.post(f"/x/studio/lessons/{note}/storyboard/draft"),
    ):
        assert answer.status_code == 422 and "lesson of a course" in answer.text
    # What was made of one before is on no list.
    row = (await ask(teacher, lesson)).json()["id"]

    await hub.database.run(set_video, hub, row, item_id=note, title="My doubts")
    other = await visit("educator")
    assert "My doubts" not in (await other.get("/x/studio/")).text
    assert (await other.get("/x/studio/videos")).json() == {"items": []}


def set_video(hub, id_, **values):
    from bloop_studio.tables import Video

    table = Video.__table__
    with hub.database.unit(make_call(hub.institution)) as unit:
        unit.connection.execute(update(table).where(table.c.id == id_).values(**values))


def hide(hub, lesson):
    from bloop.content.models import Item

    in_unit(hub.database, make_call(hub.institution), service.unpublish, Item, lesson, None)


async def test_a_link_opens_a_file_for_anybody_until_it_ends(teacher, visit, lesson):
    row = await made(teacher, (await ask(teacher, lesson)).json()["id"])
    links = (await teacher.post(f"/x/studio/videos/{row['id']}/links")).json()
    guest = await visit()
    assert (await guest.get(links["transcript.txt"])).status_code == 200
    changed = links["transcript.txt"].replace("transcript.txt", "video.mp4")
    assert (await guest.get(changed)).status_code in {401, 403, 404}


async def test_a_storyboard_is_drafted_read_written_over_a_version_and_compared(teacher, lesson):
    base = f"/x/studio/lessons/{lesson}/storyboard"
    assert (await teacher.get(base)).status_code == 404
    drafted = await teacher.post(f"{base}/draft")
    assert (drafted.status_code, drafted.json()["made_by"]) == (201, "extraction")
    text = (await teacher.get(base, params={"format": "md"})).text
    markdown = {"content-type": "text/markdown"}
    nowhere = await teacher.put(base, content=text, headers=markdown)
    assert nowhere.status_code >= 400 and "If-Match" in nowhere.text
    changed = text.replace("does not carry matter", "never carries matter")
    assert changed != text
    tag = {"if-match": drafted.headers["etag"]}
    kept = await teacher.put(base, content=changed, headers=markdown | tag)
    assert (kept.status_code, kept.json()["version"]) == (200, 2), kept.text
    late = await teacher.put(base, content=text, headers=markdown | tag)
    assert late.status_code in {409, 412} or "newest" in late.text
    versions = (await teacher.get(f"{base}/versions")).json()["items"]
    assert [(one["version"], one["made_by"]) for one in versions] == [
        (2, "author"),
        (1, "extraction"),
    ]
    difference = (await teacher.get(f"{base}/diff", params={"from": "1", "to": "2"})).json()
    assert "matter" in json.dumps(difference)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "JSON object"),
        ({"quality": "480p"}, "lesson"),
        ({"lesson": "LESSON", "quality": "9000p"}, "quality"),
        ({"lesson": "LESSON", "colour": "red"}, "colour"),
        ({"lesson": "LESSON", "version": 99}, "version 99"),
        ({"lesson": "LESSON", "storyboard": {"title": "T", "scenes": []}}, "scenes"),
    ],
)
async def test_what_cannot_be_made_is_said(teacher, lesson, body, said):
    text = json.dumps(body).replace("LESSON", lesson)
    headers = {"content-type": "application/json"}
    answer = await teacher.post("/x/studio/videos", content=text, headers=headers)
    assert 400 <= answer.status_code < 500 and said in answer.text
    assert (await teacher.get("/x/studio/videos")).json() == {"items": []}


async def test_pages_lead_from_a_lesson_to_its_video(visit, lesson):
    teacher = await visit("educator")
    assert "Make a video of this lesson" in (await teacher.get(f"/lessons/{lesson}")).text
    page = await teacher.get(f"/x/studio/lessons/{lesson}")
    assert "No storyboard yet" in page.text
    form = {"csrf": csrf_of(page), "quality": "480p", "theme": "dark"}
    sent = await teacher.post(f"/x/studio/lessons/{lesson}/make", data=form)
    assert sent.status_code == 303
    watch = sent.headers["location"]
    async with asyncio.timeout(90):
        while "<video" not in (page := await teacher.get(watch)).text:
            assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.text
            await asyncio.sleep(0.05)
    assert "refresh" not in page.text
    assert "Waves" in (await teacher.get("/x/studio/")).text
    page = await teacher.get(f"/x/studio/lessons/{lesson}")
    wrong = {"csrf": csrf_of(page), "base": "1", "text": "# nothing"}
    refused = await teacher.post(f"/x/studio/lessons/{lesson}/write", data=wrong)
    assert refused.status_code == 422 and "# nothing" in refused.text
    gone = await teacher.post(f"{watch}/remove", data={"csrf": csrf_of(page)})
    assert gone.status_code == 303
    assert (await teacher.get(watch)).status_code == 404


async def test_what_there_is_to_choose_from(teacher):
    voices = (await teacher.get("/x/studio/voices")).json()["items"]
    assert [one["voice"] for one in voices] == ["hum:low"]
    assert (await teacher.get("/x/studio/schema.json")).json() == storyboard_schema()


async def test_a_video_leads_to_its_moments_without_script(teacher, visit, lesson):
    row = await made(teacher, (await ask(teacher, lesson)).json()["id"])
    watch = f"/x/studio/watch/{row['id']}"
    page = (await (await visit()).get(f"{watch}?t=1.5")).text
    assert 'video.mp4#t=1.5" type="video/mp4"' in page
    marks = re.findall(rf'<a href="{watch}\?t=([\d.]+)" data-mark="(\w+)" data-at="\1">', page)
    assert {kind for _, kind in marks} == {"chapter", "line"}
    assert '<time>0:00</time><span dir="auto">Waves</span>' in page
    for odd in ("-1", "nan", "1e9", "x"):
        assert "video.mp4#t=" not in (await teacher.get(f"{watch}?t={odd}")).text
    beside = await teacher.get(f"/lessons/{lesson}")
    assert re.search(r'<script type="module" src="/static/studio/\w{8}/player.js">', beside.text)
    assert 'data-mark="line"' in beside.text
    # Whoever follows one that is ready is told so once, and that there is no more.
    live = await teacher.get(f"/x/studio/videos/{row['id']}/live")
    assert re.findall("data: (.*)", live.text)[0].startswith('{"state":"ready","making":false')
    mark = re.search(r"id: (\w+)", live.text)[1]
    again = await teacher.get(f"/x/studio/videos/{row['id']}/live", headers={"last-event-id": mark})
    assert again.status_code == 204

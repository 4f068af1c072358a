"""The page of search, as people without JavaScript meet it, and the route behind programs."""

from __future__ import annotations

import asyncio

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.content.search.described import describe
from bloop.hub import Hub

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = service.create_container(unit, title="Plants & <b>", published=True, language="en")
        for number in range(25):
            html = "<p>Leaves are <i>green</i>.</p>"
            made = service.create_item(
                unit, course.id, kind="page", title=f"Leaf {number}", html=html
            )
            service.publish(unit, Item, made.id, None, lambda *_: None)
        service.create_item(unit, course.id, kind="page", title="Draft of a thorn")
        words = "Take <i>chloroplasts</i>."
        describe(unit, made.id, "studio", words, language="en", moments=[(0, 3600.9)])
        hub.course, hub.lesson = course.id, made.id
    call = system_call(hub.institution)
    while (await hub.searching.standing(call))[0]["behind"]:  # noqa: ASYNC110 - of a database
        await asyncio.sleep(0.01)
    yield hub
    await hub.stop()


async def test_what_is_found_is_marked_and_turned(hub, visit):
    guest = await visit("learner")
    home = (await guest.get("/")).text
    assert 'role="search"' in home
    assert 'action="/search"' in home
    page = (await guest.get("/search?q=leaves")).text
    assert "Leaf" in page
    assert "<mark>Leaves</mark> are green." in page
    assert "Plants &amp; &lt;b&gt;" in page
    more = page.partition('class="next"')[2].partition('href="')[2].partition('"')[0]
    second = (await guest.get(more.replace("&amp;", "&"))).text
    assert second.count("<mark>Leaves</mark>") == 5
    assert 'class="previous"' in second
    assert (await guest.get("/search")).text.count("<li>") == 0


async def test_nothing_is_said_of_what_may_not_be_seen(hub, visit):
    learner, educator = await visit("learner"), await visit("educator")
    nothing = (await learner.get("/search?q=thorn&kind=page")).text
    assert "Nothing was found for “thorn”" in nothing
    assert "/search?q=thorn" in nothing
    assert "<mark>thorn</mark>" in (await educator.get("/search?q=thorn")).text
    assert "thorn" not in (await learner.get("/search?q=thron")).text
    assert "This was found for “thorn”" in (await educator.get("/search?q=thron")).text


async def test_what_is_said_in_a_video_leads_to_that_moment(hub, visit):
    learner = await visit("learner")
    page = (await learner.get("/search?q=chloroplasts")).text
    assert f'<a href="/lessons/{hub.lesson}#t=3600" lang="en">In the video, 1:00:00</a>' in page
    assert "Take &lt;i&gt;<mark>chloroplasts</mark>&lt;/i&gt;." in page
    (found,) = (await learner.get("/api/v1/search?q=chloroplasts")).json()["items"]
    assert (found["passage"]["moment_ms"], found["excerpt_marks"]) == (3_600_900, [])


async def test_a_query_is_text_and_nothing_else(hub, visit):
    learner = await visit("learner")
    page = (await learner.get("/search", params={"q": '"><script>{x}%s', "language": '"><b>'})).text
    assert "<script>" not in page
    assert "&#34;&gt;&lt;script&gt;{x}%s" in page
    assert (await learner.get("/search?q=x&cursor=nope")).status_code == 422
    german = await learner.get("/search?q=xylophon", headers={"accept-language": "de"})
    assert "Zu „xylophon“ wurde nichts gefunden" in german.text


async def test_programs_page_through_what_their_caller_may_see(hub, visit):
    learner = await visit("learner")
    seen, cursor = [], ""
    while cursor is not None:
        asked = {"q": "leaf", "limit": 10, "cursor": cursor, "course": hub.course}
        body = (await learner.get("/api/v1/search", params=asked)).json()
        seen += [one["title"] for one in body["items"]]
        cursor = body["next"]
    assert sorted(seen) == sorted(f"Leaf {number}" for number in range(25))
    assert (await learner.get("/api/v1/search?q=draft")).json()["items"] == []
    assert (await learner.get("/api/v1/search")).status_code == 422


async def test_the_indexes_are_made_anew_while_they_answer(hub, visit):
    learner, call = await visit("learner"), system_call(hub.institution)
    await hub.searching.ask_for_rebuild(hub.institution)
    jobs = []
    while not jobs or jobs[0]["state"] not in {"succeeded", "failed"}:
        assert len((await learner.get("/api/v1/search?q=leaf")).json()["items"]) == 20
        jobs = (await (await visit("admin")).get("/api/v1/jobs")).json()["items"]
        jobs = [job for job in jobs if job["kind"] == "content.search_rebuild"]
        await asyncio.sleep(0.02)
    assert jobs[0]["state"] == "succeeded"
    assert jobs[0]["progress_done"] == 27
    assert (await hub.searching.standing(call))[0] == {
        "index": "database",
        "state": "whole",
        "behind": 0,
    }

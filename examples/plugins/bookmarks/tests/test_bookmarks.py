"""Bookmarks through a real hub: forms, JSON, limits, sharing, and two institutions."""

from __future__ import annotations

import asyncio
import re
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bloop_sdk import Event, load_manifest
from tests.web.conftest import csrf_of

LESSONS = [f"00000000-0000-7000-8000-00000000000{number}" for number in range(6)]


@pytest.fixture(params=["", '\nlink_key = { env = "LINK_KEY" }\n'])
def any_settings(request, monkeypatch):
    monkeypatch.setenv("LINK_KEY", "a key of sixteen or more letters")
    return request.param


async def token_of(client):
    return csrf_of(await client.get("/"))


async def keep(client, item, title="Waves"):
    data = {"csrf": await token_of(client), "title": title}
    return await client.post(f"/x/bookmarks/items/{item}", data=data)


async def test_a_lesson_is_kept_listed_and_removed_by_forms(visit, rows, hub):
    learner = await visit("learner")
    assert "No bookmarks yet" in (await learner.get("/x/bookmarks/")).text
    kept = await keep(learner, LESSONS[0], "Waves & <sound>")
    assert (kept.status_code, kept.headers["location"]) == (303, f"/lessons/{LESSONS[0]}")
    await keep(learner, LESSONS[0], "Again")
    page = await learner.get("/x/bookmarks/")
    assert f'<a href="/lessons/{LESSONS[0]}">Waves &amp; &lt;sound&gt;</a>' in page.text
    assert 'href="/x/bookmarks/" aria-current="page"' in page.text
    assert rows() == [(hub.institution, LESSONS[0])]
    form = {"csrf": csrf_of(page), "from": "list"}
    gone = await learner.post(f"/x/bookmarks/items/{LESSONS[0]}/remove", data=form)
    assert (gone.status_code, gone.headers["location"]) == (303, "/x/bookmarks/")
    assert rows() == []


async def test_programs_keep_and_remove_by_json(visit, rows):
    learner = await visit("learner")
    headers = {"x-csrf-token": await token_of(learner), "accept": "application/json"}
    path = f"/x/bookmarks/items/{LESSONS[1]}"
    made = await learner.post(path, json={"title": "Waves"}, headers=headers)
    assert (made.status_code, made.json()["item"]) == (200, LESSONS[1])
    same = await learner.post(path, json={"title": "Waves"}, headers=headers)
    assert same.json() == made.json()
    assert (await learner.delete(path, headers=headers)).status_code == 204
    assert rows() == []
    bad = await learner.post("/x/bookmarks/items/..%2f..", json={}, headers=headers)
    assert bad.status_code in {404, 422}


async def test_each_sees_only_their_own_and_guests_none(visit, rows):
    ada, bob, guest = await visit("learner"), await visit("learner"), await visit()
    await keep(ada, LESSONS[0], "Of Ada")
    assert "Of Ada" not in (await bob.get("/x/bookmarks/")).text
    assert (await guest.get("/x/bookmarks/")).status_code == 401
    assert "/x/bookmarks/" not in (await guest.get("/")).text
    await bob.post(f"/x/bookmarks/items/{LESSONS[0]}/remove", data={"csrf": await token_of(bob)})
    assert len(rows()) == 1


async def test_two_institutions_never_see_each_others_rows(visit, rows, hub, away, unit):
    here, there = await visit("learner"), await visit("learner", away)
    await keep(here, LESSONS[0], "Of the first")
    await keep(there, LESSONS[0], "Of the second")
    assert rows() == [(hub.institution, LESSONS[0]), (away, LESSONS[0])]
    assert "Of the second" not in (await here.get("/x/bookmarks/")).text
    assert "Of the first" not in (await there.get("/x/bookmarks/")).text
    from bloop_bookmarks import tables, work

    assert await unit(tables.counts) == await unit(tables.counts, institution=away) == (1, 1)
    await unit(work.forget_item, deleted(LESSONS[0], away), institution=away)
    assert rows() == [(hub.institution, LESSONS[0])]


async def test_an_institution_says_how_many_a_learner_may_keep(visit, rows, away):
    learner, admin = await visit("learner", away), await visit("admin", away)
    headers = {"if-match": '"v0"', "x-csrf-token": await token_of(admin)}
    body = {"settings": {"most": 2}}
    put = await admin.put("/api/v1/plugins/bookmarks/settings", json=body, headers=headers)
    assert put.json()["effective"] == {"most": 2}
    for lesson in LESSONS[:2]:
        assert (await keep(learner, lesson)).status_code == 303
    refused = await keep(learner, LESSONS[2])
    assert refused.status_code == 422
    assert "you have 2 bookmarks" in refused.text
    assert "remove one" in refused.text
    elsewhere = await visit("learner")
    for lesson in LESSONS[:3]:
        assert (await keep(elsewhere, lesson)).status_code == 303
    assert (await keep(elsewhere, LESSONS[3])).status_code == 422
    assert len(rows()) == 5


class TestSharing:
    @pytest.fixture
    def settings(self, any_settings):
        return any_settings

    async def test_a_link_shares_a_list_where_a_key_signs_it(self, visit, settings, away):
        learner, guest = await visit("learner"), await visit()
        await keep(learner, LESSONS[0], "Shared <one>")
        page = (await learner.get("/x/bookmarks/")).text
        found = re.search(r'href="(/x/bookmarks/shared/[^"]+)"', page)
        if not settings:
            assert found is None
            assert "link_key" not in page  # which is no concern of a learner's
            operator = await visit("operator")
            await keep(operator, LESSONS[0])
            assert "sets no <code>link_key</code>" in (await operator.get("/x/bookmarks/")).text
            path = f"/x/bookmarks/shared/somebody/{'0' * 64}"
            assert (await guest.get(path)).status_code == 422
            return
        assert "a key of sixteen" not in page
        shown = await guest.get(found[1])
        assert (shown.status_code, "Shared &lt;one&gt;" in shown.text) == (200, True)
        forged = found[1][:-1] + ("0" if found[1][-1] != "0" else "1")
        assert (await guest.get(forged)).status_code == 422
        # The link is of one institution: another one's people see nothing by it.
        assert (await (await visit("learner", away)).get(found[1])).status_code == 422


def deleted(item, institution):
    return Event(
        id="e",
        topic="content.item.deleted",
        institution=institution,
        aggregate=f"item:{item}",
        sequence=1,
        actor="user:somebody",
        occurred_at=datetime(2026, 1, 31, tzinfo=UTC),
        payload={"id": item, "kind": "page", "container": None, "change": "deleted"},
    )


async def test_the_bookmarks_of_a_deleted_item_go(visit, rows, hub, unit):
    from bloop_bookmarks import work

    for lesson in LESSONS[:2]:
        await keep(await visit("learner"), lesson)
    for _ in range(2):
        await unit(work.forget_item, deleted(LESSONS[0], hub.institution))
        assert rows() == [(hub.institution, LESSONS[1])]


async def test_a_lesson_that_goes_takes_its_bookmarks_along(visit, rows, hub):
    educator, learner = await visit("educator"), await visit("learner")
    headers = {"x-csrf-token": await token_of(educator)}
    course = await educator.post("/api/v1/containers", json={"title": "A"}, headers=headers)
    items = f"/api/v1/containers/{course.json()['id']}/items"
    page = {"kind": "page", "title": "Waves", "html": "<p>a"}
    lessons = [await educator.post(items, json=page, headers=headers) for _ in range(2)]
    going, staying = (lesson.json()["id"] for lesson in lessons)
    for item in (going, staying):
        await keep(learner, item)
    headers["if-match"] = lessons[0].headers["etag"]
    assert (await educator.delete(f"/api/v1/items/{going}", headers=headers)).status_code == 204
    async with asyncio.timeout(30):
        while len(rows()) == 2:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)
    assert rows() == [(hub.institution, staying)]


async def test_an_export_is_written_in_the_background_and_can_be_done_again(visit):
    learner = await visit("learner")
    for number, lesson in enumerate(LESSONS[:3]):
        await keep(learner, lesson, f"Lesson [{number}]")
    token = await token_of(learner)
    for expected in (3, 2):
        asked = await learner.post("/x/bookmarks/export", data={"csrf": token})
        assert asked.headers["location"] == "/x/bookmarks/?exporting=1"
        async with asyncio.timeout(30):
            while True:
                answer = await learner.get("/x/bookmarks/export.md")
                text = answer.text
                if text.count("- [") == expected:
                    break
                await asyncio.sleep(0.05)
        await learner.post(
            f"/x/bookmarks/items/{LESSONS[0]}/remove", data={"csrf": token, "from": "list"}
        )
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="bookmarks.md"'
    assert text.splitlines() == [
        f"- [Lesson ({number})](/lessons/{LESSONS[number]})" for number in (2, 1)
    ]
    page = await learner.get("/x/bookmarks/?exporting=1")
    assert "Download the last one" in page.text


async def test_exports_are_forgotten_each_night(visit, hub):
    from bloop.accounts.sessions import system_call
    from bloop.jobs import schedules
    from bloop.jobs.queries import SCHEDULES

    learner = await visit("learner")
    await keep(learner, LESSONS[0])
    await learner.post("/x/bookmarks/export", data={"csrf": await token_of(learner)})

    async def until(condition):
        async with asyncio.timeout(30):
            while not await condition():  # noqa: ASYNC110 - what the hub answers
                await asyncio.sleep(0.05)

    async def written():
        return (await learner.get("/x/bookmarks/export.md")).status_code == 200

    async def forgotten():
        return not await written()

    async def declared():
        return await hub.database.read(SCHEDULES, system_call(hub.institution))

    await until(written)
    await until(declared)
    (row,) = await declared()
    assert row[:3] == ("bookmarks.tidy", "bookmarks", "30 3 * * *")
    with hub.database.unit(system_call(hub.institution)) as found:
        schedules.run(found, "bookmarks.tidy", hub.jobs.enqueue)
    await until(forgotten)


def test_its_wheel_has_all_that_it_needs(tmp_path):
    from build import build

    source = Path(__file__).parents[1]
    build(source, tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = [path.relative_to(source) for path in (source / "bloop_bookmarks").rglob("*.*")]
    shipped = {str(path) for path in files if path.suffix in {".py", ".html"}}
    assert len(shipped) == 10, shipped
    assert packed >= {*shipped, "bloop_bookmarks/bloop-plugin.toml"}


def test_every_dotted_path_of_the_manifest_leads_somewhere(installed):
    import importlib

    manifest = load_manifest(Path(__file__).parents[1] / "bloop-plugin.toml")
    paths = list(manifest.dotted_paths())
    assert len(paths) == 14
    for path in paths:
        module, _, name = path.partition(":")
        assert getattr(importlib.import_module(module), name) is not None

"""The page of the audit log, as people without JavaScript meet it."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import json
import re

import pytest
from sqlalchemy import text

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.web import audit_pages
from tests.web.conftest import csrf_of

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    with hub.database.unit(system_call(hub.institution)) as unit:
        for number in range(3):
            unit.audit.append(f"t:act{number}", f"thing:{number}", {"title": "<b>&"})
    yield hub
    await hub.stop()


async def test_lines_are_shown_filtered_and_turned(hub, visit, monkeypatch):
    monkeypatch.setattr(audit_pages, "LINES_AT_ONCE", 2)
    await asyncio.to_thread(hub.auditing.anchor)
    admin = await visit("admin")
    page = (await admin.get("/audit?action=t:")).text
    assert "t:act2" in page
    assert "t:act0" not in page
    assert "&lt;b&gt;&amp;" in page
    assert 'id="verified"' in page
    assert "before=" in page
    older = page.partition('id="older"')[2].partition('href="')[2].partition('"')[0]
    older = older.replace("&amp;", "&")
    assert "t:act0" in (await admin.get(older)).text
    assert "t:act1" in (await admin.get("/audit?resource=thing:1")).text
    assert "fits what you ask for" in (await admin.get("/audit?actor=nobody")).text
    wrong = await admin.get("/audit?since=soon")
    assert wrong.status_code == 200
    assert 'aria-invalid="true"' in wrong.text
    german = await admin.get("/audit", headers={"accept-language": "de"})
    assert "Wer was in Ihrer Einrichtung" in german.text


async def test_a_broken_log_is_said_at_the_top(hub, visit):
    await asyncio.to_thread(hub.auditing.anchor)
    with hub.database.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_line_stays"))
        connection.execute(text("DELETE FROM audit_line WHERE action = 't:act2'"))
    await asyncio.to_thread(hub.auditing.anchor)
    page = (await (await visit("admin")).get("/audit")).text
    assert 'role="alert"' in page
    assert "is missing" in page


async def test_learners_have_no_link_and_no_page(hub, visit):
    learner = await visit("learner")
    assert 'href="/audit"' not in (await learner.get("/")).text
    assert (await learner.get("/audit")).status_code == 403


async def test_the_whole_log_is_checked_when_asked_and_told_in_a_sentence(hub, visit):
    admin = await visit("admin")
    form = {"csrf": csrf_of(await admin.get("/audit"))}
    asked = await admin.post("/audit/verify", data=form)
    assert (asked.status_code, asked.headers["location"]) == (303, "/audit")
    page = await settled(admin)
    assert re.search(r'id="checked".*lines, of .* were checked: nothing was changed\.', page)
    with hub.database.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_line_stays"))
        connection.execute(text("DELETE FROM audit_line WHERE action = 't:act1'"))
    await admin.post("/audit/verify", data=form)
    page = await settled(admin)
    seq = re.search(r"Line (\d+) is missing\.", page)[1]
    assert page.count('role="alert"') == 1
    assert 'id="verify"' in page
    found = (await admin.get("/api/v1/audit/check")).json()["check"]["result"]
    assert (found["good"], found["fault"]["seq"]) == (False, int(seq))
    german = await admin.get("/audit", headers={"accept-language": "de"})
    assert f"Zeile {seq} fehlt." in german.text


async def settled(admin):
    async with asyncio.timeout(30):
        while 'id="checking"' in (page := (await admin.get("/audit")).text):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    return page


async def test_what_the_filter_shows_is_exported(visit):
    admin = await visit("admin")
    page = (await admin.get("/audit?action=t:&resource=thing:")).text
    (lines, table) = [html.unescape(one) for one in re.findall(r'href="(\S+/export\S+)"', page)]
    told = await admin.get(lines)
    assert told.headers["content-disposition"] == 'attachment; filename="audit.jsonl"'
    assert [json.loads(line)["action"] for line in told.text.splitlines()] == [
        f"t:act{number}" for number in range(3)
    ]
    rows = list(csv.DictReader(io.StringIO((await admin.get(table)).content.decode("utf-8-sig"))))
    assert [(row["resource"], row["detail"]) for row in rows] == [
        (f"thing:{number}", '{"title":"<b>&"}') for number in range(3)
    ]
    assert (await (await visit("learner")).get(lines)).status_code == 403

"""The pages of administration, as those meet them who may see some of them, or all."""

from __future__ import annotations

import os
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.content.sync_models import Quarantine
from bloop.hub import Hub
from bloop.hub.storage.counting import count
from bloop.jobs.models import Job, JobSchedule
from bloop.kernel.models import Connection
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.types import utcnow
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of
from tests.web.filled_vitals import aside, vitals

SCHEDULE = "stock.sync"


@pytest.fixture
async def hub(hub_toml):
    """A hub that does nothing in the background: its rows stay as they are."""
    hub = Hub.open(hub_toml, "cli")
    hub.tables.prepare()
    yield hub
    await hub.database.close()


def write(hub, function, *args, institution=None):
    call = system_call(institution or hub.institution)
    return in_unit(hub.database, call, function, *args)


@pytest.fixture
def filled(hub):
    """A connection with records that were put aside, schedules, and what the checks say."""

    def connect(unit):
        row = Connection(
            institution_id=unit.institution,
            plugin_id="markdown",
            capability="notes",
            key="k",
            name="Physics",
            state="auth_failed",
            reason="the token ran out",
            cure="make a new one",
        )
        unit.session.add(row)
        unit.session.flush()
        aside(unit, row.id)
        return row.id

    write(hub, vitals, institution=EVERY_INSTITUTION)
    return write(hub, connect)


def bar(answer, label):
    """The links of a bar by its label, each with what it says of where one is."""
    found = re.search(rf'<nav[^>]* aria-label="{label}">(.*?)</nav>', answer.text, re.DOTALL)
    links = r'<a href="([^"]+)"(?: aria-current="(\w+)")?>'
    return dict(re.findall(links, found[1])) if found else {}


def found(hub, name=SCHEDULE):
    def read(unit):
        row = unit.session.scalars(select(JobSchedule).where(JobSchedule.name == name)).one()
        return row.paused, row.last_job_id, row.row_version

    return write(hub, read)


async def test_administration_is_one_link_and_its_areas_are_on_each_of_their_pages(visit):
    admin, operator, educator = [await visit(role) for role in ("admin", "operator", "educator")]
    home = bar(await admin.get("/"), "Main")
    assert "/admin" in home
    assert not {"/jobs", "/people", "/plugins", "/audit", "/connections"} & home.keys()
    assert bar(await admin.get("/"), "Administration") == {}
    areas = ["/admin", "/admin/storage"]
    areas += ["/connections", "/people", "/jobs", "/plugins", "/policy", "/audit"]
    jobs = await admin.get("/jobs")
    assert list(bar(jobs, "Administration")) == areas
    assert bar(jobs, "Administration")["/jobs"] == "page"
    assert bar(jobs, "Main")["/admin"] == "true"
    assert bar(await admin.get("/keys"), "Administration")["/jobs"] == "true"
    assert bar(await admin.get("/admin"), "Main")["/admin"] == "page"
    assert "/admin/system" in bar(await operator.get("/admin"), "Administration")
    alone = await educator.get("/jobs")
    assert bar(alone, "Main")["/jobs"] == "page", "who may see one area goes straight to it"
    assert "/admin" not in bar(alone, "Main")
    assert bar(alone, "Administration") == {}


async def test_the_overview_tells_each_what_they_may_see(visit, filled, hub):
    operator, admin = await visit("operator"), await visit("admin")
    page = (await admin.get("/admin")).text
    assert "Physics refuses the login" in page
    assert "the token ran out" in page and "make a new one" in page
    assert "3 records could not be used" in page
    assert f"{SCHEDULE}, which starts by itself, failed the last time" in page
    assert "disk" not in page, "the parts of the hub are its operator's"
    assert "disk does not work" in (await operator.get("/admin")).text
    told = (await operator.get("/api/v1/overview", headers={"accept": "*/*"})).json()
    kinds = {one["kind"] for one in told["attention"]}
    assert {"part", "connection", "schedule", "quarantine", "jobs"} == kinds
    assert told["counts"]["quarantined"] == 3
    elsewhere = add_institution(hub, "Elsewhere")
    other = await visit("admin", elsewhere)
    assert "Nothing needs your attention" in (await other.get("/admin")).text
    for role, status in (("educator", 403), ("learner", 403), (None, 401)):
        assert (await (await visit(role)).get("/admin")).status_code == status


async def test_the_system_page_says_what_is_wrong_and_draws_what_was_kept(visit, filled):
    operator = await visit("operator")
    page = (await operator.get("/admin/system?range=24h")).text
    assert "2 parts of the hub need attention" in page
    assert "free some space on /var/lib/bloop" in page
    assert page.count("<polyline") >= 4
    assert page.count('<th scope="row">') == 96, "each plot's numbers are in the table"
    assert (await operator.get("/admin/system?range=9y")).status_code == 422
    assert (await (await visit("admin")).get("/admin/system")).status_code == 403


async def test_the_limits_page_says_where_each_comes_from(visit):
    operator = await visit("operator")
    page = (await operator.get("/admin/limits")).text
    assert "rates.writes" in page and "as the hub comes" in page
    assert "Nobody was refused" in page
    assert (await (await visit("admin")).get("/admin/limits")).status_code == 403


async def test_a_schedule_is_started_and_paused_by_who_has_seen_it_as_it_is(visit, filled, hub):
    def due(unit):
        row = unit.session.scalars(select(JobSchedule).where(JobSchedule.name == SCHEDULE)).one()
        row.next_at = utcnow() + timedelta(hours=1)

    write(hub, due)
    admin = await visit("admin")
    page = await admin.get("/schedules")
    assert "every 15 min" in page.text and "30 6 * * 1" in page.text
    form = {"csrf": csrf_of(page), "version": str(found(hub)[2])}
    started = await admin.post(f"/schedules/{SCHEDULE}/run", data=form)
    assert started.status_code == 303
    shown = await admin.get(started.headers["location"])
    assert f"{SCHEDULE} was started" in shown.text
    assert found(hub)[1] in shown.text
    assert (await admin.post(f"/schedules/{SCHEDULE}/run", data=form)).status_code == 409
    form["version"] = str(found(hub)[2])
    assert (await admin.post(f"/schedules/{SCHEDULE}/pause", data=form)).status_code == 303
    assert found(hub)[0] is True
    again = await admin.post(f"/schedules/{SCHEDULE}/resume", data=form)
    assert again.status_code == 412, "another tab had paused it"
    assert found(hub)[0] is True
    form["version"] = str(found(hub)[2])
    assert (await admin.post(f"/schedules/{SCHEDULE}/resume", data=form)).status_code == 303
    assert found(hub)[0] is False
    assert (await admin.post(f"/schedules/{SCHEDULE}/pause", data={})).status_code == 403


async def test_what_was_put_aside_is_filtered_and_fetched_again(visit, filled, hub):
    def write_more(unit):
        row = {"connection_id": filled, "run_id": "run", "reason": "torn", "ref": "no ref"}
        unit.session.add(Quarantine(institution_id=unit.institution, code="odd", **row))

    write(hub, write_more)
    admin = await visit("admin")
    page = await admin.get("/quarantine")
    assert "page:Torn.md" in page.text and "file:big.mov" in page.text
    chosen = (await admin.get("/quarantine?code=too_large")).text
    assert "file:big.mov" in chosen and "page:Torn.md" not in chosen
    assert "Nothing of that kind" in (await admin.get("/quarantine?connection=none")).text

    def jobs(unit):
        wanted = select(func.count()).select_from(Job).where(Job.kind == "content.refresh")
        return unit.session.scalar(wanted)

    form = {"csrf": csrf_of(page), "connection": filled, "ref": "page:Torn.md"}
    back = await admin.post("/quarantine/retry", data=form)
    assert (back.status_code, write(hub, jobs)) == (303, 1)
    assert "1 job fetches them again" in (await admin.get(back.headers["location"])).text
    unknown = await admin.post("/quarantine/retry", data=form | {"connection": "none"})
    assert (unknown.status_code, write(hub, jobs)) == (404, 1)
    assert (await (await visit("educator")).get("/quarantine")).status_code == 403


async def test_a_person_is_logged_out_gets_a_new_password_and_is_erased(visit, hub):
    learner, admin = await visit("learner"), await visit("admin")

    def people(unit):
        rows = unit.session.scalars(select(User).where(User.role == "learner"))
        return {row.id: (row.name, row.erased_at) for row in rows}

    ((id_, (name, _)),) = write(hub, people).items()
    page = await admin.get(f"/people/{id_}")
    form = {"csrf": csrf_of(page)}
    for act in ("sessions", "password", "erase"):
        assert f'href="/people/{id_}/{act}"' in page.text
    link = await admin.post(f"/people/{id_}/password", data=form)
    assert "/login/reset?token=" in link.text
    assert link.headers["cache-control"] == "no-store"
    assert "Log out everywhere" in (await admin.get(f"/people/{id_}/sessions")).text
    assert (await learner.get("/account/sessions")).status_code == 200
    assert (await admin.post(f"/people/{id_}/sessions/end", data=form)).status_code == 303
    assert (await learner.get("/account/sessions")).status_code == 401
    assert "Nobody is logged in" in (await admin.get(f"/people/{id_}/sessions")).text
    plan = await admin.get(f"/people/{id_}/erase")
    assert "There is no undo" in plan.text
    assert "By table" in (await admin.post(f"/people/{id_}/erase/plan", data=form)).text
    other = await admin.post(f"/people/{id_}/erase", data=form | {"name": "somebody"})
    assert (other.status_code, write(hub, people)[id_][1]) == (422, None)
    done = await admin.post(f"/people/{id_}/erase", data=form | {"name": name})
    assert done.status_code == 303
    assert write(hub, people)[id_][1] is not None
    educator = await visit("educator")
    for act in ("sessions", "password", "erase"):
        assert (await educator.get(f"/people/{id_}/{act}")).status_code == 403


async def test_storage_is_counted_when_asked_and_freed_after_a_look(visit, hub):
    operator, admin = await visit("operator"), await visit("admin")
    for one in (operator, admin):
        assert "Nothing is counted yet" in (await one.get("/admin/storage")).text
    assert (await operator.get("/admin/storage/free")).status_code == 404, "there is nothing to see"
    forms = []
    for one in (admin, operator, operator):
        page = await one.get("/admin/storage")
        form = {"csrf": csrf_of(page)}
        forms.append(await one.post("/admin/storage/count", data=form))
    assert {one.status_code for one in forms} == {303}
    first, second, third = (one.headers["location"] for one in forms)
    assert first != second == third, "an institution's, and the hub's once"
    assert "being counted" in (await operator.get(second)).text
    stranger = await visit("admin", add_institution(hub, "Elsewhere"))
    assert "being counted" not in (await stranger.get(first)).text
    old = hub.blobs.put([b"left"])
    os.utime(hub.blobs.path(old.sha256), (0, 0))
    count(hub)
    page = (await operator.get("/admin/storage")).text
    assert "1 file that nothing refers to: 4 B." in page and "audit_line" in page
    assert "1 file would go, 4 B." in (await operator.get("/admin/storage/free")).text
    freed = await operator.post(
        "/admin/storage/free", data={"csrf": csrf_of(await operator.get("/admin/storage/free"))}
    )
    assert freed.headers["location"].startswith("/admin/storage?job=")
    seen = (await admin.get("/admin/storage")).text
    assert "audit_line" not in seen and "would go" not in seen and 'id="rows"' in seen
    assert (await admin.get("/admin/storage/free")).status_code == 403
    told = (await operator.get("/api/v1/storage", headers={"accept": "*/*"})).json()
    assert told["hub"]["free"]["files"] == 1 and told["institution"]["files"]["count"] == 0
    assert (await admin.get("/api/v1/storage", headers={"accept": "*/*"})).json()["hub"] is None
    assert (await (await visit("educator")).get("/admin/storage")).status_code == 403

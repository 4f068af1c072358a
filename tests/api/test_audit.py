"""The audit log and people's data from the API, in a hub that runs."""

from __future__ import annotations

import asyncio
import io
import zipfile

import httpx
import pytest
from sqlalchemy import select, text

from bloop.accounts.models import User
from bloop.accounts.privacy import exporting
from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs.models import Job
from bloop.store.audit.anchors import Anchors
from bloop.store.database import in_unit
from bloop.store.models import Blob
from bloop_sdk import Role
from tests.support.hub import add_institution, log_in

AUDIT = "/api/v1/audit"


@pytest.fixture
async def come(hub, client):
    """Clients of people with a role."""
    clients = []

    async def enter(role):
        session = await hub.database.run(log_in, hub, role, hub.institution)
        headers = {"authorization": f"Bearer {session.token}"}
        clients.append(
            httpx.AsyncClient(
                transport=client._transport, base_url=client.base_url, headers=headers
            )
        )
        return clients[-1]

    yield enter
    for one in clients:
        await one.aclose()


async def add_user(hub, role=Role.LEARNER, name="Ada", email="ada@example.org"):
    def add(unit):
        made = User(institution_id=unit.institution, name=name, email=email, role=role)
        unit.session.add(made)
        unit.session.flush()
        return made.id

    return await hub.database.run(in_unit, hub.database, system_call(hub.institution), add)


async def act(hub, *actions, institution=None):
    def write(unit):
        for action in actions:
            unit.audit.append(action, f"thing:{action[-1]}", personal={"address": "192.0.2.7"})

    call = system_call(institution or hub.institution)
    await hub.database.run(in_unit, hub.database, call, write)


async def test_lines_are_read_by_pages_and_filters_and_stay_at_home(hub, operator):
    away = add_institution(hub, "away")
    await act(hub, *(f"t:{n}" for n in range(5)))
    await act(hub, "t:elsewhere", institution=away)
    first = (await operator.get(f"{AUDIT}?limit=2&action=t:")).json()
    assert [line["action"] for line in first["items"]] == ["t:4", "t:3"]
    rest = (await operator.get(f"{AUDIT}?limit=9&action=t:&before={first['next']}")).json()
    assert [line["action"] for line in rest["items"]] == ["t:2", "t:1", "t:0"]
    assert rest["next"] is None
    line = first["items"][0]
    assert (line["actor"], line["about"], line["personal"]) == ("system:hub", "thing:4", True)
    assert "192.0.2.7" not in str(first)
    asked = {"resource": "thing:3", "since": line["at"], "until": "2999-01-01", "actor": "system:"}
    found = (await operator.get(AUDIT, params=asked)).json()["items"]
    assert [one["action"] for one in found] == ["t:3"]
    assert (await operator.get(AUDIT, params={"until": "1999-01-01"})).json()["items"] == []
    wrong = await operator.get(AUDIT, params={"since": "soon"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "since")


async def test_the_standing_tells_what_was_anchored_and_that_it_broke(hub, operator):
    await act(hub, "t:1", "t:2")
    await asyncio.to_thread(hub.auditing.anchor)
    verified = (await operator.get(AUDIT)).json()["verified"]
    assert verified["seq"] >= 2
    assert verified["fault"] is None
    if hub.database.dialect == "sqlite":
        with hub.database.engine.begin() as connection:
            connection.execute(text("DROP TRIGGER audit_line_stays"))
            connection.execute(text("DELETE FROM audit_line WHERE action = 't:2'"))
        await asyncio.to_thread(hub.auditing.anchor)
        assert "missing" in (await operator.get(AUDIT)).json()["verified"]["fault"]


async def test_a_hub_anchors_when_it_stops(config_path):
    hub = Hub.open(config_path, "api")
    await hub.start()
    await hub.loaded()
    await act(hub, "t:last")
    home = hub.institution
    await hub.stop()
    anchors = Anchors(hub.config.value.hub.data_dir / "audit")
    newest, damaged = anchors.check()
    assert damaged == []
    again = Hub.open(config_path, "cli")
    report = again.auditing.verify()
    await again.stop()
    assert report.good, report.faults
    assert report.heads[home] == newest[home].seq


async def test_who_may_not_sees_no_audit_and_erases_nobody(come):
    learner = await come(Role.LEARNER)
    assert (await learner.get(AUDIT)).status_code == 403
    assert (await learner.get("/api/v1/users/x/erasure")).status_code == 403
    assert (await learner.post("/api/v1/users/x/erasure")).status_code == 403


async def test_one_s_own_data_is_a_job_and_a_download(hub, come):
    learner = await come(Role.LEARNER)
    me = (await learner.get("/api/v1/account")).json()
    asked = await learner.post("/api/v1/account/export")
    assert asked.status_code == 202
    path = f"/api/v1/account/export/{asked.json()['job']}"
    async with asyncio.timeout(60):
        while (answer := await learner.get(path)).status_code == 409:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert me["id"] in archive.read("tables/account_user.json").decode()
    other = await come(Role.ADMIN)
    assert (await other.get(path)).status_code == 404

    def grow_old(unit):
        for job in unit.session.scalars(select(Job).where(Job.kind == exporting.EXPORT_JOB)):
            job.finished_at = job.finished_at.replace(year=2020)

    call = system_call(hub.institution)
    await hub.database.run(in_unit, hub.database, call, grow_old)
    gone = await hub.database.run(
        exporting.forget_exports, hub.database, hub.sources, system_call("*")
    )
    assert gone == 1
    assert not list(hub.blobs.root.glob("*/*"))
    with hub.database.reading(call) as unit:
        assert unit.session.scalars(select(Blob)).all() == []


async def test_an_admin_erases_a_person(hub, come):
    user = await add_user(hub)
    admin = await come(Role.ADMIN)
    planned = (await admin.get(f"/api/v1/users/{user}/erasure")).json()
    done = (await admin.post(f"/api/v1/users/{user}/erasure")).json()
    assert planned == done
    assert done["blanked"]["account_user"] == 1
    (line,) = (await admin.get(f"{AUDIT}?action=users:erase")).json()["items"]
    assert line["resource"] == f"user:{user}"
    assert (await admin.post("/api/v1/users/nobody/erasure")).status_code == 404

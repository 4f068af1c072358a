"""Connections over the API: made, checked, chosen, read, paused, given new secrets, removed."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from bloop.accounts.models import LoginSession, User
from bloop.accounts.sessions import system_call
from bloop.content.enrolling.linking import link
from bloop.content.enrolling.models import CourseEnrolment, PersonLink
from bloop.content.enrolling.service import enrol
from bloop.content.models import Container, Enrolment, Item, Person
from bloop.content.sync_models import Quarantine, SyncRun
from bloop.jobs.models import Job
from bloop.kernel.models import Connection
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.types import utcnow
from tests.support.campus import TOKEN, WEBHOOK_SECRET, Campus, write_campus

PATH = "/api/v1/connections"
PATIENCE_SECONDS = 120


@pytest.fixture
def config_path(config_path, site):
    write_campus(site, config_path)
    return config_path


@pytest.fixture
def campus():
    campus = Campus()
    server = campus.start()
    yield campus
    campus.wait.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
async def made(operator, campus):
    """A connection that was made and checked."""
    made = (await make(operator, campus)).json()
    return await act(operator, made, "check")


async def make(client, campus, **other):
    body = {
        "plugin": "campus",
        "name": "Our campus",
        "settings": {"base_url": campus.url},
        "secrets": {"token": TOKEN, "webhook_secret": WEBHOOK_SECRET},
        **other,
    }
    return await client.post(PATH, json=body)


async def act(client, made, name, body=None, status=200):
    answer = await client.post(f"{PATH}/{made['id']}/{name}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def synced(client, made, **body):
    job = (await act(client, made, "sync", body, 202))["job"]
    return await ended(client, job)


async def ended(client, job):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = (await client.get(f"/api/v1/jobs/{job}")).json()
            if found["state"] in {"succeeded", "failed", "cancelled"}:
                return found
            await asyncio.sleep(0.05)


def count(hub, model, *conditions):
    with hub.database.unit(system_call(hub.institution)) as unit:
        query = select(func.count()).select_from(model)
        return unit.session.scalar(
            query.where(model.institution_id == hub.institution, *conditions)
        )


async def test_it_is_made_without_its_secrets_ever_being_shown(operator, campus, hub):
    answer = await make(operator, campus)
    made = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, f'"v{made["row_version"]}"')
    assert (made["state"], made["every"]) == ("unconfigured", "6h")
    assert made["next_at"] and set(made["held"]) == {"token", "webhook_secret"}
    assert TOKEN not in answer.text
    shown = await operator.get(f"{PATH}/{made['id']}")
    listed = await operator.get(PATH)
    assert shown.json() == made == listed.json()["items"][0]
    again = await make(operator, campus)
    assert again.status_code == 409
    form = (await operator.get(f"{PATH}/plugins/campus")).json()
    assert (form["settings"], form["json_schema"]["required"]) == (
        ["base_url", "client_id", "page_size"],
        ["base_url"],
    )


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"settings": {}}, 422, "base_url"),
        ({"plugin": "cartridge"}, 503, "cartridge"),
        ({"plugin": "nothing"}, 404, "nothing"),
        ({"every": "1m"}, 422, "five minutes"),
        ({"every": "often"}, 422, "cron"),
        ({"every": "99999999d"}, 422, "every"),
        ({"secrets": {"base_url": "x"}}, 422, "no secret"),
        ({"name": "  "}, 422, "name"),
    ],
)
async def test_what_cannot_be_connected_is_told(operator, campus, change, status, said):
    answer = await make(operator, campus, **change)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert (await operator.get(PATH)).json()["items"] == []


async def test_a_check_says_who_it_is_and_what_is_missing(operator, campus, made):
    campus.missing = ["grades:read", "files:read"]
    found = await act(operator, made, "check")
    assert found["state"] == "degraded"
    assert "grades:read, files:read" in found["reason"] and "grant it" in found["cure"]
    assert (found["checked"]["account"], found["checked"]["site"]) == ("Ada Admin", "Campus")
    await synced(operator, made)
    assert (await operator.get(f"{PATH}/{made['id']}")).json()["state"] == "degraded"
    campus.missing = []
    assert (await act(operator, made, "check"))["state"] == "active"


async def test_what_is_chosen_is_read(operator, campus, made, hub):
    offered = await act(operator, made, "discover")
    assert [one["title"] for one in offered["containers"]] == ["Waves and sound", "Light", "Heat"]
    assert [one["name"] for one in offered["streams"]] == ["courses", "pages", "people"]
    assert all(one["selected"] for one in offered["containers"] + offered["streams"])
    etag = (await operator.get(f"{PATH}/{made['id']}")).headers["etag"]
    place, chosen = f"{PATH}/{made['id']}/selection", {"containers": ["c1"], "streams": ["pages"]}
    assert (await operator.put(place, json=chosen)).status_code == 428
    kept = await operator.put(place, json=chosen, headers={"if-match": etag})
    assert kept.json()["selected"] == chosen
    assert (await operator.put(place, json={}, headers={"if-match": etag})).status_code == 412
    job = await synced(operator, made)
    assert (job["state"], job["result"]["written"] > 0) == ("succeeded", True)
    assert (count(hub, Container), count(hub, Item), count(hub, Person)) == (1, 4, 0)
    offered = await act(operator, made, "discover")
    assert [one["selected"] for one in offered["containers"]] == [True, False, False]
    runs = (await operator.get(f"{PATH}/{made['id']}/runs")).json()["items"]
    assert (len(runs), runs[0]["state"]) == (1, "succeeded")


async def test_a_dry_run_writes_nothing_and_a_full_one_reads_all(operator, made, hub):
    job = await synced(operator, made, dry_run=True)
    assert (job["result"]["dry_run"], job["result"]["new"] > 0) == (True, True)
    assert count(hub, Item) == 0
    assert (await synced(operator, made))["result"]["written"] > 0
    assert (await synced(operator, made, full=True))["result"]["written"] == 0


async def test_what_could_not_be_used_is_fetched_again(operator, campus, made, hub):
    broken = campus.pages["c1p2"]
    title = broken.pop("title")
    await synced(operator, made)
    found = (await operator.get(f"{PATH}/{made['id']}/quarantine")).json()["items"]
    assert [(one["ref"], one["reason"]) for one in found] == [("page:c1p2", "it has no title")]
    assert (await operator.get(f"{PATH}/{made['id']}")).json()["quarantined"] == 1
    broken["title"] = title
    (job,) = (await act(operator, made, "quarantine/retry", {}, 202))["jobs"]
    assert (await ended(operator, job))["state"] == "succeeded"
    assert (await operator.get(f"{PATH}/{made['id']}/quarantine")).json()["items"] == []
    assert count(hub, Item, Item.remote_id == "c1p2") == 1
    answer = await operator.post(f"{PATH}/{made['id']}/quarantine/retry", json={})
    assert answer.status_code == 422


async def test_a_paused_connection_is_left_alone_until_it_is_resumed(operator, campus, made, hub):
    await act(operator, made, "check")
    campus.wait.clear()
    job = (await act(operator, made, "sync", {}, 202))["job"]
    paused = await act(operator, made, "pause")
    assert (paused["state"], paused["next_at"]) == ("suspended", None)
    campus.wait.set()
    assert (await ended(operator, job))["state"] == "cancelled"
    assert (await operator.get(f"{PATH}/{made['id']}")).json()["state"] == "suspended"
    await act(operator, made, "sync", {}, 409)
    await act(operator, made, "check", None, 409)
    resumed = await act(operator, made, "resume")
    assert (resumed["state"], resumed["next_at"] is not None) == ("active", True)
    await act(operator, made, "resume", None, 409)
    assert (await synced(operator, made))["state"] == "succeeded"


async def test_new_secrets_hold_once_they_were_taken_and_the_old_ones_until_then(
    operator, campus, made
):
    await act(operator, made, "check")
    refused = await operator.post(
        f"{PATH}/{made['id']}/rotate", json={"secrets": {"token": "wrong"}}
    )
    assert refused.status_code >= 400 and "wrong" not in refused.text
    assert (await operator.get(f"{PATH}/{made['id']}")).json()["state"] == "active"
    assert (await act(operator, made, "check"))["state"] == "active"
    campus.tokens = {TOKEN: "Ada Admin", "newer": "Nora New"}
    changed = await act(operator, made, "rotate", {"secrets": {"token": "newer"}})
    assert (changed["state"], changed["checked"]["account"]) == ("active", "Nora New")
    del campus.tokens[TOKEN]
    assert (await act(operator, made, "check"))["state"] == "active"
    campus.tokens = {}
    failed = await act(operator, made, "check")
    assert (failed["state"], failed["recoverable"]) == ("auth_failed", False)
    campus.tokens = {"newest": "Nora"}
    mended = await act(operator, made, "rotate", {"secrets": {"token": "newest"}})
    assert (mended["state"], mended["reason"]) == ("active", None)


async def test_a_login_by_code_is_asked_after_by_who_began_it_and_nobody_else(
    operator, campus, made, hub
):
    await act(operator, made, "device-login", None, 422)
    settings = {"settings": {"base_url": campus.url, "client_id": "by-code"}}
    place, anew = f"{PATH}/{made['id']}", {"if-match": "*"}
    assert (await operator.patch(place, json=settings, headers=anew)).status_code == 200
    login = await act(operator, made, "device-login")
    assert (login["user_code"], login["expires_in"]) == ("ABCD-1234", 600)
    assert "secret-of-device" not in str(login)

    asked = {"ticket": login["ticket"]}
    campus.devices = [{}, {"token": "by-code"}]
    assert await act(operator, made, "device-login/poll", asked) == {"logged_in": False}
    for wrong in ("x" + login["ticket"], login["ticket"][:-9], "not of base64"):
        await act(operator, made, "device-login/poll", {"ticket": wrong}, 422)
    other = {"id": (await make(operator, Campus(url="http://127.0.0.1:9"), name="B")).json()["id"]}
    await act(operator, other, "device-login/poll", asked, 422)
    assert await act(operator, made, "device-login/poll", asked) == {"logged_in": True}
    del campus.tokens[TOKEN]
    assert (await act(operator, made, "check"))["checked"]["account"] == "Dora Device"


async def test_a_secret_that_its_own_trial_renews_is_kept_as_it_is_then(operator, campus, made):
    campus.tokens = {TOKEN: "Ada Admin", "once": "Nora New", "renewed": "Nora New"}
    campus.renews = {"once": "renewed"}
    await act(operator, made, "rotate", {"secrets": {"token": "once"}})
    campus.tokens = {"renewed": "Nora New"}
    assert (await act(operator, made, "check"))["state"] == "active"


async def test_settings_which_say_where_secrets_go_ask_for_a_fresh_proof(
    operator, campus, made, hub
):
    place, anew = f"{PATH}/{made['id']}", {"if-match": "*"}
    with hub.database.unit(system_call(hub.institution)) as unit:
        unit.session.execute(update(LoginSession).values(proved_at=utcnow() - timedelta(days=1)))
    hub.sessions.forget(operator.headers["authorization"].removeprefix("Bearer "))
    elsewhere = {"settings": {"base_url": "https://elsewhere.example"}}
    refused = await operator.patch(place, json=elsewhere, headers=anew)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    renamed = await operator.patch(place, json={"name": "B"}, headers=anew)
    assert (renamed.status_code, renamed.json()["settings"]) == (200, made["settings"])


async def test_it_is_renamed_rescheduled_and_given_other_settings(operator, campus, made):
    place, etag = f"{PATH}/{made['id']}", f'"v{made["row_version"]}"'
    assert (await operator.patch(place, json={"name": "x"})).status_code == 428
    changed = await operator.patch(
        place, json={"name": "Campus B", "every": "30 3 * * *"}, headers={"if-match": etag}
    )
    assert (changed.json()["name"], changed.json()["every"]) == ("Campus B", "30 3 * * *")
    assert changed.json()["next_at"][14:16] == "30"
    stale = await operator.patch(place, json={"every": None}, headers={"if-match": etag})
    assert stale.status_code == 412
    never = await operator.patch(place, json={"every": None}, headers={"if-match": "*"})
    assert (never.json()["every"], never.json()["next_at"]) == (None, None)
    wrong = {"settings": {"base_url": campus.url, "nope": 1}}
    answer = await operator.patch(place, json=wrong, headers={"if-match": "*"})
    assert answer.status_code == 422 and "nope" in answer.text
    open_ = {"settings": {"base_url": campus.url, "token": "in-the-open"}}
    answer = await operator.patch(place, json=open_, headers={"if-match": "*"})
    assert (answer.status_code, "in-the-open" in answer.text) == (422, False), answer.text
    assert (await operator.get(place)).json()["settings"] == {"base_url": campus.url}


@pytest.mark.parametrize("content", ["keep", "trash"])
async def test_what_it_knew_of_people_goes_with_it_and_courses_stay_or_are_trashed(
    operator, campus, made, hub, content
):
    await synced(operator, made)
    assert count(hub, Person) and count(hub, Enrolment)
    with hub.database.unit(system_call(hub.institution)) as unit:
        (person, user) = (unit.session.scalars(select(one.id)).first() for one in (Person, User))
        link(unit, person, user)
        course = unit.session.scalars(select(Container.id)).first()
        enrol(unit, course, user=user, role="learner")
    place = f"{PATH}/{made['id']}"
    assert (await operator.delete(place)).status_code == 428
    gone = await operator.delete(f"{place}?content={content}", headers={"if-match": "*"})
    assert gone.status_code == 204, gone.text
    assert (await operator.get(place)).status_code == 404
    for model in (Connection, SyncRun, Person, PersonLink, Enrolment, Quarantine):
        assert count(hub, model) == 0, model
    assert count(hub, CourseEnrolment) == 1
    trashed = 3 if content == "trash" else 0
    assert count(hub, Container, Container.connection_id.is_(None)) == 3
    assert count(hub, Container, Container.state == "trashed") == trashed
    assert count(hub, Item, Item.connection_id.is_(None)) == 12
    assert count(hub, OutboxEvent, OutboxEvent.topic == "content.person.deleted") == 1
    assert count(hub, OutboxEvent, OutboxEvent.topic == "content.container.deleted") == trashed
    assert count(hub, AuditLine, AuditLine.action == "connections:delete") == 1
    courses = (await operator.get("/api/v1/containers")).json()["items"]
    assert len(courses) == 3 - trashed
    if content == "keep":
        course = f"/api/v1/containers/{courses[0]['id']}"
        edited = await operator.patch(course, json={"title": "Mine"}, headers={"if-match": "*"})
        assert edited.status_code == 200


async def test_one_that_is_being_read_is_stopped_before_it_goes(operator, campus, made, hub):
    campus.wait.clear()
    job = (await act(operator, made, "sync", {}, 202))["job"]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not any("/pages" in path for path in campus.asked):  # noqa: ASYNC110 - a list
            await asyncio.sleep(0.05)
    place = f"{PATH}/{made['id']}"
    going = asyncio.create_task(operator.delete(place, headers={"if-match": "*"}))
    await asyncio.sleep(0)
    campus.wait.set()
    assert (await going).status_code == 204
    assert (await ended(operator, job))["state"] == "cancelled"
    assert count(hub, SyncRun) == 0


async def hinted(client, campus, made, event, **how):
    body, headers = campus.hint(event, **how)
    return await client.post(f"{PATH}/{made['id']}/hints", content=body, headers=headers)


async def test_a_signed_hint_has_its_page_fetched_once(operator, client, campus, made, hub):
    await synced(operator, made)
    await subscribed(operator, client, made)
    campus.pages["c2p1"] |= {"title": "Changed", "n": 1}
    before = count(hub, Job)
    event = {"id": "e1", "page": "c2p1"}
    del client.headers["authorization"]
    for _ in range(2):
        answer = await hinted(client, campus, made, event)
        assert (answer.status_code, answer.json()) == (202, {"hints": 1})
    assert count(hub, Job) == before + 1
    odd = await hinted(client, campus, made, {"id": "e\ud800", "page": "\ud800\x00" + "x" * 2000})
    assert odd.status_code == 202
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not count(hub, Item, Item.title == "Changed"):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)


async def subscribed(operator, client, made):
    """The other system begins with a secret of its own, at the address that admins are shown."""
    place = f"{PATH}/{made['id']}/hints"
    shown = (await operator.get(place)).json()
    assert (shown["url"].partition("?")[0].endswith(place), shown["to_confirm"]) == (True, None)
    key = shown["url"].partition("?")[2]
    bearer, begin = client.headers.pop("authorization"), {"begin": WEBHOOK_SECRET}
    assert (await client.get(place)).status_code == 401
    for query in ("", "?key=", "?key=%C3%A9", f"?{key.replace('=', '=A', 1)}"):
        assert (await client.post(place + query, json=begin)).status_code == 404
    begun = await client.post(f"{place}?{key}", json=begin)
    assert (begun.status_code, begun.json()) == (202, {"hints": 0})
    client.headers["authorization"] = bearer
    assert (await operator.get(place)).json()["to_confirm"] == WEBHOOK_SECRET
    assert WEBHOOK_SECRET not in (await operator.get(f"{PATH}/{made['id']}")).text


async def test_who_cannot_sign_learns_nothing(operator, client, campus, made, hub):
    await synced(operator, made)
    before = count(hub, Job)
    del client.headers["authorization"]
    event = {"id": "e1", "page": "c2p1"}
    unknown = await hinted(client, campus, {"id": "019a21c6-3a77-7d54-b1c0-6f2f0d9b4e11"}, event)
    old = await hinted(client, campus, made, event, at=time.time() - 3600)
    body, headers = campus.hint(event)
    place = f"{PATH}/{made['id']}/hints"
    forged = await client.post(place, content=body + b" ", headers=headers)
    junk = await client.post(place, content=b"{", headers=headers)
    said = [one.json() | {"instance": "", "trace": ""} for one in (unknown, old, forged, junk)]
    assert {one.status_code for one in (unknown, old, forged, junk)} == {404}
    assert [one["detail"] for one in said] == [said[0]["detail"]] * 4
    assert count(hub, Job) == before


async def test_a_hint_without_a_record_has_the_connection_read(operator, client, campus, made, hub):
    await synced(operator, made)
    bearer = client.headers.pop("authorization")
    assert (await hinted(client, campus, made, {"id": "e7"})).status_code == 202
    client.headers["authorization"] = bearer
    job = (await operator.get(f"{PATH}/{made['id']}")).json()["job"]
    assert (await ended(operator, job))["result"]["written"] == 0
    assert count(hub, SyncRun) == 2
    await act(operator, made, "pause")
    del client.headers["authorization"]
    assert (await hinted(client, campus, made, {"id": "e8"})).status_code == 202
    assert count(hub, SyncRun) == 2


async def test_who_is_no_admin_sees_and_does_nothing(client, made):
    del client.headers["authorization"]
    assert (await client.get(PATH)).status_code == 401
    assert (await client.post(f"{PATH}/{made['id']}/sync", json={})).status_code == 401

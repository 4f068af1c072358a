"""A grade that is given here is written where the work was handed in, or refused with a reason."""

from __future__ import annotations

import asyncio
import sys

import pytest

from bloop.accounts.sessions import system_call
from bloop.content.models import Submission
from bloop.content.syncing import ask_for_sync
from bloop.hub import Hub
from bloop.hub.connections import NewConnection, check, create
from bloop.jobs.models import Job
from bloop.store.database import in_unit
from bloop_sdk.testing.distributions import write_plugin
from tests.content.course import open_to_everybody, rows

PATIENCE_SECONDS = 120
API = {"accept": "application/json"}
PROVIDER = """
from datetime import UTC, datetime

from bloop_sdk import (
    Batch, CalendarEvent, CheckResult, Container, Deletes, Kind, Person, PreconditionFailedError,
    ProviderSpec, Ref, Stream, Submission, SubmissionState, WriteResult, Assignment
)

BOOK = {"score": None, "comments": [], "version": 1}
KINDS = frozenset({Kind.PERSON, Kind.ASSIGNMENT, Kind.SUBMISSION, Kind.CALENDAR_EVENT})


class Provider:
    def __init__(self, ctx):
        self.ctx = ctx

    def spec(self):
        courses = Stream(name="courses", kinds=frozenset({Kind.COURSE}), deletes=Deletes.ENUMERATE)
        work = Stream(name="work", kinds=KINDS, deletes=Deletes.ENUMERATE, partitioned=True)
        return ProviderSpec(streams=(courses, work), writes=frozenset({"grade"}))

    async def check(self):
        return CheckResult(account="Teacher")

    async def discover(self):
        return [Container(remote_id="c1", title="Chemistry")]

    async def read(self, partition, state):
        if partition.stream == "courses":
            yield Batch(records=tuple(await self.discover()))
            return
        ada = Person(remote_id="u1", name="Ada")
        task = Assignment(remote_id="a1", container="c1", title="Titrate", html="")
        exam = CalendarEvent(
            remote_id="d1", container="c1", title="Exam", starts_at=datetime(2040, 1, 1, tzinfo=UTC)
        )
        yield Batch(records=(ada, task, exam, self.work()))

    def work(self):
        graded = BOOK["score"] is not None
        return Submission(
            remote_id="a1:u1", container="c1", person="u1", content=Ref(Kind.ASSIGNMENT, "a1"),
            state=SubmissionState.GRADED if graded else SubmissionState.SUBMITTED,
            score=BOOK["score"], points=10.0, remote_version=str(BOOK["version"]), raw=dict(BOOK),
        )

    async def fetch(self, refs):
        return Batch(records=(self.work(),))

    async def write(self, op, precondition):
        if precondition.remote_version != str(BOOK["version"]):
            raise PreconditionFailedError("it was graded elsewhere", cure="read it again")
        BOOK["score"] = op.values.get("score", BOOK["score"])
        BOOK["version"] += 1
        return WriteResult(ref=op.ref, remote_version=str(BOOK["version"]))

    def verify_webhook(self, request):
        raise NotImplementedError
"""


@pytest.fixture
async def hub(hub_toml, site):
    manifest = {"family": "lms", "provides": {"lms": "bloop_book.provider:Provider"}}
    write_plugin(site, "book", files={"provider.py": PROVIDER}, manifest=manifest)
    hub_toml.write_text(hub_toml.read_text() + "[plugins.book]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def ended(hub, job):
    call = system_call(hub.institution)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            (row,) = await asyncio.to_thread(rows, hub.database, call, Job, Job.id == job)
            if row.state in {"succeeded", "failed"}:
                return row
            await asyncio.sleep(0.05)


@pytest.fixture
async def synced(hub):
    """The hub after it has read the book."""
    call = system_call(hub.institution)
    connection = await create(hub, call, NewConnection(plugin="book", name="Book"))
    await check(hub, call, connection)
    job = await hub.database.run(in_unit, hub.database, call, ask_for_sync, connection)
    assert (await ended(hub, job)).state == "succeeded"
    return hub


async def headers_of(browser, version):
    """What a change of a row at this version has to say."""
    account = await browser.get("/api/v1/account", headers=API)
    return {**API, "if-match": f'"v{version}"', "x-csrf-token": account.json()["csrf_token"]}


async def test_a_grade_is_written_there_and_read_back(synced, visit):
    (work,) = rows(synced.database, system_call(synced.institution), Submission)
    educator, learner = await visit("educator"), await visit("learner")
    listed = await educator.get(f"/api/v1/containers/{work.container_id}/submissions", headers=API)
    [shown] = listed.json()["items"]
    assert (shown["person_name"], shown["item_title"], shown["status"]) == (
        "Ada",
        "Titrate",
        "submitted",
    )
    path = f"/api/v1/submissions/{work.id}"
    assert (await learner.get(path, headers=API)).status_code == 403
    tag = await headers_of(educator, shown["row_version"])

    wrong = await educator.put(f"{path}/grade", json={"score": -1}, headers=tag)
    assert wrong.status_code == 422
    asked = await educator.put(f"{path}/grade", json={"score": 9.5}, headers=tag)
    assert asked.status_code == 202, asked.text
    assert (await ended(synced, asked.json()["job"])).state == "succeeded"

    after = (await educator.get(path, headers=API)).json()
    assert (after["score"], after["status"]) == (9.5, "graded")
    stale = await educator.put(f"{path}/grade", json={"score": 1}, headers=tag)
    assert stale.status_code == 412


async def test_a_key_that_may_only_write_gives_a_grade_to_its_end(synced, visit):
    (work,) = rows(synced.database, system_call(synced.institution), Submission)
    educator = await visit("educator")
    made = await educator.post(
        "/api/v1/account/keys",
        json={"name": "grader", "scopes": ["content:write"]},
        headers=await headers_of(educator, 1),
    )
    script = await visit()
    headers = {**API, "authorization": f"Bearer {made.json()['key']}"}

    asked = await script.put(
        f"/api/v1/submissions/{work.id}/grade",
        json={"score": 7.0},
        headers={**headers, "if-match": f'"v{work.row_version}"'},
    )

    assert asked.status_code == 202, asked.text
    job = await ended(synced, asked.json()["job"])
    assert job.state == "succeeded", job.error
    (after,) = rows(synced.database, system_call(synced.institution), Submission)
    assert after.score == 7.0


async def test_a_grade_given_elsewhere_meanwhile_stays(synced, visit):
    (work,) = rows(synced.database, system_call(synced.institution), Submission)
    book = sys.modules["bloop_book.provider"].BOOK
    book.update(score=3.0, version=book["version"] + 1)
    educator = await visit("educator")
    headers = await headers_of(educator, work.row_version)

    path = f"/api/v1/submissions/{work.id}/grade"
    asked = await educator.put(path, json={"score": 9.5}, headers=headers)

    assert asked.status_code == 202, asked.text
    job = await ended(synced, asked.json()["job"])
    assert (job.state, book["score"]) == ("failed", 3.0)
    assert "graded elsewhere" in str(job.error)


async def test_the_dates_of_a_course_are_told_to_who_sees_it(synced, visit):
    (work,) = rows(synced.database, system_call(synced.institution), Submission)
    learner = await visit("learner")
    place = f"/api/v1/containers/{work.container_id}/calendar"
    assert (await learner.get(place, headers=API)).status_code == 404
    open_to_everybody(synced.database, system_call(synced.institution))
    answer = await learner.get(place, headers=API)
    [date] = answer.json()["items"]
    for since, status in (
        ("2039-12-31T23:59:59Z", 200),
        ("2039-12-31T23:59:59", 422),
        ("0001-01-01T00:00:00+14:00", 422),
    ):
        asked = await learner.get(place, params={"since": since}, headers=API)
        assert asked.status_code == status, asked.text
    assert (date["title"], date["starts_at"][:10]) == ("Exam", "2040-01-01")

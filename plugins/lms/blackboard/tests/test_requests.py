"""How often a site is asked: a day allows 10,000 requests, so each of them is accounted for."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from fake_blackboard import NOW, FakeBlackboard

from bloop_blackboard.provider import BlackboardProvider
from bloop_sdk import (
    Cursor,
    FatalError,
    Kind,
    Partition,
    RateLimitedError,
    SubmissionState,
    UnavailableError,
)
from bloop_sdk.testing import FakeTransport, Replica, Status, http_client, read_all
from plugins.lms.blackboard.tests.blackboard_rows import event, item, member, user

API = "GET /learn/api/public"


def per_run(site: FakeBlackboard) -> int:
    """What a run costs whatever is in it: a token, terms, courses, and which version it is."""
    return 1 + 1 + pages(len(site.courses), site) + 1


def pages(rows: int, site: FakeBlackboard) -> int:
    """Pages of a list; each but the first begins with a row of the one before."""
    return 1 if rows <= site.cap else 1 + -(-(rows - site.cap) // (site.cap - 1))


def per_course(site: FakeBlackboard) -> int:
    """What an unchanged course costs, as README.md says."""
    graded = [one for one in site.columns if one["grading"]["type"] != "Calculated"]
    tests = [one for one in site.contents if "assessmentId" in one["contentHandler"]]
    return (
        2 * pages(len(site.groups), site)  # for the sections, and for who is in them
        + len(site.groups)
        + pages(len(site.members), site)
        + pages(len(site.contents), site)
        + 2 * pages(len(site.columns), site)  # for due dates, and for grades
        + pages(len(site.discussions), site)
        + len(tests)
        + pages(len(site.announcements), site)
        + len(graded)
        + pages(len(site.reviewed), site)
        + 2  # halves of the calendar
    )


def role_requests(site: FakeBlackboard) -> int:
    """Roles of the site are asked for where somebody has one."""
    return 1 if site.roles else 0


@pytest.mark.parametrize("cap", [100, 5])
async def test_an_unchanged_site_costs_what_the_model_says(site, connect, cap):
    site.cap = cap
    replica = await read_all(connect())
    site.requests.clear()
    report = await replica.run(connect())
    assert report.written == 0
    assert len(site.requests) == per_run(site) + per_course(site) + role_requests(site)


async def test_a_first_read_costs_attachments_attempts_and_bytes_besides(site, connect):
    await read_all(connect())
    first = Counter(site.requests)
    site.requests.clear()
    attached = [
        one
        for one in site.contents
        if one["contentHandler"]["id"] in {"resource/x-bb-document", "resource/x-bb-assignment"}
        and one["id"] != "_16_1"  # The text of an Ultra document: its files are links.
    ]
    downloads = 2 * 2 + 1 + 1  # Two with their redirects, one whose id is looked up, a signed one.
    kinds = pages(len(site.contents), site)
    attempts = 1  # Of the one column of attempts in which there are grades.
    more = len(attached) + downloads + kinds + attempts
    assert sum(first.values()) == (per_run(site) + per_course(site) + role_requests(site) + more)


async def test_a_thousand_items_take_six_requests(connect, site):
    site.cap = 200
    site.contents = [item(f"_{n}_1", None, n, "resource/x-bb-lesson") for n in range(1000, 2000)]
    batches = [batch async for batch in connect().read(Partition("content", "_5_1"), None)]
    assert (
        sum(len(batch.records) for batch in batches) == 1000 + 3 + 2
    )  # Columns and discussions are loose.
    assert max(len(batch.records) for batch in batches) <= 250
    assert site.requests.count(f"{API}/v1/courses/_5_1/contents") == 6


async def test_of_grades_only_what_has_changed_is_asked_for(site, connect):
    replica = await read_all(connect())
    asked = f"{API}/v2/courses/_5_1/gradebook/columns/_61_1/attempts"
    site.requests.clear()
    await replica.run(connect())
    assert asked not in site.requests
    site.grades["_61_1"][0].update(changeIndex=12, displayGrade={"scaleType": "Score", "score": 50})
    report = await replica.run(connect())
    assert report.written == 1
    assert site.requests.count(asked) == 1


async def test_a_due_date_that_moves_brings_its_grades_again(site, connect):
    replica = await read_all(connect())
    site.columns[0]["grading"]["due"] = NOW.isoformat()
    await replica.run(connect())
    (work,) = [one for one in replica.records.values() if one.remote_id == "_5_1/_61_1/_71_1"]
    assert not work.late


async def test_grades_of_a_column_that_students_may_not_see_are_released_with_it(site, connect):
    def states(replica):
        return {one.remote_id: one.state for one in replica.of(Kind.SUBMISSION)}

    replica = await read_all(connect())
    assert states(replica)["_5_1/_61_1/_71_1"] is SubmissionState.GRADED
    assert states(replica)["_5_1/_63_1/_71_1"] is SubmissionState.UNRELEASED
    site.columns[0]["availability"]["available"] = "No"
    site.columns[-1]["availability"]["available"] = "Yes"
    await replica.run(connect())
    assert states(replica)["_5_1/_61_1/_71_1"] is SubmissionState.UNRELEASED
    assert states(replica)["_5_1/_63_1/_71_1"] is SubmissionState.GRADED


async def test_what_was_modified_has_its_attachments_listed_again(site, connect):
    replica = await read_all(connect())
    site.requests.clear()
    site.row("_11_1")["modified"] = NOW.isoformat()
    site.attachments["_11_1"] = []
    await replica.run(connect())
    assert [one for one in site.requests if one.endswith("/attachments")] == [
        f"{API}/v1/courses/_5_1/contents/_11_1/attachments"
    ]
    names = {str(ref) for ref in replica.records}
    assert "file:_5_1/_11_1/_42_1" not in names
    assert "page:_5_1/_11_1" in names


class Shifting(FakeBlackboard):
    """One whose list of people loses its first row between two pages."""

    def __init__(self, losses: int) -> None:
        super().__init__(cap=3)
        self.losses = losses
        for number in range(100, 110):
            name = f"_{number}_1"
            self.users[name] = user(name, f"user{number}", "A", "B")
            self.members.append(member(name, "Student"))

    async def answer(self, request):
        response = await super().answer(request)
        if request.url.partition("?")[0].endswith("/_5_1/users") and self.losses:
            self.losses -= 1
            self.members.pop(0)
        return response


@pytest.mark.parametrize("losses", [1, 3])
async def test_a_list_that_moves_while_it_is_read_is_begun_again(context, losses):
    moving = Shifting(losses)
    everybody = {one["userId"] for one in moving.members}
    ctx = context()
    ctx.http = http_client(FakeTransport(moving))
    reading = BlackboardProvider(ctx).read(Partition("people", "_5_1"), None)
    read = [one async for batch in reading for one in batch.records]
    people = [one.remote_id for one in read if not one.remote_id.startswith("_5_1/")]
    left = {one["userId"] for one in moving.members}
    assert left <= set(people) <= everybody
    assert len(people) == len(set(people))
    asked = moving.requests.count(f"{API}/v1/courses/_5_1/users")
    assert asked > pages(len(left), moving)


async def test_a_list_that_never_rests_is_tried_again_later(context):
    class Restless(Shifting):
        async def answer(self, request):
            response = await FakeBlackboard.answer(self, request)
            if "/users" in request.url and len(self.members) > 3:
                self.members = [*self.members[1:], member(f"_{len(self.requests)}99_1", "Student")]
                self.users[self.members[-1]["userId"]] = user("_1_1", "x", "A", "B")
            return response

    ctx = context()
    ctx.http = http_client(FakeTransport(Restless(0)))
    with pytest.raises(UnavailableError, match="changes faster than it can be read"):
        async for _ in BlackboardProvider(ctx).read(Partition("people", "_5_1"), None):
            pass


async def test_a_next_page_elsewhere_is_not_where_the_next_request_goes(site, connect, faults):
    site.cap = 3
    told = site._told

    def lured(found, request):
        answer = told(found, request)
        body = answer.body.replace(b'"/learn/api', b'"https://evil.example/learn/api')
        return dataclasses.replace(answer, body=body)

    site._told = lured
    replica = await read_all(connect())
    assert len(replica.records) > 20
    assert {one.url.split("/")[2] for one in faults.requests} == {"learn.example.edu"}


async def test_a_next_page_that_is_no_later_one_ends_the_read(site, connect):
    site.cap = 3
    told = site._told

    def stuck(found, request):
        answer = told(found, request)
        return dataclasses.replace(answer, body=answer.body.replace(b"offset=3", b"offset=0"))

    site._told = stuck
    with pytest.raises(FatalError, match="no later one"):
        await read_all(connect())


async def test_who_has_used_up_the_day_waits_for_its_end(site, connect):
    site.used = 9_990
    with pytest.raises(RateLimitedError) as caught:
        await read_all(connect())
    assert 3590 <= caught.value.retry_after <= 3600
    assert site.used == 10_000


async def test_a_day_that_is_nearly_used_up_is_told_once(site, context):
    site.used = 9_700
    ctx = context()
    await Replica().run(BlackboardProvider(ctx))
    warnings = [fields["left"] for _, event, fields in ctx.log.lines if "nearly" in event]
    assert len(warnings) == 1
    assert warnings[0] < 500


@pytest.mark.parametrize("reset", ["3600", str(int(NOW.timestamp()) + 3600)])
async def test_a_429_without_retry_after_waits_for_the_reset_that_was_told(
    site, connect, faults, reset
):
    headers = site._headers
    site._headers = lambda: {**headers(), "x-rate-limit-reset": reset}
    provider = connect()
    await provider.discover()
    faults.add(Status(429), times=None)
    with pytest.raises(RateLimitedError) as caught:
        await provider.discover()
    assert 3500 <= caught.value.retry_after <= 3600


async def test_a_cursor_of_another_version_is_as_none(site, connect):
    old = Cursor({"known": "gone"}, version=9)
    reading = connect().read(Partition("content", "_5_1"), old)
    assert sum([len(batch.records) async for batch in reading]) > 20


async def test_the_calendar_is_asked_for_no_longer_than_it_allows(site, connect):
    site.calendar = [event(f"_{n}_1", "Far", 7 * n) for n in range(-20, 21)]
    replica = await read_all(connect())
    read = {one.remote_id for one in replica.records.values() if "/_" in one.remote_id}
    assert {"_5_1/_-15_1", "_5_1/_15_1"} <= read
    assert not {"_5_1/_-17_1", "_5_1/_17_1"} & read

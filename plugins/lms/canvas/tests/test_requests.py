"""How much Canvas is asked, and that lists are whole however they come."""

from __future__ import annotations

import asyncio
import json

import pytest

from bloop_canvas.paging import Page, ahead, links_of
from bloop_sdk import Cursor, FatalError, Kind, Partition, Ref, SubmissionState
from bloop_sdk.testing import Replica, Status, read_all, reply
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas, Throttle
from plugins.lms.canvas.tests.fake_course import ADDRESS, SMALL, Sizes

BIG = Sizes(modules=50, items=20, pages=1000, body=3, assignments=0, quizzes=0, users=1, files=0)
NEXT = f"{ADDRESS}/api/v1/courses/1/pages?include%5B%5D=body&page=2&per_page=100"


async def records(provider, stream, state=None):
    return [
        one async for batch in provider.read(Partition(stream, "1"), state) for one in batch.records
    ]


async def test_fifty_modules_and_a_thousand_pages_take_eleven_requests(rig):
    mine = rig(FakeCanvas(BIG, throttle=Throttle(clock=lambda: 0.0)))
    pages = await records(mine.provider, "pages")
    nodes = await records(mine.provider, "modules")
    assert (len(pages), len(nodes)) == (1000, 50 * 21)
    assert all(page.html for page in pages)
    assert {str(n.content.kind) for n in nodes if n.content} == {"page"}
    assert len(mine.faults.requests) == 11
    assert mine.canvas.throttle.refused == 0


async def test_what_is_asked_for_ahead_is_asked_for_once_and_forgotten_where_nobody_reads_it(rig):
    mine = rig(FakeCanvas(SMALL))
    course = [Partition("pages", "1"), Partition("modules", "1"), Partition("outcomes", "1")]
    alone = [await records(mine.again(), "pages"), await records(mine.provider, "modules")]
    asked = sorted(mine.sent())
    mine.faults.requests.clear()

    mine.again().ahead(course)
    found = [await records(mine.provider, "pages")]
    mine.provider.ahead(course[1:])
    found.append(await records(mine.provider, "modules"))

    assert found == alone
    assert sorted(mine.sent()) == asked
    mine.provider.ahead([Partition("quizzes", "1")])
    mine.provider.ahead([])
    assert mine.sent("quizzes") == []


async def test_what_is_behind_a_first_page_is_on_its_way_before_anybody_reads_it(rig):
    mine = rig(FakeCanvas(Sizes(pages=9, per_page=2)))
    alone = await records(mine.again(), "pages")
    asked = sorted(mine.sent())
    mine.faults.requests.clear()

    mine.again().ahead([Partition("pages", "1"), Partition("modules", "1")])
    for _ in range(10):
        await asyncio.sleep(0)
    assert sorted(mine.sent("pages")) == asked
    mine.provider.ahead([Partition("pages", "1"), Partition("modules", "1")])
    assert await records(mine.provider, "pages") == alone
    assert sorted(mine.sent("pages")) == asked


async def test_pages_of_lists_that_are_the_same_are_known_again(rig):
    mine = rig(FakeCanvas(BIG))
    for stream in ("pages", "modules", "assignments"):
        provider = mine.again()
        batches = [one async for one in provider.read(Partition(stream, "1"), None)]
        known = {one.part.key: one.part.digest for one in batches if one.part}
        assert sum(one.part is not None for one in batches) == len(known) > 0
        later = [one async for one in mine.again().read(Partition(stream, "1", known), None)]
        assert all(one.same and not one.records for one in later)
        assert [one.cursor for one in later] == [one.cursor for one in batches if one.cursor]
        if stream == "modules":
            # A page under another slug is another item's, though the list of modules is as it was.
            slug = mine.canvas.courses[1].lists["pages"][3]
            slug["url"] = "renamed"
            later = [one async for one in mine.again().read(Partition(stream, "1", known), None)]
            assert any(one.records for one in later)


async def test_pages_that_a_list_had_are_asked_for_beside_its_first(rig):
    canvas = FakeCanvas(Sizes(pages=9, per_page=2))
    mine = rig(canvas)
    batches = [one async for one in mine.provider.read(Partition("pages", "1"), None)]
    known = {one.part.key: one.part.digest for one in batches if one.part}
    asked = sorted(mine.sent())
    canvas.courses[1].lists["pages"].pop()  # The last page of five has nothing left.
    for partition in (Partition("pages", "1", known), Partition("pages", "1", {"0-/api/x": "y"})):
        mine.faults.requests.clear()
        provider = mine.again()
        provider.ahead([partition])
        for _ in range(5):
            await asyncio.sleep(0)
        first = len(mine.sent())
        found = [one async for one in provider.read(Partition("pages", "1"), None)]
        assert [r.remote_id for one in found for r in one.records] == [
            f"1-{n}" for n in range(101, 109)
        ]
        if partition.known is known:
            assert (first, sorted(mine.sent())) == (5, asked)
        provider.ahead([])


def test_the_throttle_is_canvas_own():
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0])
    assert [throttle.enter() for _ in range(12)] == [True] * 11 + [False]
    assert throttle.leave(1.0) == 600 - 501
    assert throttle.enter()
    assert not throttle.enter()
    now[0] = 0.2  # Two units are back.
    assert throttle.enter()
    assert throttle.refused == 2


@pytest.mark.parametrize("status", [403, 429])
async def test_a_page_that_the_throttle_refuses_among_others_comes_later(status, rig):
    """Somebody else asks with the same token; there is no Retry-After, and no cost."""
    mine = rig(FakeCanvas(BIG))
    refusal = Status(
        status,
        body=b"403 Forbidden (Rate Limit Exceeded)\n",
        headers={"x-rate-limit-remaining": "-40.2"},
    )
    for number in (4, 7):
        mine.faults.add(refusal, request=number)
    assert len(await records(mine.provider, "pages")) == 1000
    assert len(mine.sent("/pages")) == 10 + 2


async def test_modules_alone_list_the_pages_once_for_their_ids(rig):
    mine = rig(FakeCanvas(BIG))
    nodes = await records(mine.provider, "modules")
    assert all(node.content for node in nodes if node.parent)
    assert len(mine.sent("/modules")) == 1
    assert len(mine.sent("/pages")) == 10


@pytest.mark.parametrize(("items", "requests"), [(50, 1), (51, 1 + 5), (250, 1 + 5 * 3)])
async def test_items_that_canvas_leaves_out_are_asked_for_module_by_module(items, requests, rig):
    mine = rig(FakeCanvas(Sizes(modules=5, items=items, pages=0)))
    nodes = await records(mine.provider, "modules")
    assert len(nodes) == 5 * (items + 1)
    assert [n.position for n in nodes if n.parent == nodes[0].remote_id] == [*range(1, items + 1)]
    assert len(mine.sent("/modules")) == requests


async def test_bodies_that_are_not_in_the_list_are_fetched_page_by_page(rig):
    canvas = FakeCanvas(Sizes(pages=20))
    canvas.bodies = False
    mine = rig(canvas)
    pages = await records(mine.provider, "pages")
    assert all(page.html for page in pages)
    assert len(mine.faults.requests) == 1 + 20


async def test_such_a_page_that_is_refused_or_gone_costs_itself(rig):
    canvas = FakeCanvas(Sizes(pages=3))
    canvas.bodies = False
    mine = rig(canvas)
    mine.faults.add(Status(403), path="page-101", times=None)
    mine.faults.add(Status(404), path="page-102", times=None)
    read = await read_all(mine.provider)
    assert len(read.of(Kind.PAGE)) == 1
    assert set(read.skipped) == {"page:1-101", "page:1-102"}


async def test_a_locked_page_is_not_asked_for_again(rig):
    canvas = FakeCanvas(Sizes(pages=1))
    canvas.courses[1].lists["pages"][0] |= {"locked_for_user": True}
    del canvas.courses[1].lists["pages"][0]["body"]
    mine = rig(canvas)
    (page,) = await records(mine.provider, "pages")
    assert page.lost == ("its text: it is locked for this credential",)
    assert len(mine.faults.requests) == 1


async def test_a_page_of_blocks_says_what_it_lacks_and_is_known_again(rig):
    canvas = FakeCanvas(Sizes(pages=2))
    blocks, empty = canvas.courses[1].lists["pages"]
    del blocks["body"]
    blocks |= {"editor": "block_content_editor", "block_editor_attributes": {"id": 1}}
    empty |= {"body": None}
    mine = rig(canvas)
    (batch,) = [one async for one in mine.provider.read(Partition("pages", "1"), None)]
    assert [page.lost for page in batch.records] == [
        ("its text: it is made of blocks of Canvas's block editor",),
        (),
    ]
    assert batch.part is not None
    assert len(mine.faults.requests) == 1


async def test_a_list_with_opaque_links_is_walked_link_by_link(rig):
    canvas = FakeCanvas(Sizes(users=7, per_page=2))
    canvas.bookmarks = {"users"}
    mine = rig(canvas)
    found = await records(mine.provider, "people")
    assert len(found) == 14
    assert len(mine.faults.requests) == 4
    assert len(mine.sent("bookmark")) == 3


def links(**found):
    return Page([], found.get("next"), found.get("last"))


def test_pages_are_told_ahead_only_where_links_differ_in_a_number_alone():
    last = NEXT.replace("page=2&", "page=4&")
    assert ahead(links(next=NEXT, last=last)) == [
        NEXT.replace("page=2&", f"page={number}&") for number in (2, 3, 4)
    ]
    assert ahead(links(next=NEXT, last=NEXT)) == [NEXT]
    for other in (None, last.replace("body", "x"), last.replace("page=4", "page=bookmark:4")):
        assert ahead(links(next=NEXT, last=other)) == []
    assert ahead(links(next=NEXT.replace("page=2", "page=b:2"), last=last)) == []
    assert ahead(links(last=last)) == []


async def test_a_guess_that_the_links_do_not_bear_out_is_not_believed(rig):
    """The numbers lie: what follows is behind other links."""
    canvas = FakeCanvas(Sizes(pages=9, per_page=2))
    honest = canvas._list

    def skewed(request, name, rows, shape=None):
        response = honest(request, name, rows, shape)
        if name == "pages":
            told = response.headers["link"].replace(
                'page=3&per_page=2>; rel="next"', 'page=3&per_page=2&x=1>; rel="next"'
            )
            return reply(json.loads(response.body), headers={"link": told})
        return response

    canvas._list = skewed
    mine = rig(canvas)
    pages = await records(mine.provider, "pages")
    assert [page.remote_id for page in pages] == [f"1-{n}" for n in range(101, 110)]
    assert len(mine.sent("x=1")) > 0


async def test_a_next_link_to_another_host_is_refused_and_told_nothing(rig):
    canvas = FakeCanvas(SMALL)
    lead = {"link": '<https://evil.example/api/v1/x?page=2>; rel="next"'}
    canvas._list = lambda request, name, rows, shape: reply(list(rows)[:1], headers=lead)
    mine = rig(canvas)
    with pytest.raises(FatalError, match=r"another host, evil\.example"):
        await records(mine.provider, "pages")
    assert not mine.sent("evil")


@pytest.mark.parametrize("written", ["http://canvas.example", ""])
async def test_a_next_link_by_plain_http_or_a_relative_one_is_followed_by_https(written, rig):
    """A proxy in front ends TLS, and Canvas writes its links as it was reached."""
    canvas = FakeCanvas(SMALL)
    honest = canvas._list

    def plain(request, name, rows, shape=None):
        response = honest(request, name, rows, shape)
        told = response.headers["link"].replace(ADDRESS, written)
        return reply(json.loads(response.body), headers={"link": told})

    canvas._list = plain
    mine = rig(canvas)
    assert len(await records(mine.provider, "pages")) == 5
    assert not mine.sent("http://")


def test_links_are_found_whatever_their_order_and_quotes():
    header = (
        '<https://a/?x=1,2>; rel="current", <https://a/?p=2>;rel=next, <https://a/?p=9>; rel="last"'
    )
    assert links_of(header) == {
        "current": "https://a/?x=1,2",
        "next": "https://a/?p=2",
        "last": "https://a/?p=9",
    }
    assert links_of("nonsense, <>; <") == {}


async def test_questions_that_are_refused_are_asked_for_once_in_a_course(rig):
    canvas = FakeCanvas(Sizes(quizzes=20))
    canvas.denied["questions"] = 403
    mine = rig(canvas)
    found = await records(mine.provider, "quizzes")
    assert len(found) == 20
    assert all("may not read them" in " ".join(quiz.lost) for quiz in found)
    assert len(mine.sent("/questions")) <= 8


# -- what is read on from the last time


async def test_submissions_are_read_on_from_the_last_time_by_canvas_clock(rig):
    canvas = FakeCanvas(Sizes())
    read = await read_all(rig(canvas).provider)
    row = canvas.courses[1].submissions[1]
    row |= {
        "graded_at": f"{canvas.now:%Y-%m-%dT%H:%M:%SZ}",
        "workflow_state": "graded",
        "score": 3.0,
    }
    mine = rig(canvas)
    report = await read.run(mine.provider)
    assert report.written == 1
    asked = mine.sent("/students/submissions")
    assert len(asked) == 2
    assert [
        ("submitted_since" in str(r.params), "graded_since" in str(r.params))
        for r in mine.faults.requests
        if "/students/" in r.url
    ] == [(True, False), (False, True)]


async def test_what_canvas_hides_of_grades_is_read_again_until_it_shows_it(rig):
    """Posting, as Canvas calls it, changes nothing that its filters look at."""
    canvas = FakeCanvas(Sizes())
    course = canvas.courses[1]
    unposted, anonymous = course.lists["assignments"][:2]
    anonymous["anonymize_students"] = True
    for row in course.submissions:
        row |= {"workflow_state": "graded", "score": 3.0, "posted_at": None}
        row["graded_at"] = row["submitted_at"]
    read = await read_all(rig(canvas).provider)
    found = read.of(Kind.SUBMISSION)
    assert {(one.remote_id.split("-")[1], one.state, one.score) for one in found} == {
        (str(unposted["id"]), SubmissionState.UNRELEASED, 3.0)
    }
    report = await read.run(rig(canvas).provider)
    assert report.written == 0
    anonymous["anonymize_students"] = False
    for row in course.submissions:
        row["posted_at"] = row["submitted_at"]
    mine = rig(canvas)
    report = await read.run(mine.provider)
    assert report.written == 4 + 1  # The assignment itself says that nobody is anonymous any more.
    assert {one.state for one in read.of(Kind.SUBMISSION)} == {SubmissionState.GRADED}
    assert len(mine.sent("/students/submissions")) == 3
    mine = rig(canvas)
    report = await read.run(mine.provider)
    assert report.written == 0
    assert len(mine.sent("/students/submissions")) == 2


async def test_after_a_week_all_submissions_are_read_again(rig):
    canvas = FakeCanvas(Sizes())
    state = Cursor({"since": "2026-05-04T08:00:00Z", "full": "2026-04-27T08:00:00Z"})
    assert len(await records(rig(canvas).provider, "submissions", state)) == 4
    state = Cursor({"since": "2026-05-04T08:00:00Z", "full": "2026-04-27T08:00:01Z"})
    assert await records(rig(canvas).provider, "submissions", state) == []


async def test_without_a_clock_of_canvas_everything_is_read_each_time(rig):
    canvas = FakeCanvas(Sizes())
    respond = canvas.respond

    def undated(request):
        response = respond(request)
        del response.headers["date"]
        return response

    canvas.respond = undated
    replica = Replica()
    await replica.run(rig(canvas).provider)
    mine = rig(canvas)
    await replica.run(mine.provider)
    assert len(mine.sent("/students/submissions")) == 1
    assert not any("since" in str(one.params) for one in mine.faults.requests)


async def test_completion_asks_only_for_those_whom_the_count_leaves_open(rig):
    canvas = FakeCanvas(Sizes(users=6, items=0, modules=0))
    course = canvas.courses[1]
    course.lists["modules"] = [{"id": 1, "name": "M", "position": 1, "requirement_type": "all"}]
    course.items = {
        1: [
            {
                "id": n,
                "title": f"T{n}",
                "position": n,
                "type": "Assignment",
                "content_id": 20 + n,
                "completion_requirement": {"type": "must_view"},
            }
            for n in (1, 2)
        ]
    }
    course.met = {32: {1, 2}, 33: {1}, 34: {2}}
    mine = rig(canvas)
    found = await records(mine.provider, "completion")
    assert {one.remote_id for one in found if one.content} == {
        "1-1-32",
        "1-2-32",
        "1-1-33",
        "1-2-34",
    }
    assert len(mine.sent("/modules")) == 1 + 2
    course.lists["modules"][0]["requirement_type"] = "one"
    mine = rig(canvas)
    await records(mine.provider, "completion")
    assert len(mine.sent("/modules")) == 1 + 3


async def test_a_course_without_requirements_is_not_asked_for_progress(rig):
    mine = rig(FakeCanvas(Sizes(modules=1, items=1, pages=1)))
    assert await records(mine.provider, "completion") == []
    assert not mine.sent("bulk_user_progress")


async def test_a_resumed_list_goes_on_at_its_next_link(rig):
    canvas = FakeCanvas(Sizes(pages=7, per_page=2))
    mine = rig(canvas)
    batches = mine.provider.read(Partition("pages", "1"), None)
    first = await anext(batches)
    await batches.aclose()
    mine = rig(canvas)
    rest = await records(mine.provider, "pages", first.cursor)
    assert [page.remote_id for page in rest] == [f"1-{n}" for n in range(103, 108)]
    assert len(mine.faults.requests) == 3


async def test_a_cursor_of_another_version_begins_anew(rig):
    found = await records(rig().provider, "pages", Cursor({"odd": 1}, version=99))
    assert len(found) == 5


async def test_a_webhooks_hint_is_fetched_alone(rig):
    mine = rig()
    refs = [Ref(Kind.PAGE, "1-101"), Ref(Kind.SUBMISSION, "1-21-32"), Ref(Kind.PERSON, "31")]
    batch = await mine.provider.fetch(refs)
    assert {one.remote_id for one in batch.records} == {"1-101", "1-21-32", "31"}
    assert len(mine.faults.requests) == 4


async def test_what_stands_in_lists_alone_is_fetched_from_them(rig):
    mine = rig()
    refs = [Ref(Kind.MODULE, "1-m301"), Ref(Kind.LINK, "1-1003"), Ref(Kind.SECTION, "1-77")]
    batch = await mine.provider.fetch(refs)
    assert {one.remote_id for one in batch.records} == {"1-m301", "1-1003"}
    assert [one.ref for one in batch.skipped] == ["section:1-77"]

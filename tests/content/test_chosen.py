"""What a sync may be told: which courses and streams, from the beginning, or only to tell."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bloop.content.dry import dry_read
from bloop.content.models import (
    CalendarEvent,
    Completion,
    Container,
    Enrolment,
    Item,
    Person,
    Section,
    Submission,
)
from bloop.content.options import RunOptions
from bloop.content.refresh import refresh
from bloop.content.sync_models import Quarantine, SyncRun, SyncSeen
from bloop.store.models import OutboxEvent
from bloop_sdk import (
    Batch,
    Cursor,
    Deletes,
    FatalError,
    Kind,
    ProviderSpec,
    RateLimitedError,
    Ref,
    Skipped,
    Stream,
)
from bloop_sdk import records as r
from tests.content.course import Course, changed, course, file, leaf, module, page, rows

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
PEOPLE = frozenset({Kind.SECTION, Kind.ENROLMENT, Kind.SUBMISSION, Kind.COMPLETION})


class School(Course):
    """A course whose second stream also holds what people did."""

    def spec(self):
        courses, tree = super().spec().streams
        kinds = tree.kinds | PEOPLE | {Kind.CALENDAR_EVENT}
        return ProviderSpec(streams=(courses, replace(tree, kinds=kinds)))


def learning():
    ada = r.Person(remote_id="u1", name="Ada", raw={"id": 1})
    quiz = r.Ref(Kind.QUIZ, "q1")
    shared = {"container": "c1", "person": "u1"}
    return ada, [
        r.Section(remote_id="s1", container="c1", title="Group A", raw={"id": "s1"}),
        r.Enrolment(remote_id="e1", role="learner", sections=("s1",), raw={"e": 1}, **shared),
        r.Submission(
            remote_id="q1:u1",
            content=quiz,
            state=r.SubmissionState.GRADED,
            score=8.5,
            points=10.0,
            submitted_at=NOON,
            comments=(r.Comment(text="Well done", person="u9", at=NOON),),
            raw={"score": 8.5},
            **shared,
        ),
        r.Completion(
            remote_id="q1:u1",
            content=quiz,
            state=r.CompletionState.PASSED,
            completed_at=NOON,
            raw={"state": 2},
            **shared,
        ),
        r.CalendarEvent(
            remote_id="d1",
            container="c1",
            title="Exam",
            html="<p onclick=x>Bring a pen</p>",
            starts_at=NOON,
            raw={"d": 1},
        ),
    ]


async def test_what_people_did_arrives_and_a_second_sync_writes_nothing(sync, database, call):
    ada, records = learning()
    provider = School(containers=[course(), ada], contents=records)

    report = await sync(provider)

    assert report.problems == ()
    [enrolment] = rows(database, call, Enrolment)
    assert enrolment.sections == ["s1"]
    assert [one.title for one in rows(database, call, Section)] == ["Group A"]
    [done] = rows(database, call, Submission)
    assert (done.status, done.score, done.points, done.submitted_at) == ("graded", 8.5, 10.0, NOON)
    assert (done.item_kind, done.item_remote_id) == ("quiz", "q1")
    assert done.comments[0]["text"] == "Well done"
    assert done.person_id == rows(database, call, Person)[0].id
    [complete] = rows(database, call, Completion)
    assert (complete.status, complete.completed_at) == ("passed", NOON)
    [date] = rows(database, call, CalendarEvent)
    assert (date.html, date.starts_at) == ("<p>Bring a pen</p>", NOON)

    again = await sync(provider)
    assert (again.written, again.deleted) == (0, 0)


async def test_what_people_did_goes_missing_with_its_source_and_comes_back(sync, database, call):
    ada, records = learning()
    await sync(School(containers=[course(), ada], contents=records))
    without = [one for one in records if not isinstance(one, r.Submission)]

    await sync(School(containers=[course(), ada], contents=without))
    assert rows(database, call, Submission)[0].state == "missing"
    await sync(School(containers=[course(), ada], contents=records))
    assert rows(database, call, Submission)[0].state == "active"


async def test_work_of_an_unknown_person_waits_in_quarantine(sync, database, call):
    ada, records = learning()

    report = await sync(School(containers=[course()], contents=records))
    assert {one.ref for one in report.problems} == {
        "enrolment:e1",
        "submission:q1:u1",
        "completion:q1:u1",
    }

    await sync(School(containers=[course(), ada], contents=records))
    assert all(one.resolved_at for one in rows(database, call, Quarantine))
    assert len(rows(database, call, Submission)) == 1


TWO = [course("c1"), course("c2", title="Salts")]
IN_BOTH = [page(1), page(2, container="c2")]


async def test_only_the_chosen_courses_are_read(sync, database, call):
    provider = Course(containers=TWO, contents=IN_BOTH)

    report = await sync(provider, containers=frozenset({"c2"}))

    assert [one.remote_id for one in rows(database, call, Container)] == ["c2"]
    assert [one.remote_id for one in rows(database, call, Item)] == ["p2"]
    assert report.problems == ()


async def test_a_course_that_is_not_chosen_any_more_stays_as_it_is(sync, database, call):
    await sync(Course(containers=TWO, contents=IN_BOTH))
    provider = Course(containers=TWO, contents=[changed(page(1), title="New"), IN_BOTH[1]])

    await sync(provider, containers=frozenset({"c2"}))

    assert {one.state for one in rows(database, call, Container)} == {"active"}
    assert {one.title for one in rows(database, call, Item)} == {"Page 1", "Page 2"}
    assert ("tree", 0) in provider.reads


async def test_streams_that_are_not_chosen_are_neither_read_nor_swept(sync, database, call):
    await sync(Course(containers=TWO, contents=IN_BOTH))
    provider = Course(containers=TWO, contents=[])

    await sync(provider, streams=frozenset({"courses"}))

    assert {stream for stream, _ in provider.reads} == {"courses"}
    assert {one.state for one in rows(database, call, Item)} == {"active"}


async def test_a_full_sync_begins_where_an_incremental_one_would_go_on(sync):
    class Incremental(Course):
        def spec(self):
            streams = super().spec().streams
            return ProviderSpec(streams=tuple(replace(one, incremental=True) for one in streams))

    provider = Incremental(containers=TWO, contents=IN_BOTH)
    await sync(provider)
    provider.reads.clear()
    await sync(provider)
    assert ("courses", 0) not in provider.reads
    await sync(provider, full=True)
    assert ("courses", 0) in provider.reads


async def test_a_dry_run_tells_what_a_sync_would_do_and_writes_nothing(sync, database, blobs, call):
    await sync(Course(containers=TWO, contents=[page(1), page(3), page(2, container="c2")]))
    events, runs = len(rows(database, call, OutboxEvent)), len(rows(database, call, SyncRun))
    contents = [changed(page(1), title="New"), page(2, container="c2"), page(4), module(1)]
    odd = (Skipped(ref="page:odd", reason="half of it"),)
    told = []

    report = await dry_read(
        database,
        blobs,
        Course(containers=TWO, contents=contents, skipped=odd),
        call,
        connection=sync.connection,
        progress=lambda *step: told.append(step),
    )

    assert (report.new, report.changed, report.unchanged, report.gone) == (2, 1, 3, 1)
    # Both courses tell of the odd record.
    assert (report.seen, report.quarantined, len(report.problems)) == (8, 2, 2)
    assert report.by_kind == {"module": 1, "page": 2}
    assert told
    assert len(rows(database, call, OutboxEvent)) == events
    assert len(rows(database, call, SyncRun)) == runs
    assert {one.title for one in rows(database, call, Item)} == {"Page 1", "Page 2", "Page 3"}


async def test_a_dry_run_counts_only_what_is_chosen_as_gone(sync, database, blobs, call):
    await sync(Course(containers=TWO, contents=IN_BOTH))

    report = await dry_read(
        database,
        blobs,
        Course(containers=TWO, contents=[]),
        call,
        connection=sync.connection,
        options=RunOptions(containers=frozenset({"c2"})),
    )

    assert report.gone == 1


class Fetching(Course):
    """Gives single records too."""

    async def fetch(self, refs):
        known = {one.ref: one for one in self.contents}
        found = tuple(known[ref] for ref in refs if ref in known)
        unshared = tuple(
            Skipped(ref=str(ref), reason="not shared", code="record_unshared")
            for ref in refs
            if ref not in known
        )
        return Batch(records=found, skipped=unshared, cursor=Cursor({}))


async def test_what_is_fetched_again_is_written_and_what_is_not_shared_is_said(
    sync, database, blobs, call
):
    await sync(Course(contents=[page(1), page(2), page(3)]))
    provider = Fetching(contents=[changed(page(1), title="New"), page(2)])
    refs = [Ref(Kind.PAGE, name) for name in ("p1", "p2", "p3")]

    counts = await refresh(database, blobs, provider, call, sync.connection, refs)

    assert (counts["seen"], counts["written"], counts["unchanged"]) == (3, 1, 1)
    held = {one.remote_id: (one.title, one.state) for one in rows(database, call, Item)}
    assert held["p1"] == ("New", "active")
    assert held["p3"] == ("Page 3", "unshared")
    await sync(Course(contents=[page(1), page(2), page(3)]))
    assert {one.state for one in rows(database, call, Item)} == {"active"}


class Interrupted(Fetching):
    """Has ``between`` run once the contents were listed up to a place."""

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            yield batch
            if partition.stream == "tree" and batch.cursor.value["next"] == self.at:
                await self.between()


async def test_what_is_fetched_while_a_sync_runs_is_neither_gone_nor_shown_too_early(
    sync, database, blobs, call
):
    await sync(Course(contents=[page(1)]))
    secret, fresh, found = page("secret"), page("fresh"), {}
    nodes = [module("h", published=False), leaf(secret, "mh")]
    provider = Interrupted(contents=[page(1), secret, *nodes])

    async def between():
        async with asyncio.timeout(30):
            while len(rows(database, call, Item)) < 2:  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.02)
        other = Fetching(contents=[fresh])
        await refresh(database, blobs, other, call, sync.connection, [fresh.ref])
        provider.fetch = other.fetch
        found.update({one.remote_id: one.concealed for one in rows(database, call, Item)})

    provider.at, provider.between = 2, between
    report = await sync(provider)

    assert found == {"p1": False, "psecret": True, "pfresh": True}
    assert report.deleted == 0
    held = {one.remote_id: (one.state, one.concealed) for one in rows(database, call, Item)}
    assert held == {
        "p1": ("active", False),
        "psecret": ("active", True),
        "pfresh": ("active", False),
    }
    assert rows(database, call, SyncSeen) == []


async def test_one_record_that_is_fetched_and_read_at_once_is_written_twice_and_held_once(
    sync, database, blobs, call
):
    await sync(Course())
    fresh = page("fresh")

    async def chunks():
        other = Fetching(contents=[fresh])
        await refresh(database, blobs, other, call, sync.connection, [fresh.ref])
        yield b"bytes"

    newer = changed(fresh, title="Newer")
    report = await sync(Fetching(contents=[newer, file("a.txt", chunks=chunks)]))

    assert report.state == "succeeded"
    (held,) = rows(database, call, Item, Item.kind == "page")
    assert held.title == "Newer"


async def test_before_the_first_sync_there_is_nothing_to_fetch_again(sync, database, blobs, call):
    with pytest.raises(FatalError, match="not been read yet"):
        await refresh(database, blobs, Fetching(), call, sync.connection, [Ref(Kind.PAGE, "p1")])


def test_streams_of_containers_are_always_chosen():
    streams = (
        Stream(name="courses", kinds=frozenset({Kind.COURSE})),
        Stream(name="pages", kinds=frozenset({Kind.PAGE})),
        Stream(name="people", kinds=frozenset({Kind.PERSON})),
    )
    chosen = RunOptions(streams=frozenset({"people"})).chosen(streams)
    assert [one.name for one in chosen] == ["courses", "people"]


async def test_a_full_sync_finds_what_is_gone_where_deletions_are_only_told_once(
    sync, database, call
):
    def school(*contents):
        return Course(contents=list(contents), deletes=Deletes.TOMBSTONE)

    await sync(school(page(1), page(2)))
    await sync(school(page(2)))
    assert {one.state for one in rows(database, call, Item)} == {"active"}

    report = await sync(school(page(2)), full=True)

    assert report.deleted == 1
    assert {one.remote_id: one.state for one in rows(database, call, Item)} == {
        "p1": "missing",
        "p2": "active",
    }


async def test_what_was_read_of_an_unfinished_run_is_read_again_by_a_full_one(sync, database, call):
    def fail(_stream, start):
        if start >= 2:
            raise RateLimitedError("later", retry_after=1)

    pages = [page(number) for number in range(4)]
    with pytest.raises(RateLimitedError):
        await sync(Course(contents=pages, deletes=Deletes.TOMBSTONE, fail=fail))

    report = await sync(Course(contents=pages, deletes=Deletes.TOMBSTONE), full=True)

    assert report.deleted == 0
    assert {one.state for one in rows(database, call, Item)} == {"active"}

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event

from bloop.content.models import Container, Enrolment, Item, Node, Outcome, Person, Version
from bloop.content.sync_models import Quarantine, SyncRun, SyncSeen
from bloop.kernel.models import Connection
from bloop.store.models import Blob, OutboxEvent
from bloop_sdk import (
    AuthError,
    Deletes,
    FatalError,
    ForbiddenRecordError,
    Kind,
    MissingRecordError,
    PermissionMissingError,
    ProviderSpec,
    RateLimitedError,
    Ref,
    Skipped,
)
from bloop_sdk import records as r
from tests.content.course import Course, changed, course, file, leaf, module, page, rows


def items(database, call):
    return {item.remote_id: item for item in rows(database, call, Item)}


async def test_a_course_arrives_with_its_tree(sync, database, call):
    first, second = page(1), page(2)
    contents = [module(1), leaf(first, "m1", 2), leaf(second, "m1", 1), first, second]

    report = await sync(Course(contents=contents))

    assert (report.state, report.first) == ("succeeded", True)
    assert (report.seen, report.written, report.unchanged) == (6, 6, 0)
    assert report.by_kind == {"course": 1, "module": 1, "node": 2, "page": 2}
    [container] = rows(database, call, Container)
    assert report.containers == (container.id,)
    assert (container.state, container.title) == ("active", "Acids and bases")
    nodes = {node.remote_id: node for node in rows(database, call, Node)}
    assert nodes["n-p1"].parent_id == nodes["m1"].id
    assert nodes["n-p1"].item_id == items(database, call)["p1"].id
    assert items(database, call)["p1"].raw == {"id": "p1", "title": "Page 1", "html": "<p>text</p>"}


async def test_people_enrolments_and_outcomes_arrive(sync, database, call):
    person = r.Person(remote_id="u1", name="Ada", email="ada@example.org", raw={"id": 1})
    enrolment = r.Enrolment(remote_id="e1", container="c1", person="u1", role="learner")
    lost = r.Enrolment(remote_id="e2", container="c1", person="nobody", role="learner")
    outcome = r.Outcome(remote_id="o1", title="Titrate", html="<b onclick=x>do</b>", container="c1")

    report = await sync(Course([course(), person], [enrolment, lost, outcome]))

    assert report.problems[0].ref == "enrolment:e2"
    [kept] = rows(database, call, Enrolment)
    assert kept.person_id == rows(database, call, Person)[0].id
    assert rows(database, call, Outcome)[0].html == "<b>do</b>"


async def test_importing_again_writes_no_row_and_no_event(sync, database, call):
    provider = Course(contents=[module(1), leaf(page(1), "m1"), page(1), file("a.txt")])
    await sync(provider)
    before = {row.remote_id: row.updated_at for row in rows(database, call, Item)}
    events = len(rows(database, call, OutboxEvent))

    report = await sync(provider)

    assert (report.seen, report.written, report.unchanged) == (5, 0, 5)
    assert report.bytes == 0
    assert {row.remote_id: row.updated_at for row in rows(database, call, Item)} == before
    assert len(rows(database, call, OutboxEvent)) == events
    assert rows(database, call, SyncSeen) == []


async def test_a_change_is_written_with_its_version_and_event(sync, database, call):
    one = page(1)
    await sync(Course(contents=[one, page(2)]))

    report = await sync(Course(contents=[changed(one, html="<p>new</p>"), page(2)]))

    assert (report.written, report.unchanged, report.first) == (1, 2, False)
    item = items(database, call)["p1"]
    assert (item.html, item.row_version) == ("<p>new</p>", 2)
    [version] = rows(database, call, Version)
    assert (version.row_version, version.snapshot["html"]) == (1, "<p>text</p>")
    topics = [e.topic for e in rows(database, call, OutboxEvent) if e.aggregate.endswith(item.id)]
    assert topics == ["content.item.created", "content.item.updated"]


async def test_a_move_that_raw_does_not_show_is_noticed(sync, database, call):
    one = page(1)
    await sync(Course(contents=[module(1), module(2), leaf(one, "m1"), one]))

    report = await sync(Course(contents=[module(1), module(2), leaf(one, "m2"), one]))

    assert report.written == 1
    nodes = {node.remote_id: node for node in rows(database, call, Node)}
    assert nodes["n-p1"].parent_id == nodes["m2"].id


async def test_a_record_without_raw_is_compared_by_its_fields(sync):
    await sync(Course(contents=[page(1, raw={})]))

    assert (await sync(Course(contents=[page(1, raw={})]))).written == 0
    assert (await sync(Course(contents=[page(1, "<p>new</p>", raw={})]))).written == 1


async def test_html_is_sanitised_in_every_field(sync, database, call):
    evil = "<p onclick=alert(1)>x<script>y</script></p>"
    choice = r.Choice(id="a", html=evil, feedback_html=evil)
    question = r.Question(id="q", kind=r.QuestionKind.CHOICE, html=evil, choices=(choice,))
    quiz = r.Quiz(remote_id="q1", container="c1", title="Q", html=evil, questions=(question,))

    await sync(Course(contents=[quiz]))

    item = items(database, call)["q1"]
    kept = item.data["questions"][0]
    texts = {
        item.html,
        kept["html"],
        kept["choices"][0]["html"],
        kept["choices"][0]["feedback_html"],
    }
    assert texts == {"<p>x</p>"}


async def test_an_item_may_come_before_or_after_its_node(sync, database, call):
    late = page(9)
    await sync(Course(contents=[leaf(late, None), module(2), module(3), late], batch_size=1))

    [node] = rows(database, call, Node, Node.remote_id == "n-p9")
    assert node.item_id == items(database, call)["p9"].id


async def test_what_the_source_no_longer_lists_is_missing_and_comes_back(sync, database, call):
    await sync(Course(contents=[page(1), page(2)]))

    report = await sync(Course(contents=[page(1)]))
    assert report.deleted == 1
    assert items(database, call)["p2"].state == "missing"
    assert rows(database, call, OutboxEvent)[-1].topic == "content.item.deleted"

    report = await sync(Course(contents=[page(1), page(2)]))
    assert report.written == 1
    assert items(database, call)["p2"].state == "active"


async def test_only_streams_that_enumerate_are_swept(sync, database, call):
    await sync(Course(contents=[page(1), page(2)], deletes=Deletes.NONE))

    report = await sync(Course(contents=[page(1)], deletes=Deletes.NONE))

    assert report.deleted == 0
    assert items(database, call)["p2"].state == "active"


async def test_a_tombstone_marks_missing(sync, database, call):
    await sync(Course(contents=[page(1), page(2)], deletes=Deletes.TOMBSTONE))

    gone = (Ref(Kind.PAGE, "p2"), Ref(Kind.QUIZ, "p1"))
    report = await sync(Course(contents=[], deletes=Deletes.TOMBSTONE, deleted=gone))

    assert report.deleted == 1
    assert {key: item.state for key, item in items(database, call).items()} == {
        "p1": "active",
        "p2": "missing",
    }


async def test_what_was_skipped_is_not_gone(sync, database, call):
    await sync(Course(contents=[page(1), page(2)]))

    skipped = (Skipped(ref="page:p2", reason="broken"),)
    report = await sync(Course(contents=[page(1)], skipped=skipped))

    assert (report.deleted, report.quarantined) == (0, 1)
    assert items(database, call)["p2"].state == "active"


async def test_what_may_not_be_read_any_more_is_kept_but_not_shown(sync, database, call):
    await sync(Course(contents=[page(1)]))

    skipped = (Skipped(ref="page:p1", reason="403", code=ForbiddenRecordError.code),)
    await sync(Course(contents=[], skipped=skipped))
    assert items(database, call)["p1"].state == "forbidden"

    await sync(Course(contents=[page(1)]))
    assert items(database, call)["p1"].state == "active"


async def test_the_brake_stops_a_mass_delete_until_it_is_confirmed(sync, database, call):
    await sync(Course(contents=[page(n) for n in range(50)], batch_size=25))

    with pytest.raises(FatalError) as refused:
        await sync(Course(contents=[page(n) for n in range(5)]))

    assert refused.value.code == "mass_delete"
    assert "45 of 50" in refused.value.message
    assert "confirm" in str(refused.value.cure)
    assert {item.state for item in items(database, call).values()} == {"active"}
    assert rows(database, call, Connection)[0].state == "degraded"

    report = await sync(Course(contents=[page(n) for n in range(5)]), confirm_deletes=True)
    assert report.deleted == 45
    assert rows(database, call, Connection)[0].state == "active"


BAD = [
    (page(1, container="elsewhere"), "container 'elsewhere'"),
    (page(1, title="x" * 501), "501 characters"),
    (page(1, title="a\x00b"), "NUL"),
    (page(1, "a\x00b", raw={"id": 1}), "NUL"),
    (page(1, raw={"deep": "a\x00b"}), "NUL"),
    (page(1, raw={"when": object()}), "no JSON"),
    (page(1, title=None, raw={"id": 1}), "its title is wrong"),
    (page(1, raw={"big": 2**70}), "no JSON"),
    (module(1, parent="nowhere"), "parent 'nowhere'"),
    (page(1, "a\ud800b", raw={"id": 1}), "cannot be stored"),
    (page("\ud800", raw={"id": 1}), "cannot be stored"),
    (page("\x00", raw={"id": 1}), "NUL"),
    (page("x" * 500), "an id has 501 characters"),
    (r.Page(remote_id=7, container="c1", title="t", html="", raw={"id": 7}), "no text: 7"),
    (module(1, parent=3), "no text: 3"),
    (r.Record(remote_id="x"), "no record"),
    (r.Container(remote_id="k", title="t", kind=Kind.PAGE), "no record"),
    (page("", raw={"id": 1}).__class__(remote_id="", container="c1", title="t", html=""), "no id"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD, ids=[reason for _, reason in BAD])
async def test_a_bad_record_costs_only_itself(bad, reason, sync, database, call, monkeypatch):
    provider = Course(contents=[page(5), page(6)])
    everything = [page(5), bad, page(6)]
    read = Course.read

    async def with_bad(self, partition, state):
        async for batch in read(self, partition, state):
            bad_one = r.Batch(records=tuple(everything), cursor=batch.cursor)
            yield bad_one if partition.stream == "tree" else batch

    monkeypatch.setattr(Course, "read", with_bad)

    report = await sync(provider)

    assert (report.state, report.written, report.quarantined) == ("succeeded", 3, 1)
    [line] = rows(database, call, Quarantine)
    assert reason in line.reason
    assert set(items(database, call)) == {"p5", "p6"}


async def test_quarantine_holds_a_ref_once_and_lets_it_go(sync, database, call):
    bad = page(1, title="x" * 501)
    await sync(Course(contents=[bad]))
    first = rows(database, call, Quarantine)
    await sync(Course(contents=[bad]))
    again = rows(database, call, Quarantine)
    assert [(line.id, line.last_at) for line in again] == [
        (line.id, line.last_at) for line in first
    ]

    report = await sync(Course(contents=[page(1)]))

    assert report.problems == ()
    [line] = rows(database, call, Quarantine)
    assert line.resolved_at is not None


async def test_a_circle_of_modules_is_refused(sync, database, call):
    await sync(Course(contents=[module(1), module(2, "m1"), module(3, "m2")]))

    circle = [module(1, "m3"), module(2, "m1"), module(3, "m2")]
    report = await sync(Course(contents=circle))

    assert [problem.reason for problem in report.problems] == ["it would stand below itself"]
    nodes = {node.remote_id: node for node in rows(database, call, Node)}
    assert nodes["m1"].parent_id is None


async def test_doubled_identities_in_a_batch_are_one_row(sync, database, call):
    two = [page(1, "<p>a</p>"), page(1, "<p>b</p>")]

    report = await sync(Course(contents=two))

    assert (report.seen, report.written, report.unchanged) == (3, 2, 1)
    assert items(database, call)["p1"].html == "<p>b</p>"


async def test_bytes_are_stored_once_and_healed(sync, database, call, blobs):
    await sync(Course(contents=[file("a.txt", b"hello"), file("b.txt", b"hello")]))
    item = items(database, call)["a.txt"]
    assert blobs.path(item.blob).read_bytes() == b"hello"
    assert item.data["size"] == 5
    assert len(rows(database, call, Blob)) == 1

    blobs.path(item.blob).unlink()
    report = await sync(Course(contents=[file("a.txt", b"hello"), file("b.txt", b"hello")]))
    assert report.written == 0
    assert blobs.path(item.blob).read_bytes() == b"hello"


async def test_a_file_whose_bytes_cannot_be_had_is_kept_and_named(sync, database, call):
    async def broken():
        raise MissingRecordError("no such entry in the archive")
        yield b""

    provider = Course(contents=[file("a.txt", chunks=broken), file("big", b"x" * 9)])

    report = await sync(provider, file_limit=8)

    assert report.written == 3
    assert [(p.ref, p.code) for p in report.problems] == [
        ("file:a.txt", "record_missing"),
        ("file:big", "file_too_large"),
    ]
    assert (await sync(provider, file_limit=8)).written == 0
    report = await sync(Course(contents=[file("a.txt"), file("big", b"x" * 9)]), file_limit=9)
    assert (report.problems, items(database, call)["big"].data["size"]) == ((), 9)


async def test_a_record_the_provider_stumbles_over_does_not_end_the_run(sync, database, call):
    stumbled = []

    def fail(stream, start):
        if stream == "tree" and start == 2 and not stumbled:
            stumbled.append(start)
            raise ForbiddenRecordError("no access", ref="page:p7")

    report = await sync(Course(contents=[page(n) for n in range(5)], fail=fail))

    assert (report.state, report.written, report.quarantined) == ("succeeded", 6, 1)
    assert report.problems[0].ref == "page:p7"


async def test_a_partition_that_cannot_go_on_leaves_its_course_pending(sync, database, call):
    def fail(stream, start):
        if stream == "tree" and start == 2:
            raise ForbiddenRecordError("no access")

    report = await sync(Course(contents=[page(n) for n in range(5)], fail=fail))

    assert [problem.ref for problem in report.problems] == ["tree:c1"]
    assert rows(database, call, Container)[0].state == "pending"

    report = await sync(Course(contents=[page(n) for n in range(5)]))
    assert rows(database, call, Container)[0].state == "active"


FAILURES = [
    (AuthError("token revoked", cure="connect again"), "auth_failed", "connect again"),
    (RateLimitedError("slow down", retry_after=9), "retrying", "run it again"),
    (FatalError("not for you"), "degraded", "run it again"),
    (KeyError("oops"), "degraded", "doctor"),
]


@pytest.mark.parametrize(("error", "state", "cure"), FAILURES)
async def test_a_failure_tells_run_and_connection_and_resumes(
    error, state, cure, sync, database, call
):
    def fail(stream, start):
        if stream == "tree" and start == 2:
            raise error

    contents = [page(n) for n in range(5)]
    with pytest.raises(type(error) if state != "degraded" else FatalError):
        await sync(Course(contents=contents, fail=fail))

    [connection] = rows(database, call, Connection)
    assert (connection.state, cure in connection.cure) == (state, True)
    [failed] = rows(database, call, SyncRun)
    assert failed.state == "failed"
    assert rows(database, call, Container)[0].state == "pending"

    provider = Course(contents=contents)
    report = await sync(provider)

    assert provider.reads == [("tree", 2), ("tree", 4)]
    assert (report.run, report.seen, report.written) == (failed.id, 6, 6)
    assert rows(database, call, Connection)[0].state == "active"


async def test_another_file_is_read_from_its_beginning(sync):
    def fail(stream, start):
        if stream == "tree" and start == 2:
            raise FatalError("broken")

    with pytest.raises(FatalError):
        await sync(Course(contents=[page(n) for n in range(5)], fail=fail), source="a" * 64)

    provider = Course(contents=[page(n) for n in range(3)])
    report = await sync(provider, source="b" * 64)

    assert provider.reads[0] == ("courses", 0)
    assert (report.seen, report.first) == (4, False)


async def test_queries_per_batch_do_not_grow_with_the_batch(sync, database):
    counts = []
    for size in (10, 200):
        contents = [module(0)]
        for number in range(size):
            one = page(f"{size}-{number}")
            contents += [one, leaf(one, "m0", number)]
        statements = []

        def note(conn, cursor, statement, *_, into=statements):
            into.append(statement)

        event.listen(database.engine, "before_cursor_execute", note)
        await sync(Course(contents=contents, batch_size=500, deletes=Deletes.NONE))
        await sync(
            Course(
                contents=[changed(c, title="n") if isinstance(c, r.Page) else c for c in contents],
                batch_size=500,
                deletes=Deletes.NONE,
            )
        )
        event.remove(database.engine, "before_cursor_execute", note)
        counts.append(len(statements))

    assert counts[1] - counts[0] <= 8  # the outbox numbers 200 aggregates at a time


async def test_an_optional_stream_that_may_not_be_read_is_a_gap(sync, database, call):
    class Guarded(Course):
        def spec(self):
            first, second = super().spec().streams
            return ProviderSpec(streams=(first, replace(second, optional=True)))

    def fail(stream, start):
        if stream == "tree":
            raise PermissionMissingError("pages may not be read", permission="pages:read")

    await sync(Course(contents=[page(1)]))
    report = await sync(Guarded(contents=[page(1)], fail=fail))

    assert (report.state, report.gaps) == ("succeeded", ("tree: pages may not be read",))
    assert report.deleted == 0
    assert items(database, call)["p1"].state == "active"
    with pytest.raises(PermissionMissingError):
        await sync(Course(contents=[page(1)], fail=fail))


async def test_what_one_course_refuses_is_read_of_the_others(sync, database, call):
    class Guarded(Course):
        def spec(self):
            first, second = super().spec().streams
            return ProviderSpec(streams=(first, replace(second, optional=True)))

        async def read(self, partition, state):
            if partition.container == "c1" and closed:
                raise PermissionMissingError("c1: no pages", permission="pages:read")
            async for batch in super().read(partition, state):
                yield batch

    both = {"containers": [course(), course("c2")]}
    closed = []
    await sync(Guarded(contents=[page(1), page(2, container="c2")], **both))
    closed.append("c1")
    report = await sync(Guarded(contents=[page(3), page(4, container="c2")], **both))

    assert (report.state, report.gaps) == ("succeeded", ("tree: c1: no pages",))
    states = {name: row.state for name, row in items(database, call).items()}
    assert states == {"p1": "active", "p2": "missing", "p4": "active"}


async def test_any_iterator_of_batches_will_do(sync):
    class Plain(Course):
        def read(self, partition, state):
            batches = super().read(partition, state)

            class Iterator:
                def __aiter__(self):
                    return self

                def __anext__(self):
                    return batches.__anext__()

            return Iterator()

    assert (await sync(Plain(contents=[page(1)]))).written == 2


async def test_a_raw_record_too_large_to_keep_is_named_by_its_size(sync, database, call):
    skipped = (
        Skipped(ref="page:p1", reason="broken", raw={"text": "x" * 70_000}),
        Skipped(ref="page:p2", reason="broken", raw={"id": object()}),
        Skipped(ref="page:\x00", reason="broken", raw={"id": 1}),
    )
    await sync(Course(contents=[], skipped=skipped))

    kept = {line.ref: (line.raw, line.raw_size) for line in rows(database, call, Quarantine)}
    assert kept == {
        "page:p1": (None, 70_011),
        "page:p2": (None, 0),
        "page:\N{REPLACEMENT CHARACTER}": ({"id": 1}, 8),
    }

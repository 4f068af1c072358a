"""What becomes of each thing of Blackboard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_blackboard import NOW, SITE, at, item

from bloop_sdk import (
    CompletionState,
    Kind,
    Partition,
    QuestionKind,
    Ref,
    SubmissionState,
)
from bloop_sdk.testing import Replica, Status, read_all, ref_of

COURSE = Ref(Kind.COURSE, "_5_1")


@pytest.fixture
async def replica(connect) -> Replica:
    return await read_all(connect())


def record(replica, kind, name):
    return replica.records[Ref(kind, f"_5_1/{name}")]


async def test_a_course_has_its_term_and_no_access_code(replica):
    course = replica.records[COURSE]
    assert (course.title, course.code, course.language) == ("Waves", "PHY-101", "en-US")
    assert course.term.title == "Autumn 2026"
    assert course.term.starts_at == NOW - timedelta(days=90)
    assert course.published
    assert "course-access-code" not in repr(course.raw)


@pytest.mark.parametrize(
    ("available", "term", "published"),
    [("Yes", "Yes", True), ("No", "Yes", False), ("Disabled", "Yes", False), ("Term", "No", False)],
)
async def test_a_course_is_published_as_it_or_its_term_is(
    site, connect, available, term, published
):
    site.courses[0]["availability"]["available"] = available
    site.terms[0]["availability"]["available"] = term
    (course,) = await connect().discover()
    assert course.published is published


async def test_people_are_kept_without_what_is_nobodys_business(replica):
    person = replica.records[Ref(Kind.PERSON, "_71_1")]
    assert (person.name, person.email, person.login) == (
        "Marlee Okafor",
        "marlee@example.edu",
        "marlee",
    )
    assert not {"birthDate", "address", "lastLogin"} & set(person.raw)
    assert "555-0100" not in repr(person.raw)


async def test_roles_of_the_site_count_by_what_they_may(replica):
    roles = {one.person: one.role for one in replica.of(Kind.ENROLMENT)}
    assert roles == {"_71_1": "learner", "_72_1": "educator", "_73_1": "educator"}


async def test_nobody_is_an_educator_by_a_role_that_may_not_be_read(site, connect):
    site.forbidden.add("/learn/api/public/v1/courseRoles")
    replica = await read_all(connect())
    assert record(replica, Kind.ENROLMENT, "_73_1").role == "learner"


async def test_groups_are_sections_of_their_people(replica):
    assert record(replica, Kind.SECTION, "_8_1").title == "Lab A"
    assert record(replica, Kind.ENROLMENT, "_71_1").sections == ("_5_1/_8_1",)
    assert record(replica, Kind.ENROLMENT, "_72_1").sections == ()


async def test_the_tree_is_in_order_with_folders_as_modules(replica):
    nodes = {one.remote_id: one for one in replica.of(Kind.MODULE)}
    assert nodes["_5_1/_10_1"].content is None
    assert nodes["_5_1/_11_1"].parent == "_5_1/_10_1"
    assert nodes["_5_1/_10_1"].parent is None
    assert nodes["_5_1/_27_1"].parent == "_5_1/_26_1"
    assert nodes["_5_1/_26_1"].lost == ("the folder's own text",)
    order = list(nodes)
    assert order.index("_5_1/_26_1") < order.index("_5_1/_27_1") < order.index("_5_1/_13_1")


LONG_AGO, FAR_AHEAD = "2001-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("release", "shown"),
    [
        ({"start": FAR_AHEAD}, False),
        ({"start": LONG_AGO, "end": FAR_AHEAD}, True),
        ({"end": LONG_AGO}, False),
    ],
)
async def test_what_students_do_not_see_by_its_dates_is_not_published(
    site, connect, release, shown
):
    for name in ("_11_1", "_21_1"):
        site.row(name)["availability"]["adaptiveRelease"] = release
    replica = await read_all(connect())
    for kind, name in ((Kind.PAGE, "_11_1"), (Kind.MODULE, "_11_1"), (Kind.FILE, "_21_1")):
        made = record(replica, kind, name)
        assert made.published is shown
        # Its rows are the same once the date has come; the hub writes what is another.
        assert ("published_here" in made.raw) is not shown


async def test_each_handler_has_its_kind(replica):
    kinds = {
        one.remote_id.removeprefix("_5_1/"): str(one.content.kind)
        for one in replica.of(Kind.MODULE)
        if one.content is not None
    }
    assert kinds == {
        "_11_1": "page",
        "_12_1": "assignment",
        "_13_1": "quiz",
        "_14_1": "link",
        "_15_1": "page",
        "_21_1": "file",
        "_22_1": "discussion",
        "_23_1": "tool",
        "_24_1": "link",
        "_25_1": "opaque",
        "_27_1": "page",
    }


async def test_an_ultra_document_is_one_page_with_its_files(replica):
    page = record(replica, Kind.PAGE, "_15_1")
    assert page.title == "Slides"
    assert 'href="bloop:file:_5_1/_15_1/xid-21916118_1"' in page.html
    assert "VxJw3wfC56" not in repr(page)
    file = record(replica, Kind.FILE, "_15_1/xid-21916118_1")
    assert (file.name, file.media_type) == ("Slides.pdf", "application/pdf")
    assert Ref(Kind.FILE, file.remote_id) in replica.files
    assert Ref(Kind.MODULE, "_5_1/_16_1") not in replica.records


async def test_attachments_are_files_that_their_page_links_to(replica):
    page = record(replica, Kind.PAGE, "_11_1")
    assert '<a href="bloop:file:_5_1/_11_1/_42_1">notes.pdf</a>' in page.html
    assert record(replica, Kind.FILE, "_11_1/_42_1").media_type == "application/pdf"
    assert record(replica, Kind.FILE, "_21_1").name == "chart.png"
    assert Ref(Kind.FILE, "_5_1/_21_1") in replica.files


async def test_the_gradebook_tells_an_assignment_its_points_and_due_date(replica):
    work = record(replica, Kind.ASSIGNMENT, "_12_1")
    assert (work.points, work.due_at) == (50.0, NOW - timedelta(days=4))
    talk = record(replica, Kind.ASSIGNMENT, "column/_63_1")
    assert (talk.title, talk.points, talk.published) == ("Talk", 10.0, False)
    assert Ref(Kind.ASSIGNMENT, "_5_1/column/_60_1") not in replica.records  # A sum.


async def test_a_test_has_its_questions_in_order_without_answers(replica):
    quiz = record(replica, Kind.QUIZ, "_13_1")
    assert [one.kind for one in quiz.questions] == [QuestionKind.TEXT, QuestionKind.CHOICE]
    assert quiz.questions[1].points == 5.0
    assert quiz.questions[1].correct_html == "<p>Yes</p>"
    assert quiz.attempts == 1
    assert "answers and time limit: not in the API" in quiz.lost


async def test_discussions_have_their_first_post_wherever_they_stand(replica):
    linked = record(replica, Kind.DISCUSSION, "_22_1")
    assert "On Sound." in linked.html
    loose = record(replica, Kind.DISCUSSION, "discussion/_66_1")
    assert loose.title == "Light"
    assert Ref(Kind.DISCUSSION, "_5_1/discussion/_65_1") not in replica.records
    assert record(replica, Kind.DISCUSSION, "announcement/_31_1").announcement


async def test_tools_and_links_lead_where_they_led(replica):
    tool = record(replica, Kind.TOOL, "_23_1")
    assert (tool.launch_url, tool.custom) == ("https://lab.example/launch", (("room", "3"),))
    assert record(replica, Kind.LINK, "_14_1").href == "https://waves.example"
    assert record(replica, Kind.LINK, "_24_1").href.startswith(f"{SITE}/ultra/redirect?")


async def test_a_submission_is_its_newest_attempt_that_was_handed_in(replica):
    work = record(replica, Kind.SUBMISSION, "_61_1/_71_1")
    assert work.content == Ref(Kind.ASSIGNMENT, "_5_1/_12_1")
    assert (work.state, work.attempt) == (SubmissionState.GRADED, 1)
    assert (work.score, work.points, work.grade) == (42.0, 50.0, "42")
    assert work.submitted_at == NOW - timedelta(days=3)
    assert work.late
    assert [one.text for one in work.comments] == ["See page 3", "Well done"]
    assert "talk to her" not in repr(work)


async def test_a_grade_that_is_read_after_a_kill_is_of_the_same_item(site, connect):
    site.grades["_62_1"] = [{**site.grades["_61_1"][0], "columnId": "_62_1"}]
    partition = Partition("grades", "_5_1")
    first = await anext(connect().read(partition, None))
    rest = [batch async for batch in connect().read(partition, first.cursor)]
    works = {work.remote_id: work.content for batch in rest for work in batch.records}
    assert works["_5_1/_62_1/_71_1"] == Ref(Kind.QUIZ, "_5_1/_13_1")


async def test_a_grade_in_per_cent_is_one_in_points(replica):
    talk = record(replica, Kind.SUBMISSION, "_63_1/_71_1")
    assert talk.content == Ref(Kind.ASSIGNMENT, "_5_1/column/_63_1")
    assert (talk.score, talk.points, talk.grade) == (8.0, 10.0, "80 %")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"exempt": True}, SubmissionState.EXCUSED),
        ({"status": "NeedsGrading"}, SubmissionState.SUBMITTED),
    ],
    ids=["exempt", "waiting"],
)
async def test_a_submission_says_how_far_it_is(site, connect, change, state):
    site.grades["_61_1"][0].update(change)
    replica = await read_all(connect())
    assert record(replica, Kind.SUBMISSION, "_61_1/_71_1").state is state


async def test_progress_is_of_the_whole_course(site, connect, replica):
    assert record(replica, Kind.COMPLETION, "_71_1").state is CompletionState.INCOMPLETE
    site.reviewed[0]["reviewedCount"] = 2
    assert record(await read_all(connect()), Kind.COMPLETION, "_71_1").state is (
        CompletionState.COMPLETE
    )


async def test_the_calendar_has_events_once_and_no_due_dates(replica):
    events = {one.remote_id.removeprefix("_5_1/"): one for one in replica.of(Kind.CALENDAR_EVENT)}
    days = {name: one.starts_at for name, one in events.items() if name.startswith("_419_1/")}
    assert sorted(days.values()) == [NOW + timedelta(days=7), NOW + timedelta(days=14)]
    assert events["_417_1"].location == "Pier 3"
    assert "_418_1" not in events


async def test_an_item_in_a_circle_or_of_no_folder_stands_at_the_top(site, connect):
    site.contents += [
        item("_91_1", "_92_1", 0, "resource/x-bb-folder"),
        item("_92_1", "_91_1", 0, "resource/x-bb-folder"),
        item("_93_1", "_no_1", 0, "resource/x-bb-document"),
    ]
    replica = await read_all(connect())
    parents = {one: record(replica, Kind.MODULE, one).parent for one in ("_91_1", "_93_1")}
    assert parents == {"_91_1": None, "_93_1": None}
    assert record(replica, Kind.MODULE, "_92_1").parent == "_5_1/_91_1"


async def test_an_old_site_is_read_folder_by_folder_to_the_same_tree(site, connect, replica):
    site.version = (3000, 12)
    old = await read_all(connect())
    assert {one.remote_id for one in old.of(Kind.MODULE)} == {
        one.remote_id for one in replica.of(Kind.MODULE)
    }
    assert set(old.gaps) == {"sections", "announcements", "grades", "progress", "calendar"}


async def test_what_may_not_be_read_is_said_and_costs_nothing_else(site, connect):
    base = "/learn/api/public/v{}/courses/_5_1"
    site.forbidden |= {
        base.format(2) + "/gradebook/columns",
        base.format(1) + "/assessments/_90_1/questions",
        base.format(1) + "/contents/_11_1/attachments",
        "/learn/api/public/v1/terms",
        "/learn/api/public/v1/calendars/items",
    }
    replica = await read_all(connect())
    assert replica.records[COURSE].term is None
    assert "course.gradebook.MODIFY" in " ".join(record(replica, Kind.ASSIGNMENT, "_12_1").lost)
    assert "course.assessment.MODIFY" in " ".join(record(replica, Kind.QUIZ, "_13_1").lost)
    assert "course.gradebook.MODIFY" in replica.gaps["grades"]
    assert "course.calendar-entry.VIEW" in replica.gaps["calendar"]
    assert "file:_5_1/_11_1/attachments" in replica.skipped
    assert record(replica, Kind.PAGE, "_11_1").html == "<p>Waves <b>move</b>.</p>"


async def test_what_one_course_refuses_is_a_gap_and_is_read_of_the_others(site, connect):
    for number in (4, 6):
        site.courses.append({**site.courses[0], "id": f"_{number}_1"})
    site.forbidden.add("/learn/api/public/v1/courses/_5_1/contents")
    replica = await read_all(connect())
    assert "course.content.MODIFY" in replica.gaps["content"]
    assert Ref(Kind.PAGE, "_5_1/_11_1") not in replica.records
    assert {Ref(Kind.PAGE, f"_{number}_1/_11_1") for number in (4, 6)} <= set(replica.records)


async def test_the_check_names_who_and_every_missing_entitlement(site, connect):
    result = await connect().check()
    assert (result.site, result.version, result.missing) == (SITE, "3900.19", ())
    site.forbidden |= {
        "/learn/api/public/v1/terms",
        "/learn/api/public/v1/courses/_5_1/users",
        "/learn/api/public/v2/courses/_5_1/gradebook/columns",
    }
    site.version = (3700, 0)
    result = await connect().check()
    assert result.missing == ("system.term.VIEW", "course.user.VIEW", "course.gradebook.MODIFY")
    assert "groups: this site is older than Learn 3800.6" in result.gaps


async def test_bytes_come_from_where_blackboard_keeps_them_without_the_token(site, connect, faults):
    site.elsewhere = "https://fleet01.content.blackboardcdn.com/5d32"
    replica = await read_all(connect())
    assert Ref(Kind.FILE, "_5_1/_11_1/_42_1") in replica.files
    kept = [one for one in faults.requests if one.url.startswith(site.elsewhere)]
    assert len(kept) == 2
    assert not any("authorization" in map(str.lower, one.headers) for one in kept)


async def test_a_file_at_a_host_that_nobody_named_costs_its_bytes_alone(site, connect):
    site.elsewhere = "https://evil.example/5d32"
    replica = await read_all(connect())
    assert record(replica, Kind.FILE, "_11_1/_42_1").name == "notes.pdf"
    assert "another host" in replica.skipped["file:_5_1/_11_1/_42_1"]
    assert Ref(Kind.FILE, "_5_1/_15_1/xid-21916118_1") in replica.files


async def test_fetching_gives_what_reading_gave(connect, replica):
    kinds = {Kind.COURSE, Kind.PERSON, Kind.DISCUSSION, Kind.ASSIGNMENT, Kind.SUBMISSION}
    wanted = [ref for ref in replica.records if ref.kind in kinds]
    batch = await connect().fetch(wanted)
    assert {ref_of(one): one.raw for one in batch.records} == {
        ref: replica.records[ref].raw for ref in wanted
    }
    assert not batch.skipped


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.SUBMISSION, "_5_1/_61_1/_99_1"),
        (Kind.SUBMISSION, "_5_1/_99_1/_71_1"),
        (Kind.DISCUSSION, "_5_1/announcement/_99_1"),
        (Kind.PAGE, "_5_1/_99_1"),
        (Kind.PAGE, "_99_1/_99_1"),
        (Kind.COURSE, "_99_1"),
        (Kind.ENROLMENT, "_5_1/_71_1"),
    ],
)
async def test_fetching_what_cannot_be_fetched_says_so_of_each(connect, kind, name):
    batch = await connect().fetch([Ref(kind, name)])
    assert [(one.ref, one.code) for one in batch.skipped] == [(f"{kind}:{name}", "record_missing")]
    assert not batch.records


async def test_what_is_deleted_goes_with_its_files_and_what_stood_in_it(site, connect, replica):
    for name in ("_10_1", "_11_1", "_12_1", "_26_1", "_27_1"):
        site.contents.remove(site.row(name))
    site.columns[0].pop("contentId")
    site.discussions.pop()
    site.announcements.clear()
    site.calendar.pop(0)
    await replica.run(connect())
    gone = {str(ref) for ref, row in replica.rows.items() if row.state == "missing"}
    assert {
        "module:_5_1/_10_1",
        "page:_5_1/_11_1",
        "file:_5_1/_11_1/_42_1",
        "assignment:_5_1/_12_1",
        "page:_5_1/_27_1",
        "discussion:_5_1/discussion/_66_1",
        "discussion:_5_1/announcement/_31_1",
        "calendar_event:_5_1/_417_1",
    } <= gone
    assert "page:_5_1/_15_1" not in gone
    assert record(replica, Kind.ASSIGNMENT, "column/_61_1").points == 50.0


async def test_what_a_list_passes_over_is_not_gone(site, connect, replica, monkeypatch):
    listed = type(site)._listed

    def without_one(self, params, course):
        return [row for row in listed(self, params, course) if row["id"] != "_14_1"]

    import fake_blackboard

    routes = [
        (path, without_one if handler is listed else handler)
        for path, handler in fake_blackboard.ROUTES
    ]
    monkeypatch.setattr(fake_blackboard, "ROUTES", routes)
    report = await replica.run(connect())
    assert report.deleted == 0
    assert Ref(Kind.LINK, "_5_1/_14_1") in replica.records


async def test_an_event_of_long_ago_stays(site, connect, replica):
    site.calendar.clear()
    import fake_blackboard

    later = fake_blackboard.NOW + timedelta(weeks=30)
    site._headers = lambda: {"date": later.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    await replica.run(connect())
    assert record(replica, Kind.CALENDAR_EVENT, "_417_1").title == "Lab visit"


async def test_a_link_that_becomes_a_document_is_gone_as_a_link(site, connect, replica):
    site.row("_14_1")["contentHandler"] = {"id": "resource/x-bb-document"}
    site.row("_14_1")["modified"] = at(-1)
    await replica.run(connect())
    assert Ref(Kind.PAGE, "_5_1/_14_1") in replica.records
    assert Ref(Kind.LINK, "_5_1/_14_1") not in replica.records


async def test_a_list_that_one_course_has_not_is_a_line_of_quarantine(site, connect, faults):
    site.courses.append({**site.courses[0], "id": "_6_1"})
    body = b'{"status": 400, "message": "The calendar is off"}'
    faults.add(Status(400, body=body), path="/calendars/items")
    replica = await read_all(connect())
    assert "The calendar is off" in replica.skipped["calendar:_5_1"]
    assert not replica.gaps
    assert Ref(Kind.MODULE, "_6_1/_10_1") in replica.records

"""What Canvas's objects become."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bloop_canvas import audience, content, courses, lists, modules, quizzes
from bloop_canvas.links import Linked, without_verifiers
from bloop_canvas.place import Place
from bloop_sdk import Kind, MalformedRecordError, QuestionKind, Ref, SubmissionState
from bloop_sdk.testing import Replica, read_all
from plugins.lms.canvas.tests.fake_canvas import FakeCanvas
from plugins.lms.canvas.tests.fake_course import ADDRESS, Sizes

PLACE = Place(ADDRESS, "1")


async def test_a_course_is_read_with_everything_in_it(rig):
    read = await read_all(rig().provider)
    assert (read.skipped, read.gaps) == ({}, {})
    assert read.counts() == {
        "course": 1,
        "section": 1,
        "person": 3,
        "enrolment": 3,
        "file": 2,
        "page": 5,
        "assignment": 3,
        "quiz": 1,
        "discussion": 2,
        "module": 8,
        "link": 1,
        "tool": 1,
        "calendar_event": 1,
        "outcome": 3,
        "submission": 4,
        "completion": 3,
    }
    course = read.records[Ref(Kind.COURSE, "1")]
    assert (course.title, course.code, course.term.title) == ("Waves 1", "PHY-1", "Spring 2026")
    assert course.raw["total_students"] == 2


async def test_the_tree_shows_what_is_read_elsewhere_in_its_order(rig):
    read = await read_all(rig().provider)
    nodes = [(n.parent, n.position, str(n.content)) for n in read.of(Kind.MODULE)]
    assert nodes == [
        (None, 1, "None"),
        ("1-m301", 1, "page:1-101"),
        ("1-m301", 2, "None"),
        ("1-m301", 3, "assignment:1-21"),
        ("1-m301", 4, "link:1-1003"),
        (None, 2, "None"),
        ("1-m302", 1, "quiz:1-41"),
        ("1-m302", 2, "tool:1-1011"),
    ]


async def test_what_opens_doors_or_changes_with_each_look_is_in_no_record(rig):
    canvas = FakeCanvas()
    read = await read_all(rig(canvas).provider)
    told = repr([(row.record, row.record.raw) for row in read.rows.values()])
    for secret in ("verifier", "open sesame", "secret1.ics", "eyJ.changes", "token=changes"):
        assert secret not in told
    user = canvas.courses[1].lists["users"][1]
    user["enrollments"][0] |= {"last_activity_at": "2026-05-05T00:00:00Z", "total_activity_time": 9}
    canvas.courses[1].lists["topics"][0] |= {"unread_count": 0, "read_state": "read"}
    canvas.courses[1].lists["assignments"][0] |= {"secure_params": "eyJ.other"}
    assert (await read.run(rig(canvas).provider)).written == 0


async def test_a_page_that_is_renamed_stays_the_same_and_where_it_is(rig):
    canvas = FakeCanvas()
    read = await read_all(rig(canvas).provider)
    canvas.courses[1].lists["pages"][0] |= {"title": "Echoes", "url": "echoes"}
    canvas.courses[1].items[301][0] |= {"page_url": "echoes"}
    report = await read.run(rig(canvas).provider)
    assert read.records[Ref(Kind.PAGE, "1-101")].title == "Echoes"
    assert read.records[Ref(Kind.MODULE, "1-i1000")].content == Ref(Kind.PAGE, "1-101")
    assert (report.written, report.deleted) == (2, 0)


async def test_somebody_in_many_courses_is_written_once(rig):
    canvas = FakeCanvas(Sizes(courses=2))
    for user in canvas.courses[2].lists["users"]:
        user["id"] -= 10_000_000
        del user["email"]  # In this course the token may not see it.
    read = await read_all(rig(canvas).provider)
    assert [person.email for person in read.of(Kind.PERSON)] == [
        f"p{number}@school.example" for number in (31, 32, 33)
    ]
    assert len(read.of(Kind.ENROLMENT)) == 6
    assert (await read.run(rig(canvas).again())).written == 0


async def test_where_people_come_without_their_enrolments_those_are_listed(rig):
    canvas = FakeCanvas()
    whole = await read_all(rig(canvas).provider)
    canvas.enrolments_of_users = False
    read = await read_all(rig(canvas).provider)
    assert read.held() == whole.held()
    assert len(read.of(Kind.ENROLMENT)) == 3


def test_a_nickname_that_the_tokens_owner_gave_is_no_title():
    course = {"id": 1, "name": "Monday's", "original_name": "Waves"}
    assert courses.container(ADDRESS, course).title == "Waves"


def test_enrolments_of_a_role_are_one_with_all_its_sections():
    user = {
        "id": 5,
        "enrollments": [
            {"id": 2, "type": "StudentEnrollment", "course_section_id": 8},
            {"id": 1, "type": "StudentEnrollment", "course_section_id": 7},
            {"id": 3, "type": "TaEnrollment", "course_section_id": 7},
            {"id": 4, "type": "ObserverEnrollment", "enrollment_state": "active"},
        ],
    }
    observer, student, assistant = courses.enrolments(PLACE, user)
    assert (student.remote_id, student.sections) == ("1-5-student", ("1-7", "1-8"))
    assert (assistant.role, assistant.active) == ("educator", True)
    assert (observer.role, observer.active, observer.lost) == (
        "learner",
        False,
        (courses.OBSERVER,),
    )


def test_the_order_of_enrolments_changes_nothing():
    rows = [{"id": n, "type": "StudentEnrollment", "course_section_id": n} for n in (1, 2)]
    (one,) = courses.enrolments(PLACE, {"id": 5, "enrollments": rows})
    (other,) = courses.enrolments(PLACE, {"id": 5, "enrollments": rows[::-1]})
    assert one == other


async def test_an_enrolment_of_an_unknown_type_costs_itself(rig):
    canvas = FakeCanvas()
    canvas.courses[1].lists["users"][1]["enrollments"][0]["type"] = "GhostEnrollment"
    read = await read_all(rig(canvas).provider)
    assert list(read.skipped) == ["enrolment:1-32"]
    assert len(read.of(Kind.PERSON)) == 3


async def test_a_course_that_its_dates_close_is_told_of_and_not_shown(rig):
    canvas = FakeCanvas(Sizes(courses=2))
    read = await read_all(rig(canvas).provider)
    closed = {"id": 2, "access_restricted_by_date": True}
    canvas._course = lambda n: closed if n == 2 else FakeCanvas._course(canvas, n)
    await read.run(rig(canvas).provider)
    assert "keep this credential out" in read.skipped["course:2"]
    assert read.rows[Ref(Kind.COURSE, "2")].state == "forbidden"


async def test_an_event_without_a_day_is_left_out_with_its_reason(rig):
    canvas = FakeCanvas()
    canvas.courses[1].lists["calendar_events"][0] |= {"start_at": None, "end_at": None}
    assert (await read_all(rig(canvas).provider)).skipped == {
        "calendar_event:1-81": "it has no day"
    }


def test_an_event_of_a_whole_day_begins_at_its_midnight():
    item = {
        "id": 1,
        "title": "Fair",
        "start_at": None,
        "all_day_date": "2026-05-06",
        "all_day": True,
    }
    (event,) = content.events(PLACE, item)
    assert event.starts_at == datetime(2026, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("html", "turned"),
    [
        ('<a href="/courses/1/files/5/download?wrap=1">', '<a href="bloop:file:1-5">'),
        (f"<img src='{ADDRESS}/courses/1/files/5/preview'>", "<img src='bloop:file:1-5'>"),
        ('<a href="/courses/2/assignments/7">', '<a href="bloop:assignment:2-7">'),
        ('<a href="/courses/1/quizzes/7">', '<a href="bloop:quiz:1-7">'),
        ('<a href="/courses/1/discussion_topics/7">', '<a href="bloop:discussion:1-7">'),
        ('<a href="https://other.example/courses/1/files/5">', None),
        (
            '<a href="/courses/1/assignments/7/submissions/3">',
            f'<a href="{ADDRESS}/courses/1/assignments/7/submissions/3">',
        ),
        ('<a href="//cdn.example/x">', None),
        (
            (
                '<p><img class="equation_image" title="x" src="/equation_images/x"'
                ' data-equation-content="a &lt; b^2"></p>'
            ),
            r"<p>\(a &lt; b^2\)</p>",
        ),
        (
            '<img class="equation_image" src="/equation_images/x">',
            f'<img class="equation_image" src="{ADDRESS}/equation_images/x">',
        ),
        ("<p>/courses/1/files/5 as text</p>", None),
        ('<A HREF = "/courses/1/files/5">', '<A HREF = "bloop:file:1-5">'),
        ('<p title="/courses/1/files/5" xsrc="/y">', None),
    ],
)
def test_links_to_what_is_read_are_links_of_the_hub(html, turned):
    assert Linked(ADDRESS, html).html == (turned or html)


def test_links_to_pages_stay_and_are_named():
    linked = Linked(ADDRESS, '<a href="/courses/1/pages/echoes">')
    assert linked.html == f'<a href="{ADDRESS}/courses/1/pages/echoes">'
    assert linked.lost == ("links to other pages: they lead to Canvas",)


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("/files/5?verifier=abc", "/files/5"),
        ("/files/5?verifier=abc&wrap=1", "/files/5?wrap=1"),
        ("/files/5?wrap=1&amp;verifier=abc&amp;x=2", "/files/5?wrap=1&amp;x=2"),
        ('What? <a href="/f?verifier=a">Who?</a>', 'What? <a href="/f">Who?</a>'),
    ],
)
def test_keys_to_files_are_taken_out_of_addresses(text, without):
    assert without_verifiers(text) == without


QUESTIONS = [
    (
        {
            "question_type": "matching_question",
            "answers": [{"id": 1, "left": "Red", "right": "Long", "weight": 100}],
            "matching_answer_incorrect_matches": "Short\nNone",
        },
        QuestionKind.MATCHING,
        [("Long", "Red", 100.0), ("Short", None, 0.0), ("None", None, 0.0)],
    ),
    (
        {
            "question_type": "fill_in_multiple_blanks_question",
            "answers": [{"id": 1, "text": "red", "blank_id": "colour", "weight": 100}],
        },
        QuestionKind.BLANKS,
        [("red", "colour", 100.0)],
    ),
    ({"question_type": "essay_question"}, QuestionKind.ESSAY, []),
    ({"question_type": "hologram_question"}, QuestionKind.OPAQUE, []),
    (
        {
            "question_type": "calculated_question",
            "formulas": [{"formula": "2*x"}],
            "variables": [{"name": "x", "min": 1, "max": 4, "scale": 0}],
            "answer_tolerance": 0.5,
        },
        QuestionKind.FORMULA,
        [("2*x", "formula", 100.0), ("x", "variable", 0.0)],
    ),
]


@pytest.mark.parametrize(("item", "kind", "choices"), QUESTIONS)
def test_each_type_of_question_keeps_its_answers(item, kind, choices):
    quiz = quizzes.quiz(PLACE, {"id": 1, "title": "Q"}, [{"id": 1, **item}])
    (question,) = quiz.questions
    assert question.kind is kind
    assert [(c.html, c.group, c.weight) for c in question.choices] == choices


@pytest.mark.parametrize(
    ("answer", "bounds"),
    [
        ({"numerical_answer_type": "exact_answer", "exact": 5, "margin": 1}, (4.0, 6.0)),
        ({"numerical_answer_type": "range_answer", "start": 1, "end": "2.5"}, (1.0, 2.5)),
        (
            {"numerical_answer_type": "precision_answer", "approximate": 200, "precision": 2},
            (190.0, 210.0),
        ),
        ({"numerical_answer_type": "exact_answer", "exact": -40, "margin": "5%"}, (-42.0, -38.0)),
    ],
)
def test_a_number_keeps_its_bounds(answer, bounds):
    item = {"id": 1, "question_type": "numerical_question", "answers": [{"id": 1, **answer}]}
    (question,) = quizzes.quiz(PLACE, {"id": 1, "title": "Q"}, [item]).questions
    assert (question.choices[0].low, question.choices[0].high) == pytest.approx(bounds)


def test_a_formula_that_may_be_off_by_a_percentage_costs_no_quiz():
    item = {**QUESTIONS[-1][0], "id": 1, "answer_tolerance": "5%"}
    quiz = quizzes.quiz(PLACE, {"id": 1, "title": "Q"}, [item])
    assert quiz.questions[0].choices[0].low is None
    assert quiz.lost == ("that the answer to a formula may be off by a percentage",)


async def test_an_event_of_a_section_is_one_of_its_course(rig):
    canvas = FakeCanvas()
    (event,) = canvas.courses[1].lists["calendar_events"]
    event |= {"context_code": "course_section_7", "all_context_codes": "course_1"}
    found = [Ref(Kind.CALENDAR_EVENT, f"1-{event['id']}")]
    assert len((await rig(canvas).provider.fetch(found)).records) == 1
    event["all_context_codes"] = "course_2"
    assert not (await rig(canvas).provider.fetch(found)).records


@pytest.mark.parametrize(
    ("settings", "restricted"),
    [
        ({}, False),
        ({"quiz_type": "assignment", "allowed_attempts": -1, "show_correct_answers": True}, False),
        ({"quiz_type": "practice_quiz", "allowed_attempts": 1}, False),
        ({"quiz_type": "assignment", "allowed_attempts": 1}, True),
        ({"has_access_code": True}, True),
        ({"ip_filter": "10.0.0.0/8"}, True),
        ({"unlock_at": "2030-01-01T00:00:00Z"}, True),
        ({"show_correct_answers": False}, True),
        ({"show_correct_answers_at": "2030-01-01T00:00:00Z"}, True),
        ({"hide_results": "always"}, True),
        ({"only_visible_to_overrides": True}, True),
        ({"all_dates": [{"base": True}, {"unlock_at": "2030-01-01T00:00:00Z"}]}, True),
        ({"all_dates": [{"base": True}, {"due_at": "2030-01-01T00:00:00Z"}]}, False),
        ({"require_lockdown_browser": True}, True),
        ({"show_correct_answers_last_attempt": True}, True),
    ],
)
def test_a_quiz_whose_answers_canvas_guards_is_not_asked_elsewhere(settings, restricted):
    item = {"id": 1, "title": "Exam", **settings}
    assert quizzes.quiz(PLACE, item, []).restricted is restricted


DUE = "2030-01-01T00:00:00Z"
LATER = "2030-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("settings", "shown_from"),
    [
        ({}, None),
        ({"unlock_at": DUE}, DUE),
        ({"unlock_at": DUE, "only_visible_to_overrides": True}, DUE),
        # Whoever has it first reads it then; of some it is open already.
        ({"of_some": [{"unlock_at": LATER}, {"unlock_at": DUE}]}, DUE),
        ({"of_some": [{"unlock_at": LATER}, {"due_at": DUE}]}, None),
    ],
)
def test_what_is_locked_until_a_date_shows_its_text_from_then_on(settings, shown_from):
    some = settings.pop("of_some", None)
    alone = {"only_visible_to_overrides": True} if some else {}
    sections = [{"course_section_id": number, **one} for number, one in enumerate(some or ())]
    work = {"id": 1, "name": "Essay", "overrides": sections, **alone, **settings}
    exam = {"id": 2, "title": "Exam", "all_dates": sections, **alone, **settings}
    made = audience.assignment(content.assignment(PLACE, work), work), quizzes.quiz(PLACE, exam, [])
    moment = shown_from and datetime.fromisoformat(shown_from)
    assert [one.shown_from for one in made] == [moment, moment]


@pytest.mark.parametrize(
    ("overrides", "due", "published", "lost"),
    [
        ([], None, True, ()),
        ([{"course_section_id": 1, "due_at": DUE}], DUE, True, (audience.SOME_SECTIONS,)),
        ([{"course_id": 1, "due_at": DUE}, {"student_ids": [3], "due_at": DUE}], DUE, True, ()),
        ([{"course_section_id": 1, "due_at": DUE}, {"student_ids": [3]}], None, True, None),
        ([{"student_ids": [3], "due_at": DUE}], DUE, False, (audience.SOME_PEOPLE,)),
        ([{"group_id": 3, "due_at": DUE}], DUE, False, (audience.SOME_PEOPLE,)),
    ],
)
def test_what_is_not_for_everybody_has_the_dates_of_whom_it_is_for(overrides, due, published, lost):
    item = {"id": 1, "name": "A", "only_visible_to_overrides": True, "overrides": overrides}
    found = lists.assignment(PLACE, item)
    assert (found.due_at and f"{found.due_at:%Y-%m-%dT%H:%M:%SZ}", found.published) == (
        due,
        published,
    )
    assert lost is None or found.lost == lost
    assert "student_ids" not in str(found.raw)


class Afterwards(datetime):
    """The clock of a day on which what opened later is open."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2999, 2, 1, tzinfo=tz)


async def test_a_module_that_opens_later_is_published_once_its_date_has_come(rig, monkeypatch):
    canvas = FakeCanvas(Sizes())
    row = canvas.courses[1].lists["modules"][0]
    row["unlock_at"] = "2999-01-01T00:00:00Z"
    read = await read_all(rig(canvas).provider)
    ref = Ref(Kind.MODULE, f"1-m{row['id']}")
    assert not read.records[ref].published
    # Canvas tells the same of it afterwards.
    monkeypatch.setattr(audience, "datetime", Afterwards)
    await read.run(rig(canvas).provider)
    assert read.records[ref].published
    assert read.records[ref].raw["unlock_at"] == row["unlock_at"]


async def test_a_topic_that_is_posted_later_is_not_published_before(rig):
    canvas = FakeCanvas()
    row = canvas.courses[1].lists["topics"][0]
    row["delayed_post_at"] = "2999-01-01T00:00:00Z"
    read = await read_all(rig(canvas).provider)
    ref = Ref(Kind.DISCUSSION, f"1-{row['id']}")
    assert not read.records[ref].published
    row |= {"delayed_post_at": "2020-01-01T00:00:00Z", "is_section_specific": True}
    await read.run(rig(canvas).provider)
    assert read.records[ref].published and audience.SOME_SECTIONS in read.records[ref].lost
    row |= {"locked_for_user": True, "lock_info": {"can_view": False}, "message": "locked until"}
    await read.run(rig(canvas).provider)
    assert read.records[ref].html == "" and "locked" in read.records[ref].lost[0]


def test_a_new_quiz_is_an_assignment_that_says_what_it_lacks():
    item = {
        "id": 1,
        "name": "New",
        "submission_types": ["external_tool"],
        "is_quiz_lti_assignment": True,
    }
    (lost,) = content.assignment(PLACE, item).lost
    assert "New Quizzes" in lost


async def test_checkpoints_of_a_discussion_are_asked_for_and_named(rig):
    mine = rig()
    mine.canvas.courses[1].lists["assignments"][0] |= {"has_sub_assignments": True}
    (one, *_) = (await read_all(mine.provider)).of(Kind.ASSIGNMENT)
    assert one.lost == ("the dates and points of its checkpoints",)
    asked = [one for one in mine.faults.requests if one.url.endswith("/assignments")]
    assert asked[0].params["include[]"] == ["checkpoints", "overrides"]


def test_an_item_of_an_unknown_type_is_opaque():
    item = {"id": 3, "title": "Odd", "type": "Hologram", "position": 1}
    opaque, node = modules.entry(PLACE, "1-m1", item, {}.get)
    assert (opaque.remote_kind, node.content) == ("Hologram", opaque.ref)


def test_a_page_item_whose_page_is_not_listed_says_so():
    item = {"id": 3, "title": "Gone", "type": "Page", "page_url": "gone", "position": 1}
    (node,) = modules.entry(PLACE, "1-m1", item, {}.get)
    assert (node.content, node.lost) == (None, ("its page: Canvas does not list it",))


@pytest.mark.parametrize(
    "item",
    [
        {"page_id": None, "title": "No id"},
        {"page_id": 1, "title": " "},
        {"page_id": 1, "title": "A", "created_at": "yesterday"},
        {"page_id": 1, "title": "A", "created_at": "2026-05-01T10:00:00"},
        {"page_id": 1, "title": "A", "body": ["x"]},
    ],
)
def test_what_is_not_as_documented_is_malformed(item):
    with pytest.raises(MalformedRecordError):
        content.page(PLACE, item)


async def test_states_of_submissions(rig):
    canvas = FakeCanvas()
    rows = canvas.courses[1].submissions
    rows[0] |= {
        "workflow_state": "graded",
        "score": 8.0,
        "grade": "B",
        "graded_at": "2026-05-02T00:00:00Z",
    }
    rows[1] |= {"excused": True}
    rows[2] |= {"workflow_state": "unsubmitted", "submitted_at": None, "missing": True}
    rows[3] |= {"workflow_state": "unsubmitted", "submitted_at": None}
    read = await read_all(rig(canvas).provider)
    assert [one.state for one in read.of(Kind.SUBMISSION)] == [
        SubmissionState.GRADED,
        SubmissionState.EXCUSED,
        SubmissionState.MISSING,
        SubmissionState.UNSUBMITTED,
    ]
    first = read.of(Kind.SUBMISSION)[0]
    assert (first.score, first.points, first.grade) == (8.0, 10.0, "B")


async def test_work_of_who_is_inactive_is_known_and_that_of_a_test_student_is_nobodys(rig):
    """Canvas lists the work of both, and neither among the active people of the course."""
    canvas = FakeCanvas()
    course = canvas.courses[1]
    (enrolment,) = course.lists["users"][1]["enrollments"]
    enrolment["enrollment_state"] = "inactive"
    course.test_students = [{"id": 999, "name": "Test Student", "enrollments": []}]
    course.submissions.append({**course.submissions[0], "user_id": 999})
    mine = rig(canvas)
    read = await read_all(mine.provider)
    assert {one.person for one in read.of(Kind.SUBMISSION)} == {"32", "33"}
    assert not next(one for one in read.of(Kind.ENROLMENT) if one.person == "32").active
    asked = [one for one in mine.faults.requests if "enrollment_type[]" in one.params]
    assert (len(asked), read.skipped) == (1, {})


async def test_the_submission_of_a_quiz_belongs_to_the_quiz(rig):
    canvas = FakeCanvas()
    canvas.courses[1].submissions[0]["assignment_id"] = 1041
    read = await read_all(rig(canvas).provider)
    assert read.of(Kind.SUBMISSION)[0].content == Ref(Kind.QUIZ, "1-41")


async def test_completion_names_the_items_that_are_done(rig):
    read: Replica = await read_all(rig().provider)
    found = {one.remote_id: (str(one.content), one.state) for one in read.of(Kind.COMPLETION)}
    assert found == {
        "1-32": ("None", "incomplete"),
        "1-33": ("None", "incomplete"),
        "1-1000-32": ("page:1-101", "complete"),
    }

"""Every answer of a real Moodle that was recorded, through the parsers."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from bloop_moodle import activities, gatherings, people, work
from bloop_moodle.activities import Making
from bloop_moodle.failures import code_of, error_of, file_error, unusable
from bloop_moodle.materials import material, part_records
from bloop_moodle.outline import module_node, read_outline
from bloop_moodle.rest import _site
from bloop_sdk.errors import (
    AuthError,
    FatalError,
    MissingRecordError,
    PermissionMissingError,
    SkippableError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.records import Kind, Ref, Skipped, SubmissionState

SOME_DAY = datetime(2026, 11, 22, 20, 36, 27, tzinfo=UTC)

FAILURES = {
    "courses_student": PermissionMissingError,
    "courses_teacher": PermissionMissingError,
    "err_bad_type": SkippableError,
    "err_function_not_in_service": PermissionMissingError,
    "err_grade_other_user": PermissionMissingError,
    "err_invalidtoken": AuthError,
    "err_missing_param": SkippableError,
    "err_no_such_course": MissingRecordError,
    "err_no_token": AuthError,
    "err_notenrolled_student": PermissionMissingError,
    "err_unexpected_key": SkippableError,
    "err_unknown_function": UnsupportedError,
    "file_bad_token": AuthError,
    "file_nosuch": MissingRecordError,
    "file_without_token": SkippableError,
    "state_debug_error": SkippableError,
    "state_debug_nosuchcourse": MissingRecordError,
    "state_service_disabled": PermissionMissingError,
    "state_token_expired_first": PermissionMissingError,
    "state_token_expired_second": AuthError,
    "state_token_ip": PermissionMissingError,
    "state_user_suspended": AuthError,
    "state_ws_disabled_token": FatalError,
    "token_badpassword": AuthError,
    "token_badservice": FatalError,
    "token_missing": SkippableError,
    "upload_badtoken": AuthError,
}
"""Answers that are errors, with status 200 but for a missing file."""

USED = {
    "assign_grades",
    "assign_submissions",
    "assignments",
    "books",
    "completion_student",
    "contents_admin",
    "contents_excludecontents",
    "contents_modname_page",
    "contents_student",
    "contents_teacher",
    "courses_admin",
    "courses_by_field_shortname",
    "enrolled_admin_limit2",
    "enrolled_onlyactive",
    "enrolled_student",
    "enrolled_teacher",
    "forum_discussions",
    "forums",
    "grade_items_student",
    "groups",
    "ltis",
    "pages",
    "quizzes",
    "raw_courses",
    "raw_pages",
    "site_info_admin",
    "site_info_student",
    "updates_since",
    "users_courses_student",
    "warnings_page_nosuchcourse",
}
NOT_ASKED_FOR = {
    "categories",
    "forum_posts",
    "quiz_attempts_student",
    "quiz_review_student",
    "resources",
    "token_admin",
    "token_ok",
    "token_ok_connector",
    "upload_ok",
    "users_by_field",
    "users_search_student",
}
OTHER = {
    "err_default_format",
    "file_range",
    "file_with_token",
    "site_info_default_format",
    "state_maintenance",
    "state_maintenance_token",
    "state_rest_disabled",
    "state_ws_disabled",
}


class Site:
    """What a maker asks of the site."""

    base = "http://127.0.0.1:8199"

    def __init__(self, **answers):
        self.answers = answers

    async def has(self, function):
        return function in self.answers

    async def need(self, function, what):
        assert function in self.answers, what

    async def call(self, function, **arguments):
        return self.answers[function]

    async def text(self, path, shown):
        return f"<h3>{shown}</h3>"

    async def chunks(self, path, shown):
        yield path.encode()


def test_no_recording_is_left_out(captures):
    recorded = {name.rpartition(".")[0] for name in captures.names()}
    here = {name for name in recorded if not name.startswith("lti_")}
    assert here == set(FAILURES) | USED | NOT_ASKED_FOR | OTHER


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_an_error_is_known_by_its_code(captures, name):
    answer = captures.json(name)
    assert code_of(answer) == answer["errorcode"]
    error = error_of("some_function", answer)
    assert isinstance(error, FAILURES[name])
    assert "debuginfo" not in str(error) and "SELECT" not in str(error)


@pytest.mark.parametrize("name", sorted((USED | NOT_ASKED_FOR) - {"courses_admin"}))
def test_an_answer_is_no_error(captures, name):
    assert code_of(captures.json(name)) is None


def test_xml_is_read_for_its_error(captures):
    error = unusable("f", captures.bytes("err_default_format.xml"))
    assert isinstance(error, AuthError)
    asked = unusable("f", captures.bytes("site_info_default_format.xml"))
    assert isinstance(asked, FatalError) and "XML" in asked.message


@pytest.mark.parametrize("name", ["state_maintenance.json", "state_maintenance_token.json"])
def test_a_page_of_html_is_an_absence(captures, name):
    assert isinstance(unusable("f", captures.bytes(name)), UnavailableError)


def test_a_file_is_told_from_its_error(captures):
    assert isinstance(file_error(captures.bytes("file_bad_token.json"), "a"), AuthError)
    assert isinstance(file_error(captures.bytes("file_nosuch.json"), "a"), MissingRecordError)
    assert file_error(captures.bytes("file_with_token.bin"), "a") is None
    assert file_error(captures.bytes("contents_admin.json"), "a") is None


def test_site_info_names_account_release_and_functions(captures):
    site = _site(captures.json("site_info_student"))
    assert (site.user, site.administrator) == ("5", False)
    assert site.release == "4.5.6 (Build: 20250811)"
    assert "core_course_get_contents" in site.functions
    assert _site(captures.json("site_info_admin")).administrator


def test_courses_are_the_same_from_each_function(captures):
    (mine,) = (people.course("b", one) for one in captures.json("users_courses_student"))
    assert (mine.remote_id, mine.code) == ("2", "CHEM101")
    assert mine.title == "Acids & Bases: an “introduction”"
    assert mine.starts_at == datetime(2025, 1, 1, tzinfo=UTC)
    for name in ("courses_by_field_shortname", "raw_courses"):
        (other,) = (people.course("b", one) for one in captures.json(name)["courses"])
        assert dataclasses.replace(
            other, raw=mine.raw, created_at=None, remote_version=mine.remote_version
        ) == dataclasses.replace(mine, created_at=None)
    everything = [people.course("b", one) for one in captures.json("courses_admin")]
    assert "2" in {one.remote_id for one in everything}
    assert not any(isinstance(one, Skipped) for one in everything)


def test_participants_have_their_role_and_groups(captures):
    everybody = captures.json("enrolled_teacher")
    active = frozenset(str(one["id"]) for one in captures.json("enrolled_onlyactive"))
    made = [people.participant("b", "2", one, active) for one in everybody]
    roles = {person.remote_id: enrolment.role for person, enrolment in made}
    assert roles["3"] == roles["4"] == "educator"
    assert roles["5"] == "learner" and roles["11"] == "admin"
    assert {p.remote_id for p, e in made if not e.active} == {p.remote_id for p, _ in made} - active
    assert next(e for _, e in made if e.person == "6").sections == ("1",)
    assert all("lastaccess" not in p.raw and "preferences" not in p.raw for p, _ in made)


@pytest.mark.parametrize("name", ["enrolled_admin_limit2", "enrolled_student"])
def test_participants_of_other_accounts_are_read_too(captures, name):
    made = [people.participant("b", "2", one, None) for one in captures.json(name)]
    assert all("suspended" in " ".join(enrolment.lost) for _, enrolment in made)


def test_groups_are_sections(captures):
    made = [people.group("2", one) for one in captures.json("groups")]
    assert [(one.remote_id, one.title) for one in made] == [("1", "Lab A"), ("2", "Lab B")]
    assert all("enrolmentkey" not in one.raw for one in made)


@pytest.mark.parametrize("name", sorted(name for name in USED if name.startswith("contents_")))
def test_an_outline_gives_places_and_materials(captures, name):
    outline = read_outline("2", captures.json(name), 1)
    nodes = [node for part in outline.parts for node in part_records("2", part).records]
    nodes += [module_node("2", module) for module in outline.modules.values()]
    assert len({node.remote_id for node in nodes}) == len(nodes)
    for module in outline.modules.values():
        if module.type in {"label", "choice"} or (
            module.type == "folder" and "exclude" not in name
        ):
            assert material("2", module, Site().chunks).records


def test_what_a_learner_may_not_see_is_a_place_with_its_reason(captures):
    outline = read_outline("2", captures.json("contents_student"), 1)
    later = outline.modules["14"]
    assert not later.open and later.restriction == "Available from 1 January 2100, 1:00 AM"
    assert later.published
    assert {"12", "13"}.isdisjoint(outline.modules)


def test_what_is_hidden_is_unpublished(captures):
    outline = read_outline("2", captures.json("contents_teacher"), 1)
    hidden = {cmid for cmid, module in outline.modules.items() if not module.published}
    assert hidden == {"12", "13", "14"}  # One by its section, one by itself, one until 2100.


def test_links_files_and_folders_come_from_the_outline(captures):
    modules = read_outline("2", captures.json("contents_teacher"), 1).modules
    (link,) = material("2", modules["3"], Site().chunks).records
    assert link.href == "https://example.org/ph?x=1&y=2"
    (file,) = material("2", modules["4"], Site().chunks).records
    assert (file.remote_id, file.size, file.name) == ("4", 193, "lecture 1 – pH.pdf")
    made = material("2", modules["5"], Site().chunks).records
    assert [type(one).__name__ for one in made] == ["File", "Node", "Node", "File", "Node"]
    assert made[3].path == "data/readings.csv" and made[4].parent == made[2].remote_id


async def made_of(captures, maker, cmid, name, key, **answers):
    outline = read_outline("2", captures.json("contents_teacher"), 1)
    module = outline.modules[cmid]
    found = captures.json(name)
    if key == "courses":
        found = {"courses": found["courses"][0]["assignments"]}
    instance = next(
        one
        for one in (found[key] if key else found)
        if str(one.get("coursemodule") or one.get("cmid")) == cmid
    )
    return (await maker(Making(Site(**answers), "2", module, instance))).records


@pytest.mark.parametrize("name", ["pages", "raw_pages"])
async def test_links_in_a_page_lead_to_its_files(captures, name):
    file, page = await made_of(captures, activities.page, "2", name, "pages")
    assert f'src="bloop:file:{file.remote_id}"' in page.html
    assert "PLUGINFILE" not in page.html and page.lost == ()
    assert b"".join([chunk async for chunk in file.chunks()]).endswith(b"/scale.svg")


async def test_an_assignment_has_its_dates_and_ways_to_hand_in(captures):
    (one,) = await made_of(captures, activities.assignment, "8", "assignments", "courses")
    assert one.due_at == datetime(2025, 1, 31, tzinfo=UTC) and one.points == 100
    assert one.submission_types == ("text", "file")
    assert one.closes_at is not None and one.html == "<p>Write 500 words.</p>"


async def test_a_quiz_says_that_its_questions_are_lost(captures):
    (one,) = await made_of(captures, activities.quiz, "9", "quizzes", "quizzes")
    assert (one.points, one.time_limit, one.attempts) == (10, 30, 3)
    assert one.due_at is None and one.lost == (activities.NO_QUESTIONS,)
    assert "password" not in one.raw


async def test_a_tool_keeps_no_keys(captures):
    (one,) = await made_of(captures, activities.tool, "15", "ltis", "ltis")
    assert one.launch_url == "" and "its address" in one.lost[0]
    assert {"password", "resourcekey", "servicesalt"}.isdisjoint(one.raw)


async def test_a_forum_has_its_discussions(captures):
    function = "mod_forum_get_forum_discussions"
    answers = {function: captures.json("forum_discussions")}
    forum, one = await made_of(captures, gatherings.forum, "7", "forums", None, **answers)
    assert (forum.remote_id, one.remote_id) == ("7", "7-d1") and not forum.announcement
    assert one.html == "<p>Phenolphthalein or methyl orange?</p>" and one.lost == ("its replies",)
    assert one.created_at == SOME_DAY


async def test_a_book_has_its_chapters_below_each_other(captures):
    made = await made_of(captures, gatherings.book, "6", "books", "books")
    pages = {one.remote_id: one for one in made if hasattr(one, "html")}
    assert list(pages) == ["6", "6-c1", "6-c2"] and pages["6-c2"].html == "<h3>Glassware</h3>"
    parents = {one.remote_id: one.parent for one in made if hasattr(one, "position")}
    assert parents == {"cm6-intro": "cm6", "cm6-c1": "cm6", "cm6-c2": "cm6-c1"}


def test_work_is_put_together_from_three_answers(captures):
    found = {}
    work.gather(found, "submission", {"1": "8"}, captures.json("assign_submissions"))
    work.gather(found, "grade", {"1": "8"}, captures.json("assign_grades"))
    assert work.version(found["8", "5"]["grade"]) == "0:1795379787:87.5"
    work.gather_items(found, captures.json("grade_items_student"))
    made = {key[0]: work.submission("2", key, known) for key, known in found.items()}
    report = made["8"]
    assert (report.score, report.points, report.grade) == (87.5, 100, "87.50")
    assert report.state is SubmissionState.GRADED and report.submitted_at is None
    assert made["9"].score == 8 and made["9"].submitted_at is not None
    assert made["15"].state is SubmissionState.UNSUBMITTED and made["15"].grade is None


def test_completion_is_of_content(captures):
    statuses = captures.json("completion_student")["statuses"]
    made = [work.completion("2", "5", one) for one in statuses]
    assert [one.content for one in made] == [Ref(Kind.PAGE, "2"), Ref(Kind.ASSIGNMENT, "8")]
    assert {one.state for one in made} == {"incomplete"}
    assert all(one.completed_at is None for one in made)

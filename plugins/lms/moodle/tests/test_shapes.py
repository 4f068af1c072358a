"""The Moodle in memory answers in the shapes of the real one."""

from __future__ import annotations

import pytest

from plugins.lms.moodle.tests.fake_functions import SITE_INFO, Functions
from plugins.lms.moodle.tests.fake_site import Site

COURSE = {"courseid": "2", "courseids": {"0": "2"}, "since": "0", "userid": "5"}
USERS = {
    "courseid": "2",
    "options": {
        "0": {"name": "userfields", "value": "id,fullname,email,idnumber,groups,roles"},
        "1": {"name": "limitfrom", "value": "0"},
        "2": {"name": "limitnumber", "value": "10"},
    },
}
WHOLE = {
    "contents_teacher": ("core_course_get_contents", COURSE),
    "updates_since": ("core_course_get_updates_since", COURSE),
    "groups": ("core_group_get_course_groups", COURSE),
    "forum_discussions": (
        "mod_forum_get_forum_discussions",
        {"sortorder": "4", "page": "0", "perpage": "9"},
    ),
    "assign_grades": ("mod_assign_get_grades", {"assignmentids": {"0": "108"}}),
    "pages": ("mod_page_get_pages_by_courses", COURSE),
    "grade_items_student": ("gradereport_user_get_grade_items", COURSE),
    "completion_student": ("core_completion_get_activities_completion_status", COURSE),
    "users_courses_student": ("core_enrol_get_users_courses", {"userid": "3"}),
}
"""Answers that have all keys of the recording."""
SOME = {
    "assignments": ("mod_assign_get_assignments", COURSE),
    "assign_submissions": ("mod_assign_get_submissions", {"assignmentids": {"0": "108"}}),
    "quizzes": ("mod_quiz_get_quizzes_by_courses", COURSE),
    "forums": ("mod_forum_get_forums_by_courses", COURSE),
    "books": ("mod_book_get_books_by_courses", COURSE),
    "ltis": ("mod_lti_get_ltis_by_courses", COURSE),
    "enrolled_teacher": ("core_enrol_get_enrolled_users", USERS),
}
"""Answers that have those that the connector reads, and no others."""


def shape(value, path=""):
    """Types by path; what is in lists is taken together, with the keys that all of it has."""
    if isinstance(value, dict):
        found = {path: {"dict"}}
        for key, one in value.items():
            merge(found, shape(one, f"{path}.{key}"))
        return found
    if isinstance(value, list):
        found = {path: {"list"}}
        for one in value:
            merge(found, shape(one, f"{path}[]"))
        return found
    kind = {"int": "number", "float": "number", "NoneType": "null"}
    return {path: {kind.get(type(value).__name__, type(value).__name__)}}


def merge(into, other):
    for path, kinds in other.items():
        into.setdefault(path, set()).update(kinds)


def always(value, path=""):
    """Paths that are in each object of their list."""
    if isinstance(value, dict):
        return {path}.union(*(always(one, f"{path}.{key}") for key, one in value.items()), set())
    if isinstance(value, list) and value:
        return {path}.union(set.intersection(*(always(one, f"{path}[]") for one in value)))
    return {path}


def compare(recorded, made, name):
    known, shown = shape(recorded), shape(made)
    assert shown.keys() <= known.keys(), f"{name}: {sorted(shown.keys() - known.keys())}"
    for path, kinds in shown.items():
        extra = kinds - known[path] - {"null"}
        assert not extra or known[path] == {"null"}, f"{name}: {path} is {extra}"


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_an_answer_has_the_keys_and_types_of_the_recording(captures, name):
    function, arguments = WHOLE[name]
    made, recorded = Functions(Site()).named(function)(arguments), captures.json(name)
    compare(recorded, made, name)
    required = {path for path in always(recorded) if "details" not in path}
    assert required <= shape(made).keys(), f"{name}: {sorted(required - shape(made).keys())}"


@pytest.mark.parametrize("name", sorted(SOME))
def test_an_answer_has_no_key_or_type_of_its_own(captures, name):
    function, arguments = SOME[name]
    compare(captures.json(name), Functions(Site()).named(function)(arguments), name)


def test_site_info_has_no_key_of_its_own(captures):
    recorded = captures.json("site_info_student")
    compare(recorded, {**SITE_INFO, "functions": recorded["functions"]}, "site_info")

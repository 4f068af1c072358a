"""Every shape that others recorded of an endpoint that is read here becomes records."""

from __future__ import annotations

import json
import re

import pytest

from bloop_canvas import content, courses, learning, modules, outcomes, quizzes
from bloop_canvas.place import Place
from bloop_sdk import Record

PLACE = Place("https://example.com", "1")
GRADED = learning.Graded(PLACE.ref(content.Kind.ASSIGNMENT, "1"), 10.0)

MAKERS = [
    (r"(accounts/1/)?courses(/\d+|/sis_course_id:[^/]*|/)?", lambda x: courses.container("b", x)),
    (r"(courses/1/)?sections(/\d+)?", lambda x: courses.section(PLACE, x)),
    (r"courses/1/users/1|courses/1/(search_)?users|users/\d+", courses.person),
    (r"courses/1/(front_page|pages(/[^/]+)?|get_pages)", lambda x: content.page(PLACE, x)),
    (r"courses/1/(list_)?assignments(/\d+)?", lambda x: content.assignment(PLACE, x)),
    (r"courses/1/(list_)?quizzes(/\d+)?", lambda x: quizzes.quiz(PLACE, x, [])),
    (
        r"courses/1/quizzes/1/questions(/1)?",
        lambda x: quizzes.quiz(PLACE, {"id": 1, "title": "Q"}, [x]),
    ),
    (
        r"courses/1/discussion_topics(/\d+)?",
        lambda x: content.discussion(PLACE, x, announcement=False),
    ),
    (r"courses/1/(list_)?modules(/\d+)?", lambda x: modules.module(PLACE, x)),
    (
        r"courses/1/modules/1/items(/.*)?",
        lambda x: modules.entry(PLACE, "1-m1", {"content_id": 1, **x}, {}.get),
    ),
    (r"(courses/1/)?files(/\d+)?|folders/1/files", lambda x: content.file(PLACE, x, None, None)),
    (
        r"calendar_events(/\d+)?",
        lambda x: content.events(PLACE, {"start_at": "2026-05-04T08:00:00Z", **x}),
    ),
    (r"courses/1/outcome_groups(/\d+)?", lambda x: outcomes.group(PLACE, x)),
    (r"courses/1/outcome_group_links", lambda x: outcomes.link(PLACE, x)),
    (
        r"courses/1/(students/submissions|assignments/1/submissions(/\d+)?)",
        lambda x: learning.submission(PLACE, x, GRADED),
    ),
    (
        r"courses/1/(list_)?enrollments",
        lambda x: courses.enrolments(PLACE, {"id": x["user_id"], "enrollments": [x]}),
    ),
]


def recorded(folder):
    """(file, name, endpoint, object) of every GET in the fixtures."""
    for path in sorted(folder.glob("*.json")):
        for name, one in sorted(json.loads(path.read_text()).items()):
            if not isinstance(one, dict) or one.get("method") != "GET":
                continue
            data = one.get("data")
            for item in data if isinstance(data, list) else [data]:
                # One that is nothing but an id is no shape.
                if isinstance(item, dict) and item.keys() - {"id"}:
                    yield path.name, name, one["endpoint"].partition("?")[0], item


def test_every_recorded_shape_of_an_endpoint_that_is_read_becomes_records(shared_data):
    met = dict.fromkeys([pattern for pattern, _ in MAKERS], 0)
    for file, name, endpoint, item in recorded(shared_data / "canvas-fixtures"):
        for pattern, make in MAKERS:
            if not re.fullmatch(pattern, endpoint) or "submissions" in item:
                continue
            try:
                made = make(item)
            except Exception as err:  # noqa: BLE001 - told with its place
                pytest.fail(f"{file} {name} ({endpoint}): {err!r}: {item}")
            made = made if isinstance(made, list) else [made]
            assert made and all(isinstance(one, Record) and one.raw for one in made), name
            met[pattern] += 1
    assert all(met.values()), {pattern for pattern, count in met.items() if not count}
    assert sum(met.values()) > 80

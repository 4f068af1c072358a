"""What is in the courses of the Canvas in memory, as its lists give it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ADDRESS = "https://canvas.example"
FILES = "https://inst-fs-iad-prod.inscloudgate.net"
LATER = "2026-05-01T10:00:00Z"
PARAGRAPH = "<p>Waves carry energy, and they bend around what stands in their way.</p>"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is in each course, and how much Canvas gives at once."""

    courses: int = 1
    modules: int = 2
    items: int = 2
    pages: int = 5
    assignments: int = 3
    quizzes: int = 1
    users: int = 3
    files: int = 2
    body: int = 1
    per_page: int = 100
    inline: int = 50
    mixed: bool = False
    """Whether items are of all types: those of two modules, four and two."""


SMALL = Sizes(per_page=2, inline=3, mixed=True)
"""Little, over several pages."""

LEAST = Sizes(per_page=2, inline=3, mixed=True, users=2, files=1, assignments=1)
"""For the kit, which reads it thousands of times."""


@dataclass(slots=True)
class Course:
    """Everything of one course, as its lists give it."""

    id: int
    lists: dict[str, list[dict[str, Any]]]
    items: dict[int, list[dict[str, Any]]]
    questions: dict[int, list[dict[str, Any]]]
    submissions: list[dict[str, Any]]
    met: dict[int, set[int]] = field(default_factory=dict)
    test_students: list[dict[str, Any]] = field(default_factory=list)


def one(rows: Sequence[dict[str, Any]], number: str) -> dict[str, Any]:
    """The object with an id; raises KeyError."""
    for row in rows:
        if str(row["id"]) == number:
            return row
    raise KeyError(number)


def page_named(course: Course, name: str) -> dict[str, Any]:
    """A page by its slug, or by its id behind ``page_id:``; raises KeyError."""
    for row in course.lists["pages"]:
        if name in {row["url"], f"page_id:{row['page_id']}"}:
            return row
    raise KeyError(name)


def as_it_is(row: dict[str, Any]) -> dict[str, Any]:
    """An object of a list that shows all of it."""
    return row


def without_body(row: dict[str, Any]) -> dict[str, Any]:
    """A page as lists give it that were not asked for bodies."""
    return {name: value for name, value in row.items() if name != "body"}


def bare_user(row: dict[str, Any]) -> dict[str, Any]:
    """A user as ``/users/:id`` gives it."""
    return {name: value for name, value in row.items() if name != "enrollments"}


def make_page(course: int, number: int, body: int) -> dict[str, Any]:
    """A page; its slug is made of its title."""
    return {
        "page_id": number,
        "url": f"page-{number}",
        "title": f"Page {number}",
        "created_at": LATER,
        "updated_at": LATER,
        "published": True,
        "front_page": False,
        "hide_from_students": False,
        "editing_roles": "teachers",
        "html_url": f"{ADDRESS}/courses/{course}/pages/page-{number}",
        "body": PARAGRAPH * body,
    }


def build(number: int, sizes: Sizes) -> Course:
    """A course of some sizes; ids of courses are apart by their number."""
    first = (number - 1) * 10_000_000
    url = f"{ADDRESS}/courses/{number}"
    pages = [make_page(number, first + 101 + n, sizes.body) for n in range(sizes.pages)]
    assignments = [_assignment(number, first + 21 + n) for n in range(sizes.assignments)]
    quizzes = [_quiz(number, first + 41 + n) for n in range(sizes.quizzes)]
    users = [_user(number, first + 31 + n, n) for n in range(sizes.users)]
    modules = [_module(first + 301 + n, n) for n in range(sizes.modules)]
    items: dict[int, list[dict[str, Any]]] = {}
    for n, module in enumerate(modules):
        if sizes.mixed:
            # The first one holds more than others, so that it may be left out.
            items[module["id"]] = [
                _mixed(number, 1000 + 10 * n + k, module, k, pages) for k in range(2 if n else 4)
            ]
            continue
        ids = range(first + 100_000 + n * sizes.items, first + 100_000 + (n + 1) * sizes.items)
        items[module["id"]] = [_item(number, one, module, k, pages) for k, one in enumerate(ids)]
    course = Course(
        number,
        {
            "sections": [{"id": first + 11, "name": "Group A", "course_id": number}],
            "users": users,
            "folders": [
                {"id": first + 60, "name": "course files", "full_name": "course files"},
                {"id": first + 61, "name": "img", "full_name": "course files/img"},
            ],
            "files": [_file(number, first + 71 + n, first + 61) for n in range(sizes.files)],
            "pages": pages,
            "assignments": [*assignments, *[_behind(number, quiz) for quiz in quizzes]],
            "quizzes": quizzes,
            "topics": [_topic(number, first + 51, "Questions?")],
            "announcements": [_topic(number, first + 52, "Welcome")],
            "modules": modules,
            "calendar_events": [
                {
                    "id": first + 81,
                    "title": "Lecture",
                    "start_at": "2026-05-05T10:00:00Z",
                    "end_at": "2026-05-05T11:00:00Z",
                    "all_day": False,
                    "description": "<p>Bring a rope.</p>",
                    "location_name": "Hall 1",
                    "location_address": None,
                    "context_code": f"course_{number}",
                    "workflow_state": "active",
                    "html_url": f"{ADDRESS}/calendar?event_id={first + 81}",
                }
            ],
            "outcome_groups": [
                {"id": first + 91, "title": "Waves", "parent_outcome_group": None},
                {
                    "id": first + 92,
                    "title": "Sound",
                    "description": "<p>All of it</p>",
                    "parent_outcome_group": {"id": first + 91, "title": "Waves"},
                },
            ],
            "outcome_group_links": [
                {
                    "context_id": number,
                    "context_type": "Course",
                    "outcome_group": {"id": first + 92, "title": "Sound"},
                    "outcome": {
                        "id": first + 95,
                        "title": "Explains echoes",
                        "description": "<p>Why</p>",
                        "mastery_points": 3,
                        "can_edit": True,
                    },
                }
            ],
        },
        items,
        {quiz["id"]: [_question(quiz["id"], k) for k in range(2)] for quiz in quizzes},
        [_submission(number, a["id"], u["id"], url) for a in assignments[:2] for u in users[1:3]],
    )
    required = [i["id"] for rows in items.values() for i in rows if "completion_requirement" in i]
    if len(required) > 1 and len(users) > 1:
        course.met[users[1]["id"]] = {required[0]}
    return course


def _assignment(course: int, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "course_id": course,
        "name": f"Essay {number}",
        "description": f'<p>See <a href="{ADDRESS}/courses/{course}/files/71/download?verifier=v">'
        "this</a></p>",
        "due_at": "2026-06-01T21:59:59Z",
        "unlock_at": None,
        "lock_at": None,
        "points_possible": 10.0,
        "grading_type": "points",
        "submission_types": ["online_text_entry", "online_upload"],
        "published": True,
        "secure_params": "eyJ.changes.always",
        "needs_grading_count": 3,
        "html_url": f"{ADDRESS}/courses/{course}/assignments/{number}",
        "created_at": LATER,
        "updated_at": LATER,
        "rubric": [
            {
                "id": "_1",
                "points": 10.0,
                "description": "Clear",
                "long_description": "",
                "ratings": [
                    {"id": "a", "points": 10.0, "description": "Very"},
                    {"id": "b", "points": 0.0, "description": "Not"},
                ],
            }
        ],
    }


def _behind(course: int, quiz: dict[str, Any]) -> dict[str, Any]:
    return {
        **_assignment(course, quiz["assignment_id"]),
        "name": quiz["title"],
        "submission_types": ["online_quiz"],
        "quiz_id": quiz["id"],
    }


def _quiz(course: int, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "title": f"Quiz {number}",
        "description": "<p>Short.</p>",
        "quiz_type": "assignment",
        "assignment_id": number + 1000,
        "time_limit": 20,
        "allowed_attempts": -1,
        "question_count": 2,
        "points_possible": 2.0,
        "due_at": None,
        "published": True,
        "access_code": "open sesame",
        "has_access_code": True,
        "html_url": f"{ADDRESS}/courses/{course}/quizzes/{number}",
    }


def _question(quiz: int, k: int) -> dict[str, Any]:
    return {
        "id": quiz * 10 + k,
        "quiz_id": quiz,
        "position": k + 1,
        "question_name": f"Question {k + 1}",
        "question_type": "multiple_choice_question",
        "question_text": "<p>How fast?</p>",
        "points_possible": 1.0,
        "correct_comments": "",
        "incorrect_comments": "",
        "neutral_comments": "",
        "answers": [
            {"id": 1, "text": "343 m/s", "html": "", "comments": "", "weight": 100},
            {"id": 2, "text": "0 m/s", "html": "", "comments": "Never", "weight": 0},
        ],
    }


def _user(course: int, number: int, k: int) -> dict[str, Any]:
    kind = "StudentEnrollment" if k else "TeacherEnrollment"
    return {
        "id": number,
        "name": f"Person {number}",
        "sortable_name": f"{number}, Person",
        "short_name": f"P{number}",
        "login_id": f"p{number}",
        "email": f"p{number}@school.example",
        "created_at": LATER,
        "avatar_url": f"https://x.example/{number}.png",
        "enrollments": [
            {
                "id": number + 500,
                "user_id": number,
                "course_id": course,
                "type": kind,
                "role": kind,
                "enrollment_state": "active",
                "course_section_id": (course - 1) * 10_000_000 + 11,
                "created_at": LATER,
                "last_activity_at": "2026-05-04T07:59:00Z",
                "total_activity_time": 812,
                "html_url": f"{ADDRESS}/courses/{course}/users/{number}",
            }
        ],
    }


def _file(course: int, number: int, folder: int) -> dict[str, Any]:
    uuid = f"uuid{number}"
    return {
        "id": number,
        "uuid": uuid,
        "folder_id": folder,
        "display_name": f"wave{number}.png",
        "filename": f"wave{number}.png",
        "content-type": "image/png",
        "url": f"{ADDRESS}/files/{number}/download?download_frd=1&verifier={uuid}",
        "size": len(uuid) * 40,
        "created_at": LATER,
        "updated_at": LATER,
        "modified_at": LATER,
        "locked": False,
        "hidden": False,
        "thumbnail_url": f"{FILES}/thumb/{uuid}?token=changes",
    }


def _topic(course: int, number: int, title: str) -> dict[str, Any]:
    return {
        "id": number,
        "title": title,
        "message": "<p>Ask here.</p>",
        "html_url": f"{ADDRESS}/courses/{course}/discussion_topics/{number}",
        "posted_at": LATER,
        "delayed_post_at": None,
        "published": True,
        "read_state": "unread",
        "unread_count": 2,
        "discussion_subentry_count": 2,
        "last_reply_at": LATER,
        "attachments": [{"id": 71, "url": "https://x.example/?verifier=v"}],
        "author": {"id": 900, "avatar_image_url": "https://x.example/a.png"},
    }


def _module(number: int, k: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Week {k + 1}",
        "position": k + 1,
        "unlock_at": None,
        "require_sequential_progress": False,
        "requirement_type": "all",
        "prerequisite_module_ids": [],
        "published": True,
        "publish_final_grade": False,
    }


def _item(
    course: int, number: int, module: dict[str, Any], k: int, pages: list[dict[str, Any]]
) -> dict[str, Any]:
    page = pages[number % len(pages)] if pages else None
    base = {
        "id": number,
        "title": f"Item {number}",
        "position": k + 1,
        "indent": 0,
        "module_id": module["id"],
        "published": True,
        "html_url": f"{ADDRESS}/courses/{course}/modules/items/{number}",
    }
    if page is None:
        return {**base, "type": "SubHeader"}
    return {**base, "type": "Page", "page_url": page["url"]}


def _mixed(
    course: int, number: int, module: dict[str, Any], k: int, pages: list[dict[str, Any]]
) -> dict[str, Any]:
    """Items of every type, over two modules."""
    base = {
        "id": number,
        "title": f"Item {number}",
        "position": k + 1,
        "indent": 0,
        "module_id": module["id"],
        "published": True,
    }
    first = (course - 1) * 10_000_000
    must = {"completion_requirement": {"type": "must_view"}}
    if number < 1010:
        kinds = [
            {"type": "Page", "page_url": pages[0]["url"], **must},
            {"type": "SubHeader"},
            {"type": "Assignment", "content_id": first + 21, **must},
            {"type": "ExternalUrl", "external_url": "https://waves.example/", "new_tab": True},
        ]
    else:
        kinds = [
            {"type": "Quiz", "content_id": first + 41},
            {
                "type": "ExternalTool",
                "content_id": 5,
                "external_url": "https://tool.example/launch",
            },
        ]
    return {**base, **kinds[k]}


def as_graded(row: dict[str, Any]) -> dict[str, Any]:
    """A submission as it is told: what was entered is before a late policy takes points off."""
    score, deducted = row["score"], row.get("points_deducted")
    entered = score + deducted if score is not None and deducted else score
    grade = f"{entered:g}" if deducted and entered is not None else row["grade"]
    return {**row, "entered_score": entered, "entered_grade": grade, "points_deducted": deducted}


def _submission(course: int, assignment: int, user: int, url: str) -> dict[str, Any]:
    return {
        "id": assignment * 100 + user,
        "assignment_id": assignment,
        "user_id": user,
        "body": "My text",
        "grade": None,
        "score": None,
        "workflow_state": "submitted",
        "submitted_at": LATER,
        "graded_at": None,
        "attempt": 1,
        "late": False,
        "missing": False,
        "excused": False,
        "seconds_late": 0,
        "preview_url": f"{url}/assignments/{assignment}/submissions/{user}?preview=1",
        "html_url": f"{url}/assignments/{assignment}/submissions/{user}",
        "submission_comments": [],
    }

"""A Canvas in memory: answers as the REST API's documentation and open source say.

    canvas = FakeCanvas(Sizes(modules=50, items=20, pages=1000))
    response = canvas.respond(arrived(request))     # pure: no I/O, no waiting

Paging by Link headers, items that are left out of long modules, permissions, throttling by the leaky
bucket of ``lib/request_throttle.rb`` (``Throttle``), files at another host behind a redirect.
``answer`` is the same with the throttle and a latency around it, for a server or the test kit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from bloop_sdk import Kind, Ref, Request, Response, WebhookRequest, WriteOp
from bloop_sdk.testing import reply

ADDRESS = "https://canvas.example"
FILES = "https://inst-fs-iad-prod.inscloudgate.net"
BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
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


SMALL = Sizes(per_page=2, inline=3)
"""For the kit: little, over several pages."""


@dataclass(slots=True)
class Throttle:
    """Canvas's leaky bucket, in its units; ``clock`` in seconds."""

    high_water: float = 600.0
    maximum: float = 800.0
    outflow: float = 10.0
    up_front: float = 50.0
    status: int = 429
    clock: Callable[[], float] = time.monotonic
    count: float = 0.0
    touched: float | None = None
    refused: int = 0

    def enter(self) -> bool:
        """Whether a request may come in; it is charged at once."""
        self._leak()
        if self.count >= self.high_water:
            self.refused += 1
            return False
        self.count = min(self.maximum, self.count + self.up_front)
        return True

    def leave(self, cost: float) -> float:
        """Charge what it really cost; what remains."""
        self._leak()
        self.count = max(0.0, self.count + cost - self.up_front)
        return self.high_water - self.count

    def _leak(self) -> None:
        now = self.clock()
        if self.touched is not None:
            self.count = max(0.0, self.count - (now - self.touched) * self.outflow)
        self.touched = now


@dataclass(slots=True)
class Course:
    """Everything of one course, as its lists give it."""

    id: int
    lists: dict[str, list[dict[str, Any]]]
    items: dict[int, list[dict[str, Any]]]
    questions: dict[int, list[dict[str, Any]]]
    submissions: list[dict[str, Any]]
    met: dict[int, set[int]] = field(default_factory=dict)


class FakeCanvas:
    """See the module. ``denied`` are lists that are refused, ``bodies`` whether page lists have any."""

    def __init__(
        self,
        sizes: Sizes = SMALL,
        *,
        throttle: Throttle | None = None,
        latency: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.sizes = sizes
        self.throttle = throttle
        self.latency = latency
        self.tokens = {"good": "teacher"}
        self.refresh_token: str | None = "refresh"
        self.codes: dict[str, str] = {}
        self.denied: dict[str, int] = {}
        self.permissions: dict[str, bool] = {}
        self.bodies = True
        self.bookmarks: set[str] = set()
        self.requests: list[Request] = []
        self.ticks = 0
        self.written = 0
        self.content: dict[str, bytes] = {}
        self.courses = {n: build(n, sizes) for n in range(1, sizes.courses + 1)}
        self._deleted: tuple[int, dict[str, Any]] | None = None

    # -- answering

    async def answer(self, request: Request) -> Response:
        """As :meth:`respond`, behind the throttle and the latency."""
        if self.throttle is not None and not self.throttle.enter():
            return self._limited()
        if self.latency is not None:
            await self.latency()
        response = self.respond(request)
        if self.throttle is None:
            return response
        left = self.throttle.leave(0.4)
        told = {"x-request-cost": "0.4", "x-rate-limit-remaining": f"{left:.4f}"}
        return replace(response, headers={**response.headers, **told})

    def respond(self, request: Request) -> Response:
        """The answer to a request as it arrives."""
        self.requests.append(request)
        self.ticks += 1
        parts = urlsplit(request.url)
        if parts.netloc == urlsplit(FILES).netloc:
            response = self._bytes(request)
        elif parts.path == "/login/oauth2/token":
            response = self._token(request)
        elif parts.path.startswith("/files/"):
            response = self._download(request)
        else:
            response = self._api(request, parts.path)
        return replace(response, headers={**response.headers, "date": format_datetime(self.now)})

    @property
    def now(self) -> datetime:
        """Canvas's clock: a second passes with each request."""
        return BEGAN + timedelta(seconds=self.ticks)

    def _limited(self) -> Response:
        assert self.throttle is not None
        return reply("403 Forbidden (Rate Limit Exceeded)\n", status=self.throttle.status)

    def _api(self, request: Request, path: str) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return reply(
                {"errors": [{"message": "Invalid access token."}]},
                status=401,
                headers={"www-authenticate": 'Bearer realm="canvas-lms"'},
            )
        try:
            return self._route(request, path.split("/")[3:])
        except KeyError:
            return reply(
                {"errors": [{"message": "The specified resource does not exist."}]}, status=404
            )

    def _route(self, request: Request, path: list[str]) -> Response:  # noqa: C901
        match path:
            case ["users", "self"]:
                return reply({"id": 900, "name": "Ada Teacher", "short_name": "Ada"})
            case ["users", number]:
                found = [u for c in self.courses.values() for u in c.lists["users"]]
                return reply(bare_user(one(found, number)))
            case ["courses"] | ["accounts", _, "courses"]:
                return self._list(request, "courses", [self._course(c) for c in self.courses])
            case ["calendar_events"]:
                code = str(request.params["context_codes[]"])
                course = self.courses[int(code.removeprefix("course_"))]
                return self._list(request, "calendar_events", course.lists["calendar_events"])
            case ["calendar_events", number]:
                found = [e for c in self.courses.values() for e in c.lists["calendar_events"]]
                return reply(one(found, number))
            case ["folders", number]:
                found = [f for c in self.courses.values() for f in c.lists["folders"]]
                return reply(one(found, number))
            case ["courses", number]:
                return reply(self._course(int(number)))
            case ["courses", number, *rest]:
                return self._of_course(request, self.courses[int(number)], rest)
        raise KeyError(path)

    def _of_course(self, request: Request, course: Course, path: list[str]) -> Response:  # noqa: C901
        name = path[0]
        if name in self.denied:
            message = "user not authorized to perform that action"
            body = {"status": "unauthorized", "errors": [{"message": message}]}
            return reply(body, status=self.denied[name])
        match path:
            case ["permissions"]:
                asked = request.params["permissions[]"]
                return reply({each: self.permissions.get(each, True) for each in asked})
            case ["users"]:
                return self._list(request, name, course.lists["users"])
            case ["pages"]:
                return self._list(request, name, self._pages(request, course))
            case ["pages", slug]:
                return reply(page_named(course, slug))
            case ["discussion_topics"]:
                announced = request.params.get("only_announcements") == "true"
                kind = "announcements" if announced else "topics"
                return self._list(request, name, course.lists[kind])
            case ["discussion_topics", number]:
                return reply(one(course.lists["topics"] + course.lists["announcements"], number))
            case ["modules"]:
                shown = [self._module(request, course, m) for m in course.lists["modules"]]
                return self._list(request, name, shown)
            case ["modules", number, "items"]:
                items = course.items[int(number)]
                student = request.params.get("student_id")
                return self._list(
                    request, "items", [self._item(course, item, student) for item in items]
                )
            case ["quizzes", number, "questions"]:
                if "questions" in self.denied:
                    return reply({"status": "unauthorized"}, status=self.denied["questions"])
                return self._list(request, "questions", course.questions[int(number)])
            case ["students", "submissions"]:
                return self._list(request, name, self._submissions(request, course))
            case ["bulk_user_progress"]:
                return self._list(request, name, [*self._progress(course)])
            case ["assignments", assignment, "submissions", user]:
                return self._submission(request, course, int(assignment), int(user))
            case [name] if name in course.lists:
                return self._list(request, name, course.lists[name])
            case [name, number] if name in course.lists:
                return reply(one(course.lists[name], number))
        raise KeyError(path)

    def _list(self, request: Request, name: str, rows: Sequence[Any]) -> Response:
        """A page of a list, with links as Canvas writes them."""
        size = min(int(str(request.params.get("per_page", 10))), self.sizes.per_page)
        opaque = name in self.bookmarks
        given = str(request.params.get("page", 1)).removeprefix("bookmark:")
        number = int(given)
        last = max(1, -(-len(rows) // size))
        split = urlsplit(request.url)
        query = [pair for pair in parse_qsl(split.query) if pair[0] not in {"page", "per_page"}]

        def link(page: int, relation: str) -> str:
            at = f"bookmark:{page}" if opaque else page
            pairs = urlencode([*query, ("page", at), ("per_page", size)])
            return f'<{ADDRESS}{split.path}?{pairs}>; rel="{relation}"'

        links = [link(number, "current")]
        if number < last:
            links.append(link(number + 1, "next"))
        if number > 1:
            links.append(link(number - 1, "prev"))
        links.append(link(1, "first"))
        if not opaque:
            links.append(link(last, "last"))
        found = list(rows[(number - 1) * size : number * size])
        return reply(found, headers={"link": ",".join(links)})

    # -- what is in the lists

    def _course(self, number: int) -> dict[str, Any]:
        self.courses[number]
        return {
            "id": number,
            "uuid": f"uuid-{number}",
            "name": f"Waves {number}",
            "course_code": f"PHY-{number}",
            "workflow_state": "available",
            "account_id": 1,
            "root_account_id": 1,
            "enrollment_term_id": 7,
            "start_at": "2026-02-01T00:00:00Z",
            "end_at": None,
            "created_at": LATER,
            "locale": "en",
            "syllabus_body": "<p>What we do.</p>",
            "total_students": self.sizes.users - 1,
            "term": {"id": 7, "name": "Spring 2026", "start_at": LATER, "end_at": None},
            "calendar": {"ics": f"{ADDRESS}/feeds/calendars/course_secret{number}.ics"},
            "enrollments": [{"type": "teacher", "role": "TeacherEnrollment", "user_id": 900}],
        }

    def _pages(self, request: Request, course: Course) -> list[dict[str, Any]]:
        rows = course.lists["pages"]
        if self.bodies and "body" in request.params.get("include[]", []):
            return rows
        return [{name: v for name, v in row.items() if name != "body"} for row in rows]

    def _module(self, request: Request, course: Course, row: dict[str, Any]) -> dict[str, Any]:
        items = course.items[row["id"]]
        url = f"{ADDRESS}/api/v1/courses/{course.id}/modules/{row['id']}/items"
        shown = {**row, "items_count": len(items), "items_url": url}
        wanted = "items" in request.params.get("include[]", [])
        if wanted and len(items) <= self.sizes.inline:
            student = request.params.get("student_id")
            shown["items"] = [self._item(course, item, student) for item in items]
        return shown

    def _item(self, course: Course, row: dict[str, Any], student: Any) -> dict[str, Any]:
        if student is None or "completion_requirement" not in row:
            return row
        done = row["id"] in course.met.get(int(student), set())
        return {
            **row,
            "completion_requirement": {**row["completion_requirement"], "completed": done},
        }

    def _progress(self, course: Course) -> list[dict[str, Any]]:
        required = [
            i for rows in course.items.values() for i in rows if "completion_requirement" in i
        ]
        return [
            {
                "id": user["id"],
                "display_name": user["name"],
                "progress": {
                    "requirement_count": len(required),
                    "requirement_completed_count": len(course.met.get(user["id"], ())),
                    "next_requirement_url": None,
                    "completed_at": None,
                },
            }
            for user in course.lists["users"]
            if user["enrollments"][0]["type"] == "StudentEnrollment"
        ]

    def _submissions(self, request: Request, course: Course) -> list[dict[str, Any]]:
        rows = course.submissions
        for name, column in (("submitted_since", "submitted_at"), ("graded_since", "graded_at")):
            since = request.params.get(name)
            if since is not None:
                rows = [row for row in rows if (row[column] or "") > str(since)]
        return rows

    # -- grades

    def _submission(self, request: Request, course: Course, assignment: int, user: int) -> Response:
        (row,) = [
            row
            for row in course.submissions
            if (row["assignment_id"], row["user_id"]) == (assignment, user)
        ] or [None]
        if row is None:
            raise KeyError(user)
        if request.method == "PUT":
            form = request.form or {}
            self.written += 1
            if "submission[posted_grade]" in form:
                given = form["submission[posted_grade]"]
                row |= {"grade": given, "score": float(given), "excused": False}
                row |= {"workflow_state": "graded", "graded_at": f"{self.now:%Y-%m-%dT%H:%M:%SZ}"}
            if form.get("submission[excuse]") == "true":
                row |= {"excused": True, "grade": None, "score": None, "workflow_state": "graded"}
            if "comment[text_comment]" in form:
                row["submission_comments"] = [
                    *row["submission_comments"],
                    {
                        "id": 7000 + self.written,
                        "author_id": 900,
                        "author_name": "Ada Teacher",
                        "author": {"id": 900, "avatar_image_url": "https://x.example/a.png"},
                        "comment": form["comment[text_comment]"],
                        "created_at": f"{self.now:%Y-%m-%dT%H:%M:%SZ}",
                    },
                ]
        return reply(row)

    # -- files

    def _download(self, request: Request) -> Response:
        number = int(urlsplit(request.url).path.split("/")[2])
        row = next(f for c in self.courses.values() for f in c.lists["files"] if f["id"] == number)
        where = f"{FILES}/{row['uuid']}/{row['filename']}?token=opaque"
        return reply(b"", status=302, headers={"location": where})

    def _bytes(self, request: Request) -> Response:
        assert "authorization" not in request.headers, "the token left Canvas"
        uuid = urlsplit(request.url).path.split("/")[1]
        body = self.content.get(uuid, uuid.encode() * 40)
        span = request.headers.get("range")
        if span is None:
            return reply(body, headers={"etag": f'"{uuid}"'})
        low, high = (int(part) for part in span.removeprefix("bytes=").split("-"))
        piece = body[low : high + 1]
        told = f"bytes {low}-{low + len(piece) - 1}/{len(body)}"
        return reply(piece, status=206, headers={"content-range": told, "etag": f'"{uuid}"'})

    # -- logins

    def _token(self, request: Request) -> Response:
        form = request.form or {}
        known = form.get("client_id") == "10000000000001" and form.get("client_secret") == "key"
        if not known:
            return reply({"error": "invalid_client"}, status=401)
        if form.get("grant_type") == "refresh_token":
            if self.refresh_token is None or form.get("refresh_token") != self.refresh_token:
                return reply({"error": "invalid_grant"}, status=400)
        elif self.codes.pop(form.get("code", ""), None) != form.get("redirect_uri"):
            return reply({"error": "invalid_grant"}, status=400)
        token = f"renewed-{self.ticks}"
        self.tokens[token] = "teacher"
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        if form["grant_type"] == "authorization_code":
            answer["refresh_token"] = self.refresh_token
        return reply(answer)

    # -- what the kit asks for

    def edit(self) -> Ref:
        page = self.courses[1].lists["pages"][2]
        page |= {"body": "<p>Edited.</p>", "updated_at": "2026-05-04T09:00:00Z"}
        return Ref(Kind.PAGE, f"1-{page['page_id']}")

    def add(self) -> Ref:
        page = make_page(1, 199, 1)
        self.courses[1].lists["pages"].insert(0, page)
        return Ref(Kind.PAGE, "1-199")

    def delete(self) -> Ref:
        pages = self.courses[1].lists["pages"]
        self._deleted = (3, pages.pop(3))
        return Ref(Kind.PAGE, f"1-{self._deleted[1]['page_id']}")

    def restore(self) -> None:
        assert self._deleted is not None
        self.courses[1].lists["pages"].insert(*self._deleted)

    def malform(self) -> Ref:
        page = self.courses[1].lists["pages"][3]
        page["title"] = None
        return Ref(Kind.PAGE, f"1-{page['page_id']}")

    def unknown(self) -> Ref:
        item = self.courses[1].items[self.courses[1].lists["modules"][0]["id"]][-1]
        item["type"] = "Hologram"
        return Ref(Kind.OPAQUE, f"1-{item['id']}")

    def forbid(self) -> None:
        self.denied["users"] = 403

    def write(self, kind: str) -> WriteOp:
        assert kind == "grade"
        self.ticks += 1
        row = self.courses[1].submissions[0]
        return WriteOp(
            kind=kind,
            ref=Ref(Kind.SUBMISSION, f"1-{row['assignment_id']}-{row['user_id']}"),
            values={"score": 5.0 + self.ticks, "comment": f"Well done, {self.ticks} times"},
            idempotency_key=f"key-{self.ticks}",
        )

    def webhook(self) -> WebhookRequest:
        from plugins.lms.canvas.tests.live_events import signed

        return signed("wiki_page_updated", {"wiki_page_id": "10000000000103"})


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
        # The second module of a course holds more than others, so that it may be left out.
        count = sizes.items if sizes is not SMALL or n else 4
        items[module["id"]] = [
            _item(
                number, first + 100_000 + n * sizes.items + k + (0 if n else 50), module, k, pages
            )
            if sizes is not SMALL
            else _mixed(number, 1000 + 10 * n + k, module, k, pages)
            for k in range(count)
        ]
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
        "description": f'<p>See <a href="{ADDRESS}/courses/{course}/files/71/download?verifier=v&wrap=1">'
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


def encoded(value: Any) -> bytes:
    """JSON as Canvas writes it."""
    return json.dumps(value, separators=(",", ":")).encode()

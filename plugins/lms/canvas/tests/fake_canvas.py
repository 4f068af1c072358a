"""A Canvas in memory: answers as the REST API's documentation and open source say.

    canvas = FakeCanvas(Sizes(modules=50, items=20, pages=1000))
    response = canvas.respond(arrived(request))     # pure: no I/O, no waiting

Paging by Link headers, items that are left out of long modules, permissions, throttling by the
leaky bucket of ``app/middleware/request_throttle.rb`` (``Throttle``), files at another host behind
a redirect.
``answer`` is the same with the throttle and a latency around it, for a server or the test kit.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from bloop_sdk import Kind, Ref, Request, Response, WebhookRequest, WriteOp
from bloop_sdk.testing import reply
from plugins.lms.canvas.tests.fake_course import (
    ADDRESS,
    FILES,
    LATER,
    SMALL,
    Course,
    Sizes,
    as_graded,
    as_it_is,
    bare_user,
    build,
    make_page,
    one,
    page_named,
    without_body,
)

BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


@dataclass(slots=True)
class Throttle:
    """Canvas's leaky bucket, in its units; ``clock`` in seconds."""

    high_water: float = 600.0
    maximum: float = 800.0
    outflow: float = 10.0
    up_front: float = 50.0
    status: int = 403
    clock: Callable[[], float] = time.monotonic
    count: float = 0.0
    touched: float | None = None
    refused: int = 0

    def enter(self) -> bool:
        """Whether a request may come in; it is charged at once, before that is decided."""
        self._leak()
        self.count = min(self.maximum, self.count + self.up_front)
        if self.count < self.high_water:
            return True
        self.refused += 1
        self.count -= self.up_front
        return False

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


class FakeCanvas:
    """See the module. ``denied`` are lists that are refused, and with which status."""

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
        self.enrolments_of_users = True
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
        # It tells what is left, and no cost; hosted Canvas says 429 in the place of 403.
        left = {"x-rate-limit-remaining": str(self.throttle.high_water - self.throttle.count)}
        body = "403 Forbidden (Rate Limit Exceeded)\n"
        return reply(body, status=self.throttle.status, headers=left)

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

    def _route(self, request: Request, path: list[str]) -> Response:
        match path:
            case ["users", "self"]:
                return reply({"id": 900, "name": "Ada Teacher", "short_name": "Ada"})
            case ["users", number]:
                found = [u for c in self.courses.values() for u in c.lists["users"]]
                return reply(bare_user(one(found, number)))
            case ["courses"] | ["accounts", _, "courses"]:
                return self._list(request, "courses", list(self.courses), self._course)
            case ["calendar_events"]:
                codes = request.params["context_codes[]"]
                code = codes[0] if isinstance(codes, list) else str(codes)
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

    def _of_course(  # noqa: C901, PLR0912 - a table of routes
        self, request: Request, course: Course, path: list[str]
    ) -> Response:
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
                shape = as_it_is if self.enrolments_of_users else bare_user
                if "student_view" in request.params.get("enrollment_type[]", ""):
                    return self._list(request, name, course.test_students, shape)
                return self._list(request, name, course.lists["users"], shape)
            case ["enrollments"]:
                rows = [
                    {**row, "user": bare_user(user)}
                    for user in course.lists["users"]
                    for row in user["enrollments"]
                ]
                return self._list(request, name, rows)
            case ["pages"]:
                bare = "body" not in request.params.get("include[]", []) or not self.bodies
                shape = without_body if bare else as_it_is
                return self._list(request, name, course.lists["pages"], shape)
            case ["pages", slug]:
                return reply(page_named(course, slug))
            case ["discussion_topics"]:
                announced = request.params.get("only_announcements") == "true"
                kind = "announcements" if announced else "topics"
                return self._list(request, name, course.lists[kind])
            case ["discussion_topics", number]:
                return reply(one(course.lists["topics"] + course.lists["announcements"], number))
            case ["modules"]:
                shape = partial(self._module, request, course)
                return self._list(request, name, course.lists["modules"], shape)
            case ["modules", number, "items"]:
                shape = partial(self._item, course, request.params.get("student_id"))
                return self._list(request, "items", course.items[int(number)], shape)
            case ["quizzes", number, "questions"]:
                if "questions" in self.denied:
                    return reply({"status": "unauthorized"}, status=self.denied["questions"])
                return self._list(request, "questions", course.questions[int(number)])
            case ["students", "submissions"]:
                return self._list(request, name, self._submissions(request, course), as_graded)
            case ["bulk_user_progress"]:
                return self._list(request, name, [*self._progress(course)])
            case ["assignments", assignment, "submissions", user]:
                return self._submission(request, course, int(assignment), int(user))
            case [name] if name in course.lists:
                return self._list(request, name, course.lists[name])
            case [name, number] if name in course.lists:
                return reply(one(course.lists[name], number))
        raise KeyError(path)

    def _list(
        self,
        request: Request,
        name: str,
        rows: Sequence[Any],
        shape: Callable[[Any], Any] | None = None,
    ) -> Response:
        """A page of a list, each object in a ``shape``, with links as Canvas writes them."""
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
        found = [(shape or as_it_is)(row) for row in rows[(number - 1) * size : number * size]]
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

    def _module(self, request: Request, course: Course, row: dict[str, Any]) -> dict[str, Any]:
        items = course.items[row["id"]]
        url = f"{ADDRESS}/api/v1/courses/{course.id}/modules/{row['id']}/items"
        shown = {**row, "items_count": len(items), "items_url": url}
        wanted = "items" in request.params.get("include[]", [])
        if wanted and len(items) <= self.sizes.inline:
            student = request.params.get("student_id")
            shown["items"] = [self._item(course, student, item) for item in items]
        return shown

    def _item(self, course: Course, student: Any, row: dict[str, Any]) -> dict[str, Any]:
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
        asked = request.params.get("assignment_ids[]")
        if asked is not None:
            asked = {int(one) for one in ([asked] if isinstance(asked, str) else asked)}
            rows = [row for row in rows if row["assignment_id"] in asked]
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
                score = max(0.0, float(given) - (row.get("points_deducted") or 0.0))
                row |= {"grade": f"{score:g}", "score": score, "excused": False}
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
        return reply(as_graded(row))

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

    unshare = forbid

    def share(self) -> None:
        del self.denied["users"]

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

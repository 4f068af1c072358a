"""A Blackboard Learn site in memory, as its reference and its developers' documentation tell.

https://developer.anthology.com/portal/displayApi/Learn, https://docs.anthology.com/docs/rest-apis.
Its answers are checked against the OpenAPI document in test_openapi.py.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from bloop_sdk import Kind, Ref, Request, Response
from bloop_sdk.testing import reply
from plugins.lms.blackboard.tests import blackboard_rows as course
from plugins.lms.blackboard.tests.blackboard_rows import NOW, SITE, Row, at, item, only

API = "/learn/api/public"
KEY, SECRET = "d128e50d-app-key", "kLpiuq-app-secret"
GOOD = {"base_url": SITE, "application_key": KEY, "application_secret": SECRET}


class FakeBlackboard:
    """One site with one course. ``cap`` is how many rows a page may have at most."""

    version = (3900, 19)

    def __init__(self, cap: int = 4) -> None:
        self.cap = cap
        self.requests: list[str] = []
        self.forbidden: set[str] = set()
        self.tokens = {"token-0"}
        self.issued = 0
        self.expires_in = 3599
        self.refresh_tokens: dict[str, str] = {}
        self.offline = True
        self.codes: dict[str, dict[str, str]] = {}
        self.used = 0
        self.elsewhere = ""
        self.signed = 0
        self.terms = [
            {
                "id": "_3_1",
                "externalId": "autumn.2026",
                "name": "Autumn 2026",
                "availability": {
                    "available": "Yes",
                    "duration": {"type": "DateRange", "start": at(-90), "end": at(30)},
                },
            }
        ]
        self.courses = [
            {
                "id": "_5_1",
                "uuid": "915c7567d76d444abf1eed56aad3beb5",
                "courseId": "PHY-101",
                "name": "Waves",
                "description": "<p>What swings.</p>",
                "created": at(-100),
                "modified": at(-50),
                "organization": False,
                "ultraStatus": "Ultra",
                "termId": "_3_1",
                "availability": {"available": "Yes", "duration": {"type": "Term"}},
                "enrollment": {"type": "InstructorLed", "accessCode": "course-access-code"},
                "locale": {"id": "en_US", "force": False},
                "externalAccessUrl": f"{SITE}/ultra/courses/_5_1/cl/outline",
            }
        ]
        self.users = {
            "_71_1": course.user("_71_1", "marlee", "Marlee", "Okafor"),
            "_72_1": course.user("_72_1", "sven", "Sven", "Berg"),
        }
        self.roles: list[Row] = []
        self.members = [
            course.member("_71_1", "Student"),
            course.member("_72_1", "Instructor"),
        ]
        self.groups: list[Row] = [
            {
                "id": "_8_1",
                "name": "Lab A",
                "availability": {"available": "Yes"},
                "enrollment": {"type": "InstructorOnly"},
                "created": at(-80),
                "modified": at(-80),
            }
        ]
        self.in_groups = {"_8_1": [{"userId": "_71_1"}]}
        self.contents = course.contents()
        self.attachments: dict[str, list[Row]] = {
            "_11_1": [{"id": "_42_1", "fileName": "notes.pdf", "mimeType": "application/pdf"}],
        }
        self.files = {"xid-42_1": b"%PDF notes", "xid-21916118_1": b"%PDF ultra"}
        self.questions: dict[str, list[Row]] = {"_90_1": course.questions()}
        self.columns = course.columns()
        self.grades: dict[str, list[Row]] = {"_61_1": [course.grade("_71_1", "_61_1", 42.0, 7)]}
        self.attempts: dict[str, list[Row]] = {"_61_1": [course.attempt("_301_1", "_71_1", -3)]}
        self.discussions: list[Row] = []
        self.announcements = [
            {
                "id": "_31_1",
                "title": "Welcome",
                "body": "<p>Bring a rope.</p>",
                "creator": "_72_1",
                "draft": False,
                "availability": {"duration": {"type": "Permanent"}},
                "created": at(-70),
                "modified": at(-70),
                "position": 1,
            }
        ]
        self.calendar = [course.event("_417_1", "Lab visit", 3)]
        self.reviewed: list[Row] = [
            {"courseId": "_5_1", "userId": "_71_1", "reviewedCount": 1, "reviewableCount": 2}
        ]
        self._removed: tuple[int, Row] | None = None
        self._added = 0

    # -- what the kit asks for

    def edit(self) -> Ref:
        """Give a document another title."""
        row = self.row("_11_1")
        row["title"], row["modified"] = "Edited", at(-1)
        return Ref(Kind.PAGE, "_5_1/_11_1")

    def add(self) -> Ref:
        """A document in front of all others."""
        self._added += 1
        name = f"_{500 + self._added}_1"
        self.contents.insert(0, item(name, None, 9, "resource/x-bb-document", body="<p>New</p>"))
        return Ref(Kind.PAGE, f"_5_1/{name}")

    def delete(self) -> Ref:
        """Delete the document with the attachment."""
        row = self.row("_11_1")
        self._removed = (self.contents.index(row), row)
        self.contents.remove(row)
        return Ref(Kind.PAGE, "_5_1/_11_1")

    def restore(self) -> None:
        """Bring it back."""
        assert self._removed is not None
        self.contents.insert(*self._removed)

    def malform(self) -> Ref:
        """A link whose title is a list."""
        self.row("_14_1")["title"] = ["a", "list"]
        return Ref(Kind.LINK, "_5_1/_14_1")

    def unknown(self) -> Ref:
        """A link becomes something of another vendor."""
        self.row("_14_1")["contentHandler"] = {"id": "resource/x-vendor-whiteboard"}
        return Ref(Kind.OPAQUE, "_5_1/_14_1")

    def forbid(self) -> Ref:
        """Refuse one file."""
        self.forbidden.add(f"{API}/v1/courses/_5_1/contents/_11_1/attachments/_42_1/download")
        return Ref(Kind.FILE, "_5_1/_11_1/_42_1")

    def unshare(self) -> Ref:
        """A link is listed no more, and refused to who asks for it."""
        row = self.row("_14_1")
        self._removed = (self.contents.index(row), row)
        self.contents.remove(row)
        self.forbidden.add(f"{API}/v1/courses/_5_1/contents/_14_1")
        return Ref(Kind.LINK, "_5_1/_14_1")

    def share(self) -> None:
        """It is there again."""
        self.forbidden.clear()
        self.restore()

    def row(self, name: str) -> Row:
        """A content item by its id."""
        return next(row for row in self.contents if row["id"] == name)

    # -- a browser

    def log_in(self, url: str) -> dict[str, str]:
        """Somebody who lets the application act for them."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["client_id"] == KEY
        assert query["response_type"] == "code"
        self.codes["code-1"] = query
        return {"code": "code-1", "state": query["state"]}

    # -- answers

    async def answer(self, request: Request) -> Response:
        """As :meth:`FakeSystem.answer`."""
        path = urlsplit(request.url).path
        self.requests.append(f"{request.method} {path}")
        if "/bbcswebdav/" in path:
            return self._file(request, path)
        if path == f"{API}/v1/oauth2/token":
            return self._token(request)
        self.used += 1
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return self._said(401, "Bearer token is invalid")
        if path in self.forbidden:
            return self._said(403, "You do not have the entitlements to do this")
        for pattern, handler in ROUTES:
            found = pattern.fullmatch(path)
            if found and request.method == "GET":
                return self._told(handler(self, request.params, *found.groups()), request)
        return self._said(404, f"Could not find object with ID: {path}")

    def _headers(self) -> dict[str, str]:
        return {
            "date": NOW.strftime("%a, %d %b %Y %H:%M:%S GMT"),
            "x-rate-limit-limit": "10000",
            "x-rate-limit-remaining": str(10_000 - self.used),
            "x-rate-limit-reset": str(int(NOW.timestamp()) + 3600),
        }

    def _said(self, status: int, message: str) -> Response:
        body = {"status": str(status), "message": message, "extraInfo": "416d7b944a58482aaed2"}
        return reply(body, status=status, headers=self._headers())

    def _told(self, found: Any, request: Request) -> Response:
        if found is None:
            return self._said(404, "The object was not found")
        if isinstance(found, Response):
            return found
        if isinstance(found, tuple):
            return self._said(*found)
        fields = str(request.params.get("fields", ""))
        if isinstance(found, dict):
            return reply(self._resigned(only(found, fields)), headers=self._headers())
        offset = int(str(request.params.get("offset", 0)))
        limit = min(int(str(request.params.get("limit", 100))), self.cap)
        page = [self._resigned(only(row, fields)) for row in found[offset : offset + limit]]
        answer: Row = {"results": page}
        if offset + limit < len(found):
            query = urlencode({**request.params, "offset": offset + limit, "limit": limit})
            answer["paging"] = {"nextPage": f"{urlsplit(request.url).path}?{query}"}
        return reply(answer, headers=self._headers())

    def _resigned(self, row: Row) -> Row:
        """Links to stored files carry another signature in each answer."""
        if "/bbcswebdav/" not in str(row.get("body")):
            return row
        self.signed += 1
        return {**row, "body": row["body"].replace("SIGNATURE", f"VxJw3wfC56={self.signed}")}

    def _token(self, request: Request) -> Response:
        basic = b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return reply({"error": "invalid_client"}, status=401)
        grant = (request.form or {}).get("grant_type")
        answer: Row = {"token_type": "bearer", "expires_in": self.expires_in}
        if grant == "authorization_code":
            asked = self.codes.pop(str(request.params.get("code")), None)
            if asked is None or not self._verified(asked, request):
                return reply({"error": "invalid_grant"}, status=400)
            if self.offline:
                self.refresh_tokens["refresh-1"] = answer["refresh_token"] = "refresh-1"
        elif grant == "refresh_token":
            given = str(request.params.get("refresh_token"))
            if given not in self.refresh_tokens:
                return reply({"error": "invalid_grant"}, status=400)
            answer["refresh_token"] = self.refresh_tokens[given]
        elif grant != "client_credentials":
            return reply({"error": "unsupported_grant_type"}, status=400)
        # Asking again gives the token there is.
        if not self.tokens:
            self.issued += 1
            self.tokens.add(f"token-{self.issued}")
        answer["access_token"] = next(iter(self.tokens))
        if grant != "client_credentials":
            answer |= {"scope": "read offline", "user_id": self.users["_71_1"]["uuid"]}
        return reply(answer)

    @staticmethod
    def _verified(asked: dict[str, str], request: Request) -> bool:
        verifier = str(request.params.get("code_verifier"))
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return (
            asked["code_challenge_method"] == "S256"
            and challenge == asked["code_challenge"]
            and request.params.get("redirect_uri") == asked["redirect_uri"]
        )

    def _file(self, request: Request, path: str) -> Response:
        name = path.rpartition("/")[2]
        if "VxJw3wfC56" not in request.url:
            return reply("<html>Log in</html>", status=403)
        return reply(self.files[name]) if name in self.files else reply("", status=404)

    def _download(self, _params: Row, _course: str, content: str, attachment: str) -> Any:
        known = self._attached({}, _course, content) or []
        if not any(row["id"] == attachment for row in known):
            return None
        self.signed += 1
        host = self.elsewhere or SITE
        url = f"{host}/bbcswebdav/xid-{attachment.strip('_')}?VxJw3wfC56={self.signed}"
        return reply(b"", status=302, headers={"location": url})

    def _attached(self, _params: Row, _course: str, content: str) -> list[Row] | None:
        here = any(row["id"] == content for row in self.contents)
        return self.attachments.get(content, []) if here else None

    def _listed(self, params: Row, _course: str) -> list[Row]:
        recursive = params.get("recursive") == "true" and self.version >= (3100, 2)
        here = {row["id"] for row in self.contents}
        return [row for row in self.contents if recursive or row.get("parentId") not in here]

    def _children(self, _params: Row, _course: str, parent: str) -> list[Row] | None:
        if not any(row["id"] == parent for row in self.contents):
            return None
        return [row for row in self.contents if row.get("parentId") == parent]

    def _somebody(self, _params: Row, name: str) -> Row | None:
        found = (one for one in self.users.values() if name in {one["id"], f"uuid:{one['uuid']}"})
        return next(found, None)

    def _people(self, params: Row, _course: str) -> list[Row]:
        expand = params.get("expand") == "user"
        return [
            {**row, "user": self.users[row["userId"]]} if expand else row for row in self.members
        ]

    def _graded(self, params: Row, _course: str, column: str) -> Any:
        if not any(row["id"] == column for row in self.columns):
            return None
        rows = self.grades.get(column, [])
        if not rows:
            return 404, "Grade detail values have not yet been populated"
        since = int(params.get("changeIndex", 0))
        return [row for row in rows if row["changeIndex"] > since]

    def _grade_of(self, _params: Row, _course: str, column: str, name: str) -> Row | None:
        rows = self.grades.get(column, [])
        return next((row for row in rows if row["userId"] == name), None)

    def _attempted(self, params: Row, _course: str, column: str) -> list[Row]:
        rows = self.attempts.get(column, [])
        return [row for row in rows if params.get("userId") in {None, row["userId"]}]

    def _events(self, params: Row) -> Any:
        since = datetime.fromisoformat(str(params.get("since", at(0))))
        until = datetime.fromisoformat(
            str(params.get("until", (since + timedelta(weeks=2)).isoformat()))
        )
        if until - since > timedelta(weeks=16):
            return 400, "The timespan between since and until is longer than 16 weeks"
        return [
            row
            for row in self.calendar
            if row["calendarId"] == params["courseId"]
            and since <= datetime.fromisoformat(row["start"]) <= until
        ]

    def _learn(self, _params: Row) -> Row:
        major, minor = self.version
        return {"learn": {"major": major, "minor": minor, "patch": 0, "build": "rel.29+3b9a0fc"}}


def _named(rows: str) -> Callable[..., Row | None]:
    def find(site: FakeBlackboard, _params: Row, *names: str) -> Row | None:
        found = [row for row in getattr(site, rows) if row["id"] == names[-1]]
        return found[0] if found else None

    return find


def _rows(rows: str) -> Callable[..., list[Row]]:
    return lambda site, _params, *_names: getattr(site, rows)


def _by(rows: str) -> Callable[..., list[Row]]:
    return lambda site, _params, *names: getattr(site, rows).get(names[-1], [])


Site = FakeBlackboard
COURSE = r"/v1/courses/([^/]+)"
BOOK = r"/v2/courses/([^/]+)/gradebook/columns"
_ROUTES: list[tuple[str, Callable[..., Any]]] = [
    ("/v1/system/version", Site._learn),
    ("/v1/terms", _rows("terms")),
    ("/v1/courseRoles", _rows("roles")),
    ("/v1/users/([^/]+)", Site._somebody),
    ("/v[23]/courses", _rows("courses")),
    ("/v[23]/courses/([^/]+)", _named("courses")),
    (f"{COURSE}/users", Site._people),
    (r"/v2/courses/([^/]+)/groups", _rows("groups")),
    (r"/v2/courses/([^/]+)/groups/([^/]+)/users", _by("in_groups")),
    (f"{COURSE}/contents", Site._listed),
    (f"{COURSE}/contents/([^/]+)", _named("contents")),
    (f"{COURSE}/contents/([^/]+)/children", Site._children),
    (f"{COURSE}/contents/([^/]+)/attachments", Site._attached),
    (f"{COURSE}/contents/([^/]+)/attachments/([^/]+)/download", Site._download),
    (f"{COURSE}/assessments/([^/]+)/questions", _by("questions")),
    (f"{COURSE}/discussions", _rows("discussions")),
    (f"{COURSE}/discussions/([^/]+)", _named("discussions")),
    (f"{COURSE}/announcements", _rows("announcements")),
    (f"{COURSE}/announcements/([^/]+)", _named("announcements")),
    (f"{COURSE}/performance/contentReviewStatus", _rows("reviewed")),
    (BOOK, _rows("columns")),
    (f"{BOOK}/([^/]+)", _named("columns")),
    (f"{BOOK}/([^/]+)/users", Site._graded),
    (f"{BOOK}/([^/]+)/users/([^/]+)", Site._grade_of),
    (f"{BOOK}/([^/]+)/attempts", Site._attempted),
    ("/v1/calendars/items", Site._events),
    ("/v1/calendars/items/([^/]+)/([^/]+)", _named("calendar")),
]
ROUTES = [(re.compile(API + path), handler) for path, handler in _ROUTES]

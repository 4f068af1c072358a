"""OneNote behind Microsoft Graph, in memory: answers as its documentation says.

https://learn.microsoft.com/graph/onenote-get-content, .../onenote-update-page,
.../onenote-error-codes, .../throttling-limits. No two renderings of a page are alike: see
:mod:`fake_pages`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from bloop_sdk import Kind, NoteDraft, Ref, Request, Response, WriteOp
from bloop_sdk.records import JSONObject
from bloop_sdk.testing import reply
from plugins.notes.onenote.tests.fake_entra import LOGIN, FakeEntra
from plugins.notes.onenote.tests.fake_pages import FakePage, PatchError, input_page

GRAPH = "https://graph.example/v1.0"
BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@dataclass
class Section:
    """``locked`` is one with a password."""

    id: str
    name: str
    pages: list[FakePage] = field(default_factory=list)
    locked: bool = False


@dataclass
class Group:
    """A notebook, or a group of sections."""

    id: str
    name: str
    sections: list[Section] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)

    def all_sections(self) -> list[Section]:
        """Those in it, however deep."""
        return [*self.sections, *(one for group in self.groups for one in group.all_sections())]


@dataclass
class Throttle:
    """Requests of the last minute and the last hour; no Retry-After tells when to come back."""

    clock: Callable[[], float]
    minute: int = 120
    hour: int = 400
    times: list[float] = field(default_factory=list)
    refused: int = 0

    def enter(self) -> bool:
        """Whether a request may come in."""
        now = self.clock()
        self.times = [one for one in self.times if now - one < 3600]
        last = sum(1 for one in self.times if now - one < 60)
        if len(self.times) >= self.hour or last >= self.minute:
            self.refused += 1
            return False
        self.times.append(now)
        return True


class FakeGraph:
    """See the module. ``levels`` are how deep a tree is expanded, ``denied`` pages refused."""

    def __init__(self, notebooks: list[Group] | None = None) -> None:
        self.entra = FakeEntra()
        self.throttle: Throttle | None = None
        self.notebooks = small() if notebooks is None else notebooks
        self.resources = {"1-image!1-a": PNG, "1-sheet!1-a": b"%PDF-1.7 sheet"}
        self.denied: set[str] = set()
        self.unlisted: set[str] = set()
        """New pages of which lists tell no title yet."""
        self.old: set[str] = set()
        """Pages whose title is not changed: all of such a change is answered with 500."""
        self.lacking: set[str] = set()
        self.ticks = 0
        self.made = 0
        self.fails: dict[str, tuple[int, str]] = {}
        self._deleted: tuple[Section, int, FakePage] | None = None
        self._before = BEGAN

    # -- answering

    async def answer(self, request: Request) -> Response:
        """As a system of the kit."""
        return self.respond(request)

    def respond(self, request: Request) -> Response:
        """The answer to a request as it arrives."""
        self.ticks += 1
        if request.url.startswith(LOGIN):
            return self.entra.respond(request)
        response = self._graph(request)
        headers = {**response.headers, "date": format_datetime(self.now, usegmt=True)}
        return Response(status=response.status, headers=headers, body=response.body, url="")

    @property
    def now(self) -> datetime:
        """Microsoft's clock: a second passes with each request."""
        return BEGAN + timedelta(seconds=self.ticks)

    def _graph(self, request: Request) -> Response:
        if self.throttle is not None and not self.throttle.enter():
            return error(429, "20166", "The application has issued too many requests.")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.entra.access:
            return error(401, "InvalidAuthenticationToken", "Access token validation failure.")
        if token in self.lacking and not self.entra.claims:
            claims = base64.b64encode(b'{"access_token":{"nbf":{"essential":true}}}').decode()
            told = f'Bearer realm="", error="insufficient_claims", claims="{claims}"'
            found = error(401, "InvalidAuthenticationToken", "Continuous access evaluation")
            return Response(
                status=401,
                headers={**found.headers, "www-authenticate": told},
                body=found.body,
                url="",
            )
        path = unquote(urlsplit(request.url).path.removeprefix("/v1.0/"))
        if path in self.fails:
            return error(*self.fails[path], "It failed.")
        if path == "me":
            return reply({"id": "person", "userPrincipalName": "ada@school.example"})
        return self._onenote(request, path.removeprefix("me/onenote/").split("/"))

    def _onenote(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["notebooks"]:
                return self._notebooks(request)
            case ["sectionGroups", id_]:
                found = next((one for one in self._groups() if one.id == id_), None)
                return reply(self._tree(found, 2)) if found else missing()
            case ["sections", id_, "pages"]:
                return self._section(request, id_)
            case ["pages", id_]:
                return self._page(request, id_)
            case ["pages", id_, "content"]:
                return self._content(request, id_)
            case ["resources", id_, "$value"]:
                found = self.resources.get(id_)
                return missing() if found is None else reply(found)
        return error(400, "20130", "The URI points to no resource.")

    def _notebooks(self, request: Request) -> Response:
        expand = str(request.params.get("$expand", ""))
        if expand.count("sectionGroups") > 2 or "levels" in expand:
            return error(400, "20103", "The expand query is not supported.")
        rows = [{**self._tree(one, 2), **links(one.id)} for one in self.notebooks]
        return listing(request, rows)

    def _tree(self, group: Group, levels: int) -> JSONObject:
        found: JSONObject = {"id": group.id, "displayName": group.name}
        if levels:
            found["sections"] = [{"id": one.id, "displayName": one.name} for one in group.sections]
            found["sectionGroups"] = [self._tree(one, levels - 1) for one in group.groups]
        return found

    def _section(self, request: Request, id_: str) -> Response:
        section = next((one for one in self.sections() if one.id == id_), None)
        if section is None:
            return missing()
        if section.locked:
            return error(403, "10004", "The section is protected by a password.")
        if request.method == "POST":
            return self._create(request, section)
        rows = [self._told(section, number, page) for number, page in enumerate(section.pages)]
        wanted = re.fullmatch(r"title eq '(.*)'", str(request.params.get("$filter", "")))
        if wanted:
            rows = [one for one in rows if one["title"] == wanted[1].replace("''", "'")]
        rows.sort(key=lambda one: one["createdDateTime"])
        if "desc" in str(request.params.get("$orderby", "")):
            rows.reverse()
        return listing(request, rows)

    def _told(self, section: Section, number: int, page: FakePage) -> JSONObject:
        return {
            "id": page.id,
            "title": "" if page.id in self.unlisted else page.title,
            "createdDateTime": stamp(page.created),
            "lastModifiedDateTime": stamp(page.changed),
            "level": page.level,
            "order": number,
            **links(page.id, section=section.id),
        }

    def _page(self, request: Request, id_: str) -> Response:
        found = self._found(id_)
        if found is None:
            return missing()
        section, page = found
        if request.method == "DELETE":
            section.pages.remove(page)
            return reply(status=204)
        notebook = next(one for one in self.notebooks if section in one.all_sections())
        told = self._told(section, section.pages.index(page), page)
        parents = {"parentSection": {"id": section.id}, "parentNotebook": {"id": notebook.id}}
        return reply({**told, **parents})

    def _content(self, request: Request, id_: str) -> Response:
        found = self._found(id_)
        if found is None:
            return missing()
        page = found[1]
        if id_ in self.denied:
            return error(403, "accessDenied", "Access is denied.")
        if request.method == "PATCH":
            return self._patch(request, page)
        ids = request.params.get("includeIDs") == "true"
        html = page.broken or page.rendered(ids=ids, resources=f"{GRAPH}/me/onenote/resources")
        if request.params.get("includeinkML") != "true":
            return reply(html)
        boundary = "MultiPartBoundary"
        body = (
            f"--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
            f"--{boundary}\r\nContent-Type: application/inkml+xml; charset=utf-8\r\n\r\n"
            f"{page.inkml}\r\n--{boundary}--\r\n"
        )
        kind = {"content-type": f"multipart/mixed; boundary={boundary}"}
        return reply(body.encode(), headers=kind)

    def _patch(self, request: Request, page: FakePage) -> Response:
        commands = request.json_body
        if not isinstance(commands, list):
            return error(400, "20109", "The payload is not constructed correctly.")
        if page.id in self.old and any(one["target"] == "title" for one in commands):
            return error(500, "19999", "Transient error.")
        try:
            page.patch(commands)
        except PatchError as err:
            return error(400, err.number, err.said)
        page.changed = self.now
        return reply(status=204)

    def _create(self, request: Request, section: Section) -> Response:
        html = presentation(request)
        if html is None:
            return error(400, "20001", 'The request is missing the "Presentation" part.')
        self.made += 1
        title, body = input_page(html)
        page = FakePage(f"1-made{self.made:04d}!1-{section.id}", title, body, created=self.now)
        section.pages.append(page)
        told = self._told(section, len(section.pages) - 1, page)
        return reply(told, status=201)

    # -- what it holds

    def sections(self) -> list[Section]:
        """All sections."""
        return [one for notebook in self.notebooks for one in notebook.all_sections()]

    def _groups(self) -> list[Group]:
        found, waiting = [], list(self.notebooks)
        while waiting:
            group = waiting.pop()
            found.append(group)
            waiting += group.groups
        return found

    def _found(self, id_: str) -> tuple[Section, FakePage] | None:
        every = ((section, page) for section in self.sections() for page in section.pages)
        return next((one for one in every if one[1].id == id_), None)

    def page(self, id_: str) -> FakePage:
        """A page by its id."""
        found = self._found(id_)
        assert found is not None, id_
        return found[1]

    # -- what the kit does to it

    def edit(self) -> Ref:
        """Somebody changes a page."""
        page = self.notebooks[0].all_sections()[0].pages[0]
        page.add(f"<p>More at {self.ticks}.</p>")
        page.changed = self.now
        return Ref(Kind.NOTE, page.id)

    def add(self) -> Ref:
        """Somebody makes a page, which goes before all others of its section."""
        self.made += 1
        section = self.notebooks[0].all_sections()[0]
        created = BEGAN - timedelta(days=100 + self.made)
        id_ = f"0-early{self.made:04d}!1-{section.id}"
        section.pages.insert(0, FakePage(id_, "New", "<p>New.</p>", created=created))
        return Ref(Kind.NOTE, id_)

    def delete(self) -> Ref:
        """Somebody deletes a page."""
        section = self.notebooks[0].all_sections()[-1]
        page = section.pages[-1]
        self._deleted = (section, len(section.pages) - 1, page)
        section.pages.remove(page)
        return Ref(Kind.NOTE, page.id)

    def restore(self) -> None:
        """They take it out of the bin again."""
        assert self._deleted is not None
        section, number, page = self._deleted
        section.pages.insert(number, page)

    def malform(self) -> Ref:
        """One page is answered as what is none."""
        page = self.notebooks[0].all_sections()[-1].pages[-1]
        page.broken = "<div>not a page"
        return Ref(Kind.NOTE, page.id)

    def forbid(self) -> Ref:
        """One page may not be read any more."""
        page = self.notebooks[0].all_sections()[-1].pages[-1]
        self.denied.add(page.id)
        return Ref(Kind.NOTE, page.id)

    def unshare(self) -> Ref:
        """A page may not be read any more since it was changed."""
        page = self.notebooks[0].all_sections()[-1].pages[-1]
        self._before, page.changed = page.changed, self.now
        return self.forbid()

    def share(self) -> None:
        """It may be read again, and is as it was."""
        self.denied.clear()
        self.notebooks[0].all_sections()[-1].pages[-1].changed = self._before

    def log_in(self, url: str) -> dict[str, str]:
        """What a browser brings back."""
        return self.entra.log_in(url)

    def cancel(self, url: str) -> dict[str, str]:
        """What it brings back when they say no."""
        return self.entra.cancel(url)

    def beyond(self) -> tuple[Ref, Any]:
        """Colours and tags of a page, and where it was drawn on."""
        page = self.notebooks[0].all_sections()[0].pages[0]
        return Ref(Kind.NOTE, page.id), page.marks()

    def write(self, kind: str) -> WriteOp:
        """A valid operation of that kind, new each time."""
        self.made += 1
        notebook = self.notebooks[0]
        section = notebook.all_sections()[0]
        ref = None if kind == "note.create" else Ref(Kind.NOTE, section.pages[-1].id)
        draft = NoteDraft(
            container=notebook.id,
            parent=section.id,
            title=f"Written {self.made}",
            markdown=f"Text number {self.made}",
            html=f"<p>Text number {self.made}</p>",
        )
        note = None if kind == "note.delete" else draft
        return WriteOp(kind=kind, ref=ref, values={}, idempotency_key=f"k{self.made}", note=note)


def small() -> list[Group]:
    """A notebook of two sections, one of them in a group."""
    first = Section(
        "0-aa!s1",
        "Physics",
        [
            FakePage("0-p1!1-s1", "Waves", WAVES),
            FakePage("0-p2!1-s1", "Sound", "<p>Air <b>moves</b>.</p>", level=1),
        ],
    )
    second = Section("0-aa!s2", "Chemistry", [FakePage("0-p3!1-s2", "Acids", "<p>Sour.</p>")])
    group = Group("0-aa!g1", "Old", [second])
    return [Group("0-aa!n1", "School", [first], [group])]


WAVES = """
<h1>What a wave is</h1>
<p data-tag="to-do">Read chapter 2</p>
<p data-tag="to-do:completed,important">Buy a rope</p>
<p>It <b>carries</b> energy.</p>
<p style="color:red" data-tag="important">Red.</p>
<img src="resource:1-image!1-a" data-fullres-src-type="image/png" alt="a wave" width="30" />
<object data="resource:1-sheet!1-a" data-attachment="sheet.pdf" type="application/pdf" />
"""


def links(id_: str, **more: str) -> JSONObject:
    """The addresses at which OneNote opens something."""
    name = f"{abs(hash_of(id_)):032x}"
    guid = "-".join((name[:8], name[8:12], name[12:16], name[16:20], name[20:32]))
    client = f"onenote:https://d.example/x.one#T&section-id={{{guid}}}&page-id={{{guid}}}&end"
    del more
    return {
        "links": {
            "oneNoteClientUrl": {"href": client},
            "oneNoteWebUrl": {"href": f"https://onenote.example/{id_}"},
        }
    }


def hash_of(text: str) -> int:
    """A number that a text always has."""
    found = 0
    for char in text:
        found = (found * 1_000_003 + ord(char)) % (1 << 127)
    return found


def stamp(moment: datetime) -> str:
    """A time as Graph writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def listing(request: Request, rows: list[JSONObject]) -> Response:
    """A page of a list, by $top and $skip."""
    top = int(str(request.params.get("$top", 20)))
    if top > 100:
        return error(400, "20129", "The limit of '100' for the $top query has been exceeded.")
    skip = int(str(request.params.get("$skip", 0)))
    found: dict[str, Any] = {"value": rows[skip : skip + top]}
    if request.params.get("$count") == "true":
        found["@odata.count"] = len(rows)
    if "$top" not in request.params and skip + top < len(rows):
        found["@odata.nextLink"] = f"{request.url.partition('?')[0]}?$skip={skip + top}"
    return reply(found)


def presentation(request: Request) -> str | None:
    """The page of a request that makes one."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("text/html"):
        return (request.body or b"").decode()
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    whole = BytesParser(policy=HTTP).parsebytes(head + (request.body or b""))
    for part in whole.iter_parts():  # type: ignore[attr-defined]
        if part.get_param("name", header="content-disposition") == "Presentation":
            return str(part.get_payload(decode=True).decode())
    return None


def error(status: int, code: str, message: str) -> Response:
    """An error as Graph tells it."""
    inner = {"date": "2026-05-04T08:00:00", "request-id": "r", "client-request-id": "r"}
    return reply({"error": {"code": code, "message": message, "innerError": inner}}, status=status)


def missing() -> Response:
    """What is not there."""
    return error(404, "20102", "The specified resource ID does not exist.")

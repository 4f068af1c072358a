"""A Notion in memory: answers as its OpenAPI description and its guides say.

    notion = FakeNotion()
    response = notion.respond(arrived(request))     # pure: no I/O, no waiting

Versions of the API, capabilities, what is not shared (404), addresses of files that expire, times
in minutes, an index of the search that lags, throttling with and without Retry-After.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from bloop_sdk import Kind, Ref, Request, Response, WebhookRequest
from bloop_sdk.testing import reply
from plugins.notes.notion.tests.fake_workspace import (
    ADA,
    BOT,
    FILES,
    SPACE,
    block,
    enhanced,
    ident,
    rich,
    upload,
)
from plugins.notes.notion.tests.fake_writes import write

BEGAN = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
VERSIONS = ("2026-03-11", "2025-09-03")
SECRET = "secret_verification"
BYTES = b"\x89PNG\r\n" + bytes(range(256)) * 3

Item = dict[str, Any]
_ADA = {"object": "user", "id": ADA}


class RefusedError(Exception):
    """An error of Notion's: its status, code and words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = reply(
            {
                "object": "error",
                "status": status,
                "code": code,
                "message": message,
                "request_id": ident(message),
            },
            status=status,
        )


class FakeNotion:
    """See the module. ``unshared`` ids are answered as if they were not there."""

    def __init__(self, *, per_page: int = 100, versions: tuple[str, ...] = VERSIONS) -> None:
        self.per_page = per_page
        self.versions = versions
        self.tokens = {"good": BOT}
        self.refresh_token: str | None = "refresh"
        self.codes: dict[str, str] = {}
        self.capabilities = {"read content", "update content", "insert content", "read users"}
        self.public = True
        """A public integration may make pages at the top of a workspace."""
        self.markdown = True
        self.most_blocks = 20_000
        self.unshared: set[str] = set()
        self.unindexed: set[str] = set()
        self.forbidden: set[str] = set()
        self.broken: set[str] = set()
        self.requests: list[Request] = []
        self.seconds = 0
        self.step = 1
        self.pages: dict[str, Item] = {}
        self.sources: dict[str, Item] = {}
        self.databases: dict[str, Item] = {}
        self.blocks: dict[str, Item] = {}
        self.uploads: dict[str, Item] = {}
        self.bytes: dict[str, bytes] = {}
        self.trashed: set[str] = set()
        """Blocks that were removed."""
        self.expires = 3600
        self.made = 0
        self.before: Callable[[Request], Response | None] = lambda _request: None
        self._deleted: str | None = None
        self._above: dict[str, str | None] = {}

    # -- what stands in it

    @property
    def now(self) -> datetime:
        """Notion's clock."""
        return BEGAN + timedelta(seconds=self.seconds)

    def minute(self) -> str:
        """The time as Notion tells it: seconds are cut off."""
        return self.now.strftime("%Y-%m-%dT%H:%M:00.000Z")

    def page(
        self,
        title: str,
        *blocks: Item,
        parent: str | None = None,
        own: str | None = None,
        **properties: Any,
    ) -> str:
        """Add a page, or a row where the parent is a data source; its id."""
        own = own or ident(f"page {title}")
        if parent in self.sources:
            above = {
                "type": "data_source_id",
                "data_source_id": parent,
                "database_id": self.sources[parent]["parent"]["database_id"],
            }
        elif parent in self.blocks and parent not in self.pages:
            above = {"type": "block_id", "block_id": parent}
        elif parent is not None:
            above = {"type": "page_id", "page_id": parent}
        else:
            above = {"type": "workspace", "workspace": True}
        self.pages[own] = {
            "object": "page",
            "id": own,
            "created_time": self.minute(),
            "last_edited_time": self.minute(),
            "created_by": {"object": "user", "id": ADA},
            "last_edited_by": {"object": "user", "id": ADA},
            "cover": None,
            "icon": None,
            "parent": above,
            "in_trash": False,
            "is_archived": False,
            "is_locked": False,
            "properties": {
                "title": {"id": "title", "type": "title", "title": rich(title) if title else []},
                **properties,
            },
            "url": f"https://app.notion.com/p/{own.replace('-', '')}",
            "public_url": None,
        }
        self.blocks[own] = {"id": own, "type": "child_page", "children": []}
        if parent in self.blocks:
            self.blocks[parent]["children"].append(own)
        self.put(own, blocks)
        return own

    def source(self, title: str, *, parent: str, **properties: Any) -> str:
        """Add a database with one data source; the source's id."""
        own, database = ident(f"source {title}"), ident(f"database {title}")
        stamp = {"created_time": self.minute(), "last_edited_time": self.minute()}
        self.databases[database] = {
            "object": "database",
            "id": database,
            "title": rich(title),
            "description": [],
            "parent": {"type": "page_id", "page_id": parent},
            "is_inline": False,
            "in_trash": False,
            "is_locked": False,
            **stamp,
            "data_sources": [{"id": own, "name": title}],
            "icon": None,
            "cover": None,
            "url": f"https://app.notion.com/p/{database.replace('-', '')}",
            "public_url": None,
        }
        self.sources[own] = {
            "object": "data_source",
            "id": own,
            "cover": None,
            "icon": None,
            **stamp,
            "created_by": {"object": "user", "id": ADA},
            "last_edited_by": {"object": "user", "id": ADA},
            "title": rich(title),
            "description": [],
            "is_inline": False,
            "properties": {
                "Name": {
                    "id": "title",
                    "name": "Name",
                    "description": None,
                    "type": "title",
                    "title": {},
                },
                **properties,
            },
            "parent": {"type": "database_id", "database_id": database},
            "database_parent": {"type": "page_id", "page_id": parent},
            "url": self.databases[database]["url"],
            "public_url": None,
            "in_trash": False,
        }
        self.blocks[database] = {
            "id": database,
            "type": "child_database",
            "child_database": {"title": title},
            "children": [],
        }
        self.blocks[parent]["children"].append(database)
        return own

    def put(self, parent: str, blocks: Any, at: int | None = None) -> list[str]:
        """Add blocks to a page or a block; their ids."""
        made = []
        for one in blocks:
            self.made += 1
            own = ident(f"block {self.made}")
            kind = one["type"]
            stamp = {"created_time": self.minute(), "last_edited_time": self.minute()}
            body = {name: value for name, value in one[kind].items() if name != "children"}
            self.blocks[own] = {"id": own, "type": kind, kind: body, "children": [], **stamp}
            self.put(own, one.get("children") or one[kind].get("children") or [])
            made.append(own)
            self._above[own] = parent
        children = self.blocks[parent]["children"]
        place = len(children) if at is None else at
        children[place:place] = made
        return made

    def touch(self, own: str) -> None:
        """Somebody has edited a page."""
        self.pages[own]["last_edited_time"] = self.minute()

    def rewrite(self, own: str, *blocks: Item) -> None:
        """Replace the content of a page, as somebody does who edits it."""
        self.blocks[own]["children"] = []
        self.put(own, blocks)
        self.touch(own)

    # -- answering

    async def answer(self, request: Request) -> Response:
        """As :meth:`respond`."""
        return self.respond(request)

    def respond(self, request: Request) -> Response:
        """The answer to a request as it arrives."""
        self.requests.append(request)
        self.seconds += self.step
        parts = urlsplit(request.url)
        try:
            response = self.before(request)
            if response is None and parts.netloc == urlsplit(FILES).netloc:
                response = self._bytes(request)
            elif response is None and parts.path == "/v1/oauth/token":
                response = self._login(request)
            elif response is None:
                response = self._api(request, parts.path)
        except RefusedError as err:
            response = err.answer
        return replace(response, headers={**response.headers, "date": format_datetime(self.now)})

    def _api(self, request: Request, path: str) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise RefusedError(401, "unauthorized", "API token is invalid.")
        version = request.headers.get("notion-version", "")
        if version not in self.versions:
            raise RefusedError(
                400,
                "validation_error",
                f"Notion-Version header failed validation: Notion-Version header should be "
                f"{self.versions[0]!r}, instead was {version!r}.",
            )
        found = self._route(request, path.removeprefix("/v1/").split("/"), version)
        if found is None:
            raise RefusedError(400, "invalid_request_url", "Invalid request URL.")
        return reply({**found, "request_id": ident(f"request {len(self.requests)}")})

    def _route(self, request: Request, path: list[str], version: str) -> Item | None:  # noqa: C901 - a table
        body = request.json_body or {}
        match request.method, path:
            case "GET", ["users", "me"]:
                return self._bot()
            case "GET", ["users"]:
                self.may("read users")
                people = [
                    self._bot(),
                    {
                        "object": "user",
                        "id": ADA,
                        "name": "Ada Lovelace",
                        "avatar_url": None,
                        "type": "person",
                        "person": {"email": "ada@example.org"},
                    },
                ]
                return self._list(people, request.params, "user")
            case "POST", ["search"]:
                self.may("read content")
                return self._search(body, version)
            case "GET", ["pages", own]:
                self.may("read content")
                return self.shown(self.page_of(own), version)
            case "GET", ["pages", own, "markdown"] if self.markdown:
                self.may("read content")
                return self._markdown(own)
            case "GET", ["pages", own, "properties", number]:
                return self._property(own, number, request.params)
            case "GET", ["data_sources", own]:
                return self.shown(self.source_of(own), version)
            case "GET", ["databases", own] if own in self.databases:
                return self.shown(self.databases[own], version)
            case "POST", ["data_sources", own, "query"]:
                self.source_of(own)
                rows = [
                    self.shown(page, version)
                    for page in self.pages.values()
                    if page["parent"].get("data_source_id") == own and self._seen(page)
                ]
                return self._list(rows, body, "page_or_data_source")
            case "GET", ["blocks", own]:
                self.may("read content")
                return self.shown_block(self.block_of(own), version)
            case "GET", ["blocks", own, "children"]:
                self.may("read content")
                children = [self.blocks[one] for one in self.block_of(own)["children"]]
                shown = [self.shown_block(one, version) for one in children if self._there(one)]
                return self._list(shown, request.params, "block")
        return write(self, request, path, body, version)

    def may(self, capability: str) -> None:
        if capability not in self.capabilities:
            message = "Insufficient permissions for this endpoint."
            raise RefusedError(403, "restricted_resource", message)

    def _bot(self) -> Item:
        return {
            "object": "user",
            "id": BOT,
            "name": "Bloop",
            "avatar_url": None,
            "type": "bot",
            "bot": {
                "owner": {"type": "workspace", "workspace": True},
                "workspace_name": "School",
                "workspace_id": SPACE,
                "workspace_limits": {"max_file_upload_size_in_bytes": 5_242_880},
            },
        }

    # -- objects as they are shown

    def _seen(self, item: Item) -> bool:
        return not item["in_trash"] and item["id"] not in self.unshared

    def page_of(self, own: str) -> Item:
        if own in self.forbidden:
            raise RefusedError(403, "restricted_resource", "Insufficient permissions.")
        if own not in self.pages or own in self.unshared:
            raise RefusedError(404, "object_not_found", f"Could not find page with ID: {own}.")
        return self.pages[own]

    def source_of(self, own: str) -> Item:
        if own not in self.sources or own in self.unshared:
            raise RefusedError(
                404, "object_not_found", f"Could not find data_source with ID: {own}."
            )
        return self.sources[own]

    def block_of(self, own: str) -> Item:
        if own in self.pages:
            self.page_of(own)
        if own not in self.blocks or own in self.unshared:
            raise RefusedError(404, "object_not_found", f"Could not find block with ID: {own}.")
        return self.blocks[own]

    def _there(self, one: Item) -> bool:
        return one["type"] != "child_page" or not self.pages[one["id"]]["in_trash"]

    def shown(self, item: Item, version: str) -> Item:
        shown = self._signed(copy.deepcopy(item))
        if item["id"] in self.broken:
            shown["properties"] = "broken"
        if version != VERSIONS[0]:
            shown["archived"] = shown["in_trash"]
        return shown

    def shown_block(self, one: Item, version: str) -> Item:
        kind = one["type"]
        body = copy.deepcopy(one.get(kind) or {})
        if kind == "child_page":
            title = self.pages[one["id"]]["properties"]["title"]["title"]
            body = {"title": "".join(part["plain_text"] for part in title)}
        parent = self.above(one["id"])
        kind_above = "page_id" if parent in self.pages else "block_id"
        shown = {
            "object": "block",
            "id": one["id"],
            "parent": {"type": kind_above, kind_above: parent},
            "created_time": one.get("created_time", self.minute()),
            "last_edited_time": one.get("last_edited_time", self.minute()),
            "created_by": self.pages.get(one["id"], {}).get("created_by", _ADA),
            "last_edited_by": _ADA,
            "has_children": bool(one["children"]),
            "in_trash": False,
            "type": kind,
            kind: self._signed(body),
        }
        return shown if version == VERSIONS[0] else {**shown, "archived": False}

    def above(self, own: str) -> str | None:
        """The block or page that a block stands in."""
        known = self._above.get(own)
        if known not in self.blocks or own not in self.blocks[known]["children"]:
            found = (name for name, one in self.blocks.items() if own in one["children"])
            known = next(found, None)
            self._above[own] = known
        return known

    def _signed(self, found: Any) -> Any:
        """With addresses for the files that Notion keeps."""
        if isinstance(found, list):
            return [self._signed(one) for one in found]
        if not isinstance(found, dict):
            return found
        if found.get("type") == "file" and "key" in (found.get("file") or {}):
            ends = self.now + timedelta(seconds=self.expires)
            url = {"url": self.address(found), "expiry_time": ends.isoformat()}
            return {**found, "file": url}
        return {name: self._signed(value) for name, value in found.items()}

    def address(self, body: Item) -> str:
        """Where a file lies; what Notion keeps is signed for an hour from now."""
        if body["type"] == "external":
            return str(body["external"]["url"])
        key = body["file"]["key"]
        ends = self.seconds + self.expires
        return f"{FILES}/{quote(key)}?X-Amz-Expires={self.expires}&X-Amz-Signature={ends}"

    def _list(self, items: list[Item], asked: Any, kind: str) -> Item:
        size = min(int(asked.get("page_size", 100)), 100, self.per_page)
        start = int(str(asked.get("start_cursor", "at-0")).removeprefix("at-"))
        more = start + size < len(items)
        return {
            "object": "list",
            "results": items[start : start + size],
            "next_cursor": f"at-{start + size}" if more else None,
            "has_more": more,
            "type": kind,
            kind: {},
        }

    def _search(self, body: Item, version: str) -> Item:
        items = [
            one
            for one in [*self.pages.values(), *self.sources.values()]
            if self._seen(one) and one["id"] not in self.unindexed
        ]
        items.sort(key=lambda one: (one["last_edited_time"], one["id"]), reverse=True)
        return self._list([self.shown(one, version) for one in items], body, "page_or_data_source")

    def _markdown(self, own: str) -> Item:
        self.block_of(own)
        unknown: list[str] = []
        nested = [self._nested(one, own) for one in self.blocks[own]["children"]]
        shown = [one for one in nested if self._there(one)]
        cut = shown[: self.most_blocks]
        unknown += [one["id"] for one in shown[self.most_blocks :]]
        text = enhanced(cut, self, unknown)
        return {
            "object": "page_markdown",
            "id": own,
            "markdown": text,
            "truncated": bool(unknown),
            "unknown_block_ids": unknown,
        }

    def _nested(self, own: str, page: str) -> Item:
        one = self.blocks[own]
        shown = self.shown_block(one, VERSIONS[0])
        inner = [] if one["type"] == "child_page" else one["children"]
        body = {one["type"]: one.get(one["type"]) or shown[one["type"]]}
        return {
            **shown,
            **body,
            "page": page,
            "children": [self._nested(child, page) for child in inner],
        }

    def _property(self, own: str, number: str, asked: Any) -> Item:
        for value in self.page_of(own)["properties"].values():
            if value["id"] == number:
                kind = value["type"]
                every = value.get("every", value[kind])
                items = [
                    {"object": "property_item", "id": number, "type": kind, kind: one}
                    for one in every
                ]
                return self._list(items, asked, "property_item")
        raise RefusedError(404, "object_not_found", "Could not find property.")

    # -- files and logins

    def _bytes(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        ends = int(parse_qs(parts.query).get("X-Amz-Signature", ["0"])[0])
        if "authorization" in request.headers or self.seconds > ends:
            return reply("<Error><Code>AccessDenied</Code></Error>", status=403)
        data = self.bytes.get(unquote(parts.path.removeprefix("/")), BYTES)
        asked = request.headers.get("range", "")
        if not asked:
            return reply(data)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last) + 1, len(data))
        if start >= len(data):
            return reply(b"", status=416)
        told = {"content-range": f"bytes {start}-{stop - 1}/{len(data)}"}
        return reply(data[start:stop], status=206, headers=told)

    def _login(self, request: Request) -> Response:
        body = request.json_body or {}
        if not request.headers.get("authorization", "").startswith("Basic "):
            return reply({"error": "invalid_client"}, status=401)
        if body.get("grant_type") == "refresh_token":
            good = self.refresh_token is not None and body["refresh_token"] == self.refresh_token
        else:
            good = self.codes.pop(body.get("code"), None) == body.get("redirect_uri")
        if not good:
            return reply({"error": "invalid_grant", "request_id": ident("login")}, status=400)
        token = f"renewed-{len(self.tokens)}"
        self.tokens[token] = BOT
        return reply(
            {
                "access_token": token,
                "token_type": "bearer",
                "bot_id": BOT,
                "refresh_token": self.refresh_token,
                "workspace_id": SPACE,
                "workspace_name": "School",
                "owner": {"type": "workspace", "workspace": True},
            }
        )

    def refused(self, status: int, code: str, message: str) -> RefusedError:
        """An error of Notion's."""
        return RefusedError(status, code, message)

    # -- what the kit does to it

    def edit(self) -> Ref:
        """Change a page."""
        own = next(iter(self.pages))
        self.put(own, [block("paragraph", f"Edited {self.made}.")])
        self.touch(own)
        return Ref(Kind.NOTE, own)

    def add(self) -> Ref:
        """Add a page, which stands first in the search."""
        own = self.page(f"Added {self.made}", block("paragraph", "New."), parent=None)
        return Ref(Kind.NOTE, own)

    def delete(self) -> Ref:
        """Put a page that has none below it into the trash."""
        own = self._deleted = ident("page Leaf")
        self.pages[own]["in_trash"] = True
        return Ref(Kind.NOTE, own)

    def restore(self) -> None:
        """Take it out of the trash."""
        self.pages[self._deleted or ""]["in_trash"] = False

    def malform(self) -> Ref:
        """Break one page."""
        own = ident("page Row")
        self.broken.add(own)
        return Ref(Kind.NOTE, own)

    def forbid(self) -> Ref:
        """Refuse one page's content."""
        own = ident("page Row")
        self.forbidden.add(own)
        return Ref(Kind.NOTE, own)

    def unshare(self) -> Ref:
        """Take a page out of the connection."""
        own = ident("page Row")
        self.unshared.add(own)
        return Ref(Kind.NOTE, own)

    def share(self) -> None:
        """Add it again."""
        self.unshared.clear()

    def beyond(self) -> tuple[Ref, Any]:
        """A page, and the blocks of it that are coloured."""
        own = ident("page Row")
        held = [
            (name, self.blocks[name])
            for name in self.blocks[own]["children"]
            if self.blocks[name]["type"] == "callout"
        ]
        return Ref(Kind.NOTE, own), copy.deepcopy(held)

    def webhook(self, event: Item | None = None) -> WebhookRequest:
        """A signed event."""
        told = event or {
            "id": ident("event"),
            "type": "page.content_updated",
            "entity": {"id": next(iter(self.pages)), "type": "page"},
        }
        body = json.dumps(told).encode()
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Notion-Signature": f"sha256={digest}", "Content-Type": "application/json"}
        return WebhookRequest(headers=headers, body=body, received_at=self.now.timestamp())


def small(**settings: Any) -> FakeNotion:
    """A workspace for the kit: pages in pages, a row, and a file; two objects in an answer."""
    notion = FakeNotion(per_page=3, **settings)
    notion.seconds = -3600
    top = notion.page("Top", block("heading_2", "Begin"), block("paragraph", "Some words."))
    notion.page(
        "Leaf",
        block("toggle", "More", children=[block("paragraph", "Inside.")]),
        block("image", **upload("picture.png"), caption=[]),
        parent=top,
    )
    source = notion.source("Tasks", parent=top)
    notion.page(
        "Row",
        block("callout", "Mind", icon={"type": "emoji", "emoji": "🦊"}, color="red_background"),
        parent=source,
        Points={"id": "pts", "type": "number", "number": 3},
    )
    notion.page("Second row", block("quote", "Said."), parent=source)
    notion.seconds = 0
    return notion

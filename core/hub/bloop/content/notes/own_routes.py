"""Somebody's own notes over the API: beside a lesson, all of them, and where new ones go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, by_user, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.notes import own, own_queries
from bloop.content.notes.own_schemas import (
    NotePlaceIn,
    NotePlaceOut,
    OwnNoteIn,
    OwnNoteList,
    OwnNoteOut,
)
from bloop.content.notes.passages import Passage, Quote, found_in
from bloop.content.notes.texts import text_of
from bloop.content.notes.wording import words_of
from bloop.content.tree_routes import one, read_page, run, sees_drafts
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop_sdk import NoteWrite

router = Router(prefix="/api/v1", tags=["notes"])


@router.get(
    "/items/{item_id}/notes", action="content:read", response_model=OwnNoteList, problems=(404,)
)
async def list_notes_beside(
    request: Request, item_id: str, limit: int = 50, cursor: str = ""
) -> Response:
    """The caller's own notes about a lesson, and whether their passages are still there."""
    lesson = await one(request, content.ITEM_SHOWN, content.ITEM, item_id)
    found = await read_page(request, own_queries.BESIDE, limit, cursor, lesson=item_id)
    notes = await beside(found["items"], lesson["html"])
    return json_response({**found, "items": notes})


@router.post(
    "/items/{item_id}/notes",
    action="content:write",
    also=by_user("content:write"),
    response_model=OwnNoteOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def write_note_beside(request: Request, item_id: str, body: OwnNoteIn) -> Response:
    """A note of the caller's own about a lesson."""
    given = body.model_dump()
    quote = given.pop("quote")
    note = await run(
        request,
        own.write_beside,
        item_id,
        site=hub_of(request).config.value.public_url,
        words=given.pop("markdown"),
        quote=Quote(**quote) if quote else None,
        **given,
    )
    row = await hub_of(request).database.read_one(own_queries.ONE, call_of(request), id=note.id)
    if row is None:
        raise NotFoundError(f"no note {note.id}")
    lesson = await one(request, content.ITEM_SHOWN, content.ITEM, item_id)
    [found] = await beside([own_queries.ONE.as_dict(row)], lesson["html"])
    return json_response(found, 201, version=found["row_version"])


@router.get("/account/notes", action="account:read", response_model=OwnNoteList)
async def list_own_notes(
    request: Request, course: str = "", limit: int = 50, cursor: str = ""
) -> Response:
    """The caller's own notes, the newest first; ``course`` narrows them to those about one."""
    found = await mine(request, course, limit, cursor)
    return json_response({**found, "items": [shown(row) for row in found["items"]]})


@router.get("/account/note-place", action="account:read", response_model=NotePlaceOut)
async def show_note_place(request: Request) -> Response:
    """Where new notes of the caller go."""
    return json_response({"notebooks": await notebooks(request)})


@router.put(
    "/account/note-place",
    action="content:write",
    also=by_user("content:write"),
    response_model=NotePlaceOut,
    problems=(404, 409, 422),
)
async def choose_note_place(request: Request, body: NotePlaceIn) -> Response:
    """Let new notes go to a notebook of the caller's own."""
    await run(request, own.choose_notebook, body.notebook)
    return json_response({"notebooks": await notebooks(request)})


# -- what pages read as well


async def mine(request: Request, course: str, limit: int, cursor: str) -> dict[str, Any]:
    """A page of own notes as rows."""
    drafts = sees_drafts(call_of(request))
    if course:
        read = own_queries.OF_COURSE if drafts else own_queries.OF_COURSE_SHOWN
        return await read_page(request, read, limit, cursor, course=course)
    read = own_queries.MINE if drafts else own_queries.MINE_SHOWN
    return await read_page(request, read, limit, cursor)


async def beside(rows: Sequence[dict[str, Any]], html: str) -> list[dict[str, Any]]:
    """Own notes about one lesson whose HTML is given, each with its passage as it is now."""
    marked = [row for row in rows if row["kind"] == "highlight"]
    passages = await asyncio.to_thread(found_in, html, [_quote(row) for row in marked])
    now = {row["id"]: passage for row, passage in zip(marked, passages, strict=True)}
    return [shown(row, now.get(row["id"])) for row in rows]


def shown(row: dict[str, Any], passage: Passage | None = None) -> dict[str, Any]:
    """An own note as the API shows it."""
    text = text_of({**row, "data": parsed(row["data"])})
    highlight, moment = row["kind"] == "highlight", row["kind"] == "moment"
    kept = ("id", "lesson", "course", "notebook", "kind", "title", "moment_ms", "row_version")
    return {
        **{name: row[name] for name in (*kept, "created_at", "updated_at")},
        "lesson_title": row.get("lesson_title"),
        "course_title": row.get("course_title"),
        "words": words_of(text.markdown, row["lesson"], quoted=highlight),
        "markdown": text.markdown,
        "tags": text.tags,
        "quote": _as_json(_quote(row)) if highlight else None,
        "passage": {"state": passage.state, **_as_json(passage.quote)} if passage else None,
        "video": row["position"] if moment else None,
    }


async def notebooks(request: Request) -> list[dict[str, Any]]:
    """The caller's notebooks, and which of them takes new notes."""
    rows = await hub_of(request).database.read(own_queries.NOTEBOOKS, call_of(request))
    found = to_dicts(own_queries.NOTEBOOKS, rows)
    for row in found:
        writes, file = parsed(row.pop("writes")) or [], row.pop("file")
        row["takes_notes"] = row["system"] is None or (not file and NoteWrite.CREATE in writes)
        row["chosen"] &= row["takes_notes"]
    if not any(row["chosen"] for row in found):
        # As new notes go: to the oldest that was made here.
        for row in [row for row in found if row["system"] is None][:1]:
            row["chosen"] = True
    return found


def _quote(row: dict[str, Any]) -> Quote:
    return Quote(row["exact"], row["prefix"], row["suffix"], row["position"])


def _as_json(quote: Quote) -> dict[str, Any]:
    return {name: getattr(quote, name) for name in ("exact", "prefix", "suffix", "position")}

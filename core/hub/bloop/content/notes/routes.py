"""Notes over the API: written, moved, given files, sent, and decided where both sides changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, by_user, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.http import expected_version, json_response
from bloop.content import queries as content
from bloop.content.file_routes import uploaded
from bloop.content.models import Item
from bloop.content.notes import attaching, folders, queries, service, waiting
from bloop.content.notes.schemas import (
    ConflictList,
    ConflictOut,
    FolderAsked,
    FolderIn,
    FolderMove,
    NoteChange,
    NoteFiles,
    NoteIn,
    NoteMove,
    NoteOut,
    NoteUndo,
    SendStarted,
    Settle,
    UnsentList,
)
from bloop.content.notes.texts import text_of
from bloop.content.notes.transfer import transfer
from bloop.content.tree_routes import (
    WRITES,
    answer_page,
    one,
    read_page,
    run,
    sees_drafts,
    taught,
)
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop_sdk import Kind

router = Router(prefix="/api/v1", tags=["notes"])

_THIS_NOTE = taught("items", "note_id")


@router.post(
    "/containers/{container_id}/notes",
    action="content:write",
    also=taught("containers", "container_id"),
    response_model=NoteOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def create_note(request: Request, container_id: str, body: NoteIn) -> Response:
    """A new note, which is written to the system that its notebook comes from."""
    made = await run(request, service.create, container_id, **body.model_dump())
    return await _answer(request, made.id, 201)


@router.get("/notes/{note_id}", action="content:read", response_model=NoteOut, problems=(404,))
async def show_note(request: Request, note_id: str) -> Response:
    """A note as Markdown, and whether the system that it comes from has it so."""
    return await _answer(request, note_id)


async def _answer(request: Request, id_: str, status: int = 200) -> Response:
    note = await note_of(request, id_)
    found = {name: note[name] for name in NoteOut.model_fields}
    return json_response(found, status, version=found["row_version"])


async def note_of(request: Request, id_: str) -> dict[str, Any]:
    """A note as the caller may see it, with what waits of it; raises NotFoundError."""
    return await standing(request, await one(request, content.ITEM_SHOWN, content.ITEM, id_))


async def standing(request: Request, found: Mapping[str, Any]) -> dict[str, Any]:
    """The same of an item that was read; raises NotFoundError where it is no note.

    With what only pages tell: ``writer``, the name of its ``system``, and ``in_conflict``.
    """
    if found["kind"] != Kind.NOTE:
        raise NotFoundError(f"item {found['id'][:40]} is a {found['kind']}, and no note")
    database, call = hub_of(request).database, call_of(request)
    row = await database.read_one(queries.STATE, call, id=found["id"])
    if row is None:
        raise NotFoundError(f"no item {found['id'][:40]}")
    state = queries.STATE.as_dict(row)
    waits: list[dict[str, Any]] = []
    if state["waits"]:
        rows = await database.read(queries.UNSENT_OF_ITEM, call, id=found["id"])
        waits = to_dicts(queries.UNSENT_OF_ITEM, rows)
    data: dict[str, Any] = parsed(found["data"])
    whole, written = {**found, "data": data}, data.get("markdown") is not None
    # Made of HTML it takes its time.
    text = text_of(whole) if written else await asyncio.to_thread(text_of, whole)
    shown = ("id", "container", "connection", "title", "state", "url", "row_version", "updated_at")
    states = sorted((row["state"] for row in waits), key=_URGENT.index)
    known = "sent" if found["connection"] and state["system"] is not None else "here"
    # Who changed it, and what the other system said to that, is for those who may.
    writer = may(call, "content:write") or state["teaches"]
    return {
        **{name: found[name] for name in shown},
        "markdown": text.markdown,
        "tags": text.tags,
        "lost": parsed(found["lost"]),
        "sync": states[0] if states else known,
        "unsent": waits if writer else [],
        "writes": None if state["system"] is None else parsed(state["writes"]),
        "writer": bool(writer),
        "system": state["system"],
        "in_conflict": bool(state["in_conflict"]),
    }


_URGENT = ("refused", "sending", "waiting")


@router.patch(
    "/notes/{note_id}",
    action="content:write",
    also=_THIS_NOTE,
    response_model=NoteOut,
    problems=WRITES,
)
async def change_note(request: Request, note_id: str, body: NoteChange) -> Response:
    """Change a note here, and have it sent."""
    changes = body.model_dump(exclude_unset=True)
    await run(request, service.edit, note_id, expected_version(request), changes)
    return await _answer(request, note_id)


@router.post(
    "/notes/{note_id}/move",
    action="content:write",
    also=_THIS_NOTE,
    response_model=NoteOut,
    problems=WRITES,
)
async def move_note(request: Request, note_id: str, body: NoteMove) -> Response:
    """Give a note another place, in its notebook or another one; the note that it is there."""
    given = body.model_dump()
    container = given.pop("container")
    version = expected_version(request)
    if container is None:
        row = await run(request, service.move, note_id, version, **given)
    else:
        row = await run(request, transfer, note_id, version, container, **given)
    return await _answer(request, row.id)


@router.delete(
    "/notes/{note_id}", action="content:write", also=_THIS_NOTE, status_code=204, problems=WRITES
)
async def delete_note(request: Request, note_id: str) -> Response:
    """Put a note into the trash, here and there."""
    await run(request, service.delete, note_id, expected_version(request))
    return Response(status_code=204)


@router.post(
    "/notes/{note_id}/restore",
    action="content:write",
    also=_THIS_NOTE,
    response_model=NoteOut,
    problems=WRITES,
)
async def restore_note(request: Request, note_id: str) -> Response:
    """Bring a deleted note back; one that is gone over there is written anew."""
    row = await run(request, service.restore, note_id, expected_version(request))
    return await _answer(request, row.id)


@router.post(
    "/notes/{note_id}/undo",
    action="content:write",
    also=_THIS_NOTE,
    response_model=NoteOut,
    problems=WRITES,
)
async def undo_note(request: Request, note_id: str, body: NoteUndo) -> Response:
    """Go back to an earlier text; that is sent like any edit."""
    await run(request, service.undo, note_id, expected_version(request), to=body.to)
    return await _answer(request, note_id)


@router.post(
    "/notes/{note_id}/files",
    action="content:write",
    also=_THIS_NOTE,
    response_model=NoteOut,
    status_code=201,
    upload=True,
    problems=(404, 409, 412, 413, 422, 428),
)
async def attach_file(request: Request, note_id: str) -> Response:
    """Give a note a file, from the field ``file`` of a multipart form."""
    version = expected_version(request)
    name, media_type, ref = await uploaded(request)
    await run(
        request,
        attaching.attach,
        note_id,
        version,
        name=name,
        media_type=media_type,
        sha256=ref.sha256,
        size=ref.size,
    )
    return await _answer(request, note_id, 201)


@router.get(
    "/notes/{note_id}/files",
    action="content:read",
    response_model=NoteFiles,
    problems=(404,),
)
async def list_files(request: Request, note_id: str) -> Response:
    """The files that a note shows or links to."""
    return json_response({"items": await files_of(request, await note_of(request, note_id))})


async def files_of(request: Request, note: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Id and name of each file of a note that the caller may see."""
    hub, call = hub_of(request), call_of(request)

    def look() -> list[dict[str, Any]]:
        with hub.database.reading(call) as unit:
            found = attaching.attached(unit, unit.get(Item, note["id"]))
            return [{"id": one.id, "name": one.data.get("name") or one.title} for one in found]

    return await hub.database.run(look)


@router.delete(
    "/notes/{note_id}/files/{file_id}",
    action="content:write",
    also=_THIS_NOTE,
    response_model=NoteOut,
    problems=WRITES,
)
async def detach_file(request: Request, note_id: str, file_id: str) -> Response:
    """Take a file off a note: its text shows it no more. In its system the file stays."""
    await run(request, attaching.detach, note_id, expected_version(request), file_id)
    return await _answer(request, note_id)


# -- folders


@router.post(
    "/containers/{container_id}/folders",
    action="content:write",
    also=taught("containers", "container_id"),
    response_model=FolderAsked,
    status_code=202,
    problems=(404, 409, 422),
)
async def create_folder(request: Request, container_id: str, body: FolderIn) -> Response:
    """A new folder, which is made first in the system that the notebook comes from."""
    asked = await run(request, folders.create_folder, container_id, **body.model_dump())
    return json_response(asdict(asked), 202)


@router.post(
    "/folders/{node_id}/move",
    action="content:write",
    also=taught("nodes", "node_id"),
    response_model=FolderAsked,
    status_code=202,
    problems=WRITES,
)
async def move_folder(request: Request, node_id: str, body: FolderMove) -> Response:
    """Give a folder another place or name, first in the system that it comes from."""
    version = expected_version(request)
    asked = await run(request, folders.move_folder, node_id, version, **body.model_dump())
    return json_response(asdict(asked), 202)


# -- what waits, and what is in conflict


_BY_OWNER = by_user("content:write")
"""Who writes no content by their role is shown what is in their own notebooks."""


@router.get("/unsent", action="content:write", also=_BY_OWNER, response_model=UnsentList)
async def list_unsent(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """Changes that other systems do not have yet."""
    statement = queries.UNSENT if sees_drafts(call_of(request)) else queries.OWN_UNSENT
    return await answer_page(request, statement, limit, cursor)


@router.post(
    "/unsent/{unsent_id}/retry",
    action="content:write",
    also=_BY_OWNER,
    response_model=SendStarted,
    status_code=202,
    problems=(404,),
)
async def retry_unsent(request: Request, unsent_id: str) -> Response:
    """Send a change again that was refused."""
    return json_response({"job": await run(request, service.retry, unsent_id)}, 202)


@router.delete(
    "/unsent/{unsent_id}",
    action="content:write",
    also=_BY_OWNER,
    status_code=204,
    problems=(404, 409),
)
async def revert_unsent(request: Request, unsent_id: str) -> Response:
    """Take a change back that was not sent: the note is again what the other side holds."""
    await run(request, service.revert, unsent_id)
    return Response(status_code=204)


@router.post(
    "/connections/{connection_id}/send",
    action="content:write",
    response_model=SendStarted,
    status_code=202,
    problems=(404,),
)
async def send_unsent(request: Request, connection_id: str) -> Response:
    """Send all that waits for a connection, also what was refused."""
    return json_response({"job": await run(request, waiting.send_now, connection_id)}, 202)


@router.get("/conflicts", action="content:write", also=_BY_OWNER, response_model=ConflictList)
async def list_conflicts(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """Notes that both sides changed the same, and nobody has decided yet."""
    statement = queries.CONFLICTS if sees_drafts(call_of(request)) else queries.OWN_CONFLICTS
    found = await read_page(request, statement, limit, cursor)
    return json_response({**found, "items": [conflict_shown(row) for row in found["items"]]})


@router.get(
    "/conflicts/{conflict_id}",
    action="content:write",
    also=_BY_OWNER,
    response_model=ConflictOut,
    problems=(404,),
)
async def show_conflict(request: Request, conflict_id: str) -> Response:
    """One of them, with both texts."""
    return json_response(await conflict_of(request, conflict_id))


async def conflict_of(request: Request, id_: str) -> dict[str, Any]:
    """A conflict as the API shows it; raises NotFoundError."""
    return conflict_shown(await one(request, queries.OWN_CONFLICT, queries.CONFLICT, id_))


@router.post(
    "/conflicts/{conflict_id}/settle",
    action="content:write",
    also=_BY_OWNER,
    response_model=ConflictOut,
    problems=(404, 409, 422),
)
async def settle_conflict(request: Request, conflict_id: str, body: Settle) -> Response:
    """Decide which text the note keeps."""
    await run(request, service.settle, conflict_id, body.keep)
    return json_response(await conflict_of(request, conflict_id))


def conflict_shown(row: dict[str, Any]) -> dict[str, Any]:
    """A conflict with its texts as Markdown."""
    shown = {name: value for name, value in row.items() if name not in _HIDDEN}
    theirs = {"title": "", "html": row["their_html"], "data": parsed(row["theirs"])}
    mine = {"title": "", "html": row["my_html"], "data": parsed(row["mine"]) or {}}
    return {
        **shown,
        "theirs": text_of(theirs).markdown,
        "mine": text_of(mine).markdown if row["copy"] else None,
    }


_HIDDEN = {"their_title", "their_html", "my_html"}

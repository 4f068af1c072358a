"""Pages of what notes were: earlier texts, and notes that were deleted, to be restored."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.content.models import Item
from bloop.content.notes import queries, service
from bloop.content.notes.routes import note_of
from bloop.content.notes.texts import earlier
from bloop.content.queries import CONTAINER
from bloop.content.tree_routes import one, run, taught
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.store.unit import UnitOfWork
from bloop.web.editing import version_in
from bloop.web.moments import moment
from bloop.web.render import locale_of, page
from bloop_sdk import BloopError, NoteWrite
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

MOST = 50
_THIS_NOTE = taught("items", "note_id")
_THIS_COURSE = taught("containers", "container_id")


@router.get(
    "/notes/{note_id}/texts",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404,),
    include_in_schema=False,
)
async def show_texts(request: Request, note_id: str) -> Response:
    """What a note said before its changes."""
    return await _texts(request, note_id)


@router.post(
    "/notes/{note_id}/texts",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def restore_text(request: Request, note_id: str) -> Response:
    """Give the note one of them; or the page again, with what it says meanwhile."""
    form = await read_form(request)
    to, version = (version_in(form[name]) for name in ("to", "version"))
    try:
        await run(request, service.undo, note_id, version, to=to)
    except (ConflictError, NotFoundError) as err:
        return await _texts(request, note_id, err)
    return RedirectResponse(f"/lessons/{note_id}", 303)


async def _texts(request: Request, note_id: str, error: BloopError | None = None) -> Response:
    note = await note_of(request, note_id)
    database, call = hub_of(request).database, call_of(request)
    rows = to_dicts(queries.TEXTS, await database.read(queries.TEXTS, call, id=note_id, limit=MOST))
    locale = locale_of(request)
    writes = note["writes"]
    return await page(
        request,
        "note_texts.html",
        status=409 if error else 200,
        course=await one(request, CONTAINER, CONTAINER, note["container"]),
        note=note,
        error=error,
        texts=[text | {"at": moment(text["at"], locale)} for text in earlier(rows, note)],
        can_edit=writes is None or NoteWrite.UPDATE in writes,
    )


@router.get(
    "/courses/{container_id}/notes/gone",
    action="content:write",
    also=_THIS_COURSE,
    problems=(404,),
    include_in_schema=False,
)
async def show_gone(request: Request, container_id: str) -> Response:
    """The deleted notes of a notebook."""
    return await _gone(request, container_id)


@router.post(
    "/courses/{container_id}/notes/gone",
    action="content:write",
    also=_THIS_COURSE,
    problems=(404, 409),
    include_in_schema=False,
)
async def restore_note(request: Request, container_id: str) -> Response:
    """Bring one of them back."""
    form = await read_form(request)
    try:
        row = await run(request, _restored, container_id, form["note"])
    except ConflictError as err:
        return await _gone(request, container_id, err)
    return RedirectResponse(f"/lessons/{row.id}", 303)


@command("content:write")
def _restored(unit: UnitOfWork, container_id: str, note_id: str) -> Item:
    # Whoever teaches this notebook may not reach into another one by it.
    if unit.get(Item, note_id).container_id != container_id:
        raise NotFoundError(f"no note {note_id[:40]}")
    return service.restore(unit, note_id, None)


async def _gone(request: Request, container_id: str, error: BloopError | None = None) -> Response:
    rows = await hub_of(request).database.read(
        queries.GONE, call_of(request), container=container_id, after="", limit=MOST
    )
    locale = locale_of(request)
    return await page(
        request,
        "notes_gone.html",
        status=409 if error else 200,
        course=await one(request, CONTAINER, CONTAINER, container_id),
        error=error,
        notes=[
            row | {"at": moment(row["updated_at"], locale)} for row in to_dicts(queries.GONE, rows)
        ],
    )

"""Pages of notes that are written here: the form, what waits to be sent, and conflicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, by_user, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.file_routes import uploaded
from bloop.content.notes import attaching, queries, service
from bloop.content.notes.routes import conflict_of, conflict_shown, files_of, note_of, standing
from bloop.content.notes.transfer import transfer
from bloop.content.queries import CONTAINER, CONTAINERS
from bloop.content.tree_routes import one, run, sees_drafts, taught
from bloop.content.trees import read_tree
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import to_dicts
from bloop.web.editing import version_in
from bloop.web.refusals import status_of
from bloop.web.render import page
from bloop_sdk import BloopError, NoteWrite
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

MOST = 200
_THIS_NOTE = taught("items", "note_id")
_THIS_COURSE = taught("containers", "container_id")
_NEW = {"title": "", "markdown": "", "tags": "", "parent": "", "version": ""}


async def about(request: Request, lesson: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the page of a note says to who may write it: its state, and what is in conflict."""
    note = await standing(request, lesson)
    if not note["writer"]:
        return None
    conflicts: list[dict[str, Any]] = []
    if note["in_conflict"]:
        read = queries.CONFLICTS_OF_ITEM
        rows = await hub_of(request).database.read(read, call_of(request), id=lesson["id"])
        conflicts = to_dicts(read, rows)
    return {
        **note,
        "conflicts": conflicts,
        "can_edit": _can(note, NoteWrite.UPDATE) and note["state"] == "active",
        "can_add": _can(note, NoteWrite.CREATE),
    }


def _can(note: Mapping[str, Any], op: str) -> bool:
    return note["writes"] is None or op in note["writes"]


@router.get(
    "/courses/{container_id}/notes/new",
    action="content:write",
    also=_THIS_COURSE,
    problems=(404,),
    include_in_schema=False,
)
async def new_note(request: Request, container_id: str, parent: str = "") -> Response:
    """An empty form; ``parent`` is the node below which the note is to stand."""
    return await _form(request, container_id, None, {**_NEW, "parent": parent})


@router.post(
    "/courses/{container_id}/notes",
    action="content:write",
    also=_THIS_COURSE,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def make_note(request: Request, container_id: str) -> Response:
    """A new note; or the form again with what is wrong."""
    form = await read_form(request)
    try:
        made = await run(
            request, service.create, container_id, parent=form["parent"] or None, **_text(form)
        )
    except (InvalidError, ConflictError) as err:
        return await _form(request, container_id, None, form, err)
    return RedirectResponse(f"/lessons/{made.id}", 303)


@router.get(
    "/notes/{note_id}/edit",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404,),
    include_in_schema=False,
)
async def edit_note(request: Request, note_id: str) -> Response:
    """The form with the note as it is."""
    note = await note_of(request, note_id)
    return await _form(request, note["container"], note, _given(note))


@router.post(
    "/notes/{note_id}/edit",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def save_note(request: Request, note_id: str) -> Response:
    """Change the note; or the form again, with what it was changed to meanwhile."""
    form = await read_form(request)
    version = version_in(form["version"]) if form["version"] else None
    try:
        await run(request, service.edit, note_id, version, _text(form))
    except (InvalidError, ConflictError) as err:
        note = await note_of(request, note_id)
        return await _form(request, note["container"], note, form, err)
    return RedirectResponse(f"/lessons/{note_id}", 303)


@router.post(
    "/notes/{note_id}/delete",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404, 409),
    include_in_schema=False,
)
async def delete_note(request: Request, note_id: str) -> Response:
    """Put the note into the trash, here and there; ``lesson`` is where the visitor was."""
    form = await read_form(request)
    row = await run(request, service.delete, note_id, None)
    lesson = quote(form["lesson"], safe="")
    back = f"/lessons/{lesson}#notes" if lesson else f"/courses/{row.container_id}"
    return RedirectResponse(back, 303)


@router.post(
    "/notes/{note_id}/move",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def move_note(request: Request, note_id: str) -> Response:
    """Give the note the form's ``place``: ``below:`` a node of its notebook, or ``in:`` another."""
    form = await read_form(request)
    how, _, id_ = form["place"].partition(":")
    try:
        if how == "in":
            row = await run(request, transfer, note_id, None, id_)
        else:
            row = await run(request, service.move, note_id, None, parent=id_ or None)
    except (InvalidError, ConflictError) as err:
        return await _again(request, note_id, err)
    return RedirectResponse(f"/lessons/{row.id}", 303)


@router.post(
    "/notes/{note_id}/files",
    action="content:write",
    also=_THIS_NOTE,
    upload=True,
    problems=(404, 409, 413, 422),
    include_in_schema=False,
)
async def attach_file(request: Request, note_id: str) -> Response:
    """Give the note the form's file; or the form again with what is wrong."""
    try:
        name, media_type, ref = await uploaded(request)
        await run(
            request,
            attaching.attach,
            note_id,
            None,
            name=name,
            media_type=media_type,
            sha256=ref.sha256,
            size=ref.size,
        )
    except (InvalidError, ConflictError) as err:
        return await _again(request, note_id, err)
    return RedirectResponse(f"/notes/{note_id}/edit", 303)


@router.post(
    "/notes/{note_id}/files/{file_id}/detach",
    action="content:write",
    also=_THIS_NOTE,
    problems=(404, 409),
    include_in_schema=False,
)
async def detach_file(request: Request, note_id: str, file_id: str) -> Response:
    """Take a file off the note; or the form again with the reason why that cannot be."""
    try:
        await run(request, attaching.detach, note_id, None, file_id)
    except ConflictError as err:
        return await _again(request, note_id, err)
    return RedirectResponse(f"/notes/{note_id}/edit", 303)


async def _again(request: Request, note_id: str, error: BloopError) -> Response:
    note = await note_of(request, note_id)
    return await _form(
        request, note["container"], note, _given(note), error, status=status_of(error)
    )


def _given(note: Mapping[str, Any]) -> dict[str, str]:
    """A note as the form shows it."""
    return {
        "title": note["title"],
        "markdown": note["markdown"],
        "tags": ", ".join(note["tags"]),
        "version": str(note["row_version"]),
    }


def _text(form: Form) -> dict[str, Any]:
    """What the form says of a note; browsers send lines as networks end them."""
    tags = [tag.strip() for tag in form["tags"].split(",") if tag.strip()]
    markdown = form["markdown"].replace("\r\n", "\n")
    return {"title": form["title"], "markdown": markdown, "tags": tags}


async def _form(
    request: Request,
    container_id: str,
    note: dict[str, Any] | None,
    form: Form | Mapping[str, str],
    error: BloopError | None = None,
    *,
    status: int = 422,
) -> Response:
    given = {name: form[name] for name in _NEW if note is None or name != "parent"}
    now = None
    if note is not None and isinstance(error, ConflictError) and error.current is not None:
        # Whoever saves once more has seen what it is now.
        now, given["version"] = note["markdown"], str(note["row_version"])
    database, call = hub_of(request).database, call_of(request)
    tree = await read_tree(database, call, container_id, drafts=True)
    places = [node for node in tree if node["state"] == "active"]
    books: list[dict[str, Any]] = []
    if note is not None and _can(note, NoteWrite.DELETE) and may(call, "content:write"):
        rows = await database.read(CONTAINERS, call, after="", limit=MOST)
        books = [
            book
            for book in to_dicts(CONTAINERS, rows)
            if book["kind"] == "notebook" and book["id"] != container_id
        ]
    return await page(
        request,
        "note_edit.html",
        status=status if error else 200,
        course=await one(request, CONTAINER, CONTAINER, container_id),
        note=note,
        form=given,
        error=error,
        now=now,
        places=places,
        files=[] if note is None else await files_of(request, note),
        books=books,
        can_move=note is not None and _can(note, NoteWrite.MOVE),
        can_attach=note is not None and _can(note, NoteWrite.ATTACH),
        can_delete=note is not None and _can(note, NoteWrite.DELETE),
    )


# -- what waits, and what is in conflict


_BY_OWNER = by_user("content:write")


@router.get("/unsent", action="content:write", also=_BY_OWNER, include_in_schema=False)
async def show_unsent(request: Request) -> Response:
    """What other systems do not have yet, and what both sides changed."""
    call, database = call_of(request), hub_of(request).database
    writer = sees_drafts(call)
    read = queries.UNSENT if writer else queries.OWN_UNSENT
    read_conflicts = queries.CONFLICTS if writer else queries.OWN_CONFLICTS
    waits = await database.read(read, call, after="", limit=MOST)
    conflicts = await database.read(read_conflicts, call, after="", limit=MOST)
    return await page(
        request,
        "unsent.html",
        unsent=to_dicts(read, waits),
        conflicts=[conflict_shown(row) for row in to_dicts(read_conflicts, conflicts)],
    )


@router.post(
    "/unsent/{unsent_id}/retry",
    action="content:write",
    also=_BY_OWNER,
    problems=(404,),
    include_in_schema=False,
)
async def retry(request: Request, unsent_id: str) -> Response:
    """Send a change again."""
    await run(request, service.retry, unsent_id)
    return RedirectResponse("/unsent", 303)


@router.post(
    "/unsent/{unsent_id}/revert",
    action="content:write",
    also=_BY_OWNER,
    problems=(404, 409),
    include_in_schema=False,
)
async def revert(request: Request, unsent_id: str) -> Response:
    """Take a change back that was not sent."""
    await run(request, service.revert, unsent_id)
    return RedirectResponse("/unsent", 303)


@router.get(
    "/conflicts/{conflict_id}",
    action="content:write",
    also=_BY_OWNER,
    problems=(404,),
    include_in_schema=False,
)
async def show_conflict(request: Request, conflict_id: str) -> Response:
    """Both texts side by side."""
    return await page(request, "conflict.html", conflict=await conflict_of(request, conflict_id))


@router.post(
    "/conflicts/{conflict_id}",
    action="content:write",
    also=_BY_OWNER,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def settle(request: Request, conflict_id: str) -> Response:
    """Decide which text stays."""
    form = await read_form(request)
    conflict = await run(request, service.settle, conflict_id, form["keep"])
    return RedirectResponse(f"/lessons/{conflict.item_id}", 303)

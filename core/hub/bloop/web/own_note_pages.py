"""Pages of somebody's own notes: written beside a lesson, all of them, and where they go."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, by_user, call_of, hub_of
from bloop.content.notes import own, own_queries
from bloop.content.notes.own_routes import mine, notebooks, shown
from bloop.content.notes.passages import Quote
from bloop.content.notes.wording import ms_of
from bloop.content.tree_routes import run
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import to_dicts
from bloop.web import reading
from bloop.web.own_connection_pages import own_connections
from bloop.web.own_notes import FIELDS, Refused, viewed
from bloop.web.render import locale_of, page, translations_of
from bloop.web.routes import lesson_page
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

AT_ONCE = 50


@router.post(
    "/lessons/{id}/notes",
    action="content:write",
    also=by_user("content:write"),
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def write(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """A note about the lesson; or the lesson again, with what is wrong."""
    form = await read_form(request)
    _ = translations_of(locale_of(request)).gettext
    try:
        note = await run(
            request,
            own.write_beside,
            id,
            site=hub_of(request).config.value.public_url,
            notebook_title=_("My notes"),
            **_given(form),
        )
    except (InvalidError, ConflictError) as err:
        refused = Refused(err, {name: form[name] for name in FIELDS})
        return await lesson_page(request, id, refused=refused, status=422)
    return RedirectResponse(f"/lessons/{quote(id, safe='')}#note-{note.id}", 303)


def _given(form: Form) -> dict[str, Any]:
    """What the form says; a time that is none is refused."""
    at = form["at"].strip()
    moment = ms_of(at) if at else None
    if at and moment is None:
        raise InvalidError("at: a time of the video reads like 1:23", field="at")
    marked = form["quote"].replace("\r\n", "\n").strip()
    numbers = {
        name: int(form[name]) if form[name].isdecimal() and len(form[name]) < 10 else None
        for name in ("position", "video")
    }
    found = Quote(marked, form["prefix"], form["suffix"], numbers["position"]) if marked else None
    return {
        "words": form["words"].replace("\r\n", "\n"),
        "quote": found,
        "moment_ms": moment,
        "video": numbers["video"],
    }


@router.get("/notes", action="account:read", include_in_schema=False)
async def show_notes(
    request: Request,
    course: Annotated[str, Field(max_length=36)] = "",
    cursor: Annotated[str, Field(max_length=100)] = "",
    *,
    removed: bool = False,
) -> Response:
    """All of the visitor's notes, the newest first, and where notes of theirs come from."""
    call, database, locale = call_of(request), hub_of(request).database, locale_of(request)
    found = await mine(request, course, AT_ONCE, cursor)
    courses = reading.sees(request, own_queries.COURSES_SHOWN, own_queries.COURSES)
    filters = {"course": course} if course else {}
    return await page(
        request,
        "my_notes.html",
        notes=[viewed(shown(row), locale) for row in found["items"]],
        course=course,
        courses=to_dicts(courses, await database.read(courses, call)),
        notebooks=await notebooks(request),
        back=urlencode(filters),
        more=urlencode({**filters, "cursor": found["next"]}) if found["next"] else None,
        is_first=not cursor,
        removed=removed,
        **await own_connections(request),
    )


@router.post(
    "/notes/place",
    action="content:write",
    also=by_user("content:write"),
    problems=(404, 409),
    include_in_schema=False,
)
async def choose_place(request: Request) -> Response:
    """Let new notes go to another notebook."""
    form = await read_form(request)
    await run(request, own.choose_notebook, form["notebook"])
    return RedirectResponse("/notes", 303)

"""The pages on which a course is begun, and on which its settings are changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of
from bloop.accounts.actions import may
from bloop.content import service
from bloop.content.models import Container
from bloop.content.tree_routes import run, taught
from bloop.store.errors import ConflictError, InvalidError
from bloop.web.course_parts import parts_on
from bloop.web.editing import course_edited, version_in, words_of
from bloop.web.refusals import status_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

_THIS = taught("containers", "container_id")
_NEW = {
    "title": "",
    "code": "",
    "language": "",
    "summary": "",
    "audience": "open",
    "version": "",
}


@router.get("/courses/new", action="content:write", include_in_schema=False)
async def new(request: Request) -> Response:
    """An empty form."""
    return await page(request, "course_new.html", form=_NEW, fault=None)


@router.post("/courses", action="content:write", problems=(422,), include_in_schema=False)
async def make(request: Request) -> Response:
    """A new course, which learners do not see yet; or the form again with what is wrong."""
    form = await _sent(request)
    try:
        made = await run(
            request, service.create_container, audience=form["audience"] or "open", **_fields(form)
        )
    except InvalidError as err:
        fault = words_of(request, err)
        return await page(request, "course_new.html", status=422, form=form, fault=fault)
    return RedirectResponse(f"/courses/{made.id}/edit", 303)


@router.get(
    "/courses/{container_id}/settings",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def show(request: Request, container_id: str, saved: str = "") -> Response:
    """Title, code, language, description, and whom the course is for."""
    course = await course_edited(request, container_id)
    return await _settings(request, course, _given(course), saved=saved == "yes")


@router.post(
    "/courses/{container_id}/settings",
    action="content:write",
    also=_THIS,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def save(request: Request, container_id: str) -> Response:
    """Change them; or the form again, with what was typed and what is wrong with it."""
    form = await _sent(request)
    course = await course_edited(request, container_id)
    changes: dict[str, Any] = {} if course["live"] else _fields(form)
    if form["audience"] and form["audience"] != course["audience"]:
        changes["audience"] = form["audience"]
    try:
        version = version_in(form["version"])
        await run(request, service.update_container, container_id, version, changes)
    except (InvalidError, ConflictError) as err:
        course = await course_edited(request, container_id)
        return await _settings(request, course, form, error=err)
    return RedirectResponse(f"/courses/{container_id}/settings?saved=yes", 303)


@router.post(
    "/courses/{container_id}/hide",
    action="content:publish",
    also=_THIS,
    problems=(403, 404, 409),
    include_in_schema=False,
)
async def hide(request: Request, container_id: str) -> Response:
    """Hide the whole course from learners."""
    form = await read_form(request)
    try:
        version = version_in(form["version"])
        await run(request, service.unpublish, Container, container_id, version)
    except ConflictError as err:
        course = await course_edited(request, container_id)
        return await _settings(request, course, _given(course), error=err)
    return RedirectResponse(f"/courses/{container_id}/settings?saved=yes", 303)


@router.post(
    "/courses/{container_id}/trash",
    action="content:write",
    also=_THIS,
    problems=(403, 404, 409),
    include_in_schema=False,
)
async def throw_away(request: Request, container_id: str) -> Response:
    """Put the whole course into the bin; or take it out of there."""
    form = await read_form(request)
    act = service.restore if form["do"] == "restore" else service.trash
    try:
        await run(request, act, Container, container_id, version_in(form["version"]))
    except ConflictError as err:
        course = await course_edited(request, container_id)
        return await _settings(request, course, _given(course), error=err)
    return RedirectResponse(f"/courses/{container_id}/settings?saved=yes", 303)


async def _sent(request: Request) -> dict[str, str]:
    sent = await read_form(request)
    summary = sent["summary"].replace("\r\n", "\n")
    return {name: sent[name].strip() for name in _NEW} | {"summary": summary}


def _fields(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "title": form["title"],
        "code": form["code"] or None,
        "language": form["language"] or None,
        "summary_html": form["summary"],
    }


def _given(course: Mapping[str, Any]) -> dict[str, str]:
    return {
        "title": course["title"],
        "code": course["code"] or "",
        "language": course["language"] or "",
        "summary": course["summary_html"],
        "audience": course["audience"],
        "version": str(course["row_version"]),
    }


async def _settings(
    request: Request,
    course: Mapping[str, Any],
    form: Mapping[str, str],
    *,
    error: BloopError | None = None,
    saved: bool = False,
) -> Response:
    now = None
    if isinstance(error, ConflictError) and error.current is not None:
        now = _given(course)
        form = {**form, "version": now["version"]}
    return await page(
        request,
        "course_settings.html",
        status=status_of(error),
        course=course,
        parts=parts_on(request, course["id"], "content:write"),
        form=form,
        now=now,
        fault=None if error is None else words_of(request, error),
        saved=saved,
        sets_audience=may(call_of(request), "enrolments:write"),
    )

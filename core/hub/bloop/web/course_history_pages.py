"""What was changed in a course, by whom, taken back; its bin; and the versions of a lesson."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.content import adding, drafts, edited, history, service
from bloop.content.act_routes import refuser
from bloop.content.editing_queries import BIN_ITEMS, BIN_NODES, HISTORY, TEXTS_OF_ITEM
from bloop.content.models import Container, Item, Node, Sourced
from bloop.content.service import PublishRefusedError
from bloop.content.tree_routes import run, taught
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop.web.course_parts import parts_on
from bloop.web.course_publish_pages import readable
from bloop.web.differences import differences
from bloop.web.editing import Lesson, course_edited, lesson_edited, version_in, words_of
from bloop.web.moments import moment
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

AT_ONCE = 50
_THIS = taught("containers", "container_id")
_THIS_LESSON = taught("items", "item_id")
_MODELS: Mapping[str, type[Sourced]] = {"container": Container, "item": Item, "node": Node}
_REFUSED = (InvalidError, ConflictError, NotFoundError, PublishRefusedError)


@router.get(
    "/courses/{container_id}/history",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def show_history(request: Request, container_id: str, before: str = "") -> Response:
    """The changes of a course, the newest first."""
    return await _history(request, container_id, before)


@router.post(
    "/courses/{container_id}/history",
    action="content:write",
    also=_THIS,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def take_back(request: Request, container_id: str) -> Response:
    """Give the form's row what it held before one of its changes."""
    form = await read_form(request)
    subject, _, rest = form["change"].partition(":")
    id_, _, to = rest.partition(":")
    try:
        if subject not in _MODELS:
            raise InvalidError("change: there is no such", field="change")
        model, refuse = _MODELS[subject], await refuser(request)
        await run(request, history.undo, model, id_, None, refuse, to=version_in(to))
    except _REFUSED as err:
        return await _history(request, container_id, "", err)
    return RedirectResponse(f"/courses/{container_id}/history", 303)


async def _history(
    request: Request, container_id: str, before: str, error: BloopError | None = None
) -> Response:
    course = await course_edited(request, container_id)
    rows = await hub_of(request).database.read(
        HISTORY, call_of(request), container=container_id, before=before, limit=AT_ONCE + 1
    )
    found = to_dicts(HISTORY, rows)
    locale = locale_of(request)
    _ = translations_of(locale).gettext
    return await page(
        request,
        "course_history.html",
        status=409 if error else 200,
        course=course,
        parts=parts_on(request, container_id, "content:write"),
        changes=[
            one | {"when": moment(one["at"], locale), "by": author(_, one)}
            for one in found[:AT_ONCE]
        ],
        change_name=change_names(_),
        more=found[AT_ONCE - 1]["id"] if len(found) > AT_ONCE else None,
        fault=None if error is None else words_of(request, error),
    )


@router.get(
    "/courses/{container_id}/bin",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def show_bin(request: Request, container_id: str) -> Response:
    """What was put into the bin of a course."""
    return await _bin(request, container_id)


@router.post(
    "/courses/{container_id}/bin",
    action="content:write",
    also=_THIS,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def restore(request: Request, container_id: str) -> Response:
    """Take the form's place or item out of there."""
    form = await read_form(request)
    subject, _, rest = form["what"].partition(":")
    id_, _, version = rest.partition(":")
    try:
        if subject == "node":
            await run(request, adding.bring_back, id_, version_in(version))
        else:
            await run(request, service.restore, Item, id_, version_in(version))
    except _REFUSED as err:
        return await _bin(request, container_id, err)
    return RedirectResponse(f"/courses/{container_id}/bin", 303)


async def _bin(request: Request, container_id: str, error: BloopError | None = None) -> Response:
    call, database, locale = call_of(request), hub_of(request).database, locale_of(request)
    course = await course_edited(request, container_id)
    asked = {"container": container_id, "limit": AT_ONCE}
    nodes = to_dicts(BIN_NODES, await database.read(BIN_NODES, call, **asked))
    items = to_dicts(BIN_ITEMS, await database.read(BIN_ITEMS, call, **asked))
    with_places = {node["item"] for node in nodes}
    rows = [{**one, "subject": "node"} for one in nodes]
    rows += [{**one, "subject": "item"} for one in items if one["id"] not in with_places]
    return await page(
        request,
        "course_bin.html",
        status=409 if error else 200,
        course=course,
        parts=parts_on(request, container_id, "content:write"),
        rows=[row | {"when": moment(row["updated_at"], locale)} for row in rows],
        fault=None if error is None else words_of(request, error),
    )


@router.get(
    "/lessons/{item_id}/versions",
    action="content:write",
    also=_THIS_LESSON,
    problems=(404,),
    include_in_schema=False,
)
async def show_versions(
    request: Request, item_id: str, before: int = 0, after: int = 0
) -> Response:
    """The versions of a lesson, and what differs between two of them; by default the newest."""
    return await _versions(request, item_id, before, after)


@router.post(
    "/lessons/{item_id}/versions",
    action="content:write",
    also=_THIS_LESSON,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def restore_version(request: Request, item_id: str) -> Response:
    """Write the text of the form's version again: of what learners see, as a draft."""
    form = await read_form(request)
    to, version = version_in(form["to"]), version_in(form["version"])
    try:
        await run(request, drafts.rewrite, item_id, version, to)
    except _REFUSED as err:
        return await _versions(request, item_id, 0, 0, err)
    return RedirectResponse(f"/lessons/{quote(item_id, safe='')}/edit?saved=yes", 303)


async def _versions(
    request: Request, item_id: str, before: int, after: int, error: BloopError | None = None
) -> Response:
    lesson = await lesson_edited(request, item_id)
    rows = await hub_of(request).database.read(
        TEXTS_OF_ITEM, call_of(request), id=item_id, limit=AT_ONCE
    )
    locale = locale_of(request)
    _ = translations_of(locale).gettext
    found = versions_of(lesson, to_dicts(TEXTS_OF_ITEM, rows))
    by_version = {one["row_version"]: one for one in found}
    newer = by_version.get(after, found[0])
    older = by_version.get(before, found[min(1, len(found) - 1)])
    lines = None
    if older is not newer:
        lines = await asyncio.to_thread(_differences, older["text"], newer["text"])
    return await page(
        request,
        "lesson_versions.html",
        status=409 if error else 200,
        lesson=lesson,
        versions=[one | {"when": moment(one["at"], locale), "by": author(_, one)} for one in found],
        change_name=change_names(_),
        older=older,
        newer=newer,
        lines=lines,
        fault=None if error is None else words_of(request, error),
    )


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
    return differences(
        f"{before['title']}\n{readable(before)}", f"{after['title']}\n{readable(after)}"
    )


def versions_of(lesson: Lesson, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The texts a lesson had, the newest first; its own, which nothing replaced, stands on top.

    Each has the ``change`` that made it, with its time and author; what says the same as the one
    after it is left out.
    """
    found: list[dict[str, Any]] = []
    now = {"row_version": lesson.row_version, "text": lesson.text, "is_draft": lesson.has_draft}
    for row in rows:
        kept = edited.kept_row(parsed(row["snapshot"]))
        text = edited.newest(kept)
        made = {name: row[name] for name in ("change", "actor", "who", "at")}
        if not found or edited.digest(found[-1]["text"]) != edited.digest(now["text"]):
            found.append({**now, **made})
        is_draft = edited.draft_of(kept) is not None
        now = {"row_version": row["row_version"], "text": text, "is_draft": is_draft}
    if not found or edited.digest(found[-1]["text"]) != edited.digest(now["text"]):
        made = {"change": "created", "actor": "", "who": None, "at": None}
        found.append({**now, **made})
    return found


def author(_: Callable[[str], str], change: Mapping[str, Any]) -> str:
    """Who made a change, in words."""
    if change["who"]:
        return str(change["who"])
    return _("somebody who is gone") if change["actor"].startswith("user:") else _("the hub")


def change_names(_: Callable[[str], str]) -> Mapping[str, str]:
    """The changes in words."""
    return {
        "created": _("created"),
        "edited": _("edited"),
        "drafted": _("draft written"),
        "discarded": _("draft thrown away"),
        "published": _("published"),
        "unpublished": _("hidden"),
        "moved": _("moved"),
        "deleted": _("put into the bin"),
        "restored": _("taken out of the bin"),
        "undone": _("taken back"),
        "updated": _("updated by a sync"),
        "missing": _("gone from its source"),
    }

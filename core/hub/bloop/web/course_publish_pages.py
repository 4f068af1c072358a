"""The page that shows what publishing changes for learners, and publishes what is ticked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.content import edited
from bloop.content.act_routes import refuser
from bloop.content.editing_queries import ITEMS_UNPUBLISHED
from bloop.content.publishing import publish_chosen
from bloop.content.service import PublishRefusedError
from bloop.content.texts import markdown_of_html
from bloop.content.tree_routes import run, taught
from bloop.content.trees import read_tree
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import to_dicts
from bloop.web.course_parts import parts_on
from bloop.web.differences import differences
from bloop.web.editing import Lesson, course_edited, lesson_of, version_in, words_of
from bloop.web.refusals import status_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

_THIS = taught("containers", "container_id")
MOST_SHOWN = 40
"""Of so many drafts the differences are shown; the others are named."""
MOST_LINES = 60


@router.get(
    "/courses/{container_id}/publish",
    action="content:publish",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def show(request: Request, container_id: str, item: str = "") -> Response:
    """What learners do not see yet; ``item`` is all that is ticked, where it is named."""
    return await _changes(request, container_id, only=item)


@router.post(
    "/courses/{container_id}/publish",
    action="content:publish",
    also=_THIS,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def publish(request: Request, container_id: str) -> Response:
    """Publish what is ticked, as it was shown; or the page again, with what changed since."""
    form = await read_form(request)
    ticked = [value.split(":") for value in form.all("chosen")]
    chosen: dict[str, dict[str, int | None]] = {"item": {}, "node": {}, "course": {}}
    for kind, id_, version in (parts for parts in ticked if len(parts) == 3):
        if kind in chosen:
            chosen[kind][id_] = version_in(version)
    try:
        await run(
            request,
            publish_chosen,
            container_id,
            await refuser(request),
            items=chosen["item"],
            nodes=chosen["node"],
            container=next(iter(chosen["course"].values()), None),
        )
    except (InvalidError, ConflictError, PublishRefusedError) as err:
        return await _changes(request, container_id, error=err)
    return RedirectResponse(f"/courses/{container_id}/publish", 303)


async def _changes(
    request: Request, container_id: str, *, only: str = "", error: BloopError | None = None
) -> Response:
    call, database = call_of(request), hub_of(request).database
    course = await course_edited(request, container_id)
    rows = await database.read(ITEMS_UNPUBLISHED, call, container=container_id)
    lessons = [lesson_of(row) for row in to_dicts(ITEMS_UNPUBLISHED, rows)]
    nodes = await read_tree(database, call, container_id, drafts=True)
    items = await asyncio.to_thread(_shown, (one for one in lessons if not one.live))
    places = {node["item"]: place for place, node in reversed(list(enumerate(nodes)))}
    items.sort(key=lambda one: places.get(one["id"], len(nodes)))
    return await page(
        request,
        "course_publish.html",
        status=status_of(error),
        course=course,
        parts=parts_on(request, container_id, "content:publish"),
        items=items,
        nodes=[node for node in nodes if not node["published"] and node["state"] == "active"],
        live=course["live"],
        only=only,
        fault=None if error is None else words_of(request, error),
    )


def _shown(lessons: Iterable[Lesson]) -> list[dict[str, Any]]:
    """Each with what learners see now and what they would see then."""
    found = []
    for number, lesson in enumerate(lessons):
        text = lesson.text
        one = {
            "id": lesson.id,
            "kind": lesson.kind,
            "title": text["title"],
            "was": lesson.title if lesson.title != text["title"] else None,
            "version": lesson.row_version,
            "href": lesson.href,
            "is_new": not lesson.published,
            "moved_on": edited.has_moved_on(lesson),
            "empty": not text["html"] and lesson.kind in {"page", "assignment", "discussion"},
            "lines": None,
        }
        if lesson.published and number < MOST_SHOWN:
            lines = differences(readable(edited.text_of(lesson)), readable(text))
            one["lines"] = None if lines is None else lines[:MOST_LINES]
            one["more"] = lines is not None and len(lines) > MOST_LINES
        found.append(one)
    return found


def readable(text: Mapping[str, Any]) -> str:
    """A text as people compare it: its Markdown, also of what came as HTML."""
    source = edited.source_of(text)
    href = (text["data"] or {}).get("href")
    body = source if source is not None else markdown_of_html(text["html"])
    return f"{body}\n{href}" if href else body

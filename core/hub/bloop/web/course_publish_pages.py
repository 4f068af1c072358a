"""The page that shows what publishing changes for learners, and publishes what is ticked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field
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
from bloop.web.differences import Effort, Line, differences
from bloop.web.editing import Lesson, course_edited, lesson_of, version_in, words_of
from bloop.web.refusals import status_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

_THIS = taught("containers", "container_id")
AT_ONCE = 300
"""So many lessons, and as many hidden places, are on one page; the others are on the next."""
MOST_LINES = 60
"""Of one lesson; the others are on the page of its versions."""
MOST_LINES_SHOWN = 400
MOST_LETTERS_SHOWN = 40_000
MOST_LETTERS_READ = 1_000_000


class Room:
    """What the differences of all lessons of a page may still take: to be found, and to be sent."""

    def __init__(self) -> None:
        self.effort = Effort()
        self.lines = MOST_LINES_SHOWN
        self.letters = MOST_LETTERS_SHOWN
        self.read = MOST_LETTERS_READ

    def compare(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Line] | None:
        """The differences of two texts; None where there is no room to look for them."""
        size = sum(len(text["html"]) + len(text["source"] or "") for text in (was, now))
        if self.lines <= 0 or self.letters <= 0 or size > self.read:
            return None
        self.read -= size
        return differences(readable(was), readable(now), self.effort)

    def take(self, lines: Sequence[Line]) -> list[Line]:
        """As many of the first lines as there is room for."""
        taken = []
        for line in lines[: min(MOST_LINES, self.lines)]:
            self.letters -= sum(len(text) for _, text in line.pieces)
            if self.letters < 0:
                break
            taken.append(line)
        self.lines -= len(taken)
        return taken


@router.get(
    "/courses/{container_id}/publish",
    action="content:publish",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def show(
    request: Request,
    container_id: str,
    item: str = "",
    start: Annotated[int, Field(ge=0, le=1_000_000)] = 0,
) -> Response:
    """What learners do not see yet; ``item`` is all that is ticked, where it is named.

    Of much, what comes after so many as ``start`` says.
    """
    return await _changes(request, container_id, only=item, start=start)


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
    request: Request,
    container_id: str,
    *,
    only: str = "",
    start: int = 0,
    error: BloopError | None = None,
) -> Response:
    call, database = call_of(request), hub_of(request).database
    course = await course_edited(request, container_id)
    rows = await database.read(ITEMS_UNPUBLISHED, call, container=container_id)
    lessons = [lesson_of(row) for row in to_dicts(ITEMS_UNPUBLISHED, rows)]
    lessons = [one for one in lessons if not one.live]
    nodes = await read_tree(database, call, container_id, drafts=True)
    places = {node["item"]: place for place, node in reversed(list(enumerate(nodes)))}
    # What somebody came for stands on the first page, and has room for what changes.
    lessons.sort(key=lambda one: (one.id != only, places.get(one.id, len(nodes))))
    hidden = [node for node in nodes if not node["published"] and node["state"] == "active"]
    if start >= max(len(lessons), len(hidden)):
        start = 0  # It was published meanwhile.
    end = start + AT_ONCE
    return await page(
        request,
        "course_publish.html",
        status=status_of(error),
        course=course,
        parts=parts_on(request, container_id, "content:publish"),
        items=await asyncio.to_thread(_shown, lessons[start:end]),
        nodes=hidden[start:end],
        live=course["live"] or start > 0,  # Of the course itself only the first page speaks.
        only=only,
        following=end if len(lessons) > end or len(hidden) > end else 0,
        fault=None if error is None else words_of(request, error),
    )


def _shown(lessons: Iterable[Lesson]) -> list[dict[str, Any]]:
    """Each with what learners see now and what they would see then, as far as there is room."""
    room = Room()
    return [_told(lesson, room) for lesson in lessons]


def _told(lesson: Lesson, room: Room) -> dict[str, Any]:
    text = lesson.text
    lines = room.compare(edited.text_of(lesson), text) if lesson.published else []
    taken = room.take(lines or ())
    return {
        "id": lesson.id,
        "kind": lesson.kind,
        "title": text["title"],
        "was": lesson.title if lesson.title != text["title"] else None,
        "version": lesson.row_version,
        "href": lesson.href,
        "is_new": not lesson.published,
        "moved_on": edited.has_moved_on(lesson),
        "empty": not text["html"] and lesson.kind in {"page", "assignment", "discussion"},
        "lines": taken,
        "more": lines is None or len(lines) > len(taken),
    }


def readable(text: Mapping[str, Any]) -> str:
    """A text as people compare it: its Markdown, also of what came as HTML."""
    source = edited.source_of(text)
    href = (text["data"] or {}).get("href")
    body = source if source is not None else markdown_of_html(text["html"])
    return f"{body}\n{href}" if href else body

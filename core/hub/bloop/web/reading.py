"""What the pages of courses and lessons read, for whoever looks at them."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.requests import Request

from bloop.accounts.access import call_of, hub_of
from bloop.accounts.actions import may
from bloop.content import queries
from bloop.content.file_reads import file_for
from bloop.content.notes import queries as note_queries
from bloop.store.errors import NotFoundError
from bloop.store.statements import Statement


def writes(request: Request) -> bool:
    """Whether the visitor writes content by their role."""
    return may(call_of(request), "content:write")


def sees(request: Request, shown: Statement, everything: Statement) -> Statement:
    """What learners and guests see of content is what is published; educators see drafts too."""
    return everything if writes(request) else shown


async def course(request: Request, container: str) -> dict[str, Any]:
    """A course or notebook; raises NotFoundError."""
    read = sees(request, queries.CONTAINER_SHOWN, queries.CONTAINER)
    row = await hub_of(request).database.read_one(read, call_of(request), id=container)
    if row is None:
        raise NotFoundError(f"no course {container}")
    return read.as_dict(row)


async def course_around(request: Request, container: str) -> dict[str, Any] | None:
    """The course of something that is seen; None for who may see that, and not the course."""
    try:
        return await course(request, container)
    except NotFoundError:
        return None


async def is_visible(request: Request, item: str) -> bool:
    """Whether the visitor, who does not write content by their role, may see an item."""
    read = queries.ITEM_IS_VISIBLE
    return await hub_of(request).database.read_one(read, call_of(request), id=item) is not None


async def may_have_file(request: Request, item: str) -> bool:
    """Whether the visitor may have the bytes of a file."""
    try:
        call, database = call_of(request), hub_of(request).database
        await file_for(database, call, item, drafts=writes(request))
    except NotFoundError:
        return False
    return True


async def lesson(request: Request, id_: str) -> dict[str, Any]:
    """An item with its own data, and its HTML after the plugins had their say.

    Raises NotFoundError.
    """
    read = sees(request, queries.ITEM_SHOWN, queries.ITEM)
    row = await hub_of(request).database.read_one(read, call_of(request), id=id_)
    if row is None:
        raise NotFoundError(f"no lesson {id_[:40]}", cure="it may have been moved or unpublished")
    found = read.as_dict(row)
    found["data"] = parsed(found["data"])
    found["html"] = await _filtered(request, found)
    return found


async def referred(request: Request, container: str, kind: str, remote_id: str) -> str:
    """The id of what a link within a container names; raises NotFoundError."""
    for read in (queries.BY_REFERENCE, queries.BY_REFERENCE_WITHIN):
        row = await hub_of(request).database.read_one(
            read, call_of(request), container=container, kind=kind, remote_id=remote_id
        )
        if row is not None:
            return str(row[0])
    raise nothing(kind, remote_id)


def nothing(kind: str, remote_id: str) -> NotFoundError:
    """What a link is answered that leads nowhere, or to what the visitor may not see."""
    return NotFoundError(f"no {kind} {remote_id} in this course")


async def titled(request: Request, container: str, title: str) -> str:
    """The id of the note of a notebook that has a title; raises NotFoundError."""
    call, database = call_of(request), hub_of(request).database
    row = await database.read_one(note_queries.TITLED, call, container=container, title=title)
    if row is None:
        raise NotFoundError(f"no note {title[:200]!r} in this notebook")
    return str(row[0])


def parsed(data: Any) -> Any:
    """An item's own data; reads hand it over unparsed."""
    return orjson.loads(orjson.dumps(data))


def sources(found: dict[str, Any]) -> list[str]:
    """All texts of a lesson that may hold HTML, in the order in which they are shown."""
    texts = [found["html"]]
    for question in found["data"].get("questions", ()):
        texts += [question["html"], *(one["html"] for one in question.get("choices", ()))]
    return [text for text in texts if text]


async def _filtered(request: Request, found: dict[str, Any]) -> str:
    """The lesson's HTML after the plugins' filters; what they add is sanitised again."""
    from bloop.content.sanitise import sanitise
    from bloop_sdk import LessonView

    hub = hub_of(request)
    hooks = hub.kernel.hooks.without(await hub.choices.off(call_of(request)))
    if not hooks.listeners("filter_lesson_html"):
        return str(found["html"])
    view = LessonView(
        id=found["id"],
        institution=call_of(request).institution,
        kind=found["kind"],
        title=found["title"],
        language=found["language"],
    )
    changed = hooks.filter_lesson_html(found["html"], view).value
    return await asyncio.to_thread(sanitise, changed if isinstance(changed, str) else "")

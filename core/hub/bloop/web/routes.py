"""The first pages: courses, a course, a lesson, the plugins with their health."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import VISIT, Router, call_of, hub_of, may
from bloop.content import queries
from bloop.store.errors import NotFoundError
from bloop.store.statements import Statement, to_dicts
from bloop.web import assets, lessons, outline
from bloop.web.render import Gettext, locale_of, page, translate

router = Router(tags=["pages"])

PAGE_OF_COURSES = 200
YEAR = "public, max-age=31536000, immutable"


@router.get("/", action="content:read", include_in_schema=False)
async def home(request: Request) -> Response:
    """All courses that the visitor may see."""
    hub, call = hub_of(request), call_of(request)
    read = _sees(request, queries.CONTAINERS_SHOWN, queries.CONTAINERS)
    rows = await hub.database.read(read, call, after="", limit=PAGE_OF_COURSES)
    return page(
        request,
        "home.html",
        containers=to_dicts(read, rows),
        may_import=may(call, "content:import"),
    )


@router.get("/courses/{id}", action="content:read", problems=(404,), include_in_schema=False)
async def show_course(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """One course and its outline."""
    course = await _course(request, id)
    tree = await _tree(request, id)
    course["summary_html"] = lessons.readable(course["summary_html"], id)
    first = next(outline.leaves(tree), None)
    return page(request, "course.html", course=course, nodes=tree, first=first and first[0])


@router.get("/lessons/{id}", action="content:read", problems=(404,), include_in_schema=False)
async def show_lesson(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """One item of a course: a page, a quiz, an assignment, or whatever it is."""
    read = _sees(request, queries.ITEM_SHOWN, queries.ITEM)
    row = await hub_of(request).database.read_one(read, call_of(request), id=id)
    if row is None:
        raise NotFoundError(f"no lesson {id}", cure="it may have been moved or unpublished")
    lesson = read.as_dict(row)
    container = lesson["container"]
    data = lesson["data"] = _parsed(lesson["data"])
    lesson["html"] = lessons.readable(await _filtered(request, lesson), container)
    tree = await _tree(request, container)
    place = outline.locate(tree, id)
    gettext = _gettext(request)
    return page(
        request,
        "lesson.html",
        course=await _course(request, container),
        lesson=lesson,
        nodes=tree,
        module_title=place.module,
        previous=place.before,
        following=place.after,
        facts=lessons.facts(lesson["kind"], data, locale_of(request), gettext),
        questions=lessons.questions(data, container, gettext),
    )


@router.get(
    "/lessons/{container}/{kind}/{remote_id:path}",
    action="content:read",
    problems=(404,),
    include_in_schema=False,
)
async def follow_lesson(request: Request, container: str, kind: str, remote_id: str) -> Response:
    """Where a link between lessons leads: content names its targets by kind and remote id."""
    item = await _referred(request, container, kind, remote_id)
    return RedirectResponse(f"/lessons/{item}", 302)


@router.get(
    "/files/{container}/{remote_id:path}",
    action="content:read",
    problems=(404,),
    include_in_schema=False,
)
async def follow_file(request: Request, container: str, remote_id: str) -> Response:
    """The file that a lesson's text shows or links to."""
    item = await _referred(request, container, "file", remote_id)
    return RedirectResponse(f"/api/v1/items/{item}/content", 302)


@router.get("/plugins", action="plugins:read", include_in_schema=False)
async def show_plugins(request: Request) -> Response:
    """Every plugin with its state, its reason and its cure."""
    records = sorted(hub_of(request).kernel.plugins.values(), key=lambda record: record.id)
    shown = [
        {
            "id": record.id,
            "name": record.manifest.name if record.manifest else record.id,
            "summary": record.manifest.summary if record.manifest else "",
            "version": record.found.version if record.found else None,
            "state": str(record.status.state),
            "reason": record.status.reason,
            "cure": record.status.cure,
        }
        for record in records
    ]
    ready = sum(plugin["state"] == "ready" for plugin in shown)
    words = translate(request, "{ready} of {count} are ready.")
    return page(
        request, "plugins.html", plugins=shown, summary=words.format(ready=ready, count=len(shown))
    )


@router.get("/static/{digest}/{name}", action=VISIT, problems=(404,), include_in_schema=False)
async def static(request: Request, digest: str, name: str) -> Response:  # noqa: ARG001 - the path's
    """A static file; its address changes with its content, so that it is cached for ever."""
    found = assets.read(name)
    if found is None:
        raise NotFoundError(f"no file {name}")
    return Response(found[0], media_type=found[1], headers={"cache-control": YEAR})


def error_page(request: Request, problem: Any) -> Response:
    """A problem in words, for browsers."""
    titles = {
        401: translate(request, "Please log in"),
        403: translate(request, "This is not for you"),
        404: translate(request, "There is nothing here"),
    }
    heading = titles.get(problem.status, translate(request, "That did not work"))
    return page(
        request,
        "message.html",
        status=problem.status,
        heading=heading,
        text=problem.detail,
        cure=problem.cure,
        code=f"{problem.code} · {problem.trace_id}",
        action=None,
    )


def _sees(request: Request, shown: Statement, everything: Statement) -> Statement:
    """What learners and guests see of content is what is published; educators see drafts too."""
    return everything if may(call_of(request), "content:write") else shown


def _gettext(request: Request) -> Gettext:
    return lambda text: translate(request, text)


async def _course(request: Request, container: str) -> dict[str, Any]:
    read = _sees(request, queries.CONTAINER_SHOWN, queries.CONTAINER)
    row = await hub_of(request).database.read_one(read, call_of(request), id=container)
    if row is None:
        raise NotFoundError(f"no course {container}")
    return read.as_dict(row)


async def _tree(request: Request, container: str) -> list[outline.Branch]:
    read = _sees(request, queries.TREE_SHOWN, queries.TREE)
    rows = await hub_of(request).database.read(read, call_of(request), container=container)
    return outline.build(to_dicts(read, rows))


async def _referred(request: Request, container: str, kind: str, remote_id: str) -> str:
    for read in (queries.BY_REFERENCE, queries.BY_REFERENCE_WITHIN):
        row = await hub_of(request).database.read_one(
            read, call_of(request), container=container, kind=kind, remote_id=remote_id
        )
        if row is not None:
            return str(row[0])
    raise NotFoundError(f"no {kind} {remote_id} in this course")


async def _filtered(request: Request, lesson: dict[str, Any]) -> str:
    """The lesson's HTML after the plugins had their say; what they add is sanitised again."""
    from bloop.content.sanitise import sanitise
    from bloop_sdk import LessonView

    hooks = hub_of(request).kernel.hooks
    if not hooks.listeners("filter_lesson_html"):
        return str(lesson["html"])
    view = LessonView(
        id=lesson["id"],
        institution=call_of(request).institution,
        kind=lesson["kind"],
        title=lesson["title"],
        language=lesson["language"],
    )
    changed = hooks.filter_lesson_html(lesson["html"], view).value
    return await asyncio.to_thread(sanitise, changed if isinstance(changed, str) else "")


def _parsed(data: Any) -> dict[str, Any]:
    """The item's own data; reads hand it over unparsed."""
    parsed: dict[str, Any] = orjson.loads(orjson.dumps(data))
    return parsed

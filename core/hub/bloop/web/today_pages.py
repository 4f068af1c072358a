"""The first page: a user's day, or the list of courses for who has none; and that list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content import queries
from bloop.hub.attention import broken
from bloop.hub.today import COURSES, progressed, today
from bloop.learning.today.queries import ALL_COURSES
from bloop.learning.today.queries import COURSES as OWN
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop.web import reading
from bloop.web.attention import Words
from bloop.web.moments import without_year
from bloop.web.next_pages import worded
from bloop.web.quizzes import percent, words_of
from bloop.web.render import locale_of, page, translations_of
from bloop.web.review_pages import day_of
from bloop_sdk import PrincipalKind

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

PAGE_OF_COURSES = 200
SEARCHED = 5000
"""Among so many courses the page searches; beyond them there is the search of all content."""


@router.get("/", action="content:read", include_in_schema=False)
async def home(request: Request) -> Response:
    """A user's day; for a guest the courses that are open."""
    call = call_of(request)
    if call.principal.kind is not PrincipalKind.USER or not may(call, "account:read"):
        return await _courses(request, "", "")
    found = await today(cast("Hub", hub_of(request)), call)
    locale = locale_of(request)
    words = Words(translations_of(locale), locale)
    return await page(
        request,
        "today.html",
        offline=True,
        going=found.pop("continue"),
        next=worded(request, found.pop("next")),
        day=without_year(utcnow().date(), locale, "EEEE, d MMMM"),
        deadlines=[{**one, "when": _when(one["due_at"], locale)} for one in found.pop("deadlines")],
        graded=[
            {
                **one,
                "share": None if one["score"] is None else percent(one["score"], locale),
                "words": words_of(one["comment"]),
            }
            for one in found.pop("graded")
        ],
        later=day_of(found["reviews"]["next"], locale),
        setup=may(call, "institutions:configure"),
        attention=[_needing(one, words) for one in found.pop("attention")],
        **found,
    )


def _needing(row: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What does not work as the overview of administration says it, and where it leads."""
    one = broken(row)
    return {**row, "path": one and one.path, "title": one and words.title(one)}


@router.get("/courses", action="content:read", include_in_schema=False)
async def show_courses(
    request: Request, q: Annotated[str, Field(max_length=200)] = "", after: str = ""
) -> Response:
    """All courses that the visitor may see, theirs first; ``q`` is of a title or a code."""
    return await _courses(request, q.strip(), after)


async def _courses(request: Request, q: str, after: str) -> Response:
    database, call = hub_of(request).database, call_of(request)
    read = reading.sees(request, queries.CONTAINERS_SHOWN, queries.CONTAINERS)
    limit = SEARCHED if q else PAGE_OF_COURSES
    rows = to_dicts(read, await database.read(read, call, after=after, limit=limit))
    own: list[dict[str, Any]] = []
    is_user = call.principal.kind is PrincipalKind.USER
    if is_user and not after:
        mine = reading.sees(request, OWN, ALL_COURSES)
        found = to_dicts(mine, await database.read(mine, call, limit=COURSES))
        own = [progressed(one) for one in found if one["enrolled"] and _fits(one, q)]
    ids = {one["id"] for one in own}
    # Notebooks of one's own have a page of their own.
    shown = [one for one in rows if one["owner"] is None and one["id"] not in ids]
    others = [one for one in shown if _fits(one, q)]
    return await page(
        request,
        "courses.html",
        offline=True,
        own=own,
        containers=others[:PAGE_OF_COURSES],
        more=rows[-1]["id"] if len(rows) == limit and not q else None,
        q=q,
        is_user=is_user,
        may_import=may(call, "content:import"),
        may_write=may(call, "content:write"),
    )


def _fits(course: Mapping[str, Any], q: str) -> bool:
    text = f"{course['title']} {course['code'] or ''}".casefold()
    return all(word in text for word in q.casefold().split())


def _when(due: datetime, locale: str) -> str:
    return without_year(due.date(), locale, "EEE, d MMM")

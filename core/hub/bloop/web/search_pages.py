"""The page of search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

from markupsafe import Markup, escape
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.content.notes.wording import clock
from bloop.content.search.service import Asked
from bloop.web.render import locale_of, page
from bloop_sdk.records import CONTAINER_KINDS, ITEM_KINDS

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

LONGEST_QUERY = 500
KINDS = ("course", "notebook", "page", "assignment", "quiz", "discussion", "file", "link", "note")
assert {*KINDS} <= {*CONTAINER_KINDS, *ITEM_KINDS}


@router.get("/search", action="content:read", problems=(422,), include_in_schema=False)
async def show_search(
    request: Request,
    q: Annotated[str, Field(max_length=LONGEST_QUERY)] = "",
    kind: Annotated[str, Field(max_length=20)] = "",
    course: Annotated[str, Field(max_length=36)] = "",
    language: Annotated[str, Field(max_length=35)] = "",
    cursor: Annotated[str, Field(max_length=100)] = "",
) -> Response:
    """What was found for a query, with a form to narrow it."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    chosen = {"q": q, "kind": kind, "course": course, "language": language}
    asked = Asked(
        text=q,
        kind=kind,
        course=course,
        language=language,
        cursor=cursor,
        locale=locale_of(request),
    )
    found = await hub.searching.find(call, asked, drafts=may(call, "content:write"))
    filters = {name: value for name, value in chosen.items() if value}
    more = urlencode({**filters, "cursor": found["next"]}) if found["next"] else None
    return await page(
        request,
        "search.html",
        query=q,
        chosen=chosen,
        kinds=KINDS,
        hits=[_view(hit) for hit in found["items"]],
        corrected=found["corrected"],
        more=more,
        is_first=not cursor,
        back=urlencode(filters),
        is_narrowed=len(filters) > 1,
    )


def _view(hit: dict[str, Any]) -> dict[str, Any]:
    is_container = hit["kind"] in CONTAINER_KINDS
    return hit | {
        "href": f"/courses/{hit['id']}" if is_container else f"/lessons/{hit['id']}",
        "title": _marked(hit["title"], hit["title_marks"]),
        "excerpt": _marked(hit["excerpt"], hit["excerpt_marks"]),
        "course": None if is_container else hit["course"],
        "passage": _passage(hit),
    }


def _passage(hit: dict[str, Any]) -> dict[str, Any] | None:
    """What was found in a video of a lesson, with the way to that moment."""
    found = hit["passage"]
    if found is None:
        return None
    moment = found["moment_ms"]
    at = "" if moment is None else f"#t={moment // 1000}"
    return {
        "href": f"/lessons/{hit['id']}{at}",
        "time": None if moment is None else clock(moment),
        "excerpt": _marked(found["excerpt"], found["excerpt_marks"]),
        "language": found["language"],
    }


def _marked(text: str, marks: Sequence[tuple[int, int]]) -> Markup:
    """Escaped text with its words marked."""
    parts, at = list[Markup](), 0
    for start, end in marks:
        parts += [escape(text[at:start]), Markup("<mark>{}</mark>").format(text[start:end])]
        at = end
    return Markup("").join([*parts, escape(text[at:])])

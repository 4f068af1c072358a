"""The page of the concept map: what comes before what, and how far the reader is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router
from bloop.learning.map.routes import LEVELS, MOST_LEVELS, Asked, Read, read_map
from bloop.web.map_drawing import sheet, state_names
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk.bidi import direction_of

router = Router(tags=["pages"])

SCRIPT = "map.js"
_CHOSEN: dict[str, Callable[[str], Asked]] = {
    "container": lambda one: Asked(course=one),
    "concept": lambda one: Asked(goal=one),
}
"""What a map is asked for where somebody chose among goals and courses."""


@router.get("/map", action="graph:read", problems=(404, 422), include_in_schema=False)
async def show_map(
    request: Request,
    course: str = "",
    concept: str = "",
    goal: str = "",
    levels: int = LEVELS,
    of: str = "",
) -> Response:
    """A drawing of concepts; the same as a list below it."""
    kind, _, chosen = of.partition(":")
    asked = Asked(course, concept, goal, levels)
    if kind in _CHOSEN:
        asked = _CHOSEN[kind](chosen)
    found = await read_map(request, asked)
    locale = locale_of(request)
    translate = translations_of(locale).gettext
    drawn = sheet(found.answer, translate, mirrored=direction_of(locale) == "rtl")
    scope, nodes = found.answer["scope"], found.answer["nodes"]
    return await page(
        request,
        "map.html",
        script=SCRIPT,
        map=found.answer,
        sheet=drawn,
        states=state_names(translate),
        shows={one["state"] for one in nodes},
        flags=[flag for flag in ("next", "goal") if any(one[flag] for one in nodes)],
        choices=_choices(found),
        fewer=asked.levels - 1 if scope["kind"] == "concept" else 0,
        more=asked.levels + 1 if scope["kind"] == "concept" and asked.levels < MOST_LEVELS else 0,
    )


def _choices(found: Read) -> list[dict[str, Any]]:
    """What else of the reader's there could be a map of, with what is shown now."""
    goals = [(f"{one['kind']}:{one['subject']}", one["name"]) for one in found.goals if one["name"]]
    taken = {value for value, _ in goals}
    courses = [(f"container:{one['id']}", one["title"]) for one in found.courses]
    every = goals + [one for one in courses if one[0] not in taken]
    scope = found.answer["scope"]
    kind = {"course": "container", "goal": "concept"}.get(scope["kind"], "")
    return [
        {"value": value, "name": name, "now": value == f"{kind}:{scope['id']}"}
        for value, name in every
    ]

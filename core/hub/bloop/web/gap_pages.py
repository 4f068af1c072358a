"""The pages of what a course's learners, or a group, lack for a goal, and what would help most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.people.queries import GROUP
from bloop.accounts.people.routes import one as one_of_people
from bloop.content.queries import CONTAINER, CONTAINER_SHOWN
from bloop.content.tree_routes import one, taught
from bloop.graph.live import Graph
from bloop.graph.names import key_of
from bloop.graph.queries import CONCEPTS_OF_COURSE
from bloop.learning.classes.gaps import gaps
from bloop.learning.mastery.routes import graph_of, learners_of, members_of
from bloop.web import plots
from bloop.web.concept_pages import named
from bloop.web.course_parts import parts_on
from bloop.web.render import page

router = Router(tags=["pages"])

READ = "learning:read"
CHOICES = 500
HELPS = 3
"""So many concepts are told as what would help most."""
LONGEST = 400
"""So long a goal is looked for, and shown again."""


@router.get(
    "/courses/{container_id}/gaps",
    action=READ,
    also=taught("containers", "container_id"),
    problems=(404,),
    include_in_schema=False,
)
async def show_course_gaps(request: Request, container_id: str, goal: str = "") -> Response:
    """What the learners of a course lack for a goal."""
    course = await one(request, CONTAINER_SHOWN, CONTAINER, container_id)
    rows = await hub_of(request).database.read(
        CONCEPTS_OF_COURSE, call_of(request), container=container_id, limit=CHOICES
    )
    choices = {row[0]: row[1] for row in rows}
    return await _gaps(
        request,
        goal,
        choices,
        course=course,
        group=None,
        parts=parts_on(request, container_id, READ),
    )


@router.get("/people/groups/{group_id}/gaps", action=READ, problems=(404,), include_in_schema=False)
async def show_group_gaps(request: Request, group_id: str, goal: str = "") -> Response:
    """What the people of a group lack for a goal."""
    group = await one_of_people(request, GROUP, group_id, "group")
    return await _gaps(request, goal, {}, course=None, group=group, parts=[])


async def _gaps(
    request: Request,
    goal: str,
    choices: Mapping[str, str],
    *,
    course: Mapping[str, Any] | None,
    group: Mapping[str, Any] | None,
    **values: Any,
) -> Response:
    typed = "".join(sign if sign.isprintable() else " " for sign in goal)
    goal, found = " ".join(typed.split())[:LONGEST], None
    if goal:
        graph = await graph_of(request)
        concept = await _concept(request, graph, goal, choices)
        if concept is not None:
            users = await (
                members_of(request, group["id"])
                if group
                else learners_of(request, (course or {})["id"])
            )
            database, call = hub_of(request).database, call_of(request)
            around = course["id"] if course else ""
            found = await gaps(database, call, graph, concept, users, around)
            goal = graph.names[concept]
    return await page(
        request,
        "gaps.html",
        course=course,
        group=group,
        goal=goal,
        unknown=bool(goal) and found is None,
        choices=list(choices.values()),
        found=found,
        rows=_rows(found),
        helps=_helps(found["items"])[:HELPS] if found else [],
        **values,
    )


async def _concept(
    request: Request, graph: Graph, goal: str, choices: Mapping[str, str]
) -> str | None:
    """The concept that somebody wrote the id or a name of."""
    if goal in graph.names:
        return goal
    key = key_of(goal)
    for concept, name in choices.items():
        if key_of(name) == key and concept in graph.names:
            return concept
    found = await named(request, goal)
    return found if found in graph.names else None


def _rows(found: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if found is None:
        return []
    return [_drawn(one, found["learners"]) for one in found["items"] if one["lacking"]]


def _drawn(one: Mapping[str, Any], learners: int) -> dict[str, Any]:
    parts = {
        "ready": one["ready"],
        "lacking": one["lacking"] - one["ready"],
        "known": learners - one["lacking"],
    }
    return {**one, "plot": plots.stacked(parts)}


def _helps(items: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What is next for most of them: to teach that reaches the most people."""
    return sorted((one for one in items if one["ready"]), key=lambda one: -one["ready"])

"""The API of the concept map, and what its page reads."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.enrolling.queries import OWN_COURSES
from bloop.content.tree_routes import one, sees_drafts
from bloop.graph.live import Graph
from bloop.graph.queries import IDS_OF_COURSE, IDS_OF_COURSE_SHOWN
from bloop.learning.map.picture import Scope, Standing, around, picture, way
from bloop.learning.map.queries import OWN_STANDING
from bloop.learning.map.schemas import ConceptMap
from bloop.learning.mastery.routes import HasGraphs
from bloop.learning.progress.routes import read_goals
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop_sdk import PrincipalKind

router = Router(prefix="/api/v1", tags=["graph"])

LEVELS, MOST_LEVELS = 2, 6
"""So many before and behind a concept, if nothing else is asked for, and at most."""
OF_COURSE, COURSES, TRIED = 5000, 50, 3


@dataclass(frozen=True, slots=True)
class Asked:
    """What a map is asked for: one of the three, or none."""

    course: str = ""
    concept: str = ""
    goal: str = ""
    levels: int = LEVELS


@dataclass(slots=True)
class Read:
    """A map as the API gives it, and of what else whoever asks could have one."""

    answer: dict[str, Any]
    goals: list[dict[str, Any]] = field(default_factory=list)
    courses: list[dict[str, Any]] = field(default_factory=list)


@router.get("/graph/map", action="graph:read", response_model=ConceptMap, problems=(404, 422))
async def show_map(
    request: Request, course: str = "", concept: str = "", goal: str = "", levels: int = LEVELS
) -> Response:
    """A drawing of what comes before what, and how far you are in it.

    It is of what a ``course`` covers, of what is around a ``concept``, so many ``levels`` before
    and behind it, or of all that leads to a ``goal``, a concept as well. Without any of them it is
    of your first goal, or else of your first course, or else of everything.
    """
    found = await read_map(request, Asked(course, concept, goal, levels))
    return json_response(found.answer)


async def read_map(request: Request, asked: Asked) -> Read:
    """A map for whoever asks; raises NotFoundError and InvalidError."""
    if sum(map(bool, (asked.course, asked.concept, asked.goal))) > 1:
        raise InvalidError("a map of what?", field="course", cure="name one of them")
    if not 1 <= asked.levels <= MOST_LEVELS:
        raise InvalidError(f"levels: {asked.levels} is not from 1 to {MOST_LEVELS}", field="levels")
    call = call_of(request)
    graph = await cast("HasGraphs", hub_of(request)).graphs.of(call)
    found, own = Read({}), None
    if call.principal.kind is PrincipalKind.USER and may(call, "account:read"):
        own = await _standing(request)
        found.goals = await read_goals(request)
        rows = await hub_of(request).database.read(OWN_COURSES, call, after="", limit=COURSES)
        found.courses = [one for one in to_dicts(OWN_COURSES, rows) if one["kind"] == "course"]
    scope = await _scope(request, graph, asked, found)
    goals = [one["subject"] for one in found.goals if one["subject"] in graph.names]
    found.answer = await asyncio.to_thread(picture, graph, scope, goals, own)
    return found


async def _standing(request: Request) -> Standing:
    today = utcnow().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = await hub_of(request).database.read(
        OWN_STANDING, call_of(request), until=today + timedelta(days=1)
    )
    return Standing(
        {concept: p for concept, p, _ in rows},
        frozenset(concept for concept, _, due in rows if due),
    )


async def _scope(request: Request, graph: Graph, asked: Asked, found: Read) -> Scope:
    for concept in filter(None, (asked.concept, asked.goal)):
        if concept not in graph.names:
            raise NotFoundError(f"no concept {concept[:40]}")
    if asked.concept:
        return await asyncio.to_thread(around, graph, asked.concept, asked.levels)
    if asked.goal:
        return await asyncio.to_thread(way, graph, asked.goal)
    if asked.course:
        return await _course(request, asked.course, found)
    return await _usual(request, graph, found)


async def _usual(request: Request, graph: Graph, found: Read) -> Scope:
    """Of the first goal that leads anywhere, or the first course that covers anything."""
    wanted = [(one["kind"], one["subject"]) for one in found.goals if one["name"]]
    wanted += [("container", one["id"]) for one in found.courses]
    for kind, subject in wanted[:TRIED]:
        if kind == "concept" and subject in graph.names:
            return await asyncio.to_thread(way, graph, subject)
        if kind == "container":
            with contextlib.suppress(NotFoundError):  # A goal may be a course that was hidden.
                scope = await _course(request, subject, found)
                if scope.concepts:
                    return scope
    return Scope("all", None, None, list(graph.names))


async def _course(request: Request, course: str, found: Read) -> Scope:
    """What the items of a course cover that whoever asks may see."""
    titles = {one["id"]: one["title"] for one in found.courses}
    title = titles.get(course)
    if title is None:
        title = (await one(request, content.CONTAINER_SHOWN, content.CONTAINER, course))["title"]
    call = call_of(request)
    statement = IDS_OF_COURSE if sees_drafts(call) else IDS_OF_COURSE_SHOWN
    rows = await hub_of(request).database.read(statement, call, container=course, limit=OF_COURSE)
    return Scope("course", course, title, [row[0] for row in rows])

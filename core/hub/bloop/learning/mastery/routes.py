"""The API of what people know, and of what a group lacks for a goal."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.http import json_response
from bloop.accounts.people.queries import MEMBERS, PERSON
from bloop.content import queries as content
from bloop.content.enrolling.queries import VIEWERS
from bloop.content.tree_routes import PAGE_LIMIT, one
from bloop.graph.live import Graph, Graphs
from bloop.learning.mastery.queries import KNOWN_BY, MASTERY
from bloop.learning.mastery.schemas import Gaps, MasteryList
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.types import dumps

router = Router(prefix="/api/v1", tags=["learning"])

LEARNERS = 1000
"""Of so many people at most what they lack is counted."""


class HasGraphs(Protocol):
    """What of the hub is asked here beside the usual parts."""

    @property
    def graphs(self) -> Graphs:
        """The concept graphs of this process."""
        ...


@router.get("/account/mastery", action="account:read", response_model=MasteryList, problems=(422,))
async def list_own_mastery(request: Request, limit: int = 100, cursor: str = "") -> Response:
    """What your own answers show that you know, by concept."""
    return await _mastery(request, call_of(request).principal.id, limit, cursor)


@router.get(
    "/users/{user_id}/mastery",
    action="learning:read",
    response_model=MasteryList,
    problems=(404, 422),
)
async def list_mastery(
    request: Request, user_id: str, limit: int = 100, cursor: str = ""
) -> Response:
    """What somebody's answers show that they know, by concept."""
    if await hub_of(request).database.read_one(PERSON, call_of(request), id=user_id) is None:
        raise NotFoundError(f"no user {user_id[:40]}")
    return await _mastery(request, user_id, limit, cursor)


async def _mastery(request: Request, user: str, limit: int, cursor: str) -> Response:
    limit = max(1, min(limit, PAGE_LIMIT))
    rows = await hub_of(request).database.read(
        MASTERY, call_of(request), user=user, after=after_of(cursor), limit=limit + 1
    )
    found = page_of(MASTERY, rows, limit)
    for row in found["items"]:
        row["known"] = row["p"] >= KNOWN_FROM
    return json_response(found)


@router.get("/graph/gaps", action="learning:read", response_model=Gaps, problems=(404, 422))
async def count_gaps(request: Request, goal: str, group: str = "", container: str = "") -> Response:
    """How many of a group, or of a course, lack each concept on the way to a goal."""
    graph, users = await _graph(request), await _users(request, group, container)
    if goal not in graph.names:
        raise NotFoundError(f"no concept {goal[:40]}")
    return json_response(await gaps(request, graph, goal, users))


async def gaps(request: Request, graph: Graph, goal: str, users: list[str]) -> dict[str, Any]:
    """The same of some users, by their ids; what most lack comes first."""
    rows = await hub_of(request).database.read(
        KNOWN_BY, call_of(request), users=dumps(users), from_p=KNOWN_FROM
    )
    known: dict[str, list[str]] = defaultdict(list)
    for user, concept in rows:
        known[user].append(concept)
    counts = graph.snapshot.gaps({user: known[user] for user in users}, goal)
    items = [
        {"id": one, "name": graph.names[one], "lacking": count} for one, count in counts.items()
    ]
    return {
        "goal": graph.names[goal],
        "learners": len(users),
        "items": sorted(items, key=lambda one: -one["lacking"]),
    }


async def _graph(request: Request) -> Graph:
    hub = cast("HasGraphs", hub_of(request))
    return await hub.graphs.of(call_of(request))


async def _users(request: Request, group: str, container: str) -> list[str]:
    database, call = hub_of(request).database, call_of(request)
    if bool(group) == bool(container):
        raise InvalidError("of whom?", field="group", cure="name a group or a container")
    if group:
        rows = await database.read(MEMBERS, call, group=group, after="", limit=LEARNERS)
    else:
        await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container)
        rows = await database.read(VIEWERS, call, container=container)
    return sorted({row[0] for row in rows})[:LEARNERS]

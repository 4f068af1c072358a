"""The API of what people know, and of what a group lacks for a goal."""

from __future__ import annotations

from typing import Protocol, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.http import json_response
from bloop.accounts.people.queries import GROUP, MEMBERS, PERSON
from bloop.content import queries as content
from bloop.content.enrolling.queries import LEARNERS as LEARNERS_OF
from bloop.content.tree_routes import PAGE_LIMIT, one
from bloop.graph.live import Graph, Graphs
from bloop.learning.classes.gaps import gaps
from bloop.learning.mastery.queries import MASTERY
from bloop.learning.mastery.schemas import Gaps, MasteryList
from bloop.learning.mastery.service import KNOWN_FROM
from bloop.store.errors import InvalidError, NotFoundError

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


async def _teaches_it(request: Request) -> bool:
    """Whether the caller teaches the course that the query names."""
    course = request.query_params.get("container", "")
    database = hub_of(request).database
    return await database.read_one(content.TEACHES, call_of(request), id=course) is not None


@router.get(
    "/graph/gaps",
    action="learning:read",
    also=_teaches_it,
    response_model=Gaps,
    problems=(404, 422),
)
async def count_gaps(request: Request, goal: str, group: str = "", container: str = "") -> Response:
    """How many of a group, or of a course, lack each concept on the way to a goal."""
    if bool(group) == bool(container):
        raise InvalidError("of whom?", field="group", cure="name a group or a container")
    if group:
        if await hub_of(request).database.read_one(GROUP, call_of(request), id=group) is None:
            raise NotFoundError(f"no group {group[:40]}")
        users = await members_of(request, group)
    else:
        await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container)
        users = await learners_of(request, container)
    graph = await graph_of(request)
    if goal not in graph.names:
        raise NotFoundError(f"no concept {goal[:40]}")
    database, call = hub_of(request).database, call_of(request)
    return json_response(await gaps(database, call, graph, goal, users, container))


async def graph_of(request: Request) -> Graph:
    """The concept graph of the caller's institution."""
    hub = cast("HasGraphs", hub_of(request))
    return await hub.graphs.of(call_of(request))


async def members_of(request: Request, group: str) -> list[str]:
    """The ids of the users of a group."""
    rows = await hub_of(request).database.read(
        MEMBERS, call_of(request), group=group, after="", limit=LEARNERS
    )
    return [row[0] for row in rows]


async def learners_of(request: Request, course: str) -> list[str]:
    """The ids of who learns in a course, which the caller may see: that is for them to ask."""
    rows = await hub_of(request).database.read(
        LEARNERS_OF, call_of(request), container=course, limit=LEARNERS
    )
    return [row[0] for row in rows]

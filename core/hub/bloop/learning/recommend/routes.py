"""The API of what to learn next, and of what educators say of it."""

from __future__ import annotations

from typing import Any, Protocol, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.enrolling.queries import LEARNER
from bloop.content.tree_routes import one, run, taught
from bloop.learning.recommend import rules
from bloop.learning.recommend.log import note_opened
from bloop.learning.recommend.queries import RULES
from bloop.learning.recommend.reasons import sentence
from bloop.learning.recommend.schemas import (
    ComparisonIn,
    NextList,
    OpenedIn,
    PreviewList,
    RuleIn,
    RuleList,
)
from bloop.learning.recommend.service import MOST, Recommender
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.statements import to_dicts
from bloop_sdk import Call, Principal, PrincipalKind, Role

router = Router(prefix="/api/v1", tags=["learning"])

MOST_RULES = 1000


class HasRecommender(Protocol):
    """What of the hub is asked here beside the usual parts."""

    @property
    def recommending(self) -> Recommender:
        """What recommends in this process."""
        ...


def recommender(request: Request) -> Recommender:
    """What recommends in this process."""
    return cast("HasRecommender", hub_of(request)).recommending


@router.get("/account/next", action="account:read", response_model=NextList, problems=(404, 422))
async def list_next(request: Request, goal: str = "", limit: int = 5) -> Response:
    """What you could learn next, the best first, each with its reason.

    ``goal`` is a concept or a course. Only what you may open is in it.
    """
    found = await recommender(request).next(
        call_of(request), goal or None, max(1, min(limit, MOST))
    )
    return json_response(found | {"items": [told(one) for one in found["items"]]})


def told(one: dict[str, Any]) -> dict[str, Any]:
    """An item of a list as the API tells it: with its reason as a sentence."""
    found = dict(one)
    kind, facts = found.pop("kind"), found.pop("facts")
    found["reason"] = {"kind": kind, "text": sentence(kind, facts), "facts": facts}
    return found


@router.post(
    "/account/next/{list_id}/opened", action="account:write", status_code=204, problems=(404, 422)
)
async def opened(request: Request, list_id: str, body: OpenedIn) -> Response:
    """Say that you opened something of a list that you were shown."""
    await recommender(request).log.flush()
    await run(request, note_opened, list_id, body.item)
    return Response(status_code=204)


@router.get(
    "/containers/{container_id}/recommendations",
    action="content:write",
    also=taught("containers", "container_id"),
    response_model=RuleList,
    problems=(404,),
)
async def list_rules(request: Request, container_id: str) -> Response:
    """What was said of recommending the items of a course."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    rows = await hub_of(request).database.read(
        RULES, call_of(request), container=container_id, limit=MOST_RULES
    )
    return json_response({"items": to_dicts(RULES, rows)})


@router.get(
    "/containers/{container_id}/recommendations/preview",
    action="learning:read",
    also=taught("containers", "container_id"),
    response_model=PreviewList,
    problems=(404,),
)
async def preview(request: Request, container_id: str, user: str, limit: int = 5) -> Response:
    """What a learner of a course would be shown of it now, on the way to all that it covers."""
    found = await read_preview(request, container_id, user, max(1, min(limit, MOST)))
    return json_response(found | {"items": [told(one) for one in found["items"]]})


async def read_preview(request: Request, course: str, user: str, limit: int) -> dict[str, Any]:
    """The same with reasons by their kind and facts; raises NotFoundError for others."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, course)
    database, call = hub_of(request).database, call_of(request)
    return await preview_of(database, call, recommender(request), course, user, limit)


async def preview_of(
    database: Database, call: Call, by: Recommender, course: str, user: str, limit: int
) -> dict[str, Any]:
    """What a learner of a course would be shown of it; raises NotFoundError for others.

    What the course gives a learner who may not open it yet is nothing.
    """
    row = await database.read_one(LEARNER, call, container=course, user=user)
    if row is None:
        raise NotFoundError(f"nobody who learns in this course has the id {user[:40]}")
    who = Principal(PrincipalKind.USER, row[0], Role(row[2]))
    try:
        found = await by.preview(Call(who, call.institution, call.trace), course, MOST)
    except NotFoundError:
        found = {"items": []}
    items = [item for item in found["items"] if item["container"] == course]
    return {"learner": row[0], "name": row[1], "items": items[:limit]}


@router.put(
    "/items/{item_id}/recommendation",
    action="content:write",
    also=taught("items", "item_id"),
    status_code=204,
    problems=(404, 422),
)
async def rule(request: Request, item_id: str, body: RuleIn) -> Response:
    """Pin or hide an item, or give it a place among others that serve the same."""
    given = body.model_dump()
    await run(request, rules.rule, item_id, given.pop("act"), **given)
    return Response(status_code=204)


@router.delete(
    "/items/{item_id}/recommendation",
    action="content:write",
    also=taught("items", "item_id"),
    status_code=204,
    problems=(404,),
)
async def unrule(request: Request, item_id: str, concept: str = "") -> Response:
    """Take back what was said of an item."""
    await run(request, rules.unrule, item_id, concept=concept)
    return Response(status_code=204)


@router.put(
    "/recommendations/comparison",
    action="institutions:configure",
    status_code=204,
    problems=(422,),
)
async def compare_with(request: Request, body: ComparisonIn) -> Response:
    """Put lists together from two rankers, to compare them; null ends it."""
    await run(request, rules.compare_with, body.ranker)
    return Response(status_code=204)

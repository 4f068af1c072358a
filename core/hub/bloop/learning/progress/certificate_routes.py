"""The API of certificates for who teaches: the rule of a course, who has earned one, who would."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.enrolling.queries import LEARNERS
from bloop.content.tree_routes import PAGE_LIMIT, answer_page, one, run, taught
from bloop.learning.progress import certificates, queries
from bloop.learning.progress.schemas import (
    AskedIn,
    CertificateRules,
    DryRun,
    EarnedList,
    RuleIn,
    RuleOut,
)
from bloop.learning.progress.standing import Asked
from bloop.store.database import Database
from bloop.store.errors import NotFoundError
from bloop.store.statements import parsed
from bloop_sdk import Call

router = Router(prefix="/api/v1", tags=["learning"])

WRITE = "content:write"
TEACHES = taught("containers", "container_id")
MOST_LEARNERS = 1000
"""Of so many learners at most is told how they stand to a rule."""


async def read_rule(request: Request, course: str) -> dict[str, Any] | None:
    """What a course asks for a certificate; None where it gives none."""
    row = await hub_of(request).database.read_one(queries.RULE, call_of(request), id=course)
    if row is None:
        return None
    found = queries.RULE.as_dict(row)
    return {**found, "items": parsed(found["items"])}


async def dry_run(
    database: Database, call: Call, course: str, asked: Asked
) -> list[dict[str, Any]]:
    """Who of a course's learners would get its certificate if it asked for that."""
    rows = await database.read(LEARNERS, call, container=course, limit=MOST_LEARNERS)

    def look() -> list[dict[str, Any]]:
        with database.reading(call) as unit:
            return certificates.would_get(unit, course, asked, dict(rows))

    return await asyncio.to_thread(look)


@router.get("/certificate-rules", action=WRITE, response_model=CertificateRules, problems=(422,))
async def list_rules(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """The courses that give certificates, what they ask, and how many have earned one."""
    limit = max(1, min(limit, PAGE_LIMIT))
    rows = await hub_of(request).database.read(
        queries.ALL_RULES, call_of(request), after=after_of(cursor), limit=limit + 1
    )
    found = page_of(queries.ALL_RULES, rows, limit)
    return json_response(found)


@router.get(
    "/containers/{container_id}/certificate-rule",
    action="content:read",
    response_model=RuleOut,
    problems=(404,),
)
async def show_rule(request: Request, container_id: str) -> Response:
    """What a course asks for a certificate."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    found = await read_rule(request, container_id)
    if found is None:
        raise NotFoundError("this course gives no certificates")
    return json_response(found)


@router.put(
    "/containers/{container_id}/certificate-rule",
    action=WRITE,
    also=TEACHES,
    response_model=RuleOut,
    problems=(404, 409, 422),
)
async def set_rule(request: Request, container_id: str, body: RuleIn) -> Response:
    """Have a course give certificates by a rule, or by another."""
    await run(request, certificates.set_rule, container_id, **body.model_dump())
    return await show_rule(request, container_id)


@router.delete(
    "/containers/{container_id}/certificate-rule",
    action=WRITE,
    also=TEACHES,
    status_code=204,
    problems=(404,),
)
async def drop_rule(request: Request, container_id: str) -> Response:
    """Have a course give no more certificates."""
    await run(request, certificates.drop_rule, container_id)
    return Response(status_code=204)


@router.post(
    "/containers/{container_id}/certificate-rule/dry-run",
    action=WRITE,
    also=TEACHES,
    response_model=DryRun,
    problems=(404, 422),
)
async def try_rule(request: Request, container_id: str, body: AskedIn) -> Response:
    """Who of a course's learners would get its certificate now by a rule; it is not kept."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    asked = Asked(body.items, body.average)
    found = await dry_run(hub_of(request).database, call_of(request), container_id, asked)
    met = sum(1 for who in found if who["met"])
    return json_response({"learners": len(found), "met": met, "items": found})


@router.get(
    "/containers/{container_id}/certificates",
    action=WRITE,
    also=TEACHES,
    response_model=EarnedList,
    problems=(404, 422),
)
async def list_earned(
    request: Request, container_id: str, limit: int = 50, cursor: str = ""
) -> Response:
    """Who has earned the certificate of a course."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    return await answer_page(request, queries.EARNED, limit, cursor, container=container_id)

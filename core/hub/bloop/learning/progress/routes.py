"""The API of progress, goals and certificates."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.tree_routes import one, run
from bloop.learning.progress import certificates, goals, queries, service
from bloop.learning.progress.schemas import (
    CertificateList,
    CertificateOut,
    CourseProgress,
    GoalIn,
    GoalList,
    ItemProgressOut,
    ProgressIn,
)
from bloop.store.statements import Statement, to_dicts

router = Router(prefix="/api/v1", tags=["learning"])

READ, WRITE = "account:read", "account:write"


async def _rows(request: Request, statement: Statement, **values: Any) -> list[dict[str, Any]]:
    rows = await hub_of(request).database.read(statement, call_of(request), **values)
    return to_dicts(statement, rows)


async def read_progress(request: Request, item: str) -> dict[str, Any]:
    """How far the caller is with a lesson."""
    found = await _rows(request, queries.OF_ITEM, id=item)
    nothing = {"item": item, "opened_at": None, "done_at": None, "how": "", "watched": 0.0}
    return found[0] if found else nothing


async def read_course(request: Request, container: str) -> dict[str, Any]:
    """How far the caller is in a course."""
    [found] = await _rows(request, queries.COURSE, id=container)
    return {**found, "percent": 100 * found["done"] // max(1, found["lessons"])}


@router.get(
    "/items/{item_id}/progress", action=READ, response_model=ItemProgressOut, problems=(404,)
)
async def show_progress(request: Request, item_id: str) -> Response:
    """How far the caller is with a lesson."""
    await one(request, content.ITEM_SHOWN, content.ITEM, item_id)
    return json_response(await read_progress(request, item_id))


@router.put(
    "/items/{item_id}/progress",
    action=WRITE,
    response_model=ItemProgressOut,
    problems=(404, 422),
)
async def set_progress(request: Request, item_id: str, body: ProgressIn) -> Response:
    """Say that a lesson is done or is not, or how much of its video was seen."""
    await one(request, content.ITEM_SHOWN, content.ITEM, item_id)
    if body.watched is not None:
        await run(request, service.watch, item_id, body.watched)
    if body.done is not None:
        await run(request, service.mark, item_id, done=body.done)
    return json_response(await read_progress(request, item_id))


@router.get(
    "/containers/{container_id}/progress",
    action=READ,
    response_model=CourseProgress,
    problems=(404,),
)
async def show_course_progress(request: Request, container_id: str) -> Response:
    """How far the caller is in a course, and with which of its lessons."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    found = await read_course(request, container_id)
    items = await _rows(request, queries.OF_COURSE, id=container_id)
    return json_response({**found, "items": items})


@router.get("/account/goals", action=READ, response_model=GoalList)
async def list_goals(request: Request) -> Response:
    """The caller's goals."""
    return json_response({"items": await read_goals(request)})


async def read_goals(request: Request) -> list[dict[str, Any]]:
    """The caller's goals, in the order in which they were picked."""
    return await _rows(request, queries.GOALS)


@router.put(
    "/account/goals/{kind}/{subject}",
    action=WRITE,
    response_model=GoalList,
    problems=(404, 409, 422),
)
async def set_goal(request: Request, kind: str, subject: str, body: GoalIn) -> Response:
    """Pick a concept or a course (``container``) as a goal, maybe by a day."""
    await run(request, goals.set_goal, kind, subject, body.by)
    return await list_goals(request)


@router.delete("/account/goals/{kind}/{subject}", action=WRITE, status_code=204, problems=(404,))
async def drop_goal(request: Request, kind: str, subject: str) -> Response:
    """Take a goal back."""
    await run(request, goals.drop_goal, kind, subject)
    return Response(status_code=204)


@router.post(
    "/containers/{container_id}/certificate",
    action=WRITE,
    response_model=CertificateOut,
    status_code=201,
    problems=(404, 409),
)
async def claim_certificate(request: Request, container_id: str) -> Response:
    """Give the caller the certificate of a course whose rule they have met."""
    await run(request, certificates.claim, container_id)
    [found] = await _rows(request, queries.CERTIFICATE_OF, id=container_id)
    return json_response(_verifiable(request, found), 201)


@router.get("/account/certificates", action=READ, response_model=CertificateList)
async def list_certificates(request: Request) -> Response:
    """The caller's certificates."""
    found = await read_certificates(request)
    return json_response({"items": [_verifiable(request, one) for one in found]})


async def read_certificates(request: Request) -> list[dict[str, Any]]:
    """The caller's certificates, the oldest first."""
    return await _rows(request, queries.CERTIFICATES)


def _verifiable(request: Request, found: dict[str, Any]) -> dict[str, Any]:
    site, institution = hub_of(request).config.value.public_url, call_of(request).institution
    return {**found, "verify": f"{site}/certificates/{institution}/{found['code']}"}

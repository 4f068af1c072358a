"""The API of how a class is doing, for who teaches it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, cursor_of
from bloop.accounts.http import json_response
from bloop.content import queries as content
from bloop.content.enrolling.queries import LEARNERS
from bloop.content.tree_routes import PAGE_LIMIT, one, taught
from bloop.learning.classes import service
from bloop.learning.classes.schemas import ClassOut, SpreadList
from bloop.learning.classes.service import Class, class_of, spread_of
from bloop.learning.classes.tables import csv_of
from bloop.store.errors import InvalidError

router = Router(prefix="/api/v1", tags=["learning"])

READ = "learning:read"
TEACHES = taught("containers", "container_id")


@router.get(
    "/containers/{container_id}/learners",
    action=READ,
    also=TEACHES,
    response_model=ClassOut,
    problems=(404, 422),
)
async def list_learners(
    request: Request,
    container_id: str,
    sort: str = "name",
    only: str = "",
    limit: int = 50,
    cursor: str = "",
) -> Response:
    """How far each learner of a course is, who is stuck, and with what; ``only=stuck`` those.

    Sorted by ``name``, ``done``, ``known`` or ``seen``; ``-done`` has the most first.
    """
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    found = await class_of(hub_of(request).database, call_of(request), container_id, sort)
    return json_response(
        {
            "learners": len(found.learners),
            "lessons": found.lessons,
            "finished": found.finished,
            "stuck": len(found.stuck),
            "whole": found.whole,
            **page_of_class(found, cursor, limit, only),
        }
    )


def page_of_class(found: Class, cursor: str, limit: int, only: str = "") -> dict[str, Any]:
    """``items`` of a class and the cursor of the ``next``; raises InvalidError for none of ours."""
    if only not in {"", "stuck"}:
        raise InvalidError(f"only: {only[:40]!r} is none", field="only", cure="stuck, or nothing")
    rows, after, begin = found.stuck if only else found.learners, after_of(cursor), 0
    limit = max(1, min(limit, PAGE_LIMIT))
    if after:
        begin = 1 + next((at for at, row in enumerate(rows) if row["id"] == after), -1)
        if not begin:
            raise InvalidError(
                "cursor: nobody of this list", field="cursor", cure="begin without a cursor"
            )
    items = rows[begin : begin + limit]
    more = begin + limit < len(rows)
    return {"items": items, "next": cursor_of(items[-1]["id"]) if more else None}


@router.get(
    "/containers/{container_id}/learners.csv",
    action=READ,
    also=TEACHES,
    problems=(404, 422),
    responses={200: {"content": {"text/csv": {}}}},
)
async def download_learners(request: Request, container_id: str, sort: str = "name") -> Response:
    """The same of all of them as CSV, for spreadsheets."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    found = await class_of(hub_of(request).database, call_of(request), container_id, sort)
    headers = {
        "content-disposition": 'attachment; filename="learners.csv"',
        "cache-control": "no-store",
    }
    return Response(csv_of(found.learners), headers=headers, media_type="text/csv; charset=utf-8")


@router.get(
    "/containers/{container_id}/mastery",
    action=READ,
    also=TEACHES,
    response_model=SpreadList,
    problems=(404,),
)
async def list_mastery_of_class(request: Request, container_id: str) -> Response:
    """How many of a course's learners know each of its concepts."""
    await one(request, content.CONTAINER_SHOWN, content.CONTAINER, container_id)
    database, call = hub_of(request).database, call_of(request)
    rows = await database.read(LEARNERS, call, container=container_id, limit=service.LEARNERS)
    items = await spread_of(database, call, container_id, len(rows))
    return json_response({"learners": len(rows), "items": items})

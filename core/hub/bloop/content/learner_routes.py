"""People's work in other systems, grades for it, and what takes place when."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.content import learner_queries, queries
from bloop.content.grading import ask_for_grade
from bloop.content.learner_schemas import (
    DateList,
    GradeAsked,
    GradeIn,
    SubmissionList,
    SubmissionOut,
)
from bloop.content.tree_routes import PAGE_LIMIT, WRITES, answer_page, one, run
from bloop.store.statements import to_dicts

router = Router(prefix="/api/v1", tags=["content"])


@router.get(
    "/containers/{container_id}/submissions",
    action="content:write",
    response_model=SubmissionList,
    problems=(404,),
)
async def list_submissions(
    request: Request, container_id: str, limit: int = 50, cursor: str = ""
) -> Response:
    """What people have handed in, and its grades."""
    await one(request, queries.CONTAINER, queries.CONTAINER, container_id)
    statement = learner_queries.SUBMISSIONS
    return await answer_page(request, statement, limit, cursor, container=container_id)


@router.get(
    "/submissions/{submission_id}",
    action="content:write",
    response_model=SubmissionOut,
    problems=(404,),
)
async def show_submission(request: Request, submission_id: str) -> Response:
    """One person's work and its grade."""
    statement = learner_queries.SUBMISSION
    found = await one(request, statement, statement, submission_id)
    return json_response(found, version=found["row_version"])


@router.put(
    "/submissions/{submission_id}/grade",
    action="content:write",
    response_model=GradeAsked,
    status_code=202,
    problems=WRITES,
)
async def grade(request: Request, submission_id: str, body: GradeIn) -> Response:
    """Give a grade where the work was handed in; it is refused if that has changed since."""
    version = expected_version(request)
    job = await run(request, ask_for_grade, submission_id, version, **body.model_dump())
    return json_response({"job": job}, 202)


@router.get(
    "/containers/{container_id}/calendar",
    action="content:read",
    response_model=DateList,
    problems=(404,),
)
async def list_dates(
    request: Request, container_id: str, since: AwareDatetime | None = None, limit: int = 50
) -> Response:
    """What takes place in a course, from now on or from a time."""
    await one(request, queries.CONTAINER_SHOWN, queries.CONTAINER, container_id)
    rows = await hub_of(request).database.read(
        learner_queries.CALENDAR,
        call_of(request),
        container=container_id,
        since=since or datetime.now(UTC),
        limit=max(1, min(limit, PAGE_LIMIT)),
    )
    return json_response({"items": to_dicts(learner_queries.CALENDAR, rows)})

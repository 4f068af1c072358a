"""The API of enrolments: who is in a course, who is who, and one's own courses."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.content.enrolling import linking, service
from bloop.content.enrolling.queries import ENROLMENT, ENROLMENTS, OWN_COURSES, ROSTER
from bloop.content.enrolling.schemas import (
    CourseList,
    EnrolmentIn,
    EnrolmentList,
    EnrolmentOut,
    LinkIn,
    PersonList,
)
from bloop.content.queries import CONTAINER
from bloop.content.tree_routes import answer_page, one, run, taught

router = Router(prefix="/api/v1", tags=["enrolments"])

_THIS_COURSE = taught("containers", "container_id")


@router.get(
    "/containers/{container_id}/enrolments",
    action="enrolments:read",
    also=_THIS_COURSE,
    response_model=EnrolmentList,
    problems=(404, 422),
)
async def list_enrolments(
    request: Request, container_id: str, limit: int = 50, cursor: str = ""
) -> Response:
    """The users and groups that were enrolled here."""
    await one(request, CONTAINER, CONTAINER, container_id)
    return await answer_page(request, ENROLMENTS, limit, cursor, container=container_id)


@router.post(
    "/containers/{container_id}/enrolments",
    action="enrolments:write",
    response_model=EnrolmentOut,
    status_code=201,
    problems=(404, 409, 422),
)
async def enrol(request: Request, container_id: str, body: EnrolmentIn) -> Response:
    """Enrol a user or a group; who is enrolled already gets the role."""
    made = await run(request, service.enrol, container_id, **body.model_dump())
    row = await hub_of(request).database.read_one(
        ENROLMENT, call_of(request), container=container_id, id=made
    )
    assert row is not None
    found = ENROLMENT.as_dict(row)
    return json_response(found, 201, version=found["row_version"])


@router.delete(
    "/containers/{container_id}/enrolments/{enrolment_id}",
    action="enrolments:write",
    status_code=204,
    problems=(404,),
)
async def end_enrolment(request: Request, container_id: str, enrolment_id: str) -> Response:
    """End an enrolment."""
    await run(request, service.end, container_id, enrolment_id)
    return Response(status_code=204)


@router.get(
    "/containers/{container_id}/people",
    action="enrolments:read",
    also=_THIS_COURSE,
    response_model=PersonList,
    problems=(404, 422),
)
async def list_people(
    request: Request, container_id: str, limit: int = 50, cursor: str = ""
) -> Response:
    """Who is enrolled in the system that the course comes from."""
    await one(request, CONTAINER, CONTAINER, container_id)
    return await answer_page(request, ROSTER, limit, cursor, container=container_id)


@router.put(
    "/people/{person_id}/user",
    action="users:write",
    step_up=True,
    status_code=204,
    problems=(404, 422),
)
async def link_person(request: Request, person_id: str, body: LinkIn) -> Response:
    """Say which user a person of another system is: their enrolments there count here."""
    await run(request, linking.link, person_id, body.user)
    return Response(status_code=204)


@router.delete(
    "/people/{person_id}/user", action="users:write", step_up=True, status_code=204, problems=(404,)
)
async def unlink_person(request: Request, person_id: str) -> Response:
    """Say that a person of another system is no user here, whatever their address."""
    await run(request, linking.unlink, person_id)
    return Response(status_code=204)


@router.get("/account/courses", action="account:read", response_model=CourseList, problems=(422,))
async def list_own_courses(request: Request, limit: int = 50, cursor: str = "") -> Response:
    """The courses that the caller is enrolled in."""
    return await answer_page(request, OWN_COURSES, limit, cursor)

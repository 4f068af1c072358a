"""The API of groups of users."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.http import expected_version, json_response
from bloop.accounts.people import groups
from bloop.accounts.people.queries import GROUP, GROUPS, MEMBERS
from bloop.accounts.people.routes import Limit, one, run
from bloop.accounts.people.schemas import (
    GroupChange,
    GroupIn,
    GroupList,
    GroupOut,
    MemberList,
    MembersIn,
)

router = Router(prefix="/api/v1/groups", tags=["people"])


@router.get("", action="groups:read", response_model=GroupList, problems=(422,))
async def list_groups(request: Request, limit: Limit = 50, cursor: str = "") -> Response:
    """The institution's groups."""
    rows = await hub_of(request).database.read(
        GROUPS, call_of(request), after=after_of(cursor), limit=limit + 1
    )
    return json_response(page_of(GROUPS, rows, limit))


@router.post(
    "", action="groups:write", status_code=201, response_model=GroupOut, problems=(409, 422)
)
async def create_group(request: Request, body: GroupIn) -> Response:
    """A new group, with nobody in it."""
    return await _answer(request, await run(request, groups.create, name=body.name), 201)


@router.get("/{group_id}", action="groups:read", response_model=GroupOut, problems=(404,))
async def show_group(request: Request, group_id: str) -> Response:
    """One group."""
    return await _answer(request, group_id)


@router.patch(
    "/{group_id}",
    action="groups:write",
    response_model=GroupOut,
    problems=(404, 409, 412, 422, 428),
)
async def rename_group(request: Request, group_id: str, body: GroupChange) -> Response:
    """Give a group another name."""
    version = expected_version(request)
    if body.name is not None:
        await run(request, groups.rename, group_id, version, name=body.name)
    return await _answer(request, group_id)


@router.get(
    "/{group_id}/members", action="users:read", response_model=MemberList, problems=(404, 422)
)
async def list_members(
    request: Request, group_id: str, limit: Limit = 50, cursor: str = ""
) -> Response:
    """The users of a group."""
    await one(request, GROUP, group_id, "group")
    rows = await hub_of(request).database.read(
        MEMBERS, call_of(request), group=group_id, after=after_of(cursor), limit=limit + 1
    )
    return json_response(page_of(MEMBERS, rows, limit))


@router.post(
    "/{group_id}/members", action="groups:write", response_model=GroupOut, problems=(404, 422)
)
async def add_members(request: Request, group_id: str, body: MembersIn) -> Response:
    """Put users into a group; who is in it already stays."""
    await run(request, groups.add, group_id, body.users)
    return await _answer(request, group_id)


@router.delete(
    "/{group_id}/members/{user_id}", action="groups:write", status_code=204, problems=(404,)
)
async def take_out(request: Request, group_id: str, user_id: str) -> Response:
    """Take a user out of a group."""
    await run(request, groups.take_out, group_id, user_id)
    return Response(status_code=204)


@router.delete(
    "/{group_id}", action="groups:write", status_code=204, problems=(404, 409, 412, 422, 428)
)
async def remove_group(request: Request, group_id: str) -> Response:
    """End a group; its members stay users, and lose what they had by it."""
    await run(request, groups.remove, group_id, expected_version(request))
    return Response(status_code=204)


async def _answer(request: Request, group_id: str, status: int = 200) -> Response:
    found = await one(request, GROUP, group_id, "group")
    # Who is in it changes without another version, so there is no 304.
    return json_response(found, status, version=found["row_version"])

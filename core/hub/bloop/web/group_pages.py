"""The pages of groups: which there are, and who is in them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.emails import normalised
from bloop.accounts.models import User
from bloop.accounts.people import groups
from bloop.accounts.people.queries import GROUP, GROUPS, MEMBERS
from bloop.accounts.people.routes import one, run
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import to_dicts
from bloop.store.unit import UnitOfWork
from bloop.web.people_pages import words
from bloop.web.people_words import fault_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

AT_ONCE = 500


@router.get("/people/groups", action="groups:read", include_in_schema=False)
async def show_groups(request: Request, removed: str = "") -> Response:
    """The institution's groups, and the form of a new one."""
    return await _groups(request, removed=bool(removed))


@router.post(
    "/people/groups", action="groups:write", problems=(403, 409, 422), include_in_schema=False
)
async def create_group(request: Request) -> Response:
    """Make a group and show it; or the form again with what is wrong."""
    name = (await read_form(request))["name"]
    try:
        made = await run(request, groups.create, name=name)
    except (InvalidError, ConflictError) as err:
        return await _groups(request, name=name, error=err)
    return RedirectResponse(f"/people/groups/{made}", 303)


@router.get(
    "/people/groups/{group_id}", action="users:read", problems=(404,), include_in_schema=False
)
async def show_group(request: Request, group_id: str) -> Response:
    """Who is in a group."""
    return await _group(request, group_id)


@router.post(
    "/people/groups/{group_id}/members",
    action="groups:write",
    problems=(403, 404, 422),
    include_in_schema=False,
)
async def add_members(request: Request, group_id: str) -> Response:
    """Put people into a group by their addresses; or the form again with what is wrong."""
    emails = (await read_form(request))["emails"]
    try:
        await run(request, _add_by_email, group_id, emails.split())
    except InvalidError as err:
        return await _group(request, group_id, emails=emails, error=err)
    return RedirectResponse(f"/people/groups/{group_id}", 303)


@router.post(
    "/people/groups/{group_id}/members/{user_id}/remove",
    action="groups:write",
    problems=(403, 404),
    include_in_schema=False,
)
async def take_out(request: Request, group_id: str, user_id: str) -> Response:
    """Take somebody out of a group."""
    await run(request, groups.take_out, group_id, user_id)
    return RedirectResponse(f"/people/groups/{group_id}", 303)


@router.post(
    "/people/groups/{group_id}/remove",
    action="groups:write",
    problems=(403, 404),
    include_in_schema=False,
)
async def remove_group(request: Request, group_id: str) -> Response:
    """End a group."""
    await run(request, groups.remove, group_id, None)
    return RedirectResponse("/people/groups?removed=yes", 303)


@command("groups:write")
def _add_by_email(unit: UnitOfWork, group_id: str, emails: list[str]) -> None:
    """Put users in by their addresses; raises InvalidError for one that is nobody's."""
    wanted = {normalised(email, field="emails"): email for email in emails}
    rows = unit.session.execute(
        select(User.email, User.id).where(
            User.institution_id == unit.institution, User.email.in_(list(wanted))
        )
    )
    known = {row.email: row.id for row in rows}
    for address, typed in wanted.items():
        if address not in known:
            raise InvalidError(f"nobody here has the address {typed[:80]}", field="emails")
    groups.add(unit, group_id, list(known.values()))


async def _groups(
    request: Request, *, name: str = "", removed: bool = False, error: BloopError | None = None
) -> Response:
    call = call_of(request)
    rows = await hub_of(request).database.read(GROUPS, call, after="", limit=AT_ONCE)
    return await page(
        request,
        "groups.html",
        status=422 if error else 200,
        groups=to_dicts(GROUPS, rows),
        form={"name": name},
        sees_gaps=may(call, "learning:read"),
        removed=removed,
        may_write=may(call, "groups:write"),
        **_fault(request, error, "name"),
        **words(request),
    )


async def _group(
    request: Request, group_id: str, *, emails: str = "", error: BloopError | None = None
) -> Response:
    call = call_of(request)
    group = await one(request, GROUP, group_id, "group")
    rows = await hub_of(request).database.read(
        MEMBERS, call, group=group_id, after="", limit=AT_ONCE
    )
    return await page(
        request,
        "group.html",
        status=422 if error else 200,
        group=group,
        members=to_dicts(MEMBERS, rows),
        form={"emails": emails},
        sees_gaps=may(call, "learning:read"),
        may_write=may(call, "groups:write"),
        **_fault(request, error, "emails"),
        **words(request),
    )


def _fault(request: Request, error: BloopError | None, field: str) -> dict[str, Any]:
    """What is wrong, at the form's one field."""
    found = fault_of(request, error)
    return found | {"wrong": field} if error else found

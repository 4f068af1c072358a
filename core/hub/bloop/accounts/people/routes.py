"""The API of people: users, invitations, and who may register."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.http import expected_version, json_response, not_modified
from bloop.accounts.languages import locale_of
from bloop.accounts.messages import letters
from bloop.accounts.people import invitations, registration, service
from bloop.accounts.people.links import base_of, join_url, told
from bloop.accounts.people.queries import INVITATION, INVITATIONS, OWN, PEOPLE, PERSON, patterns
from bloop.accounts.people.schemas import (
    InvitationIn,
    InvitationList,
    InvitationOut,
    InvitationWithLink,
    RegistrationIn,
    RegistrationOut,
    UserChange,
    UserIn,
    UserList,
    UserOut,
)
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import Statement, parsed
from bloop_sdk import Role

T = TypeVar("T")

router = Router(prefix="/api/v1", tags=["people"])

UNKEPT = {"cache-control": "no-store"}

Limit = Annotated[int, Field(ge=1, le=200)]
SomeRole = Annotated[str, Field(pattern="^(learner|educator|admin|operator)?$")]
SomeState = Annotated[str, Field(pattern="^(active|disabled|waiting)?$")]
Search = Annotated[str, Field(max_length=200)]


@router.get("/users", action="users:read", response_model=UserList, problems=(422,))
async def list_users(
    request: Request,
    search: Search = "",
    role: SomeRole = "",
    state: SomeState = "",
    limit: Limit = 50,
    cursor: str = "",
) -> Response:
    """The institution's users; ``search`` finds parts of names and e-mail addresses."""
    rows = await hub_of(request).database.read(
        PEOPLE,
        call_of(request),
        after=after_of(cursor),
        role=role,
        state=state,
        limit=limit + 1,
        **patterns(search),
    )
    return json_response(page_of(PEOPLE, rows, limit))


@router.post(
    "/users",
    action="users:write",
    step_up=True,
    status_code=201,
    response_model=UserOut,
    problems=(409, 422),
)
async def create_user(request: Request, body: UserIn) -> Response:
    """A new user, with at most the caller's own role."""
    user_id = await run(
        request, service.create, name=body.name, email=body.email, role=Role(body.role)
    )
    return await _answer_user(request, user_id, 201)


@router.get("/users/{user_id}", action="users:read", response_model=UserOut, problems=(404,))
async def show_user(request: Request, user_id: str) -> Response:
    """One user."""
    return await _answer_user(request, user_id)


@router.patch(
    "/users/{user_id}",
    action="users:write",
    step_up=True,
    response_model=UserOut,
    problems=(404, 409, 412, 422, 428),
)
async def change_user(request: Request, user_id: str, body: UserChange) -> Response:
    """Change a user's name, e-mail or role, disable or enable them.

    A role holds at once in their sessions; disabling ends these.
    """
    given = body.model_dump(exclude_unset=True)
    changes = {key: value for key, value in given.items() if value is not None or key == "email"}
    await run(request, service.change, user_id, expected_version(request), changes)
    hub_of(request).sessions.forget_user(user_id)
    return await _answer_user(request, user_id)


@router.delete(
    "/users/{user_id}",
    action="users:write",
    step_up=True,
    status_code=204,
    problems=(404, 409, 412, 428),
)
async def remove_user(request: Request, user_id: str) -> Response:
    """Disable a user and end their sessions. What they did stays, and so does their name."""
    await run(request, service.remove, user_id, expected_version(request))
    hub_of(request).sessions.forget_user(user_id)
    return Response(status_code=204)


@router.get("/invitations", action="users:invite", response_model=InvitationList, problems=(422,))
async def list_invitations(request: Request, limit: Limit = 50, cursor: str = "") -> Response:
    """The institution's invitations, without their links."""
    rows = await hub_of(request).database.read(
        INVITATIONS, call_of(request), before=after_of(cursor), limit=limit + 1
    )
    page = page_of(INVITATIONS, rows, limit)
    return json_response({**page, "items": [told(one) for one in page["items"]]})


@router.post(
    "/invitations",
    action="users:invite",
    step_up=True,
    status_code=201,
    response_model=InvitationWithLink,
    problems=(409, 422),
)
async def create_invitation(request: Request, body: InvitationIn) -> Response:
    """Invite somebody by a link, which only this answer holds."""
    made = await run(
        request,
        invitations.invite,
        role=Role(body.role),
        email=body.email,
        hours=body.hours,
        uses=body.uses,
        letter=await letter_of(request, body.hours),
    )
    found = await one(request, INVITATION, made.id, "invitation")
    url = join_url(base_of(request), f"token={made.token}")
    answer = told(found) | {"url": url, "mailed": made.mailed}
    return json_response(answer, 201, version=found["row_version"], headers=UNKEPT)


async def letter_of(request: Request, hours: float) -> letters.Letter | None:
    """What an invitation says that is sent; None where nobody brings messages."""
    hub, base = hub_of(request), base_of(request)
    if not await hub.brings_messages(call_of(request)):
        return None
    name, asked_in = hub.config.value.hub.name, locale_of(request)
    return lambda token, language: letters.invitation(
        name, join_url(base, f"token={token}"), hours, language or asked_in
    )


@router.get(
    "/invitations/{invitation_id}",
    action="users:invite",
    response_model=InvitationOut,
    problems=(404,),
)
async def show_invitation(request: Request, invitation_id: str) -> Response:
    """One invitation, without its link."""
    found = await one(request, INVITATION, invitation_id, "invitation")
    # It expires without another version, so there is no 304.
    return json_response(told(found), version=found["row_version"])


@router.delete(
    "/invitations/{invitation_id}",
    action="users:invite",
    step_up=True,
    status_code=204,
    problems=(404, 412, 428),
)
async def withdraw_invitation(request: Request, invitation_id: str) -> Response:
    """Let nobody use an invitation any more; who came by it stays."""
    await run(request, invitations.withdraw, invitation_id, expected_version(request))
    return Response(status_code=204)


@router.get("/registration", action="users:read", response_model=RegistrationOut)
async def show_registration(request: Request) -> Response:
    """Who may register by themselves in the caller's institution."""
    return await _answer_registration(request)


@router.put(
    "/registration",
    action="institutions:configure",
    step_up=True,
    response_model=RegistrationOut,
    problems=(412, 422, 428),
)
async def set_registration(request: Request, body: RegistrationIn) -> Response:
    """Decide who may register by themselves in the caller's institution."""
    await run(
        request,
        registration.set_registration,
        expected_version(request),
        mode=body.mode,
        domains=body.domains,
    )
    return await _answer_registration(request)


async def run(request: Request, command: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run a command of this request in a unit of its own."""
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)


async def one(request: Request, statement: Statement, id_: str, what: str) -> dict[str, Any]:
    """A row of the caller's institution; raises :class:`NotFoundError`."""
    row = await hub_of(request).database.read_one(statement, call_of(request), id=id_)
    if row is None:
        raise NotFoundError(f"no {what} {id_[:40]}")
    return statement.as_dict(row)


async def _answer_user(request: Request, user_id: str, status: int = 200) -> Response:
    found = await one(request, PERSON, user_id, "user")
    version = found["row_version"]
    if status == 200 and request.method != "PATCH" and (same := not_modified(request, version)):
        return same
    return json_response(found, status, version=version)


async def _answer_registration(request: Request) -> Response:
    row = await hub_of(request).database.read_one(OWN, call_of(request))
    if row is None:
        raise NotFoundError("this institution is gone")
    found = OWN.as_dict(row)
    allowed = registration.Registration.of(parsed(found["settings"]))
    answer = {
        "mode": allowed.mode,
        "domains": allowed.domains,
        "url": join_url(base_of(request), f"institution={found['slug']}"),
        "row_version": found["row_version"],
    }
    return json_response(answer, version=found["row_version"])

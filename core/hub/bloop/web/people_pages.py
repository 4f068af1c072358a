"""The pages of people: who is here, with which role."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.people import guards, service
from bloop.accounts.people.queries import PEOPLE, PERSON, patterns
from bloop.accounts.people.routes import one, run
from bloop.store.errors import ConflictError, InvalidError
from bloop.web.navigation import people
from bloop.web.people_words import fault_of, user_states
from bloop.web.render import locale_of, page, role_names, translations_of
from bloop_sdk import BloopError, Role
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

PEOPLE_AT_ONCE = 50

Search = Annotated[str, Field(max_length=200)]
SomeRole = Annotated[str, Field(pattern="^(learner|educator|admin|operator)?$")]
SomeState = Annotated[str, Field(pattern="^(active|disabled|waiting)?$")]


@router.get("/people", action="users:read", problems=(422,), include_in_schema=False)
async def show_people(
    request: Request,
    search: Search = "",
    role: SomeRole = "",
    state: SomeState = "",
    cursor: str = "",
    done: str = "",
) -> Response:
    """The institution's users, in the order in which they came; or those that are looked for."""
    call = call_of(request)
    asked = {"search": search, "role": role, "state": state}
    rows = await hub_of(request).database.read(
        PEOPLE,
        call,
        after=after_of(cursor),
        role=role,
        state=state,
        limit=PEOPLE_AT_ONCE + 1,
        **patterns(search),
    )
    found = page_of(PEOPLE, rows, PEOPLE_AT_ONCE)
    more = found["next"] and "/people?" + urlencode({**asked, "cursor": found["next"]})
    return await page(
        request,
        "people.html",
        people=found["items"],
        asked=asked,
        is_asked=any(asked.values()),
        is_first=not cursor,
        more=more,
        done=done,
        me=call.principal.id,
        **words(request),
    )


@router.get("/people/{user_id}", action="users:read", problems=(404,), include_in_schema=False)
async def show_person(request: Request, user_id: str, saved: str = "") -> Response:
    """One user, and the form to change them where the visitor may."""
    user = await one(request, PERSON, user_id, "user")
    return await _person(request, user, saved=bool(saved))


@router.post(
    "/people/{user_id}",
    action="users:write",
    step_up=True,
    problems=(403, 404, 409, 422),
    include_in_schema=False,
)
async def change_person(request: Request, user_id: str) -> Response:
    """Take over what the form says, or show it again with what is wrong."""
    form = await read_form(request)
    user = await one(request, PERSON, user_id, "user")
    changes: dict[str, Any] = {"name": form["name"], "email": form["email"].strip() or None}
    try:
        # Without one, as of an operator before an admin, the role is not in the form.
        if form["role"]:
            changes["role"] = _role(form["role"])
        await run(request, service.change, user_id, _version(form["version"]), changes)
    except (InvalidError, ConflictError) as err:
        return await _person(request, user, given=changes, error=err)
    hub_of(request).sessions.forget_user(user_id)
    return RedirectResponse(f"/people/{user_id}?saved=yes", 303)


@router.get(
    "/people/{user_id}/disable", action="users:write", problems=(404,), include_in_schema=False
)
async def ask_to_disable(request: Request, user_id: str) -> Response:
    """What disabling a user means, and the button."""
    user = await one(request, PERSON, user_id, "user")
    return await page(request, "person_disable.html", person=user, fault=None)


@router.post(
    "/people/{user_id}/disable",
    action="users:write",
    step_up=True,
    problems=(403, 404, 409),
    include_in_schema=False,
)
async def disable_person(request: Request, user_id: str) -> Response:
    """Disable a user, and end their sessions."""
    try:
        await run(request, service.remove, user_id, None)
    except ConflictError as err:
        user = await one(request, PERSON, user_id, "user")
        fault = fault_of(request, err)["fault"]
        return await page(request, "person_disable.html", status=409, person=user, fault=fault)
    hub_of(request).sessions.forget_user(user_id)
    return RedirectResponse("/people?done=disabled", 303)


@router.post(
    "/people/{user_id}/enable",
    action="users:write",
    step_up=True,
    problems=(403, 404),
    include_in_schema=False,
)
async def enable_person(request: Request, user_id: str) -> Response:
    """Enable a user again, or let one in who waits."""
    await run(request, service.change, user_id, None, {"disabled": False})
    return RedirectResponse(f"/people/{user_id}?saved=yes", 303)


def words(request: Request) -> dict[str, Any]:
    """What the templates of people say of roles and states, and the links between them."""
    _ = translations_of(locale_of(request)).gettext
    return {
        "role_name": role_names(_),
        "user_state": user_states(_),
        "people_parts": people(request, _),
    }


def givable(request: Request) -> list[str]:
    """The roles that the visitor can give."""
    own = call_of(request).principal.role
    return [role for role in guards.GIVEN if not guards.is_above(role, own)]


async def _person(
    request: Request,
    user: dict[str, Any],
    *,
    given: dict[str, Any] | None = None,
    saved: bool = False,
    error: BloopError | None = None,
) -> Response:
    call = call_of(request)
    reach = may(call, "users:write") and not guards.is_above(
        Role(user["role"]), call.principal.role
    )
    return await page(
        request,
        "person.html",
        status=422 if error else 200,
        person=user,
        form={**user, **(given or {})},
        may_write=reach,
        may_erase=may(call, "users:erase"),
        roles=givable(request),
        me=call.principal.id,
        saved=saved,
        **fault_of(request, error),
        **words(request),
    )


def _role(text: str) -> Role:
    if text not in guards.GIVEN:
        raise InvalidError("this is no role", field="role")
    return Role(text)


def _version(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise InvalidError("this form is not one of ours", cure="open the page again")
    return int(text)

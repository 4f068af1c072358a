"""Logging in and out, who one is, and institutions."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.devices import device_of
from bloop.accounts.http import json_response, not_modified
from bloop.accounts.languages import choose_language
from bloop.accounts.login.entry import enter
from bloop.accounts.login.queries import PASSWORD
from bloop.accounts.queries import ACCOUNT, INSTITUTIONS
from bloop.accounts.schemas import AccountIn, AccountOut, InstitutionList, InstitutionOut
from bloop.accounts.service import (
    LinkRefusedError,
    csrf_token,
    end_session,
    reader_mark,
    token_institution,
    use_link,
)
from bloop.accounts.sessions import system_call
from bloop.accounts.tokens.service import end_family
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import to_dicts
from bloop_sdk import Call, Role

router = Router(tags=["accounts"])

FIRST_PASSWORD = "/account/password?first=true"  # noqa: S105 - a path
"""Where who came by a link is offered a password, to need no link the next time."""


@router.get("/start", action=VISIT, rate="login", include_in_schema=False)
async def start(request: Request, token: str = "") -> Response:
    """Log in with a link that is good for one use."""
    hub = hub_of(request)
    institution = token_institution(token)
    if institution is None:
        raise LinkRefusedError("this is no link to log in", cure="run: bloop login-link")
    if request.method == "HEAD":
        return Response()  # Whoever only looks must not use the link up.
    call = system_call(institution, call_of(request).trace)
    session = await hub.database.run(
        in_unit, hub.database, call, use_link, token, device_of(request)
    )
    if (begin := await hub.landing(call)) is not None:
        return await enter(request, session, begin)
    has_password = await hub.database.read_one(PASSWORD, call, user_id=session.user_id)
    return await enter(request, session, "/" if has_password else FIRST_PASSWORD)


@router.delete("/api/v1/session", action="account:write", enrolling=True, status_code=204)
async def log_out(request: Request) -> Response:
    """End the session of this browser or token, or the tokens of this device."""
    hub, call, holder = hub_of(request), call_of(request), holder_of(request)
    token: str = request.scope["bloop.token"]
    if holder is not None and holder.key is not None:
        raise ConflictError("an API key has no session", cure="revoke it where the keys are listed")
    if holder is not None and holder.family is not None:
        end = partial(end_family, family_id=holder.family, user_id=call.principal.id)
    else:
        end = partial(end_session, token=token)
    await hub.database.run(in_unit, hub.database, call, end)
    hub.sessions.forget(token)
    response = Response(status_code=204)
    response.delete_cookie(hub.sessions.cookie, secure=hub.sessions.secure, httponly=True)
    return response


@router.get(
    "/api/v1/account",
    action="account:read",
    enrolling=True,
    response_model=AccountOut,
    problems=(404,),
)
async def show_account(request: Request) -> Response:
    """Who is logged in."""
    call = call_of(request)
    row = await hub_of(request).database.read_one(ACCOUNT, call, id=call.principal.id)
    if row is None:
        raise NotFoundError("this account is gone")
    cookie = request.scope.get("bloop.cookie_token")
    data = ACCOUNT.as_dict(row) | {
        "institution": call.institution,
        "csrf_token": csrf_token(cookie) if cookie else None,
        "reader": reader_mark(call),
    }
    return json_response(data)


@router.patch(
    "/api/v1/account",
    action="account:write",
    response_model=AccountOut,
    problems=(404,),
)
async def change_account(request: Request, body: AccountIn) -> Response:
    """Choose the language of pages: it goes with the account, to every device."""
    hub, call = hub_of(request), call_of(request)
    await hub.database.run(
        in_unit, hub.database, call, choose_language, call.principal.id, body.language
    )
    hub.sessions.forget_user(call.principal.id)
    return await show_account(request)


@router.get("/api/v1/institutions", action="institutions:read", response_model=InstitutionList)
async def list_institutions(request: Request) -> Response:
    """The caller's own institution; an operator sees all of the hub's."""
    rows = await hub_of(request).database.read(INSTITUTIONS, _scope(call_of(request)))
    return json_response({"items": to_dicts(INSTITUTIONS, rows)})


@router.get(
    "/api/v1/institutions/{institution_id}",
    action="institutions:read",
    response_model=InstitutionOut,
    problems=(404,),
)
async def show_institution(request: Request, institution_id: str) -> Response:
    """One institution."""
    rows = await hub_of(request).database.read(INSTITUTIONS, _scope(call_of(request)))
    for institution in to_dicts(INSTITUTIONS, rows):
        if institution["id"] == institution_id:
            version = institution["row_version"]
            return not_modified(request, version) or json_response(institution, version=version)
    raise NotFoundError(f"no institution {institution_id[:40]}")


def _scope(call: Call) -> Call:
    """An operator runs the hub for all of its institutions, and sees their names."""
    if call.principal.role is Role.OPERATOR and call.principal.scopes is None:
        return system_call(EVERY_INSTITUTION, call.trace)
    return call

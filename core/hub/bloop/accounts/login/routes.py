"""Logging in by a password, sessions, and passwords, for programs."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.http import json_response
from bloop.accounts.login import changes, flows, service
from bloop.accounts.login.entry import admit, remember_browser, reset_url
from bloop.accounts.login.schemas import (
    LoginIn,
    LoginOut,
    PasswordIn,
    ResetIn,
    ResetOut,
    SessionList,
)
from bloop.accounts.service import SecondFactorNeeded, StartedSession, csrf_token
from bloop.store.database import in_unit

router = Router(prefix="/api/v1", tags=["accounts"])

_UNKEPT = {"cache-control": "no-store"}


@router.post(
    "/session", action=VISIT, response_model=LoginOut, problems=(401, 403, 429), own_site=True
)
async def log_in(request: Request, body: LoginIn) -> Response:
    """Log in; the session comes as a cookie, or is asked for by a second factor."""
    came = await flows.log_in(
        request, body.login, body.password.get_secret_value(), body.institution
    )
    response = await entered(request, came.outcome)
    remember_browser(request, response, came.browser)
    return response


@router.post(
    "/password-reset",
    action=VISIT,
    rate="login",
    response_model=LoginOut,
    problems=(403, 422, 429),
    own_site=True,
)
async def use_reset(request: Request, body: ResetIn) -> Response:
    """Choose a password by the token of a link, once, and come in by it."""
    outcome = await flows.choose_password(request, body.token, body.password.get_secret_value())
    return await entered(request, outcome)


async def entered(request: Request, outcome: SecondFactorNeeded | StartedSession) -> Response:
    """A session as a cookie, or what it is still asked for by."""
    if isinstance(outcome, SecondFactorNeeded):
        needed = {"token": outcome.token, "ways": outcome.ways, "seconds": outcome.seconds}
        return json_response({"second_factor": needed}, headers=_UNKEPT)
    told = {"user": outcome.user_id, "csrf_token": csrf_token(outcome.token)}
    response = json_response(told, headers=_UNKEPT)
    await admit(request, response, outcome)
    return response


@router.get("/account/sessions", action="account:read", response_model=SessionList)
async def list_sessions(request: Request) -> Response:
    """Where one is logged in: this session, then the last used first."""
    return json_response({"items": await flows.sessions_of(request, call_of(request).principal.id)})


@router.delete(
    "/account/sessions/{session_id}", action="account:write", problems=(404,), status_code=204
)
async def end_session(request: Request, session_id: str) -> Response:
    """End one of one's own sessions."""
    await flows.end_own(request, session_id)
    return Response(status_code=204)


@router.delete("/account/sessions", action="account:write", status_code=204)
async def end_sessions(request: Request, *, everywhere: bool = False) -> Response:
    """End all of one's own sessions but this one; ``everywhere`` ends this one as well."""
    await flows.end_others(request, everywhere=everywhere)
    return Response(status_code=204)


@router.put(
    "/account/password",
    action="account:write",
    step_up=True,
    problems=(403, 409, 422, 429),
    status_code=204,
)
async def change_password(request: Request, body: PasswordIn) -> Response:
    """Change one's own password; every other session ends."""
    old, new = body.old.get_secret_value(), body.password.get_secret_value()
    await flows.change_password(request, old, new)
    return Response(status_code=204)


@router.get("/users/{user_id}/sessions", action="users:recover", response_model=SessionList)
async def list_sessions_of(request: Request, user_id: str) -> Response:
    """Where somebody is logged in."""
    return json_response({"items": await flows.sessions_of(request, user_id)})


@router.delete(
    "/users/{user_id}/sessions",
    action="users:recover",
    step_up=True,
    problems=(404,),
    status_code=204,
)
async def end_sessions_of(request: Request, user_id: str) -> Response:
    """End all sessions of somebody who ranks no higher than the caller."""
    await _run(request, service.end_for, user_id)
    hub_of(request).sessions.forget_user(user_id)
    return Response(status_code=204)


@router.post(
    "/users/{user_id}/password-reset",
    action="users:recover",
    step_up=True,
    response_model=ResetOut,
    problems=(404,),
)
async def reset_password(request: Request, user_id: str) -> Response:
    """A link by which somebody, who ranks no higher than the caller, chooses a password."""
    token = await _run(request, changes.issue_reset_for, user_id)
    url = reset_url(hub_of(request).config.value.public_url, token)
    return json_response({"url": url, "minutes": changes.RESET_MINUTES}, headers=_UNKEPT)


async def _run(request: Request, command: Any, *args: Any, **kwargs: Any) -> Any:
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)

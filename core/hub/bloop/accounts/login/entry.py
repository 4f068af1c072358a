"""Where a login ends: the browser gets its session, or is asked for a second factor."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import call_of, hub_of
from bloop.accounts.service import (
    SecondFactorNeeded,
    StartedSession,
    end_session,
    token_institution,
)
from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit

SECOND_FACTOR = "/login/second-factor"
_LONGEST = 2000


def own_path(wanted: str, otherwise: str = "/") -> str:
    """The path within the hub that was asked for; ``otherwise`` for what leads elsewhere."""
    # Browsers take a backslash for a slash, and pass over tabs and line breaks.
    leads_within = wanted.startswith("/") and wanted[1:2] not in {"/", "\\"}
    return (
        wanted if leads_within and wanted.isprintable() and len(wanted) <= _LONGEST else otherwise
    )


async def enter(
    request: Request, outcome: StartedSession | SecondFactorNeeded, to: str
) -> Response:
    """Send the browser on to a path, with its session or to where its second factor is asked."""
    headers = {"cache-control": "no-store"}
    if isinstance(outcome, StartedSession):
        response = RedirectResponse(own_path(to), 303, headers=headers)
        await admit(request, response, outcome)
        return response
    query = urlencode({"next": own_path(to)})
    response = RedirectResponse(f"{SECOND_FACTOR}?{query}", 303, headers=headers)
    secure = hub_of(request).sessions.secure
    response.set_cookie(
        "__Host-bloop_second" if secure else "bloop_second",
        outcome.token,
        max_age=outcome.seconds,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def admit(request: Request, response: Response, session: StartedSession) -> None:
    """Give the browser its session, and end the one it had."""
    hub = hub_of(request)
    before = request.scope.get("bloop.cookie_token")
    institution = token_institution(before) if before else None
    if before is not None and institution is not None:
        call = system_call(institution, call_of(request).trace)
        await hub.database.run(in_unit, hub.database, call, end_session, before)
        hub.sessions.forget(before)
    hub.sessions.set_cookie(response, session)

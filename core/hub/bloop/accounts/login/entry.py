"""Where a login ends: the browser gets its session, or is asked for a second factor.

Whoever has called :func:`bloop.accounts.login.service.log_in` answers by :func:`enter` in a
browser. A login has always a new token, and the session that the browser had before is over.
"""

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
RESET_PAGE = "/login/reset"
BROWSER_DAYS = 180
_LONGEST = 2000


def own_path(wanted: str, otherwise: str = "/") -> str:
    """The path within the hub that was asked for; ``otherwise`` for what leads elsewhere."""
    # Browsers take `\\` for `/`, and pass over tabs and line breaks.
    leads_within = wanted.startswith("/") and wanted[1:2] not in {"/", "\\"}
    return (
        wanted if leads_within and wanted.isprintable() and len(wanted) <= _LONGEST else otherwise
    )


def reset_url(public_url: str, token: str) -> str:
    """The address at which the holder of a token chooses a password."""
    return f"{public_url}{RESET_PAGE}?token={token}"


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
    _set(request, response, "second", outcome.token, outcome.seconds)
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


def remember_browser(request: Request, response: Response, mark: str) -> None:
    """Leave in the browser what tells that this account has logged in from it."""
    _set(request, response, "known", mark, BROWSER_DAYS * 86400)


def known_browser(request: Request) -> str | None:
    """What an earlier login left in this browser."""
    return request.cookies.get(cookie_name(request, "known"))


def _set(request: Request, response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=seconds,
        secure=hub_of(request).sessions.secure,
        httponly=True,
        samesite="lax",
    )


def cookie_name(request: Request, name: str) -> str:
    """What a cookie of the login is called: with the prefix ``__Host-`` over HTTPS."""
    return f"__Host-bloop_{name}" if hub_of(request).sessions.secure else f"bloop_{name}"

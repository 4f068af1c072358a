"""The cookie of a browser between the first factor and the second, which ``login.entry`` sets."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import hub_of
from bloop.accounts.login.entry import cookie_name

SECOND = "second"


def pending_of(request: Request) -> str:
    """The token of this browser's pending login; empty without one."""
    return request.cookies.get(cookie_name(request, SECOND), "")


def end_pending(request: Request, response: Response) -> None:
    """Take the pending login from a browser."""
    secure = hub_of(request).sessions.secure
    response.delete_cookie(cookie_name(request, SECOND), secure=secure, httponly=True)

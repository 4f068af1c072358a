"""The cookie of a browser between the first factor and the second."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import hub_of
from bloop.accounts.service import SecondFactorNeeded


def keep_pending(request: Request, response: Response, needed: SecondFactorNeeded) -> None:
    """Give a browser its pending login; scripts can't read it, other sites can't send it along."""
    response.set_cookie(
        _name(request),
        needed.token,
        max_age=needed.seconds,
        secure=hub_of(request).sessions.secure,
        httponly=True,
        samesite="lax",
    )


def pending_of(request: Request) -> str:
    """The token of this browser's pending login; empty without one."""
    return request.cookies.get(_name(request), "")


def end_pending(request: Request, response: Response) -> None:
    """Take the pending login from a browser."""
    secure = hub_of(request).sessions.secure
    response.delete_cookie(_name(request), secure=secure, httponly=True)


def _name(request: Request) -> str:
    """With the prefix over HTTPS, as :class:`bloop.accounts.sessions.Sessions` has it."""
    return "__Host-bloop_second" if hub_of(request).sessions.secure else "bloop_second"

"""The language that somebody has chosen, which goes with them from device to device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bloop.accounts.models import User
from bloop.store.commands import command
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.unit import UnitOfWork

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

NAMES = {"en": "English", "de": "Deutsch", "ar": "العربية"}
"""The languages of the hub's pages, each in its own words."""

COOKIE = "bloop_language"
_YEAR = 365 * 24 * 3600


@command("account:write")
def choose_language(unit: UnitOfWork, user_id: str, language: str | None) -> None:
    """Have pages in this language on every device; None takes what each browser asks for.

    The same again changes nothing. Raises InvalidError for a language that the hub does not speak,
    NotFoundError for an account that is gone.
    """
    require(language)
    user = unit.session.scalar(
        select(User).where(
            User.institution_id == unit.institution, User.id == user_id, User.erased_at.is_(None)
        )
    )
    if user is None:
        raise NotFoundError("this account is gone")
    if user.language != language:
        user.language = language
        unit.audit.append("account.language_chosen", f"user:{user_id}")


def require(language: str | None) -> None:
    """Raise InvalidError for a language that the hub does not speak."""
    if language is not None and language not in NAMES:
        raise InvalidError(
            f"no pages in {language[:40]!r}", cure=f"choose one of {', '.join(NAMES)}"
        )


def chosen(request: Request) -> str | None:
    """What the visitor chose: with their account, or else in this browser."""
    holder = request.scope.get("bloop.holder")
    if holder is not None and holder.language in NAMES:
        return str(holder.language)
    found = request.cookies.get(COOKIE)
    return found if found in NAMES else None


def locale_of(request: Request) -> str:
    """What the visitor chose, or the best for ``Accept-Language`` (RFC 9110, section 12.5.4)."""
    if choice := chosen(request):
        return choice
    wanted: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((float(weight or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    for _weight, tag in sorted(wanted, key=lambda pair: -pair[0]):
        if tag in NAMES:
            return tag
    return "en"


def remember(response: Response, language: str | None, *, secure: bool) -> None:
    """Keep a choice in this browser, for whoever is not logged in; None forgets it."""
    if language is None:
        response.delete_cookie(COOKIE, secure=secure, httponly=True, samesite="lax")
        return
    response.set_cookie(
        COOKIE, language, max_age=_YEAR, secure=secure, httponly=True, samesite="lax"
    )

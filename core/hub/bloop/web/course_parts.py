"""The pages of a course for who teaches it, and which of them the visitor may open."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from bloop.accounts.access import call_of
from bloop.accounts.actions import may
from bloop.web.navigation import NavLink
from bloop.web.render import locale_of, translations_of


def course_parts(
    request: Request, course: str, *, teaches: bool, kind: str = "course"
) -> list[NavLink]:
    """The links between them, the course itself first; none where there is nothing but it.

    ``teaches`` says that the visitor does all this here for they teach the course, whatever their
    role in the institution.
    """
    _: Callable[[str], str] = translations_of(locale_of(request)).gettext
    call, here = call_of(request), f"/courses/{course}"
    links = [
        (_("Edit"), "edit", "content:write"),
        (_("People"), "people", "enrolments:read"),
        (_("Progress"), "progress", "learning:read"),
        (_("Gaps"), "gaps", "learning:read"),
        (_("Recommendations"), "recommendations", "content:write"),
        (_("Certificate"), "certificate", "content:write"),
    ]
    at = request.url.path
    found = [
        NavLink(title, f"{here}/{path}", _current(at.removeprefix(f"{here}/"), path))
        for title, path, action in links
        if (teaches or may(call, action)) and (kind == "course" or path == "people")
    ]
    if not found:
        return []
    return [NavLink(_("Lessons"), here, "page" if at == here else ""), *found]


_OF_EDITING = {"publish", "settings", "history", "bin"}


def _current(at: str, path: str) -> str:
    """What ``aria-current`` says of a link, for the page that one is ``at``."""
    if at == path:
        return "page"
    return "true" if path == "edit" and at in _OF_EDITING else ""


def parts_on(request: Request, course: str, action: str) -> list[NavLink]:
    """The same on one of these pages: who is let in without its ``action`` teaches the course."""
    return course_parts(request, course, teaches=not may(call_of(request), action))

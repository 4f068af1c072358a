"""People, invitations and what is wrong with a form, in the visitor's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request

from bloop.store.errors import ConflictError
from bloop.web.refusal_words import said
from bloop.web.render import locale_of, translations_of
from bloop_sdk import BloopError


def user_states(_: Callable[[str], str]) -> Mapping[str, str]:
    """The states of users."""
    return {
        "active": _("active"),
        "waiting": _("waits to be let in"),
        "disabled": _("disabled"),
    }


def invitation_states(_: Callable[[str], str]) -> Mapping[str, str]:
    """The states of invitations."""
    return {
        "open": _("open"),
        "used": _("used up"),
        "expired": _("expired"),
        "withdrawn": _("withdrawn"),
    }


def fault_of(request: Request, error: BloopError | None) -> dict[str, Any]:
    """``fault`` and the field that is ``wrong``, for a form; both None without an error."""
    if error is None:
        return {"fault": None, "wrong": None}
    _ = translations_of(locale_of(request)).gettext
    field = getattr(error, "field", None)
    if isinstance(error, ConflictError) and error.current is not None:
        return {"fault": _("Somebody else changed this meanwhile. Look again."), "wrong": None}
    words = _known(_).get(error.message)
    if words is None:
        parts = (said(part, _) for part in (error.message, error.cure) if part)
        words = ": ".join(filter(None, parts))
    is_email = isinstance(error, ConflictError) and "e-mail" in error.message
    return {"fault": words, "wrong": "email" if is_email else field}


def _known(_: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "this is no e-mail address": _("This is no e-mail address."),
        "a name has 1 to 200 characters that can be seen": _(
            "A name has 1 to 200 characters that can be seen."
        ),
        "this invitation is for another e-mail address": _(
            "This invitation is for another e-mail address. Use the one that it was sent to."
        ),
        "this institution takes other addresses": _("Use an address of one of the domains above."),
        "a user of this institution has this e-mail address already": _(
            "Somebody has an account with this e-mail address already."
        ),
        "an invitation for one address has one use": _(
            "An invitation for one address has one use."
        ),
        "this is the institution's last admin": _(
            "This is the last administrator. Make somebody else one first."
        ),
        "this is the institution's last operator": _(
            "This is the last operator. Make somebody else one first."
        ),
        "email: nobody here has it": _("Nobody here has this address. Invite them first."),
        "name one of user, email and group": _("Name one person or one group."),
        "another group of this institution has this name": _("Another group has this name."),
        "name a domain at least": _("Name a domain at least."),
        "average: a number from 0 to 100": _("This is no number from 0 to 100."),
        "items: none": _("Tick one lesson at least."),
        "item: no lesson of this course": _("Choose a lesson of this course."),
        "concept: there is none": _("This concept is gone. Choose another one."),
        "position: from 0 to 1000": _("A place is a number from 0 to 1000."),
    }

"""The events of logging in."""

from __future__ import annotations

from typing import Annotated

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal

_SOMEBODY = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"


class LoginFailed(Payload):
    """Whose login; None where there is no such account."""

    id: Annotated[str | None, Personal()]


class LockedOut(Payload):
    """Who has to wait for so many seconds; ``by`` is what failed too often."""

    id: Annotated[str | None, Personal()]
    by: str
    seconds: int


class PasswordChanged(Payload):
    """Whose password, and whether a link did it."""

    id: Annotated[str, Personal()]
    by_link: bool


class ResetAsked(Payload):
    """Who says to have forgotten their password; None where there is no such account."""

    id: Annotated[str | None, Personal()]


declare(
    Topic(
        name="user.login_failed",
        when="a login was refused: a wrong password, or an account that is disabled or unknown",
        aggregate="user",
        payload=LoginFailed,
        action="users:read",
        example={"id": _SOMEBODY},
    ),
    Topic(
        name="user.locked_out",
        when="so many logins failed that the next one has to wait",
        aggregate="user",
        payload=LockedOut,
        action="users:read",
        example={"id": _SOMEBODY, "by": "account", "seconds": 8},
    ),
    Topic(
        name="user.password_changed",
        when="somebody has a new password",
        aggregate="user",
        payload=PasswordChanged,
        action="users:read",
        example={"id": _SOMEBODY, "by_link": True},
    ),
    Topic(
        name="user.reset_asked",
        when="somebody says to have forgotten their password",
        aggregate="user",
        payload=ResetAsked,
        action="users:read",
        example={"id": _SOMEBODY},
    ),
)

"""The events of people: none of them holds a name or an address."""

from __future__ import annotations

from typing import Annotated, Literal

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal, Role

How = Literal["added", "invitation", "registration", "login"]
"""How somebody became a user: an admin made the account, or they came by themselves."""

_USER = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"
_INVITATION = "019a21c8-71a4-7c0e-9b52-2f7d1e6a4c08"
_GROUP = "019a21c9-1d52-7e0a-8b7f-5c2e6a9d0f31"
_INSTITUTION = "019a21c4-6b1e-7c2a-9d1f-0a4f3f8a1b2c"


class Created(Payload):
    """A new user. ``waiting`` says that somebody has to let them in first."""

    id: Annotated[str, Personal()]
    role: Role
    how: How
    waiting: bool


class Changed(Payload):
    """Which of a user's ``name`` and ``email`` are others now."""

    id: Annotated[str, Personal()]
    fields: list[Literal["name", "email"]]


class RoleChanged(Payload):
    """A user's role, and the one before."""

    id: Annotated[str, Personal()]
    role: Role
    before: Role


class Switched(Payload):
    """Who."""

    id: Annotated[str, Personal()]


class Invited(Payload):
    """An invitation: for so many people, with this role."""

    id: str
    role: Role
    uses: int


class Withdrawn(Payload):
    """Which invitation."""

    id: str


class OfGroup(Payload):
    """Which group."""

    id: str


class Grouped(Payload):
    """A user, and a group."""

    id: Annotated[str, Personal()]
    group: str


class Renamed(Payload):
    """An institution's new name."""

    id: str
    name: str


class RegistrationChanged(Payload):
    """Who may register by themselves: nobody (``off``), some domains' people, or all."""

    mode: Literal["off", "domains", "open"]
    domains: list[str]


def _topic(
    name: str, when: str, payload: type[Payload], example: dict[str, object], of: str = "user"
) -> Topic:
    return Topic(
        name=f"user.{name}",
        when=when,
        aggregate=of,
        payload=payload,
        action="users:read",
        example=example,
    )


declare(
    _topic(
        "created",
        "somebody became a user of an institution",
        Created,
        {"id": _USER, "role": "learner", "how": "invitation", "waiting": False},
    ),
    _topic(
        "changed",
        "a user's name or e-mail address was changed",
        Changed,
        {"id": _USER, "fields": ["email"]},
    ),
    _topic(
        "role_changed",
        "a user got another role; it holds at once, in their live sessions too",
        RoleChanged,
        {"id": _USER, "role": "educator", "before": "learner"},
    ),
    _topic(
        "disabled",
        "a user's account was disabled, and their sessions ended",
        Switched,
        {"id": _USER},
    ),
    _topic(
        "enabled",
        "a user's account was enabled again, or one that waited was let in",
        Switched,
        {"id": _USER},
    ),
    _topic(
        "invited",
        "an invitation was made",
        Invited,
        {"id": _INVITATION, "role": "learner", "uses": 30},
        of="invitation",
    ),
    _topic(
        "invitation_withdrawn",
        "an invitation was withdrawn, by hand or because who made it may no longer give its role",
        Withdrawn,
        {"id": _INVITATION},
        of="invitation",
    ),
    *(
        _topic(
            f"group_{change}", f"a group of users was {change}", OfGroup, {"id": _GROUP}, "group"
        )
        for change in ("created", "renamed", "removed")
    ),
    _topic("joined_group", "a user was put into a group", Grouped, {"id": _USER, "group": _GROUP}),
    _topic(
        "left_group", "a user was taken out of a group", Grouped, {"id": _USER, "group": _GROUP}
    ),
    _topic(
        "institution_renamed",
        "an institution got another name",
        Renamed,
        {"id": _INSTITUTION, "name": "Riverside College"},
        of="institution",
    ),
    _topic(
        "registration_changed",
        "an institution changed who may register by themselves",
        RegistrationChanged,
        {"mode": "domains", "domains": ["example.edu"]},
        of="institution",
    ),
)

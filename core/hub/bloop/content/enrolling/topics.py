"""The events of enrolments of the hub's own users."""

from __future__ import annotations

from typing import Annotated, Literal

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal

_USER = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"
_COURSE = "019a21c7-0b12-7f0e-8d9a-4c6e2b1f5a33"


class Enrolled(Payload):
    """A user in a course; by ``group``, or by their own name where that is None."""

    id: Annotated[str, Personal()]
    container: str
    role: Literal["learner", "educator"]
    group: str | None


class Granted(Payload):
    """A user and a single item of a course."""

    id: Annotated[str, Personal()]
    item: str
    container: str


class AudienceChanged(Payload):
    """Whom a course is for now, and before."""

    container: str
    audience: Literal["open", "members", "enrolled"]
    before: Literal["open", "members", "enrolled"]


class Linked(Payload):
    """A person of another system, and whose account theirs is."""

    id: Annotated[str, Personal()]
    person: Annotated[str, Personal()]


_ENROLLED = {"id": _USER, "container": _COURSE, "role": "learner", "group": None}
_GRANTED = {
    "id": _USER,
    "item": "019a21c9-5c7e-7d20-a1b4-90de3f7a2c18",
    "container": _COURSE,
}

declare(
    *(
        Topic(
            name=f"learning.{name}",
            when=when,
            aggregate="user",
            payload=Enrolled,
            action="enrolments:read",
            example=_ENROLLED,
        )
        for name, when in (
            ("enrolled", "a user was enrolled in a course, by name or with a group"),
            ("unenrolled", "such an enrolment ended"),
        )
    ),
    *(
        Topic(
            name=f"learning.{name}",
            when=when,
            aggregate="user",
            payload=Granted,
            action="enrolments:read",
            example=_GRANTED,
        )
        for name, when in (
            ("granted", "a user may see one item of a course, such as one that they bought"),
            ("revoked", "that ended"),
        )
    ),
    Topic(
        name="learning.audience_changed",
        when="a course is for others now: for everybody, for members, or for the enrolled",
        aggregate="container",
        payload=AudienceChanged,
        action="enrolments:read",
        example={"container": _COURSE, "audience": "open", "before": "enrolled"},
    ),
    *(
        Topic(
            name=f"user.person_{name}",
            when=when,
            aggregate="user",
            payload=Linked,
            action="users:read",
            example={"id": _USER, "person": "019a21cb-2c1d-7a5b-9e0f-7d3b8a6c4e12"},
        )
        for name, when in (
            ("linked", "a person of another system is known to be a user here"),
            ("unlinked", "that is no longer so"),
        )
    ),
)

"""The events of people and institutions."""

from __future__ import annotations

from typing import Annotated

import bloop.accounts.identities.topics
import bloop.accounts.login.topics
import bloop.accounts.mfa.topics
import bloop.accounts.people.topics
import bloop.accounts.tokens.topics  # noqa: F401 - each declares its own
from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal


class InstitutionCreated(Payload):
    """An institution."""

    id: str
    slug: str
    name: str


class LoggedIn(Payload):
    """Who came in."""

    id: Annotated[str, Personal()]


class Erased(Payload):
    """Whose data is to be forgotten."""

    id: Annotated[str, Personal()]


declare(
    Topic(
        name="user.institution_created",
        when="the hub got an institution",
        aggregate="institution",
        payload=InstitutionCreated,
        action="users:read",
        example={"id": "019a21c4-6b1e-7c2a-9d1f-0a4f3f8a1b2c", "slug": "main", "name": "Riverside"},
    ),
    Topic(
        name="user.logged_in",
        when="somebody logged in",
        aggregate="user",
        payload=LoggedIn,
        action="users:read",
        example={"id": "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"},
    ),
    Topic(
        name="user.erased",
        when="a person was erased: whoever keeps something of theirs forgets it",
        aggregate="user",
        payload=Erased,
        action="users:read",
        example={"id": "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"},
    ),
)

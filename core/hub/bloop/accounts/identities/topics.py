"""The events of accounts elsewhere. They tell the provider, never who somebody is there."""

from __future__ import annotations

from typing import Annotated

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal


class IdentityChanged(Payload):
    """Whose account, and with which provider."""

    id: Annotated[str, Personal()]
    provider: str


class Joined(Payload):
    """Who joined, as what, and by which provider."""

    id: Annotated[str, Personal()]
    provider: str
    role: str


_PERSON = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"

declare(
    Topic(
        name="user.identity_linked",
        when="somebody connected an account elsewhere, to log in with",
        aggregate="user",
        payload=IdentityChanged,
        action="users:read",
        example={"id": _PERSON, "provider": "oidc.google"},
    ),
    Topic(
        name="user.identity_unlinked",
        when="somebody disconnected an account elsewhere",
        aggregate="user",
        payload=IdentityChanged,
        action="users:read",
        example={"id": _PERSON, "provider": "oidc.google"},
    ),
    Topic(
        name="user.joined_by_login",
        when="somebody joined by a rule of the institution, with their first login",
        aggregate="user",
        payload=Joined,
        action="users:read",
        example={"id": _PERSON, "provider": "oidc.google", "role": "learner"},
    ),
)

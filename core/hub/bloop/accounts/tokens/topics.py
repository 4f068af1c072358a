"""The events of tokens and keys."""

from __future__ import annotations

from typing import Annotated

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal

_USER = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"
_KEY = "019a21c7-52be-7d04-b0f4-6f2b9a0c3d11"


class TokenReused(Payload):
    """Whose tokens have been ended, and which device's."""

    id: Annotated[str, Personal()]
    family: str


class KeyChanged(Payload):
    """An API key; ``user`` is null for one of the institution."""

    id: str
    name: str
    user: Annotated[str | None, Personal()]


class KeyExpiring(KeyChanged):
    """An API key, and when it ends (RFC 3339)."""

    expires_at: str


declare(
    Topic(
        name="user.token_reused",
        when="a refresh token came a second time, and the tokens of its device were ended",
        aggregate="user",
        payload=TokenReused,
        action="users:read",
        example={"id": _USER, "family": "019a21c6-3c4d-7a5e-9f60-718293a4b5c6"},
    ),
    Topic(
        name="user.key_created",
        when="somebody made an API key",
        aggregate="api_key",
        payload=KeyChanged,
        action="keys:read",
        example={"id": _KEY, "name": "Grade book", "user": None},
    ),
    Topic(
        name="user.key_revoked",
        when="an API key was revoked",
        aggregate="api_key",
        payload=KeyChanged,
        action="keys:read",
        example={"id": _KEY, "name": "Grade book", "user": None},
    ),
    Topic(
        name="user.key_expiring",
        when="an API key ends within a week; once for each",
        aggregate="api_key",
        payload=KeyExpiring,
        action="keys:read",
        example={
            "id": _KEY,
            "name": "Grade book",
            "user": None,
            "expires_at": "2026-03-01T08:00:00.000000Z",
        },
    ),
)

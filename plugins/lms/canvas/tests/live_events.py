"""Live events as Canvas Data Services signs and sends them."""

from __future__ import annotations

import functools
import json
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from bloop_sdk import WebhookRequest

SENT = 1_777_900_000.0


@functools.cache
def key() -> RSAKey:
    """The key of this month."""
    return RSAKey.generate_key(2048, {"kid": "2026-05"})


@functools.cache
def published() -> str:
    """The document at Instructure's address."""
    return json.dumps({"keys": [key().as_dict(private=False)]})


def metadata(name: str, **other: Any) -> dict[str, Any]:
    return {
        "event_name": name,
        "event_time": "2026-05-04T12:00:00.325Z",
        "hostname": "canvas.example",
        "producer": "canvas",
        "context_type": "Course",
        "context_id": "10000000000001",
        "root_account_id": "10000000000001",
        **other,
    }


def signed(name: str, body: dict[str, Any], *, by: RSAKey | None = None, **other: Any) -> Any:
    """A call with an event in Canvas's format."""
    return call({"metadata": metadata(name, **other), "body": body}, by=by)


def call(claims: dict[str, Any], *, by: RSAKey | None = None) -> WebhookRequest:
    """A call with any claims."""
    token = jwt.encode({"alg": "RS256", "kid": "2026-05"}, claims, by or key())
    return WebhookRequest(
        headers={"content-type": "application/jwt"}, body=token.encode(), received_at=SENT
    )

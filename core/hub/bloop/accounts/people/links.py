"""Invitations as they are told: their state in a word, and their links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request

from bloop.accounts.access import hub_of
from bloop.store.types import utcnow


def join_url(base: str, query: str) -> str:
    """The address of the page to join, with ``token=...`` or ``institution=...``."""
    return f"{base}/join?{query}"


def base_of(request: Request) -> str:
    """How others reach this hub: by the address that it was given, else by this request's own."""
    return (hub_of(request).config.value.http.public_url or str(request.base_url)).rstrip("/")


def state_of(invitation: Mapping[str, Any]) -> str:
    """``open``, ``used``, ``expired`` or ``withdrawn``, of a row that was read."""
    if invitation["revoked_at"] is not None:
        return "withdrawn"
    if invitation["uses"] >= invitation["max_uses"]:
        return "used"
    return "expired" if datetime.fromisoformat(invitation["expires_at"]) <= utcnow() else "open"


def told(invitation: Mapping[str, Any]) -> dict[str, Any]:
    """An invitation with its state."""
    return {**invitation, "state": state_of(invitation)}

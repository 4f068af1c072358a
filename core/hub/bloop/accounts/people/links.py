"""Invitations as they are told: their state in a word, and their links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bloop.accounts.access import HubParts
from bloop.store.types import utcnow


def join_url(hub: HubParts, query: str) -> str:
    """The address of the page to join, with ``token=...`` or ``institution=...``."""
    return f"{hub.config.value.public_url}/join?{query}"


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

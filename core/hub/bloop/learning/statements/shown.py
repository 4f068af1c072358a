"""Statements as they are read: complete, with who is meant, and with the hub's address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from bloop.learning.statements.out import HERE
from bloop.store.statements import moment, parsed

VERSION = "2.0.0"


def shown(row: Mapping[str, Any], site: str) -> dict[str, Any]:
    """A row of a registered read as a statement of xAPI; ``site`` is the hub's address."""
    raw: dict[str, Any] = parsed(row["raw"])
    if row["source"] == "hub":
        raw["actor"] = agent(row["user"], site)
        raw["object"] = {**raw["object"], "id": f"{site}{raw['object']['id']}"}
    stored = moment(row["stored_at"]).astimezone(UTC)
    told = str(row["told_by"]).partition(":")[2] or str(row["told_by"])
    return raw | {
        "stored": stored.isoformat(),
        "authority": agent(told, site),
        "version": VERSION,
    }


def agent(user: str, site: str) -> dict[str, Any]:
    """A user of the hub as xAPI names them."""
    return {"objectType": "Agent", "account": {"homePage": site, "name": user}}


def ours(activity: str, site: str) -> str:
    """An activity's address as the hub's own statements hold it; empty where it is no lesson."""
    begin = f"{site}{HERE}"
    return f"{HERE}{activity.removeprefix(begin)}" if activity.startswith(begin) else ""

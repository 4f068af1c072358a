"""Which of some items somebody may see: for whoever found them elsewhere, as a search does."""

from __future__ import annotations

from collections.abc import Iterable

from bloop.accounts.actions import may
from bloop.content.enrolling.queries import KNOWN_ITEMS, VISIBLE_AT_ONCE, VISIBLE_ITEMS
from bloop.store.database import Database
from bloop_sdk import Call


async def visible_items(database: Database, call: Call, ids: Iterable[str]) -> dict[str, str]:
    """Those of the items ``ids`` that the call may see, each with its container; any number."""
    if not may(call, "content:read"):
        return {}
    statement = KNOWN_ITEMS if may(call, "content:write") else VISIBLE_ITEMS
    wanted = list(dict.fromkeys(ids))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), VISIBLE_AT_ONCE):
        part = wanted[start : start + VISIBLE_AT_ONCE]
        slots = {f"id_{n}": part[n] if n < len(part) else "" for n in range(VISIBLE_AT_ONCE)}
        rows = await database.read(statement, call, **slots)
        found |= {str(item): str(container) for item, container in rows}
    return {id_: found[id_] for id_ in wanted if id_ in found}

"""The page of a write whose answer was lost: it is looked for before another one is made.

Notion keeps no mark of ours. A page that has the note's title and place may be another note's; of
which it is known that another write has made it, it is none.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from bloop_notion import properties
from bloop_notion.api import Api
from bloop_notion.fields import dashed, in_trash, moment, obj, text
from bloop_sdk import ConnectionContext, MissingRecordError, NoteDraft
from bloop_sdk.records import JSONObject

_MOST = 200
"""Writes of a connection go one by one, so that what is tried again is among the last."""
_RECENT = timedelta(days=2)


class Made:
    """Pages by the writes that made them, in the plugin's own store."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._store = ctx.store
        self._name = f"made/{ctx.connection}"

    def add(self, key: str, page: str, *, whole: bool = False) -> None:
        """A write has made a page, and put the ``whole`` note into it."""
        kept = [one for one in self._kept() if one["write"] != _short(key)]
        made = {"write": _short(key), "page": page, "whole": whole}
        self._store.set(self._name, [*kept, made][-_MOST:])

    def of(self, key: str) -> str | None:
        """The page that a write has made; None where that is not known."""
        return next((one["page"] for one in self._kept() if one["write"] == _short(key)), None)

    def is_whole(self, key: str) -> bool:
        """Whether a write has put the whole note into its page: what it is since, others did."""
        return any(one.get("whole") for one in self._kept() if one["write"] == _short(key))

    def others(self, key: str) -> set[str]:
        """The pages that other writes have made."""
        return {one["page"] for one in self._kept() if one["write"] != _short(key)}

    def _kept(self) -> list[dict[str, Any]]:
        found = self._store.get(self._name)
        return found if isinstance(found, list) else []


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]


async def made_before(
    api: Api, made: Made, key: str, draft: NoteDraft, parent: JSONObject, bot: str
) -> str | None:
    """The page that an earlier try of a write has made.

    Where its answer was lost: one of the note's title that ``bot`` made there a short while ago.
    """
    known = made.of(key)
    if known is not None:
        try:
            return None if in_trash(await api.get(f"pages/{known}")) else known
        except MissingRecordError:
            return None
    now, others = api.now, made.others(key)
    for one in reversed(await _candidates(api, draft, parent)):
        title = text(obj(one, "child_page"), "title") or properties.title_of(one)
        at, own = moment(one, "created_time"), dashed(one.get("id"))
        recent = now is None or at is None or now - at < _RECENT
        mine = recent and text(obj(one, "created_by"), "id") == bot
        if title == draft.title and mine and own not in others:
            return own
    return None


async def _candidates(api: Api, draft: NoteDraft, parent: JSONObject) -> list[JSONObject]:
    """The pages of a place, or those at the top that a search finds."""
    found: list[JSONObject] = []
    if text(parent, "type") == "page_id":
        async for some in api.pages("GET", f"blocks/{parent['page_id']}/children"):
            found += [one for one in some if text(one, "type") == "child_page"]
    elif text(parent, "type") == "data_source_id":
        async for some in api.pages("POST", f"data_sources/{parent['data_source_id']}/query"):
            found += some
    else:
        async for some in api.pages("POST", "search", {"query": draft.title}):
            tops = (one for one in some if text(obj(one, "parent"), "type") == "workspace")
            found += tops
    return found

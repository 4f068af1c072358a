"""Where pages stand: below pages, in rows of data sources, or on top; parents come first."""

from __future__ import annotations

from collections.abc import Iterable

from bloop_notion.api import Api
from bloop_notion.fields import dashed, obj, text
from bloop_notion.listing import Entry, Listing
from bloop_sdk import MissingRecordError, PermissionMissingError
from bloop_sdk.records import JSONObject

DEEPEST = 20
"""Blocks between a page and the page that it stands in."""


class Tree:
    """The places of what was listed."""

    def __init__(self, api: Api, listing: Listing) -> None:
        self._api = api
        self._listing = listing
        self._pages: dict[str, JSONObject] = {}

    async def place(self, changed: Iterable[Entry]) -> None:
        """Find what is above each; only for ``changed`` pages within a block that is asked for."""
        wanted = {one.id for one in changed}
        for entry in self._listing.entries.values():
            parent = entry.parent
            if text(parent, "type") == "block_id" and entry.id in wanted:
                parent = await self.page_of(dashed(parent.get("block_id")))
            entry.above = self._above(parent)
        for loop in self._loops():
            entry = self._listing.entries[min(loop)]
            entry.above, entry.torn = None, True

    def _above(self, parent: JSONObject) -> str | None:
        """The node that a parent is, where it is shared."""
        kind = text(parent, "type")
        found = dashed(parent.get(kind))
        if kind == "database_id" and found is not None:
            found = self._listing.sources.get(found, found)
        return found if found in self._listing.entries else None

    async def page_of(self, block: str | None) -> JSONObject:
        """The parent that is no block: what a toggle or a column stands in."""
        passed: list[str] = []
        parent: JSONObject = {}
        while block is not None and len(passed) < DEEPEST and block not in passed:
            if block in self._pages:
                parent = self._pages[block]
                break
            passed.append(block)
            try:
                parent = obj(await self._api.get(f"blocks/{block}"), "parent")
            except (MissingRecordError, PermissionMissingError):
                parent = {}
            block = dashed(parent.get("block_id")) if text(parent, "type") == "block_id" else None
        self._pages |= dict.fromkeys(passed, parent)
        return parent

    def _loops(self) -> list[list[str]]:
        """Circles of parents, each once."""
        entries, done, loops = self._listing.entries, set[str](), list[list[str]]()
        for start in entries:
            path: dict[str, None] = {}
            at: str | None = start
            while at is not None and at not in done and at not in path:
                path[at] = None
                at = entries[at].above
            if at is not None and at in path:
                names = list(path)
                loops.append(names[names.index(at) :])
            done |= path.keys()
        return loops

    def ordered(self) -> list[Entry]:
        """Everything, parents before what is below them, otherwise by age."""
        entries = self._listing.entries
        done: dict[str, Entry] = {}
        for entry in sorted(entries.values(), key=lambda one: (one.created, one.id)):
            path: list[Entry] = []
            at: Entry | None = entry
            while at is not None and at.id not in done:
                path.append(at)
                at = entries.get(at.above) if at.above else None
            done |= {one.id: one for one in reversed(path)}
        return list(done.values())

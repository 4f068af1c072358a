"""Everything that is shared with the integration, without its content: pages and data sources.

Search lists both, newest edit first. Its index may lag behind, so what it misses is looked for: the
rows of a data source by its own query, other pages one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bloop_notion.api import Api
from bloop_notion.fields import dashed, in_trash, moment, obj, text
from bloop_notion.model import settled
from bloop_sdk import MissingRecordError, PermissionMissingError
from bloop_sdk.records import JSONObject

READER = 1
"""Grows when the same page is made into other records."""
SETTLES = timedelta(minutes=2)
"""Times are told in minutes: until then another edit may have the same one."""
_SORT = {"timestamp": "last_edited_time", "direction": "descending"}


@dataclass(slots=True)
class Entry:
    """One page or data source. ``item`` is left out of one that has most likely not changed."""

    id: str
    source: bool
    edited: str
    created: str
    parent: JSONObject
    item: JSONObject | None
    above: str | None = None
    """The node above, once :class:`bloop_notion.tree.Tree` has found it."""
    torn: bool = False
    below: list[str] = field(default_factory=list)
    """Pages and data sources in its text, which loses them without an edit of its own."""

    def digest(self, today: str) -> str:
        """Another one wherever the records are others, as far as the list tells.

        That of a data source ends with the day on which its rows were asked for.
        """
        around = (self.above, self.torn, READER, sorted(self.below))
        made = f"{self.edited}~{_short(self.parent)}~{_short(around)}"
        return f"{made}~{today}" if self.source else made

    def stands(self, held: str) -> bool:
        """Whether a digest tells the same edit and parent, whatever is above that."""
        return held.startswith(f"{self.edited}~{_short(self.parent)}~")

    def settled(self, now: datetime | None) -> bool:
        """Whether no edit can come any more that has the same time, by Notion's clock."""
        edited = moment({"at": self.edited}, "at")
        return now is not None and edited is not None and now - edited >= SETTLES


def _short(told: object) -> str:
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


@dataclass(slots=True)
class Listing:
    """What was listed, by id. ``unshared`` is what stood there before."""

    entries: dict[str, Entry] = field(default_factory=dict)
    unshared: list[tuple[str, bool]] = field(default_factory=list)
    """Ids, and whether each was a data source."""
    sources: dict[str, str] = field(default_factory=dict)
    """Data sources by their databases: older answers name a row's database alone."""
    today: str = ""
    """The day by Notion's clock."""

    def take(self, item: JSONObject, known: Mapping[str, str]) -> None:
        """Add a page or a data source; of one that is listed twice the newer counts."""
        own, kind = dashed(item.get("id")), text(item, "object")
        if own is None or kind not in {"page", "data_source"} or in_trash(item):
            return
        edited = text(item, "last_edited_time")
        before = self.entries.get(own)
        if before is not None and before.edited >= edited:
            return
        parent = settled(obj(item, "parent"))
        if kind == "data_source":
            database = dashed(parent.get("database_id"))
            if database:
                self.sources.setdefault(database, own)
            parent = settled(obj(item, "database_parent")) or parent
        same = known.get(own, "").startswith(f"{edited}~") and kind == "page"
        self.entries[own] = Entry(
            own,
            kind == "data_source",
            edited,
            text(item, "created_time"),
            parent,
            None if same else item,
        )


async def everything(api: Api, known: Mapping[str, str]) -> Listing:
    """List all; ``known`` are digests by ids."""
    listing = Listing()
    async for found in api.pages("POST", "search", {"sort": _SORT}):
        for item in found:
            listing.take(item, known)
    now = api.now
    listing.today = now.date().isoformat() if now else ""
    missing = known.keys() - listing.entries.keys()
    await _rows(api, listing, known, gaps=bool(missing))
    await _look_for(api, listing, known, sorted(missing - listing.entries.keys()))
    for entry in listing.entries.values():
        above = listing.entries.get(dashed(entry.parent.get("page_id")) or "")
        if above is not None:
            above.below.append(entry.id)
    return listing


async def _rows(api: Api, listing: Listing, known: Mapping[str, str], *, gaps: bool) -> None:
    """The rows of data sources: once a day, and where the search may not have listed them all."""
    for own in sorted(one.id for one in listing.entries.values() if one.source):
        before, now = known.get(own, ""), listing.entries[own].edited
        asked = before.startswith(f"{now}~") and before.endswith(f"~{listing.today}")
        if asked and listing.today and not gaps:
            continue
        try:
            async for found in api.pages("POST", f"data_sources/{own}/query"):
                for item in found:
                    listing.take(item, known)
        except (MissingRecordError, PermissionMissingError):
            continue  # Its rows are those that the search lists.


async def _look_for(
    api: Api, listing: Listing, known: Mapping[str, str], missing: Iterable[str]
) -> None:
    """What stood there before and is listed no more: deleted, not shared any more, or late."""
    for own in missing:
        source = known[own].count("~") > 2
        try:
            item = await api.get(f"{'data_sources' if source else 'pages'}/{own}")
        except (MissingRecordError, PermissionMissingError):
            listing.unshared.append((own, source))
            continue
        listing.take(item, known)

"""Links from page to page: OneNote names a page there by another id than Graph does.

What a list of pages tells of both is kept section by section, so that a link finds its page also
where that stands in a notebook which this run has not come to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bloop_onenote.records import client_id, linked
from bloop_sdk import ConnectionContext
from bloop_sdk.records import JSONObject

_MOST = 300
"""Pages whose ids fit into one value of the store."""


class Links:
    """Pages of one connection by the ids of OneNote's links."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._store = ctx.store
        self._prefix = f"pages/{ctx.connection}/"
        self._known: dict[str, str] | None = None
        self._sections: dict[str, list[dict[str, str]]] = {}

    def learn(self, section: str, pages: Iterable[JSONObject]) -> None:
        """Keep what a section's list tells."""
        found = {name: str(page["id"]) for page in pages if (name := client_id(page))}
        names = sorted(found)
        parts = [
            {name: found[name] for name in names[start : start + _MOST]}
            for start in range(0, max(1, len(names)), _MOST)
        ]
        before = self._section(section)
        for number, part in enumerate(parts):
            if number >= len(before) or before[number] != part:
                self._store.set(f"{self._prefix}{section}/{number}", part)
        for number in range(len(parts), len(before)):
            self._store.delete(f"{self._prefix}{section}/{number}")
        self._sections[section] = parts
        if self._known is not None:
            self._known |= found

    def knows(self, section: str) -> bool:
        """Whether a run has listed a section."""
        return bool(self._section(section))

    def note_of(self, href: str) -> str | None:
        """The page at a link; None for one that leads elsewhere, or to a page unknown."""
        name = linked(href)
        return self._all().get(name) if name else None

    def _section(self, section: str) -> list[dict[str, str]]:
        if section not in self._sections:
            keys = self._store.keys(f"{self._prefix}{section}/")
            self._sections[section] = [self._read(key) for key in keys]
        return self._sections[section]

    def _all(self) -> dict[str, str]:
        if self._known is None:
            self._known = {}
            for key in self._store.keys(self._prefix):
                self._known |= self._read(key)
        return self._known

    def _read(self, key: str) -> dict[str, str]:
        found: Any = self._store.get(key)
        return found if isinstance(found, dict) else {}

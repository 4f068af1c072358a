"""Remote ids of files that went there from here: older than the addresses that Notion gave."""

from __future__ import annotations

from collections.abc import Mapping

from bloop_sdk import ConnectionContext


class Aliases:
    """By pages and by the keys of files, kept in the plugin's own store."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._ctx = ctx
        self._prefix = f"files/{ctx.connection}/"
        self._pages: set[str] | None = None

    def of(self, page: str) -> Mapping[str, str]:
        """The remote ids of a page's files, of those that came from here."""
        if self._pages is None:
            self._pages = set(self._ctx.store.keys(self._prefix))
        name = f"{self._prefix}{page}"
        found = self._ctx.store.get(name) if name in self._pages else None
        return found if isinstance(found, dict) else {}

    def add(self, page: str, key: str, file: str) -> None:
        """A file that stands in a page now."""
        self._ctx.store.set(f"{self._prefix}{page}", {**self.of(page), key: file})
        assert self._pages is not None
        self._pages.add(f"{self._prefix}{page}")

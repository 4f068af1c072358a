"""What had the title of a page before it was made, for pages in which no mark of ours stays.

Those without text have none, and in others somebody may rewrite it away. It is kept also once they
are made: whoever asked may be killed before the answer is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bloop_sdk import ConnectionContext

_MOST = 50
"""Writes of a connection go one by one, so that what is tried again is among the last."""


class Begun:
    """By the marks of writes, in the plugin's own store."""

    def __init__(self, ctx: ConnectionContext) -> None:
        self._store = ctx.store
        self._key = f"making/{ctx.connection}"

    def begin(self, mark: str, others: Sequence[str]) -> None:
        """A page is about to be made; ``others`` are those of its title."""
        kept = [one for one in self._kept() if one["mark"] != mark]
        self._store.set(self._key, [*kept, {"mark": mark, "others": list(others)}][-_MOST:])

    def others(self, mark: str) -> list[str] | None:
        """The pages that had the title before; None where nothing was begun."""
        return next((one["others"] for one in self._kept() if one["mark"] == mark), None)

    def _kept(self) -> list[dict[str, Any]]:
        found = self._store.get(self._key)
        return found if isinstance(found, list) else []

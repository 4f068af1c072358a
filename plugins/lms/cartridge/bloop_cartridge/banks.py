"""Questions that a quiz takes from a bank by their identifiers.

QTI 1.2.1 has ``itemref`` for it; Canvas's newer quizzes have ``bankentry_item``.
"""

from __future__ import annotations

from lxml.etree import _Element as Element

from bloop_cartridge.index import Resource
from bloop_cartridge.source import Source
from bloop_cartridge.xmlsafe import descendants, local
from bloop_sdk.errors import SkippableError

_MOST = 100
_FULL = ".xml.qti"


class Banks:
    """The banks of a cartridge, read when a quiz refers to one."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._items: dict[str | None, dict[str, Element]] = {}

    def item(self, entry: Element) -> Element | None:
        """The item that an entry refers to; None, and a note, where no bank holds it."""
        if local(entry) == "itemref":
            bank, name = None, entry.get("linkrefid", "")
        else:
            bank, name = entry.get("sourcebank_ref") or None, entry.get("item_ref", "")
        if bank not in self._items:
            self._items[bank] = self._read(bank)
        found = self._items[bank].get(name)
        if found is None:
            self._source.notes.append(f"question {name!r} is in no bank of the cartridge")
        return found

    def _read(self, bank: str | None) -> dict[str, Element]:
        """The items of one bank, or of all of them, by their identifiers."""
        items: dict[str, Element] = {}
        for resource in self._resources(bank):
            try:
                root = self._source.parse(resource.path or "")
            except SkippableError:
                continue  # It is a record of its own, which says so.
            for item in descendants(root, "item"):
                items.setdefault(item.get("ident", ""), item)
        return items

    def _resources(self, bank: str | None) -> list[Resource]:
        index = self._source.index
        if bank is not None and (named := index.resource(bank)) is not None:
            return [named] if named.path else []
        return index.banks(_FULL, _MOST)

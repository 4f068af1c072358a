"""All notes of all notebooks: in which order, who is who, and which of them a link means.

An export holds no ids. A note is known by the second in which it was created: that is the same in
each export, whatever becomes of its text, title and place. Notes of one notebook that share it are
told apart by their titles, and those with the same title by their order. Other programs than
Evernote may write a ``guid``: that one is taken then.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bloop_evernote.scan import NoteSpan, Window, notes
from bloop_evernote.source import Export

_TITLE = re.compile(rb"<title(?:\s[^<>]{0,400})?>")
_CREATED = re.compile(rb"<created>([^<>]{1,80})</created")
_GUID = re.compile(rb"<guid>\s*([0-9A-Fa-f-]{36})\s*</guid")
_CDATA = re.compile(rb"<!\[CDATA\[|\]\]>")
_TITLE_BYTES = 4000


@dataclass(frozen=True, slots=True)
class Entry:
    """A note's place: its notebook, the offset of its ``<note>``, and how many stand before it."""

    notebook: int
    start: int
    position: int
    remote_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Scrap:
    """Bytes of an export that belong to no note; behind those at its ``is_end`` something lacks."""

    notebook: int
    start: int
    reason: str
    is_end: bool = False


class Index:
    """What one pass over every export gives; it holds a few hundred bytes of each note."""

    def __init__(self, exports: Sequence[Export], most_facts: int) -> None:
        self.exports = exports
        self.entries: list[Entry] = []
        self.scraps: list[Scrap] = []
        self.by_guid: dict[str, str] = {}
        self._seen: Counter[tuple[str, ...]] = Counter()
        for number, export in enumerate(exports):
            self._read(number, export, most_facts)
        self._order = [self._place(entry.notebook, entry.start) for entry in self.entries]
        self._ids: dict[str, int] = {one.remote_id: at for at, one in enumerate(self.entries)}
        self._titles: dict[str, list[Entry]] | None = None

    def _read(self, number: int, export: Export, most_facts: int) -> None:
        found: list[tuple[NoteSpan, str, str, str]] = []
        end = 0
        with export.open() as file:
            window = Window(file)
            for span in notes(window, 0, most_facts):
                self._between(window, number, end, span.start)
                found.append((span, *_names(span.facts)))
                span.facts = b""
                end = span.end
            self._tail(window, number, end)
        shared = Counter(created or title for _, title, created, _ in found)
        seen = self._seen
        for position, (span, title, created, guid) in enumerate(found):
            base = created or title
            names: tuple[str, ...] = ("guid", guid) if guid else (export.key, base)
            if not guid and shared[base] > 1:
                names = (export.key, base, title)
            seen[names] += 1
            if seen[names] > 1:
                names = (*names, str(seen[names]))
            remote_id = hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
            self.entries.append(Entry(number, span.start, position, remote_id, title))
            if guid:
                self.by_guid.setdefault(guid, remote_id)

    def _between(self, window: Window, number: int, end: int, start: int) -> None:
        between = window.read(end, min(start, end + 200)).strip()
        if end and between and not between.startswith((b"<!--", b"</en-export")):
            reason = f"{start - end:,} bytes at offset {end:,} that belong to no note"
            self.scraps.append(Scrap(number, end, reason))

    def _tail(self, window: Window, number: int, end: int) -> None:
        tail = window.read(end, end + 4000)
        if b"</en-export" not in tail and not (not end and b"/>" in tail):
            reason = f"the file ends at offset {window.size:,} without its closing </en-export>"
            self.scraps.append(Scrap(number, end, reason, is_end=True))

    def _place(self, notebook: int, start: int) -> tuple[str, int]:
        return (self.exports[notebook].key, start)

    def after(self, key: str, start: int) -> int:
        """How many entries stand up to an offset of a notebook, also of one that is gone."""
        return bisect_right(self._order, (key, start))

    def entry(self, remote_id: str) -> Entry | None:
        """The note of an id."""
        at = self._ids.get(remote_id)
        return None if at is None else self.entries[at]

    def find(self, guids: Sequence[str], title: str, notebook: int) -> str | None:
        """The note that a link means: by a guid, else by its title, in the same notebook first.

        None where there is none, or where several could be meant.
        """
        if found := next((self.by_guid[one] for one in guids if one in self.by_guid), None):
            return found
        if self._titles is None:
            self._titles = defaultdict(list)
            for entry in self.entries:
                self._titles[fold(entry.title)].append(entry)
        named = self._titles.get(fold(title), []) if title else []
        near = [entry for entry in named if entry.notebook == notebook]
        for several in (near, named):
            if len(several) == 1:
                return several[0].remote_id
        return None


def fold(title: str) -> str:
    """A title as links compare it: letter case, blanks and Unicode's normal forms aside."""
    return " ".join(unicodedata.normalize("NFC", title).casefold().split())


def _names(facts: bytes) -> tuple[str, str, str]:
    """Title, time of creation and guid, by their tags alone: also of broken XML."""
    found = _TITLE.search(facts)
    end = facts.find(b"</title", found.end()) if found else -1
    title = ""
    if found and end >= 0:
        text = facts[found.end() : min(end, found.end() + _TITLE_BYTES)]
        title = " ".join(html.unescape(_CDATA.sub(b"", text).decode(errors="replace")).split())
    created, guid = _CREATED.search(facts), _GUID.search(facts)
    return (
        title,
        created[1].strip().decode(errors="replace") if created else "",
        guid[1].decode().lower() if guid else "",
    )

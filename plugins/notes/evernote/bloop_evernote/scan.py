"""An export as byte ranges: where each note lies, and its text, facts and attachments in it.

No XML parser sees the whole: one broken note would end it, and a gigabyte of base64 would go
through it. What stands in a note is found by its tags alone; attachments are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

CHUNK = 256 * 1024
_OVERLAP = 1024
"""Longer than any tag of an export: one that lies across two chunks is found in the second."""

_START = re.compile(rb"<note(?:\s[^<>]{0,400})?>")
_INSIDE = re.compile(
    rb"<(?:(note|content|data|alternate-data|recognition|!\[CDATA\[|!--)(?:(?<=[\[-])|(?:\s[^<>]{0,400})?>)"
    rb"|/note\s*>|/en-export\s*>)"
)
_CLOSED_BY = {b"!--": b"-->", b"![CDATA[": b"]]>"}
_TEXT_END = re.compile(rb"</(?:content|note|en-export)\s*>|<note>\s{0,200}<title>")
_RECOGNITION_END = re.compile(rb"</(?:recognition|note)\s*>")
_OBJECT = re.compile(rb"objID=[\"']([0-9a-fA-F]{32})")


@dataclass(slots=True)
class NoteSpan:
    """A note from its ``<note>`` on, in bytes of the file.

    ``facts`` is its XML without text and attachments: an attachment's ``<data>`` holds the number
    of its range in ``data``, a ``<recognition>`` the MD5 that it names. ``flaw`` says in which way
    its tags do not fit.
    """

    start: int
    end: int = 0
    text: tuple[int, int] | None = None
    data: list[tuple[int, int]] = field(default_factory=list)
    facts: bytes = b""
    flaw: str = ""


class Window:
    """A file of any length, searched in pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self._base = 0
        self._piece = b""

    def read(self, start: int, end: int) -> bytes:
        """The bytes of a range."""
        if self._base <= start and end <= self._base + len(self._piece):
            return self._piece[start - self._base : end - self._base]
        self._file.seek(start)
        return self._file.read(max(0, end - start))

    def search(self, pattern: re.Pattern[bytes], at: int) -> tuple[int, re.Match[bytes]] | None:
        """The first match from ``at`` on, and the offset of the piece that it lies in."""
        while at < self.size:
            piece = self._at(at)
            if found := pattern.search(piece, at - self._base):
                return self._base, found
            at = self._next(at)
        return None

    def find(self, text: bytes, at: int) -> int:
        """The offset of the first ``text`` from ``at`` on, or the file's end."""
        while at < self.size:
            found = self._at(at).find(text, at - self._base)
            if found >= 0:
                return self._base + found
            at = self._next(at)
        return self.size

    def _at(self, at: int) -> bytes:
        end = self._base + len(self._piece)
        if not self._base <= at < end or (end < self.size and end - at <= _OVERLAP):
            self._file.seek(at)
            self._base, self._piece = at, self._file.read(CHUNK)
        return self._piece

    def _next(self, at: int) -> int:
        end = self._base + len(self._piece)
        return max(at + 1, end - _OVERLAP) if end < self.size else self.size


def notes(window: Window, at: int = 0, most_facts: int = 4 << 20) -> Iterator[NoteSpan]:
    """The notes from an offset on, whatever stands between them."""
    while found := window.search(_START, at):
        base, match = found
        note = note_at(window, base + match.start(), base + match.end(), most_facts)
        yield note
        at = note.end


def has_note(window: Window) -> bool:
    """Whether there is any note."""
    return window.search(_START, 0) is not None


def note_from(window: Window, start: int, most_facts: int) -> NoteSpan | None:
    """The note whose ``<note>`` begins at an offset, or None where there is none."""
    found = _START.match(window.read(start, start + _OVERLAP))
    return note_at(window, start, start + found.end(), most_facts) if found else None


def note_at(window: Window, start: int, inside: int, most_facts: int) -> NoteSpan:
    """The note whose ``<note>`` stands from ``start`` to ``inside``."""
    note = NoteSpan(start)
    facts = _Facts(window, note, start, most_facts)
    at = inside
    while found := window.search(_INSIDE, at):
        base, match = found
        first, at, name = base + match.start(), base + match.end(), match[1]
        if name is None or name == b"note":
            closed = match[0].startswith(b"</note")
            note.end = at if closed else first
            note.flaw = note.flaw or ("" if closed else "its end is missing")
            break
        if name in _CLOSED_BY:
            at = window.find(_CLOSED_BY[name], at)
        elif not match[0].endswith(b"/>"):
            facts.keep(at)
            facts.copied = at = _skip(window, note, name, at, facts.kept)
    else:
        note.end, note.flaw = (
            window.size,
            note.flaw or f"the file ends at offset {window.size:,} in it",
        )
    facts.keep(note.end)
    note.facts = bytes(facts.kept)
    return note


class _Facts:
    """What of a note is copied: everything but what is passed over, as far as there is room."""

    def __init__(self, window: Window, note: NoteSpan, start: int, most: int) -> None:
        self.kept = bytearray()
        self.copied = start
        self._window, self._note, self._most = window, note, most

    def keep(self, end: int) -> None:
        if len(self.kept) + end - self.copied <= self._most:
            self.kept += self._window.read(self.copied, end)
        else:
            self._note.flaw = self._note.flaw or f"its facts have more than {self._most:,} bytes"


def _skip(window: Window, note: NoteSpan, name: bytes, at: int, facts: bytearray) -> int:
    """Pass over a text, an attachment or a recognition; where its end tag begins."""
    if name.endswith(b"data"):
        closing = b"]]>" if window.read(at, at + 200).lstrip().startswith(b"<![CDATA[") else b"<"
        end = window.find(closing, at)
        facts += b"%d" % len(note.data)
        if name == b"data":
            note.data.append((at, end))
        end = window.find(b"<", end)
        if not window.read(end, end + 20).startswith(b"</" + name):
            facts += b"</" + name + b">"
        return end
    found = window.search(_TEXT_END if name == b"content" else _RECOGNITION_END, at)
    end = found[0] + found[1].start() if found else window.size
    if name == b"content":
        note.text = note.text or (at, end)
        if found is None or not found[1][0].startswith(b"</content"):
            note.flaw = note.flaw or "its text does not end"
            facts += b"</content>"
    elif object_id := _OBJECT.search(window.read(at, min(end, at + 2000))):
        facts += object_id[1]
    return end

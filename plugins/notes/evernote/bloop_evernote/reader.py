"""The notebooks at a path, opened and put into order; what is in them is made on demand."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop_evernote.config import EvernoteConfig
from bloop_evernote.index import Entry, Index
from bloop_evernote.payload import decoded
from bloop_evernote.scan import NoteSpan, Window, note_from
from bloop_evernote.source import Source
from bloop_evernote.text import pictures_in, text_of
from bloop_sdk.errors import MalformedRecordError, MissingRecordError
from bloop_sdk.records import Container, Kind, Skipped

MAX_ID = 480
MAX_TITLE = 500


@dataclass(frozen=True, slots=True)
class Bytes:
    """Where the bytes of a file are: a range of base64, or a picture in the text of that range."""

    notebook: int
    span: tuple[int, int]
    md5: str
    picture: bool = False


Chunks = Callable[[Bytes], Callable[[], AsyncIterator[bytes]]]
"""Gives what reads a file when the hub wants its bytes."""


class Reader:
    """One or several notebooks. Making it reads through every export once.

    Raises FatalError where there is no export, HostileInputError past a bound.
    """

    def __init__(self, path: Path, bounds: EvernoteConfig, chunks: Chunks) -> None:
        self.bounds = bounds
        self.chunks = chunks
        self.source = Source(path, bounds)
        self.index = Index(self.source.exports, bounds.max_note_bytes)
        # Of one note, whose text would be parsed again for each of them.
        self._pictures: tuple[Any, dict[str, list[bytes]]] = (None, {})

    def container_id(self, notebook: int) -> str:
        """The remote id of a notebook: its export's path, which the next one has too."""
        name = f"enex:{self.source.exports[notebook].key}"
        if len(name) <= MAX_ID:
            return name
        return f"enex:{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def container(self, notebook: int) -> Container:
        """A notebook: its file's name, which is all that an export says of it."""
        export = self.source.exports[notebook]
        return Container(
            kind=Kind.NOTEBOOK,
            remote_id=self.container_id(notebook),
            title=export.title[:MAX_TITLE],
            raw={"name": export.title, "key": export.key},
        )

    def refused(self) -> Iterator[Skipped]:
        """The files that are not read at all, and the bytes that belong to no note."""
        for skipped, _ in self._refused():
            yield skipped

    def require_whole(self) -> None:
        """Raise MalformedRecordError where an export ends too early, or could not be read.

        What it lacks is not gone from Evernote by that.
        """
        for skipped, is_end in self._refused():
            if is_end:
                raise MalformedRecordError(skipped.reason, ref=skipped.ref, code=skipped.code)

    def _refused(self) -> Iterator[tuple[Skipped, bool]]:
        """And whether there may be notes that nobody has read."""
        for path, reason in self.source.refused:
            ref = f"{Kind.NOTEBOOK}:enex:{path}"[:MAX_ID]
            skipped = Skipped(ref=ref, reason=f"{path}: {reason}", code="record_refused")
            yield skipped, path in self.source.unread
        for scrap in self.index.scraps:
            key = self.source.exports[scrap.notebook].shown
            ref = f"{Kind.OPAQUE}:{self.container_id(scrap.notebook)}@{scrap.start}"
            yield Skipped(ref=ref, reason=f"{key}: {scrap.reason}"), scrap.is_end

    def span(self, window: Window, entry: Entry) -> NoteSpan:
        """Where a note's parts lie; raises MissingRecordError where the file is another one now."""
        span = note_from(window, entry.start, self.bounds.max_note_bytes)
        if span is None:
            raise MissingRecordError(
                f"there is no note at offset {entry.start:,} any more: the export has changed",
                cure="import it again",
            )
        return span

    def pieces(self, where: Bytes) -> Iterator[bytes]:
        """The bytes of a file, read from its export again."""
        with self.source.exports[where.notebook].open() as file:
            window = Window(file)
            if not where.picture:
                yield from decoded(window, where.span)
                return
            place = (where.notebook, where.span)
            kept = self._pictures
            if kept[0] != place:
                kept = self._pictures = (place, _by_md5(window.read(*where.span)))
        yield from kept[1].get(where.md5, ())


def _by_md5(content: bytes) -> dict[str, list[bytes]]:
    """The pictures in a text by the MD5 of their bytes."""
    text, _ = text_of(content)
    return {hashlib.md5(one, usedforsecurity=False).hexdigest(): [one] for one in pictures_in(text)}

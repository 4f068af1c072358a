"""One note of an export as records: the note, its place, its files."""

from __future__ import annotations

import hashlib
import re
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bloop_evernote import properties
from bloop_evernote.enml import Converted, Media, Surroundings, convert
from bloop_evernote.facts import Facts, Resource, parse
from bloop_evernote.files import INK, Attachment, Matching, file_name
from bloop_evernote.index import Entry
from bloop_evernote.payload import Payload, decoded
from bloop_evernote.reader import MAX_TITLE, Bytes, Reader
from bloop_evernote.scan import NoteSpan, Window
from bloop_evernote.text import text_of, without_pictures
from bloop_sdk.errors import MalformedRecordError, SkippableError
from bloop_sdk.media_types import media_type
from bloop_sdk.records import File, JSONObject, Kind, Node, Note, Record, Ref, Skipped, Task

RENDERING = 2
"""Raise it when notes come out differently: every one is then written again."""

LEAF = "#note"
_REST = "#rest"
_UNTITLED = "Untitled"
_NO_TYPE = {"", "application/octet-stream"}
_ENCRYPTED = re.compile(rb"<content\s[^<>]*base64:aes")


@dataclass(slots=True)
class Made:
    """The records of one note, and what of it goes into quarantine; ``size`` is its text's."""

    records: list[Record]
    skipped: list[Skipped]
    size: int = 0


class Windows(ExitStack):
    """The export of the notes that are being made: open, and read in their order."""

    _open: tuple[int, Window] | None = None

    def of(self, reader: Reader, notebook: int) -> Window:
        """The one of a notebook; raises SkippableError where it cannot be opened."""
        if self._open is None or self._open[0] != notebook:
            self.close()
            file = self.enter_context(reader.source.exports[notebook].open())
            self._open = (notebook, Window(file))
        return self._open[1]


def make(reader: Reader, entry: Entry, windows: Windows) -> Made:
    """The records of a note, or why there are none."""
    try:
        window = windows.of(reader, entry.notebook)
        return _Making(reader, entry, window, reader.span(window, entry)).run()
    except SkippableError as err:
        skipped = _skipped(reader, entry, str(err), err.code)
        place = Ref(Kind.MODULE, entry.remote_id + LEAF)
        return Made([], [skipped, replace(skipped, ref=str(place))])


def _skipped(
    reader: Reader, entry: Entry, reason: str, code: str = "record_malformed", part: str = ""
) -> Skipped:
    key = reader.source.exports[entry.notebook].shown
    title = entry.title[:100] or _UNTITLED
    return Skipped(
        ref=f"{Kind.NOTE}:{entry.remote_id}{part}",
        reason=f"{key}: {title!r} at offset {entry.start:,}: {reason}",
        code=code,
        raw={"key": key, "title": title, "offset": entry.start},
    )


def _unshown(attachments: list[Attachment], shown: set[str]) -> list[Media]:
    """What no text shows, not even by the same bytes of another one."""
    seen = {one.payload.md5 for one in attachments if one.media.remote_id in shown}
    return [one.media for one in attachments if one.payload.md5 not in seen]


class _Making:
    def __init__(self, reader: Reader, entry: Entry, window: Window, span: NoteSpan) -> None:
        self._reader, self._entry = reader, entry
        self._window, self._span = window, span
        self._container = reader.container_id(entry.notebook)
        self._made = Made([], [])
        self._names: set[str] = set()
        self._ids: set[str] = set()
        self._files: list[File] = []

    def run(self) -> Made:
        span = self._span
        facts = parse(span.facts)
        enml, lost = self._text()
        if span.flaw:
            self._skip(span.flaw, _REST)
            lost.append(f"what may be missing of it: {span.flaw}")
        attachments = self._attachments(facts)
        matching = Matching(enml, attachments)
        facts.tasks.sort(key=lambda one: one.weight)
        text = convert(enml, self._surroundings(matching, attachments, facts))
        for one in attachments:
            self._files.append(self._file(one.media, one.payload.size, self._at(one), one))
        note = self._note(facts, enml, text, [*facts.lost, *lost, *matching.lost])
        self._made.records = [*self._files, note, self._node(note)]
        return self._made

    def _skip(self, reason: str, part: str, code: str = "record_malformed") -> None:
        self._made.skipped.append(_skipped(self._reader, self._entry, reason, code, part))

    def _text(self) -> tuple[str, list[str]]:
        if self._span.text is None:
            return "", ["its text: the export has none"]
        start, end = self._span.text
        most = self._reader.bounds.max_note_bytes
        if end - start > most:
            raise MalformedRecordError(
                f"its text has {end - start:,} bytes; at most {most:,} are read",
                cure="raise max_note_bytes in [plugins.evernote], or split the note",
                code="note_too_large",
            )
        if _ENCRYPTED.search(self._span.facts):
            raise MalformedRecordError(
                "its text is encrypted by the app that exported it (base64:aes)",
                cure="export it with another app of the same account, or with evernote-backup",
                code="note_encrypted",
            )
        self._made.size = end - start
        return text_of(self._window.read(start, end))

    # -- files

    def _attachments(self, facts: Facts) -> list[Attachment]:
        found = []
        for number, resource in enumerate(facts.resources):
            name = resource.name[:100] or f"attachment {number + 1}"
            most = self._reader.bounds.max_file_bytes
            if resource.data is None or resource.data >= len(self._span.data):
                self._skip(f"the attachment {name!r} has no data", f"#{number}")
                facts.lost.append(f"the attachment {name!r}: it has no data")
                continue
            start, end = self._span.data[resource.data]
            if (end - start) * 3 // 4 > most:
                reason = f"the attachment {name!r} has more than {most:,} bytes; raise"
                reason += " max_file_bytes in [plugins.evernote]"
                self._skip(reason, f"#{number}", "file_too_large")
                facts.lost.append(f"the attachment {name!r}: it is too large")
                continue
            found.append(self._attachment(resource, (start, end)))
        return found

    def _attachment(self, resource: Resource, span: tuple[int, int]) -> Attachment:
        payload = Payload()
        for _ in decoded(self._window, span, payload):
            pass
        if resource.mime in _NO_TYPE:  # Evernote gives that to much that it does not know.
            resource.mime = media_type(resource.name) or resource.mime
        media = self._media(resource.name, resource.mime, payload.md5)
        lost = payload.flaws()
        if resource.name and media.name != resource.name:
            lost.append(f"its name as it was: {resource.name[:300]!r}")
        if resource.mime == INK:
            lost.append("the strokes of its ink: only Evernote draws them")
        if resource.alternate:
            lost.append("its other form (alternate-data)")
        return Attachment(resource, span, payload, media, lost)

    def _media(self, name: str, mime: str, md5: str) -> Media:
        remote_id, number = f"{self._entry.remote_id}-{md5}", 1
        while remote_id in self._ids:
            number += 1
            remote_id = f"{self._entry.remote_id}-{md5}-{number}"
        self._ids.add(remote_id)
        return Media(remote_id, file_name(name, mime, self._names), mime)

    def _at(self, one: Attachment) -> Bytes:
        return Bytes(self._entry.notebook, one.span, one.payload.md5)

    def _file(self, media: Media, size: int, where: Bytes, of: Attachment | None = None) -> File:
        raw: JSONObject = {"note": self._entry.remote_id, "name": media.name, "mime": media.mime}
        raw |= {"md5": where.md5, "size": size, "picture": where.picture}
        if of is not None:
            raw |= {"wanted": of.resource.name, "attributes": of.resource.attributes}
        return File(
            remote_id=media.remote_id,
            container=self._container,
            title=media.name,
            name=media.name,
            media_type=media.mime or None,
            size=size,
            chunks=self._reader.chunks(where),
            lost=tuple(of.lost) if of is not None else (),
            raw=raw,
        )

    def _surroundings(
        self, matching: Matching, attachments: list[Attachment], facts: Facts
    ) -> Surroundings:
        index, notebook = self._reader.index, self._entry.notebook
        tasks: dict[str, list[tuple[bool, str]]] = {}
        for task in facts.tasks:
            tasks.setdefault(task.group, []).append((task.done, task.title))

        def picture(number: int, mime: str, data: bytes) -> Media:
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
            media = self._media(f"picture {number}", mime, digest)
            where = Bytes(notebook, self._span.text or (0, 0), digest, picture=True)
            self._files.append(self._file(media, len(data), where))
            return media

        return Surroundings(
            media=matching.find,
            link=lambda guids, title: index.find(guids, title, notebook),
            picture=picture,
            rest=lambda shown: _unshown(attachments, shown),
            tasks=tasks,
        )

    # -- the note

    def _note(self, facts: Facts, enml: str, text: Converted, lost: list[str]) -> Note:
        kept = properties.of(facts)
        if len(facts.title) > MAX_TITLE:
            lost.append(f"the end of its title: {facts.title[MAX_TITLE:][:200]}")
        lost += [*kept.lost, *text.lost, *(what for one in facts.tasks for what in one.lost)]
        return Note(
            remote_id=self._entry.remote_id,
            container=self._container,
            title=facts.title[:MAX_TITLE] or _UNTITLED,
            html=text.html,
            markdown=text.markdown,
            tags=kept.tags,
            author=facts.attributes.get("author"),
            source_url=facts.attributes.get("source-url"),
            place=kept.place,
            reminder_at=kept.reminder_at,
            tasks=tuple(
                Task(text=one.title, done=one.done, due_at=one.due_at) for one in facts.tasks
            ),
            properties=kept.properties,
            created_at=facts.created,
            updated_at=facts.updated,
            lost=tuple(dict.fromkeys(lost)),
            raw=self._raw(facts, enml, text, lost),
        )

    def _raw(self, facts: Facts, enml: str, text: Converted, lost: list[str]) -> JSONObject:
        return {
            "title": facts.title,
            "created": facts.created.isoformat() if facts.created else None,
            "updated": facts.updated.isoformat() if facts.updated else None,
            "guid": facts.guid,
            "tags": facts.tags,
            "attributes": facts.attributes,
            "application": facts.application,
            "tasks": [one.raw for one in facts.tasks],
            "enml": without_pictures(enml),
            "files": sorted(self._ids),
            # A note changes as well when what it links to comes, goes or gets another id.
            "links": text.links,
            "lost": lost,
            "rendering": RENDERING,
        }

    def _node(self, note: Note) -> Node:
        return Node(
            remote_id=note.remote_id + LEAF,
            container=self._container,
            position=self._entry.position,
            title=note.title,
            content=Ref(Kind.NOTE, note.remote_id),
            raw={"note": note.remote_id},
        )

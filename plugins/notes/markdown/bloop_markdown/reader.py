"""A notebook opened and put into order, and each file of it as records."""

from __future__ import annotations

import hashlib
import json
import re
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from posixpath import basename, splitext

from bloop_markdown.config import MarkdownConfig
from bloop_markdown.index import Index, is_index, parent_of, sort_key, stem_of
from bloop_markdown.properties import FENCES, MAX_TITLE, Properties, decode, split
from bloop_markdown.source import Source, digest, is_note, open_source, read
from bloop_sdk.errors import (
    FatalError,
    MalformedRecordError,
    MissingRecordError,
    SkippableError,
    UnsupportedError,
)
from bloop_sdk.markdown import Links, render_titled
from bloop_sdk.media_types import media_type
from bloop_sdk.records import Container, File, Kind, Node, Note, Opaque, Record, Ref, Skipped

RENDERING = 2
"""Raise it when notes come out differently: every one is then written again."""

MAX_PATH = 480
LEAF = "#note"
_HAS_ID = re.compile(r"\bid[\"']?[ \t]*[:=]", re.IGNORECASE)
VAULT = "vault"
SETTLED_NS = 2_000_000_000
"""So old is a file whose time tells that nobody has changed it: file systems count in seconds."""
Ids = dict[str, tuple[tuple[int, int], str | None]]
"""By a note's path its size in bytes and time in nanoseconds, and the id of its front matter."""
OpenChunks = Callable[[str, str | None], Callable[[], AsyncIterator[bytes]]]
"""Gives what reads a file, by its path and the SHA-256 that its bytes must have, if known."""


class Reader:
    """One notebook. Making it reads every note once, for the ids that links need.

    A ``living`` one may be written to: it may be empty, and its files are known by their sizes and
    times; ``known`` are the ids of notes, kept from one reader to the next by those.
    Raises FatalError where there are no notes, HostileInputError past a bound.
    """

    def __init__(
        self,
        path: Path,
        bounds: MarkdownConfig,
        open_chunks: OpenChunks,
        *,
        living: bool = False,
        known: Ids | None = None,
    ) -> None:
        self.source: Source = open_source(path, bounds)
        self.bounds = bounds
        self._open_chunks = open_chunks
        notes = [path for path in self.source.entries if is_note(path)]
        if not notes and not living:
            raise FatalError(
                f"{self.source.name}: there is no Markdown in it",
                cure="give the folder that your .md files are in, or a zip of it",
            )
        self.living = living
        self._known = {} if known is None else known
        self._opened = time.time_ns()
        ids = {path: self._known_id(path) for path in notes}
        # An empty folder of a vault is somebody's, who is about to write in it.
        self.index = Index(self.source.entries, ids, self.source.empty if living else ())
        self._about = self._read_about(min(notes, key=sort_key)) if notes else Properties()
        self.container_id = f"id:{self._about.id}" if self._about.id else self.source.key
        if living:  # Its one notebook, also when somebody writes an index note or moves the folder.
            self.container_id = VAULT

    def _text(self, path: str) -> tuple[bytes, str, list[str]]:
        """A note's bytes, its text and what was lost; raises SkippableError."""
        data = read(self.source, path, self.bounds.max_note_bytes)
        return (data, *decode(data))

    def _known_id(self, path: str) -> str | None:
        entry = self.source.entries[path]
        stamp = (entry.size, entry.modified_ns)
        known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            found = self._id_of(path)
        except MissingRecordError:
            return known[1] if known else None  # Whoever it is, it cannot be asked now.
        # What was written a moment ago may be written again at the same time of its clock.
        if entry.modified_ns and entry.modified_ns < self._opened - SETTLED_NS:
            self._known[path] = (stamp, found)
        return found

    def _id_of(self, path: str) -> str | None:
        try:
            _, text, _ = self._text(path)
        except MalformedRecordError:
            return None  # It is told of when its turn comes.
        headed = text.startswith(FENCES) and _HAS_ID.search(text)
        return split(text)[0].id if headed else None

    def _read_about(self, first: str) -> Properties:
        """What the index note says of the notebook, if there is one."""
        if "/" in first or not is_index(first):
            return Properties()
        try:
            return split(self._text(first)[1])[0]
        except SkippableError:
            return Properties()

    def require(self, container: str) -> None:
        """Raise UnsupportedError for another notebook than this one."""
        if container != self.container_id:
            raise UnsupportedError("a note stays in its vault", cure="copy it instead")

    # -- records

    def paths_after(self, path: str | None) -> Sequence[str]:
        """The paths that follow one in reading order, whether or not it is still there."""
        order = self.index.order
        return order if path is None else order[bisect_right(order, sort_key(path), key=sort_key) :]

    def refused(self) -> Iterator[Skipped]:
        """The files that are not read at all."""
        for path, reason in self.source.refused:
            ref = Ref(Kind.NOTE if is_note(path) else Kind.FILE, path)
            skipped = Skipped(ref=str(ref), reason=f"{path}: {reason}", code="record_refused")
            yield from self.left_out(path, skipped)

    def require_whole(self) -> None:
        """Raise MissingRecordError where a folder could not be listed: nothing is gone by that."""
        for path, reason in self.source.refused:
            if path in self.source.unlisted:
                ref = Ref(Kind.FILE, path)
                raise MissingRecordError(f"{path}: {reason}", ref=str(ref))

    def left_out(self, path: str, reason: Skipped) -> list[Skipped]:
        """What a file that could not be used leaves out: of a note its place too."""
        if not is_note(path):
            return [reason]
        leaf = Ref(Kind.MODULE, f"{self.index.remote_ids.get(path, path)}{LEAF}")
        return [reason, replace(reason, ref=str(leaf)[:MAX_PATH])]

    def container(self) -> Container:
        """The notebook: its name, and what its index note says of it."""
        about = self._about
        return Container(
            kind=Kind.NOTEBOOK,
            remote_id=self.container_id,
            title=about.title or self.source.name,
            summary_html=f"<p>{escape(about.summary)}</p>" if about.summary else "",
            language=about.language,
            raw={"name": self.source.name, "front_matter": about.yaml},
        )

    def make(self, path: str) -> list[Record] | Skipped:
        """The records of a folder or a file, or why there are none."""
        try:
            if len(path) > MAX_PATH:
                raise MalformedRecordError(
                    f"its path has {len(path)} characters; at most {MAX_PATH} are kept",
                    cure="move it up, or shorten the names",
                )
            if path.endswith("/"):
                return [self._node(path, path, stem_of(path))]
            kind = self.index.kind_of(path)
            if kind is Kind.NOTE:
                return self._note(path)
            return [self._canvas(path) if kind is Kind.OPAQUE else self._file(path)]
        except SkippableError as err:
            return Skipped(
                ref=str(self.index.ref(path))[:MAX_PATH],
                reason=f"{path[:MAX_PATH]}: {err}",
                code=err.code,
                raw={"path": path},
            )

    def path_of(self, ref: Ref) -> str | None:
        """The path that a record was made of."""
        leaf = ref.kind is Kind.MODULE and ref.remote_id.endswith(LEAF)
        wanted = Ref(Kind.NOTE, ref.remote_id.removesuffix(LEAF)) if leaf else ref
        return self.index.path_of(wanted)

    def _node(self, path: str, remote_id: str, title: str, note: Note | None = None) -> Node:
        parent = parent_of(path)
        return Node(
            remote_id=remote_id,
            container=self.container_id,
            parent=self.index.remote_ids[parent] if parent else None,
            position=self.index.positions[path],
            title=title,
            content=note.ref if note else None,
            published=note.published if note else True,
            raw={"path": path},
        )

    def _note(self, path: str) -> list[Record]:
        data, text, lost = self._text(path)
        about, body = split(text)
        links = Links(lambda target: self._find(target, parent_of(path)))
        made = render_titled(body, links, titled=about.title)
        title = about.title or made.title or stem_of(path)
        if len(title) > MAX_TITLE:
            lost.append(f"the end of its title: {title[MAX_TITLE:][:200]}")
        foreign = about.language not in {None, self._about.language}
        if about.id and not self.index.is_own(path, about.id):
            lost.append(f"its id {about.id!r}, which another note has too")
        sha256 = hashlib.sha256(data).hexdigest()
        note = Note(
            remote_id=self.index.remote_ids[path],
            remote_version=sha256,
            container=self.container_id,
            title=title[:MAX_TITLE],
            published=not about.draft,
            html=f'<div lang="{about.language}">\n{made.html}</div>' if foreign else made.html,
            markdown=body,
            tags=tuple(dict.fromkeys([*about.tags, *links.tags])),
            created_at=about.created,
            updated_at=about.updated or self.source.entries[path].modified,
            lost=(*lost, *about.lost, *links.lost()),
            raw={
                "path": path,
                "sha256": sha256,
                "front_matter": about.yaml,
                # A note changes as well when what it links to comes, goes or gets another id.
                "links": sorted(links.targets),
                "language": self._about.language,
                "rendering": RENDERING,
            },
        )
        return [note, self._node(path, note.remote_id + LEAF, note.title, note)]

    def _find(self, target: str, folder: str) -> Ref | None:
        found = self.index.find(target, folder)
        return self.index.ref(found) if found else None

    def _canvas(self, path: str) -> Opaque:
        data = read(self.source, path, self.bounds.max_note_bytes)
        try:
            value = json.loads(data or b"{}", parse_constant=_no_number)
            text = json.dumps(value, allow_nan=False)
        except (ValueError, RecursionError) as err:
            raise MalformedRecordError(f"the canvas is no JSON: {str(err)[:200]}") from err
        if "\\u0000" in text or re.search(r"\\ud[89a-f]", text):
            raise MalformedRecordError("the canvas holds characters that no text has")
        return Opaque(
            remote_id=self.index.remote_ids[path],
            container=self.container_id,
            title=splitext(basename(path))[0][:MAX_TITLE],
            remote_kind="canvas",
            updated_at=self.source.entries[path].modified,
            raw={"path": path, "canvas": value},
        )

    def _file(self, path: str) -> File:
        entry = self.source.entries[path]
        if entry.size > self.bounds.max_file_bytes:
            raise MalformedRecordError(
                f"it has {entry.size:,} bytes; at most {self.bounds.max_file_bytes:,} are read",
                cure="raise max_file_bytes in [plugins.markdown]",
                code="file_too_large",
            )
        # Films are not read for nothing: the hub asks for their bytes when these facts change.
        sha256 = None if self.living else digest(self.source, path)
        known = {"modified_ns": entry.modified_ns, "size": entry.size}
        name = basename(path)
        return File(
            remote_id=self.index.remote_ids[path],
            container=self.container_id,
            title=name,
            name=name,
            media_type=media_type(name),
            size=entry.size,
            path=path,
            updated_at=self.source.entries[path].modified,
            chunks=self._open_chunks(path, sha256),
            raw={"path": path, **({"sha256": sha256} if sha256 else known)},
        )


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")

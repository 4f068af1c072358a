"""A notebook opened and put into order, and each file of it as records."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from posixpath import basename

from bloop_markdown.config import MarkdownConfig
from bloop_markdown.index import Index, is_index, parent_of, sort_key, stem_of
from bloop_markdown.properties import MAX_TITLE, Properties, decode, split
from bloop_markdown.source import Source, digest, is_note, open_source, read
from bloop_sdk.errors import FatalError, MalformedRecordError, SkippableError
from bloop_sdk.markdown import Links, render_titled
from bloop_sdk.media_types import media_type
from bloop_sdk.records import Container, File, Kind, Node, Note, Record, Ref, Skipped

RENDERING = 1
"""Raise it when notes come out differently: every one is then written again."""

MAX_PATH = 480
_LEAF = "#note"
_HAS_ID = re.compile(r"^id[ \t]*:", re.MULTILINE | re.IGNORECASE)
OpenChunks = Callable[[str, str], Callable[[], AsyncIterator[bytes]]]
"""Gives what reads a file, by its path and the SHA-256 that its bytes must have."""


class Reader:
    """One notebook. Making it reads every note once, for the ids that links need.

    Raises FatalError where there are no notes, HostileInputError past a bound.
    """

    def __init__(self, path: Path, bounds: MarkdownConfig, open_chunks: OpenChunks) -> None:
        self.source: Source = open_source(path, bounds)
        self.bounds = bounds
        self._open_chunks = open_chunks
        notes = [path for path in self.source.entries if is_note(path)]
        if not notes:
            raise FatalError(
                f"{self.source.name}: there is no Markdown in it",
                cure="give the folder that your .md files are in, or a zip of it",
            )
        self.index = Index(self.source.entries, {path: self._id_of(path) for path in notes})
        self._about = self._read_about(min(notes, key=sort_key))
        self.container_id = f"id:{self._about.id}" if self._about.id else self.source.key

    def _text(self, path: str) -> tuple[bytes, str, list[str]]:
        """A note's bytes, its text and what was lost; raises SkippableError."""
        data = read(self.source, path, self.bounds.max_note_bytes)
        return (data, *decode(data))

    def _id_of(self, path: str) -> str | None:
        try:
            _, text, _ = self._text(path)
        except SkippableError:
            return None  # It is told of when its turn comes.
        return split(text)[0].id if text.startswith("---") and _HAS_ID.search(text) else None

    def _read_about(self, first: str) -> Properties:
        """What the index note says of the notebook, if there is one."""
        if "/" in first or not is_index(first):
            return Properties()
        try:
            return split(self._text(first)[1])[0]
        except SkippableError:
            return Properties()

    # -- records

    def paths_after(self, path: str | None) -> Sequence[str]:
        """The paths that follow one in reading order, whether or not it is still there."""
        order = self.index.order
        return order if path is None else order[bisect_right(order, sort_key(path), key=sort_key) :]

    def refused(self) -> Iterator[Skipped]:
        """The files that are not read at all."""
        for path, reason in self.source.refused:
            ref = Ref(Kind.NOTE if is_note(path) else Kind.FILE, path)
            yield Skipped(ref=str(ref), reason=f"{path}: {reason}", code="record_refused")

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
            return self._note(path) if is_note(path) else [self._file(path)]
        except SkippableError as err:
            return Skipped(
                ref=str(self.index.ref(path))[:MAX_PATH],
                reason=f"{path[:MAX_PATH]}: {err}",
                code=err.code,
                raw={"path": path},
            )

    def path_of(self, ref: Ref) -> str | None:
        """The path that a record was made of."""
        leaf = ref.kind is Kind.MODULE and ref.remote_id.endswith(_LEAF)
        wanted = Ref(Kind.NOTE, ref.remote_id.removesuffix(_LEAF)) if leaf else ref
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
        if about.id and self.index.remote_ids[path] != f"id:{about.id}":
            lost.append(f"its id {about.id!r}, which another note has too")
        note = Note(
            remote_id=self.index.remote_ids[path],
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
                "sha256": hashlib.sha256(data).hexdigest(),
                "front_matter": about.yaml,
                # A note changes as well when what it links to comes, goes or gets another id.
                "links": sorted(links.targets),
                "language": self._about.language,
                "rendering": RENDERING,
            },
        )
        return [note, self._node(path, note.remote_id + _LEAF, note.title, note)]

    def _find(self, target: str, folder: str) -> Ref | None:
        found = self.index.find(target, folder)
        return self.index.ref(found) if found else None

    def _file(self, path: str) -> File:
        entry = self.source.entries[path]
        if entry.size > self.bounds.max_file_bytes:
            raise MalformedRecordError(
                f"it has {entry.size:,} bytes; at most {self.bounds.max_file_bytes:,} are read",
                cure="raise max_file_bytes in [plugins.markdown]",
                code="file_too_large",
            )
        sha256 = digest(self.source, path)
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
            raw={"path": path, "sha256": sha256},
        )

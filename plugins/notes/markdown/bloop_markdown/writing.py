"""What the hub changes in a vault: notes made, edited, moved and deleted, and files attached."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import relpath, splitext
from urllib.parse import quote, unquote

from bloop_markdown.foldering import FolderWriter
from bloop_markdown.heads import Written
from bloop_markdown.index import MOVED, parent_of, stem_of
from bloop_markdown.properties import decode, split
from bloop_markdown.reader import LEAF, MAX_PATH, Reader
from bloop_markdown.source import is_note, read
from bloop_markdown.vault import TRASH, Vault, safe_name
from bloop_sdk import (
    FileDraft,
    FolderWrite,
    MissingRecordError,
    NoteDraft,
    NoteWrite,
    PreconditionFailedError,
    UnsupportedError,
    WriteOp,
    WriteResult,
)
from bloop_sdk.markdown import Links, render_titled
from bloop_sdk.records import Batch, Kind, Note, Record, Ref, Skipped

_LINK = re.compile(r"\]\(bloop:(note|file|opaque):([^\s()<>\"'#]{1,500})(#[^\s()<>\"']*)?\)")
_FIRST = re.compile(r"\A(\s*#[ \t]+)[^\n]*")
_BARE = re.compile(r"bloop:(?:note|file|opaque):")


@dataclass
class Writer:
    """One write. ``open_again`` reads the vault as it is afterwards."""

    reader: Reader
    vault: Vault
    open_again: Callable[[], Reader]
    lost: list[str] = field(default_factory=list)

    def write(self, op: WriteOp, version: str | None, upload: Path | None) -> WriteResult:
        """Do it; ``upload`` holds the bytes of a file that is attached."""
        if op.kind == NoteWrite.CREATE and op.note is not None:
            return self._create(op, op.note)
        if op.kind == NoteWrite.ATTACH and op.file is not None and upload is not None:
            return self._attach(op, op.file, upload)
        if op.kind in set(FolderWrite):
            return FolderWriter(self).write(op)
        if op.ref is None or op.ref.kind is not Kind.NOTE:
            raise UnsupportedError(f"{op.kind} of {op.ref}: only notes are written")
        path = self.reader.path_of(op.ref)
        if path is None:
            if op.kind == NoteWrite.DELETE and op.again:
                return WriteResult(ref=op.ref, remote_version=None, batch=self._gone(op.ref))
            raise MissingRecordError(f"{op.ref} is not in the vault", ref=str(op.ref))
        if op.kind == NoteWrite.UPDATE and op.note is not None:
            return self._update(op, op.ref, path, op.note, version)
        if op.kind == NoteWrite.MOVE:
            return self._move(op, op.ref, path, version)
        self.vault.expect(path, version)
        name = path.rpartition("/")[2]
        if not (op.again and self.vault.remove_twin(path, f"{TRASH}/", name)):
            self.vault.move(path, f"{TRASH}/", name)
        return WriteResult(ref=op.ref, remote_version=None, batch=self._gone(op.ref))

    # -- each kind

    def _create(self, op: WriteOp, draft: NoteDraft) -> WriteResult:
        own = hashlib.sha256(op.idempotency_key.encode()).hexdigest()[:20]
        ref = Ref(Kind.NOTE, f"id:{own}")
        if self.reader.path_of(ref) is not None:
            return self._answer(ref)  # An earlier try has made it.
        folder = self.folder(draft.container, draft.parent)
        *_, place = self.vault.candidates(folder, f"{safe_name(draft.title)}.md")
        name = place[len(folder) :]
        self.bound(place)
        note = Written("")
        if not draft.published:
            note = Written("", head="draft: true\n", opening="---\n", closing="---\n")
        note.set("id", own)
        self._fill(note, draft, place, stem_of(name))
        data = self._readable(place, note.encoded())
        self.vault.create(folder, name, iter([data]), op.idempotency_key)
        return self._answer(ref)

    def _update(
        self, op: WriteOp, ref: Ref, path: str, draft: NoteDraft, version: str | None
    ) -> WriteResult:
        old, note = self._read(path)
        self._fill(note, draft, path, stem_of(path))
        new = note.encoded()
        if not (op.again and new == old):
            self._same(path, old, version)
            if new != old:
                self._readable(path, new)
                self.vault.replace(path, new, version, op.idempotency_key)
        return self._answer(ref)

    def _move(self, op: WriteOp, ref: Ref, path: str, version: str | None) -> WriteResult:
        values = op.values
        folder = self.folder(str(values["container"]), values.get("parent"))
        name = path.rpartition("/")[2]
        if op.again and self._moved(path, folder):
            return self._answer(ref)
        if parent_of(path) == folder:
            if not op.again:
                self.vault.expect(path, version)
            self.order(values.get("after"))
            return self._answer(ref)
        self.bound(f"{folder}{name}")
        note = self.named(path, version, op.idempotency_key)
        self.vault.move(path, folder, name)
        self.order(values.get("after"))
        if relative := _relative(note.body):
            self.lost.append(f"what it links to by its old place: {', '.join(relative)[:300]}")
        return self._answer(ref)

    def _attach(self, op: WriteOp, draft: FileDraft, upload: Path) -> WriteResult:
        beside = self.reader.path_of(draft.note) if draft.note else None
        folder = parent_of(beside) if beside else self.folder(draft.container, None)
        stem, suffix = splitext(draft.name)
        suffix = f".{safe_name(suffix[1:])}"[:20] if suffix[1:] else ""
        name = f"{safe_name(stem)}{suffix}"
        if self.reader.index.kind_of(name) is not Kind.FILE:
            name += ".txt"  # It would be a note, or a canvas.
        self.bound(f"{folder}{name}")
        if op.again:
            for path in self.vault.candidates(folder, name):
                entry = self.reader.source.entries.get(path)
                if entry and entry.size == draft.size and self.sha(path) == draft.sha256:
                    return self._answer(self.reader.index.ref(path))
        path = self.vault.create(folder, name, _pieces(upload), op.idempotency_key)
        self.reader = self.open_again()
        return self._answer(self.reader.index.ref(path))

    # -- what they share

    def named(self, path: str, version: str | None, key: str) -> Written:
        """A note that says who it is, wherever it lies: one without an ``id`` is given one."""
        old, note = self._read(path)
        self._same(path, old, version)
        known = split(decode(old)[0])[0].id
        if known and not self.reader.index.is_own(path, known):
            raise UnsupportedError(
                f"{path}: its id {known!r} is that of another note too",
                cure="give one of them an id of its own",
            )
        if not known:
            own = f"{MOVED}{self.reader.index.remote_ids[path]}"
            note.set("id", own)
            named = split(decode(note.encoded())[0])[0].id
            if note.lost or named != own:
                raise UnsupportedError(
                    f"{path}: it would be another note in another folder",
                    cure="give its front matter an id",
                )
            # First who it is, then where: each step leaves a note that is known.
            self.vault.replace(path, note.encoded(), version, key)
        return note

    def _readable(self, path: str, data: bytes) -> bytes:
        """What is written, which must not be more than is read."""
        most = self.reader.bounds.max_note_bytes
        if len(data) > most:
            raise UnsupportedError(
                f"{path} would have {len(data):,} bytes; at most {most:,} are read",
                cure="split the note, or raise max_note_bytes in [plugins.markdown]",
            )
        return data

    def _read(self, path: str) -> tuple[bytes, Written]:
        """A note to be changed; raises UnsupportedError where writing it would lose something."""
        old = read(self.reader.source, path, self.reader.bounds.max_note_bytes)
        note = Written.of(old)
        if not note.is_whole:
            raise UnsupportedError(
                f"{path}: it is neither UTF-8 nor Windows-1252", cure="save it as UTF-8"
            )
        return old, note

    def _fill(self, note: Written, draft: NoteDraft, path: str, stem: str) -> None:
        """The draft's text, title and tags; what the front matter says already stays."""
        self.reader.require(draft.container)
        note.body = self._linked(draft.markdown, path)
        about = split(decode(note.encoded())[0])[0]
        title = " ".join(draft.title.split())
        if about.title is None:
            title = self._headed(note, draft.base_markdown, title)
        links = Links(lambda _target: None)
        made = render_titled(note.body, links, titled=about.title)
        if (about.title or made.title or stem) != title:
            note.set(_key(about.yaml, "title"), title)
        inline = set(links.tags)
        if {*about.tags, *inline} != set(draft.tags):
            tags = [tag for tag in draft.tags if tag not in inline or tag in about.tags]
            if tags != about.tags:
                key = "tag" if re.search(r"(?m)^tag[ \t]*:", about.yaml) else "tags"
                note.set(_key(about.yaml, key), tags or None)
            if kept := inline - set(draft.tags):
                self.lost.append(f"tags that stand in its text: {', '.join(sorted(kept))[:200]}")
        self.lost += note.lost

    def _headed(self, note: Written, base: str, title: str) -> str:
        """The title, where a heading at the beginning is it: either one changes the other."""
        heading, was = _heading(note.body), _heading(base)
        if heading is None or was is None or heading == title:
            return title
        if heading != was:
            return heading
        body = _FIRST.sub(lambda match: f"{match[1]}{title}", note.body, count=1)
        if _heading(body) == title:
            note.body = body
        return title

    def _linked(self, markdown: str, path: str) -> str:
        """Links of the hub as links between files, by their paths."""

        def put(match: re.Match[str]) -> str:
            target = self.reader.path_of(Ref(Kind(match[1]), unquote(match[2])))
            if target is None:
                return match[0]
            way = relpath(f"/{target}", f"/{parent_of(path)}")
            return f"]({quote(way, safe='/')}{match[3] or ''})"

        made = _LINK.sub(put, markdown)
        if _BARE.search(made):
            self.lost.append("links to what is not in the vault")
        return made

    def folder(self, container: str, parent: str | None) -> str:
        """The folder that a node stands for; below a note it is the one with the note's name."""
        self.reader.require(container)
        if parent is None:
            return ""
        path = self.reader.path_of(Ref(Kind.MODULE, parent))
        if path is None:
            raise MissingRecordError(f"the folder {parent} is not in the vault")
        if not parent.endswith(LEAF):
            return path
        self.lost.append(f"its place below {path}: it lies in the folder {splitext(path)[0]}")
        return f"{splitext(path)[0]}/"

    def order(self, after: str | None) -> None:
        """Tell that a folder has no order of its own."""
        if after is not None:
            self.lost.append("its place among its neighbours: a folder is in order of names")

    def bound(self, path: str) -> None:
        """Raise UnsupportedError for a path that is too long to be read."""
        if len(path) > MAX_PATH - 8:
            raise UnsupportedError(
                f"its path would have {len(path)} characters", cure="move it up, or shorten it"
            )

    def _same(self, path: str, data: bytes, version: str | None) -> None:
        if hashlib.sha256(data).hexdigest() != version:
            raise PreconditionFailedError(f"{path} was changed meanwhile")

    def sha(self, path: str) -> str:
        """The SHA-256 of a file as it is."""
        found = hashlib.sha256()
        for piece in self.reader.source.pieces(path):
            found.update(piece)
        return found.hexdigest()

    def _moved(self, path: str, folder: str) -> bool:
        """Whether an earlier try has given the note its place: what it left of the old one goes."""
        entries = filter(is_note, self.reader.source.entries)
        twins = [one for one in entries if one == path or self.vault.same(one, path)]
        if not any(parent_of(one) == folder for one in twins):
            return False
        for one in twins:
            if parent_of(one) != folder:
                self.vault.remove_twin(one, folder, one.rpartition("/")[2])
        return True

    def _gone(self, ref: Ref) -> Batch:
        return Batch(deleted=(ref, Ref(Kind.MODULE, ref.remote_id + LEAF)))

    def _answer(self, ref: Ref) -> WriteResult:
        """What a read finds now: the record, its place, and the folders that are new."""
        reader = self.open_again()
        path = reader.path_of(ref)
        if path is None:
            raise MissingRecordError(f"{ref} is gone from the vault", ref=str(ref))
        records: list[Record] = []
        above = parent_of(path)
        folders: list[str] = []
        while above:
            folders.append(above)
            above = parent_of(above)
        for one in [*reversed(folders), path]:
            if one.endswith("/") and (
                one not in reader.index.remote_ids or one in self.reader.index.remote_ids
            ):
                continue
            made = reader.make(one)
            if isinstance(made, Skipped):
                raise MissingRecordError(made.reason, ref=made.ref)
            records += made
        version = next((one.remote_version for one in records if isinstance(one, Note)), None)
        return WriteResult(
            ref=ref,
            remote_version=version,
            batch=Batch(records=tuple(records)),
            lost=tuple(dict.fromkeys(self.lost)),
        )


def _heading(body: str) -> str | None:
    return render_titled(body, Links(lambda _target: None)).title


def _key(head: str, key: str) -> str:
    """The key as the front matter spells it."""
    found = re.search(rf"(?mi)^({key})[ \t]*:", head)
    return found[1] if found else key


def _relative(body: str) -> list[str]:
    """Addresses in a text that depend on where it lies."""
    found = re.findall(r"\]\(<?((?![a-z][a-z0-9+.-]*:|[/#])[^\s()>]+)", body, re.IGNORECASE)
    return list(dict.fromkeys(found))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece

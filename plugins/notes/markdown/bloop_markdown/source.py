"""Where notes come from: a folder, a zip of one, or a single file; all look the same."""

from __future__ import annotations

import hashlib
import os
import re
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zipfile import ZipInfo, is_zipfile

from bloop_markdown.config import MarkdownConfig
from bloop_sdk.archives import CHUNK, open_zip, pieces
from bloop_sdk.errors import (
    HostileInputError,
    MalformedRecordError,
    MissingRecordError,
    UnavailableError,
)
from bloop_sdk.folders import open_inside, walk

NOTE_SUFFIXES = (".md", ".markdown")
_TEMPORARY = re.compile(r".*~|#.*#|~\$.*|~syncthing~.*\.tmp", re.DOTALL)
"""Names of what editors, Office and Syncthing put beside a file for a while, or as its backup."""
_LOGSEQ = "logseq/config.edn"
_LOGSEQ_OLD = ("logseq/bak/", "logseq/version-files/")
"""Where Logseq keeps what its pages were before."""
CANVAS_SUFFIX = ".canvas"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path below the notebook's root, with ``/``, and its size in bytes."""

    path: str
    size: int
    modified: datetime | None = None
    modified_ns: int = 0


class Source(Protocol):
    """Files by path. ``refused`` holds those that are not read, each with its reason."""

    name: str
    key: str
    entries: dict[str, Entry]
    refused: list[tuple[str, str]]
    empty: list[str]
    """Folders that hold nothing, or notes that are not read, with ``/`` at their ends."""
    unlisted: list[str]
    """Folders that could not be listed: what is in them is not gone."""

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of a file; raises SkippableError where they cannot be had."""
        ...


def is_note(path: str) -> bool:
    """Whether a file is Markdown; everything else is an attachment."""
    return path.lower().endswith(NOTE_SUFFIXES)


def open_source(path: Path, bounds: MarkdownConfig) -> Source:
    """The notebook at ``path``. Raises FatalError for what cannot be read as one."""
    if path.is_dir():
        return Folder(path, bounds)
    if path.suffix.lower() not in NOTE_SUFFIXES or is_zipfile(path):
        return Zip(path, bounds)
    return OneNote(path)


def read(source: Source, path: str, limit: int) -> bytes:
    """A whole file; raises MalformedRecordError for one with more bytes than ``limit``."""
    data = bytearray()
    for piece in source.pieces(path):
        data += piece
        if len(data) > limit:
            raise MalformedRecordError(
                f"it has more than {limit:,} bytes",
                cure="split the note, or raise max_note_bytes in [plugins.markdown]",
                code="file_too_large",
            )
    return bytes(data)


def digest(source: Source, path: str) -> str:
    """The SHA-256 of a file, in hex."""
    found = hashlib.sha256()
    for piece in source.pieces(path):
        found.update(piece)
    return found.hexdigest()


class Folder:
    """A folder of this machine: of whoever runs the CLI, or one that hub.toml allows."""

    def __init__(self, root: Path, bounds: MarkdownConfig) -> None:
        self._root = root.resolve()
        self.name = self._root.name or "Notes"
        # A path is long, and the business of nobody who sees the notebook.
        self.key = f"folder:{hashlib.sha256(str(self._root).encode()).hexdigest()[:32]}"
        self.entries: dict[str, Entry] = {}
        self.refused: list[tuple[str, str]] = []
        self.empty: list[str] = []
        self.unlisted: list[str] = []
        logseq = (self._root / _LOGSEQ).is_file()
        for found in walk(self._root, folders=True):
            if _is_aside(found.path, logseq=logseq):
                continue
            if found.path.endswith("/"):
                self.empty.append(found.path)
                continue
            if found.unlisted:
                if not found.path:
                    raise UnavailableError(f"{self.name}: {found.refused}")
                self.unlisted.append(found.path)
            if found.refused:
                self.refused.append((found.path or self.name, found.refused))
                if is_note(found.path) and "/" in found.path:  # Its folder is there all the same.
                    self.empty.append(f"{found.path.rpartition('/')[0]}/")
                continue
            modified = datetime.fromtimestamp(found.modified, UTC)
            self.entries[found.path] = Entry(found.path, found.size, modified, found.modified_ns)
            if len(self.entries) > bounds.max_entries:
                raise HostileInputError(
                    f"{self.name}: the folder holds more than {bounds.max_entries} files",
                    cure="raise max_entries in [plugins.markdown] if it is the right folder",
                )

    def pieces(self, path: str) -> Iterator[bytes]:
        """See :class:`Source`."""
        try:
            with open_inside(self._root, path) as file:
                # It may have changed since the folder was listed: the time is of these bytes.
                modified = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
                self.entries[path] = replace(self.entries[path], modified=modified)
                while piece := file.read(CHUNK):
                    yield piece
        except OSError as err:  # A disk that fails at one file costs that file.
            raise MissingRecordError(f"{path} cannot be read: {err.strerror}") from err


class Zip:
    """A zip of a folder, never unpacked to disk. It comes from outside: see its bounds."""

    def __init__(self, path: Path, bounds: MarkdownConfig) -> None:
        self._zip = open_zip(path, bounds)
        # A file collected before its ZipFile would warn that it was left open.
        weakref.finalize(self, self._zip.close)
        self._infos = {_name(info): info for info in self._zip.infolist() if _is_wanted(info)}
        tops = {name.partition("/")[0] for name in self._infos}
        top = tops.pop() if len(tops) == 1 else ""
        if top and top not in self._infos:  # The folder itself was zipped, not what is in it.
            self._infos = {name[len(top) + 1 :]: info for name, info in self._infos.items()}
        logseq = _LOGSEQ in self._infos
        self._infos = {
            name: info for name, info in self._infos.items() if not _is_aside(name, logseq=logseq)
        }
        self.name = path.stem
        self.key = f"zip:{path.name}"
        self.entries = {name: Entry(name, info.file_size) for name, info in self._infos.items()}
        self.refused: list[tuple[str, str]] = []
        self.empty: list[str] = []
        self.unlisted: list[str] = []

    def pieces(self, path: str) -> Iterator[bytes]:
        """See :class:`Source`."""
        return pieces(self._zip, self._infos[path])


def _is_aside(path: str, *, logseq: bool) -> bool:
    """Whether a file is no part of a notebook: nobody has put it there to be read."""
    name = path.rpartition("/")[2]
    return bool(_TEMPORARY.fullmatch(name)) or (logseq and path.startswith(_LOGSEQ_OLD))


def _name(info: ZipInfo) -> str:
    """An entry's name; macOS writes UTF-8 without saying so, and zipfile takes it for CP437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def _is_wanted(info: ZipInfo) -> bool:
    parts = info.filename.split("/")
    hidden = any(part.startswith(".") for part in parts)
    return not info.is_dir() and not hidden and parts[0] != "__MACOSX"


class OneNote:
    """A single note."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.stem
        self.key = f"note:{path.name}"
        self.entries = {path.name: Entry(path.name, path.stat().st_size)}
        self.refused: list[tuple[str, str]] = []
        self.empty: list[str] = []
        self.unlisted: list[str] = []

    def pieces(self, path: str) -> Iterator[bytes]:
        """See :class:`Source`."""
        try:
            with self._path.open("rb") as file:
                while piece := file.read(CHUNK):
                    yield piece
        except OSError as err:
            raise MalformedRecordError(f"{path} cannot be read: {err.strerror}") from err

"""The exports at a path, each a file that can be read at any place."""

from __future__ import annotations

import codecs
import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import splitext
from typing import BinaryIO
from zipfile import is_zipfile

from bloop_evernote.config import EvernoteConfig
from bloop_evernote.scan import Window, has_note
from bloop_sdk.archives import CHUNK, open_zip, pieces
from bloop_sdk.errors import FatalError, HostileInputError, MissingRecordError, SkippableError
from bloop_sdk.folders import open_inside, walk

SUFFIX = ".enex"
HEAD = 4096
"""Bytes in which an export says that it is one."""
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, slots=True)
class Export:
    """One ``.enex``: a notebook; ``open`` reads it.

    ``key`` is its path without the suffix, below what is read; a single file, which may be called
    otherwise the next time, has none.
    """

    key: str
    title: str
    open: Callable[[], BinaryIO]

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.key or self.title


class Source:
    """The notebooks at a path: a file, a folder of them, or a zip.

    ``key`` is what the whole is known by, ``refused`` holds what is not read and why; in ``unread``
    are those of them in which notes may be. What a zip holds is unpacked to a folder that lives as
    long as this. Raises FatalError where there is no export.
    """

    def __init__(self, path: Path, bounds: EvernoteConfig) -> None:
        self.refused: list[tuple[str, str]] = []
        self.unread: set[str] = set()
        self.others = 0
        self._unpacked = 0
        self._spare = ""
        self.name = path.name if path.is_dir() else path.stem
        if not path.exists():
            raise FatalError(f"{path.name} is not there", cure="give the .enex or its folder")
        if path.is_dir():
            root = path.resolve()
            # A path is long, and the business of nobody who sees the notebooks.
            self.key = f"folder:{hashlib.sha256(str(root).encode()).hexdigest()[:32]}"
            found = self._in_folder(root, bounds)
        elif is_zipfile(path):
            self.key = f"zip:{path.name}"
            found = self._in_zip(path, bounds)
        else:
            self.key = f"enex:{path.stem}"
            found = [Export("", path.stem, lambda: _open(path))]
        found = [self._narrow(one) for one in sorted(found, key=lambda one: one.key)]
        self.exports = [one for one in found if self._is_export(one)]
        if not self.exports:
            what = "it is no export of Evernote" if found else "there is no .enex in it"
            raise FatalError(
                f"{path.name}: {what}",
                cure="export a notebook in Evernote as ENEX, and give the file or its folder",
            )

    def _in_folder(self, root: Path, bounds: EvernoteConfig) -> list[Export]:
        exports = []
        for found in walk(root):
            if found.refused:
                self.refused.append((found.path or root.name, found.refused))
                if found.unlisted:
                    self.unread.add(found.path or root.name)
            elif found.path.lower().endswith(SUFFIX):
                exports.append(_export(found.path, partial(open_inside, root, found.path)))
            else:
                self.others += 1
            if len(exports) + self.others > bounds.max_entries:
                raise HostileInputError(
                    f"{root.name}: the folder holds more than {bounds.max_entries} files",
                    cure="raise max_entries in [plugins.evernote] if it is the right folder",
                )
        return exports

    def _in_zip(self, path: Path, bounds: EvernoteConfig) -> list[Export]:
        with open_zip(path, bounds) as archive:
            infos = [
                info
                for info in archive.infolist()
                if info.filename.lower().endswith(SUFFIX)
                and not any(part.startswith((".", "__MACOSX")) for part in info.filename.split("/"))
            ]
            tops = {info.filename.partition("/")[0] for info in infos if "/" in info.filename}
            inside = len(tops) == 1 and all("/" in info.filename for info in infos)
            exports = []
            for info in infos:
                name = info.filename.partition("/")[2] if inside else info.filename
                try:
                    unpacked = self._keep(pieces(archive, info))
                except SkippableError as err:
                    self.refused.append((name, str(err)))
                    self.unread.add(name)
                    continue
                exports.append(_export(name, partial(_open, unpacked)))
        return exports

    def _narrow(self, export: Export) -> Export:
        """An export in UTF-8: one in UTF-16 is written anew."""
        with export.open() as file:
            encoding = _WIDE.get(file.read(2))
            if encoding is None:
                return export
            file.seek(0)
            text = codecs.getreader(encoding)(file, "replace")
            wide = iter(lambda: text.read(CHUNK), "")
            path = self._keep(piece.encode("utf-8", "replace") for piece in wide)
        return Export(export.key, export.title, lambda: _open(path))

    def _is_export(self, export: Export) -> bool:
        """Whether it begins as an export, or has a note at least: its beginning may be broken."""
        with export.open() as file:
            found = b"<en-export" in file.read(HEAD) or has_note(Window(file))
        if not found:
            self.refused.append((export.key, "it is no export of Evernote"))
            self.unread.add(export.key)
        return found

    def _keep(self, data: Iterator[bytes]) -> Path:
        if not self._spare:
            self._spare = tempfile.mkdtemp(prefix="bloop-enex-")
            weakref.finalize(self, shutil.rmtree, self._spare, ignore_errors=True)
        self._unpacked += 1
        path = Path(self._spare, f"{self._unpacked}.enex")
        with path.open("wb") as file:
            for piece in data:
                file.write(piece)
        return path


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as err:
        raise MissingRecordError(f"{path.name} cannot be read: {err.strerror}") from err


def _export(path: str, opening: Callable[[], BinaryIO]) -> Export:
    key = splitext(path)[0]
    return Export(key, key.rpartition("/")[2] or key, opening)

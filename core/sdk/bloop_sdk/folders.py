"""A folder to be imported, read without ever leaving it.

    for found in walk(root):
        if found.refused is None:
            with open_inside(root, found.path) as file: ...

Names that start with a dot are passed over: they are other programs' own (``.git``, ``.obsidian``).
So are folders that systems keep for themselves (``lost+found``, bins of drives and of servers).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bloop_sdk.errors import MissingRecordError

_OF_SYSTEMS = frozenset(
    {"lost+found", "$RECYCLE.BIN", "System Volume Information", "@eaDir", "#recycle", "__MACOSX"}
)
_NO_NAME = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the order of letters round, and bytes that are no UTF-8.

Blanks of all kinds and joiners are letters of names: in Japanese, French, Persian, and in emoji.
"""
_IN_ICLOUD = re.compile(r"\.(.+)\.icloud")
"""What macOS leaves of a file whose bytes it has taken off the disk."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file of a folder; ``refused`` says why one is not to be read.

    Of a folder that could not be listed (``unlisted``) nobody knows what is in it: none of that is
    gone. Its path is empty where that is ``root`` itself.

    ``path`` is relative, with ``/``; ``size`` is in bytes, ``modified`` in seconds since the epoch.
    ``modified_ns`` is the same in whole nanoseconds, to be compared.
    """

    path: str
    size: int = 0
    modified: float = 0.0
    refused: str | None = None
    modified_ns: int = 0
    unlisted: bool = False


def walk(root: Path, *, folders: bool = False) -> Iterator[Found]:
    """Everything below ``root``, in an order that depends on the names alone.

    With ``folders`` those that hold nothing are found too; their paths end with ``/``. Symbolic
    links are refused, also those that stay inside: what they lead to is met at its place.
    """
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as listed:
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as err:
            reason = f"the folder cannot be listed: {err.strerror}"
            yield Found(folder, refused=reason, unlisted=True)
            continue
        names = [entry.name for entry in entries if not _NO_NAME.search(entry.name)]
        away = [found[1] for name in names if (found := _IN_ICLOUD.fullmatch(name))]
        for name in away:
            path = f"{folder}/{name}" if folder else name
            yield Found(path, refused="it is in iCloud alone: have it downloaded to this machine")
        entries = [entry for entry in entries if not entry.name.startswith(".")]
        if folders and folder and not entries and not away:
            yield Found(f"{folder}/")
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False) and not _NO_NAME.search(entry.name):
                if entry.name not in _OF_SYSTEMS:
                    waiting.append(path)
            else:
                yield _found(root, path, entry)


def _found(root: Path, path: str, entry: os.DirEntry[str]) -> Found:
    if entry.is_symlink():
        inside = (root / path).resolve().is_relative_to(root.resolve())
        where = "to another place of the folder" if inside else "out of the folder"
        return Found(path, refused=f"it is a symbolic link that leads {where}")
    if _NO_NAME.search(entry.name):
        shown = path.encode("utf-8", "backslashreplace").decode()
        return Found(shown, refused="its name holds control characters or is no UTF-8")
    if not entry.is_file(follow_symlinks=False):
        return Found(path, refused="it is no ordinary file")
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError as err:
        return Found(path, refused=f"it cannot be read: {err.strerror}")
    return Found(path, facts.st_size, facts.st_mtime, modified_ns=facts.st_mtime_ns)


def open_inside(root: Path, path: str) -> BinaryIO:
    """A file below ``root``; raises MissingRecordError for one that is gone or leads outside."""
    target = root / path
    try:
        if not target.parent.resolve().is_relative_to(root.resolve()):
            raise MissingRecordError(f"{path} leads out of the folder")
        # What was a file when it was listed may have become a link or a pipe since.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        file = os.fdopen(os.open(target, flags | getattr(os, "O_BINARY", 0)), "rb")
    except OSError as err:
        raise MissingRecordError(f"{path} cannot be read: {err.strerror}") from err
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise MissingRecordError(f"{path} is no ordinary file")
    return file

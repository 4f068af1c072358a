"""Anchors: heads of the chains, signed and written down outside the database.

One file, ``anchors.jsonl``, to which is only appended: at what time an institution's chain ended
with which line and hash. Each is signed with a key of the hub by HMAC-SHA256, over the signature
before it as well, so that none can be left out. Copied to another machine, as the log of the hub
is, they also show what somebody did who had this one's files in hand.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import orjson

from bloop.store.faults import from_file
from bloop.store.types import dumps, to_text
from bloop_sdk import ConfigError

FILE = "anchors.jsonl"
KEY_FILE = "key"
KEY_BYTES = 32
_FIELDS = ("at", "institution", "seq", "hash", "key", "mac")


@dataclass(frozen=True, slots=True)
class Anchor:
    """That an institution's chain ended with line ``seq`` and its ``hash`` at that time."""

    at: str
    institution: str
    seq: int
    hash: str
    key: str
    mac: str


@dataclass(frozen=True, slots=True)
class Damage:
    """A line of the file that is no anchor, or not one of ours; ``line`` counts from 1."""

    line: int
    reason: str


class Anchors:
    """The anchors in a folder; the key is read, or made, when first needed."""

    def __init__(self, folder: Path, file: Path | None = None) -> None:
        self.folder = folder
        self.file = file or folder / FILE
        self._turn = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._read_to, self._mac = 0, ""
        self._newest: dict[str, Anchor] = {}

    @cached_property
    def _key(self) -> bytes:
        path = self.folder / KEY_FILE
        if not path.is_file():
            _make(path)
        with suppress(OSError, ValueError):
            if len(key := bytes.fromhex(path.read_text("ascii").strip())) == KEY_BYTES:
                return key
        raise ConfigError(
            f"{path} holds no key of {KEY_BYTES} bytes in hexadecimal digits",
            cure="restore it from a backup: nothing that was signed with it can be checked without",
        )

    @cached_property
    def key_id(self) -> str:
        """What tells this key from others, and tells nothing of it."""
        return hmac.digest(self._key, b"bloop audit key id", "sha256").hex()[:16]

    def sign(self, *parts: str | int) -> str:
        """The signature of some values, in hexadecimal digits."""
        return hmac.digest(self._key, dumps(list(parts)).encode(), "sha256").hex()

    def is_signed(self, mac: str, *parts: str | int) -> bool:
        """Whether ``mac`` is the signature of these values."""
        return hmac.compare_digest(mac.encode(), self.sign(*parts).encode())

    def append(self, heads: Iterable[tuple[str, int, str]], at: datetime) -> list[Anchor]:
        """Write down heads (institution, number, hash); they are on the disk when it returns.

        A head that is no further than what was written down before is left out.
        """
        made: list[Anchor] = []
        with self._locked() as file:
            self._catch_up(file)
            for institution, seq, hash_ in heads:
                known = self._newest.get(institution)
                if known is not None and known.seq >= seq:
                    continue
                told = to_text(at)
                self._mac = self.sign(self._mac, told, institution, seq, hash_)
                anchor = Anchor(told, institution, seq, hash_, self.key_id, self._mac)
                file.write(_line(anchor))
                self._newest[institution] = anchor
                made.append(anchor)
            file.flush()
            os.fsync(file.fileno())
            self._read_to = file.tell()
        return made

    def newest(self, institution: str) -> Anchor | None:
        """The newest anchor of an institution, whoever wrote it."""
        if self.file.is_file() and self.file.stat().st_size != self._read_to:
            with self._locked() as file:
                self._catch_up(file)
        return self._newest.get(institution)

    def of(self, institution: str) -> Iterator[Anchor]:
        """The anchors of an institution, in the order in which they were written."""
        found = (anchor for anchor, _ in self._all() if isinstance(anchor, Anchor))
        return (anchor for anchor in found if anchor.institution == institution)

    def check(self) -> tuple[dict[str, Anchor], list[Damage]]:
        """The newest anchor of each institution, and what is wrong with the file."""
        newest: dict[str, Anchor] = {}
        damaged: list[Damage] = []
        before = ""
        for anchor, number in self._all():
            if isinstance(anchor, Damage):
                damaged.append(anchor)
                continue
            signed = (before, anchor.at, anchor.institution, anchor.seq, anchor.hash)
            if anchor.key != self.key_id:
                damaged.append(Damage(number, f"was signed with another key, {anchor.key}"))
            elif not self.is_signed(anchor.mac, *signed):
                damaged.append(Damage(number, "is altered, or what stood before it is gone"))
            before = anchor.mac
            newest[anchor.institution] = anchor
        return newest, damaged

    def _all(self) -> Iterator[tuple[Anchor | Damage, int]]:
        with suppress(FileNotFoundError), self.file.open("rb") as file:
            for number, line in enumerate(file, 1):
                anchor = _parsed(line)
                if anchor is not None:
                    yield anchor, number
                elif line.endswith(b"\n"):  # Else a power cut met it, and nobody relied on it.
                    yield Damage(number, "is no anchor"), number

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        try:
            with self._turn:
                self.folder.mkdir(parents=True, exist_ok=True)
                handle = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
                with os.fdopen(handle, "r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    yield file
        except OSError as err:
            self._forget()  # What is on the disk, the next one reads.
            raise from_file(err, self.file) from err

    def _catch_up(self, file: BinaryIO) -> None:
        """Take in what others have appended, and cut off a line that was never finished."""
        if file.seek(0, os.SEEK_END) < self._read_to:
            self._forget()  # Somebody put it aside.
        file.seek(self._read_to)
        for line in file:
            if not line.endswith(b"\n"):
                break
            self._read_to += len(line)
            anchor = _parsed(line)
            if anchor is not None:
                self._mac, self._newest[anchor.institution] = anchor.mac, anchor
        file.seek(self._read_to)
        file.truncate()


def _line(anchor: Anchor) -> bytes:
    return orjson.dumps({name: getattr(anchor, name) for name in _FIELDS}) + b"\n"


def _parsed(line: bytes) -> Anchor | None:
    with suppress(ValueError, TypeError):
        found = orjson.loads(line)
        anchor = Anchor(**found)
        texts = (anchor.at, anchor.institution, anchor.hash, anchor.key, anchor.mac)
        if all(isinstance(text, str) for text in texts) and isinstance(anchor.seq, int):
            return anchor
    return None


def _make(path: Path) -> None:
    """Write a new key; where another process is first, its key stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # Mode 0600.
    try:
        with os.fdopen(handle, "w") as file:
            file.write(os.urandom(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces what is there.
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        Path(unfinished).unlink()

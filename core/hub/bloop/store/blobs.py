"""Bytes by their SHA-256, on disk, shared by all who hold them; the rows say who does.

A blob is written beside its place and moved there when its digest is known and its bytes are on
the disk, so that a kill or a power cut leaves a temporary file and never half a blob.

What nothing refers to is removed by age: whatever is stored, even once more, is young.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bloop.store.errors import NotFoundError
from bloop.store.faults import from_file
from bloop_sdk.errors import HostileInputError

CHUNK_BYTES = 1 << 20
ABANDONED_SECONDS = 60
HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class BlobRef:
    """What was stored: hex SHA-256 and size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob on the disk; ``stored_at`` is when it was stored last, as a Unix time."""

    sha256: str
    size: int
    stored_at: float


class BlobWriter:
    """Takes chunks and becomes a blob on :meth:`finish`; :meth:`abort` leaves nothing."""

    def __init__(self, root: Path, limit: int | None) -> None:
        self._root = root
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        handle, name = tempfile.mkstemp(prefix="incoming-", dir=root)
        # Held as long as this process lives: whoever can take it has found a dead one's file.
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb")

    def write(self, chunk: bytes) -> None:
        """Add bytes; raises HostileInputError past the limit."""
        self._size += len(chunk)
        if self._limit is not None and self._size > self._limit:
            raise HostileInputError(f"a file is larger than the {self._limit} bytes allowed")
        self._digest.update(chunk)
        with _storing(self._root):
            self._file.write(chunk)

    def finish(self) -> BlobRef:
        """Make it durable under its digest."""
        ref = BlobRef(self._digest.hexdigest(), self._size)
        target = _place(self._root, ref.sha256)
        with _storing(self._root):
            self._file.flush()
            os.utime(self._file.fileno())
            os.fsync(self._file.fileno())
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                _sync_folder(self._root)
            with _holding(self._root, fcntl.LOCK_SH):
                self._path.replace(target)
            _sync_folder(target.parent)
            self._file.close()
        return ref

    def abort(self) -> None:
        """Forget what came so far."""
        with contextlib.suppress(OSError):  # A full disk fails the last flush as well.
            self._file.close()
        self._path.unlink(missing_ok=True)


class Blobs:
    """The folder of all blobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with _storing(root):
            root.mkdir(parents=True, exist_ok=True)
        self.remove_abandoned()

    def writer(self, limit: int | None = None) -> BlobWriter:
        """Start a blob of at most ``limit`` bytes."""
        with _storing(self.root):
            return BlobWriter(self.root, limit)

    def put(self, chunks: Iterable[bytes], limit: int | None = None) -> BlobRef:
        """Store all chunks as one blob."""
        writer = self.writer(limit)
        try:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish()
        except BaseException:
            writer.abort()
            raise

    def path(self, sha256: str) -> Path:
        """Where the bytes lie; raises :class:`NotFoundError` when they are gone."""
        place = _place(self.root, sha256)
        if not place.is_file():
            raise NotFoundError(f"no blob {sha256}")
        return place

    def holds(self, sha256: str) -> bool:
        """Whether the bytes are here."""
        return _place(self.root, sha256).is_file()

    def open(self, sha256: str) -> BinaryIO:
        """The bytes."""
        return self.path(sha256).open("rb")

    def save(self, sha256: str, target: Path) -> None:
        """Write a copy to ``target``, which is there whole or not at all."""
        source = self.path(sha256)
        with _storing(target):
            handle, name = tempfile.mkstemp(prefix=".saving-", dir=target.parent)
            os.close(handle)
            try:
                shutil.copyfile(source, name)
                Path(name).replace(target)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def stored(self, first: str = "") -> Iterator[Stored]:
        """What is here of digests that begin with up to two digits."""
        for folder in self.root.glob(f"{first}*" if len(first) < 2 else first):
            if len(folder.name) == 2 and set(folder.name) <= set(HEX):
                for file in os.scandir(folder):
                    told = file.stat()
                    yield Stored(folder.name + file.name, told.st_size, told.st_mtime)

    def remove(self, sha256: str, before: float) -> bool:
        """Remove bytes, unless they are gone or were stored after that Unix time."""
        place = _place(self.root, sha256)
        # While it is held nobody can store them: what is looked at is what is removed.
        with (
            _storing(self.root),
            _holding(self.root, fcntl.LOCK_EX),
            contextlib.suppress(FileNotFoundError),
        ):
            if place.stat().st_mtime <= before:
                place.unlink()
                return True
        return False

    def remove_abandoned(self) -> None:
        """Delete what writers that were killed have left."""
        for left in self.root.glob("incoming-*"):
            with contextlib.suppress(OSError), left.open("rb") as file:
                # A moment's grace: a file just made may not be locked yet.
                if time.time() - os.fstat(file.fileno()).st_mtime > ABANDONED_SECONDS:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()


@contextlib.contextmanager
def _storing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise from_file(err, root) from err


@contextlib.contextmanager
def _holding(root: Path, how: int) -> Iterator[None]:
    """Hold the folder: shared by all who store, alone for who removes."""
    # A file, since NFS locks only what is open for writing.
    handle = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Make names durable: syncing a file does not sync the folder that names it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _place(root: Path, digest: str) -> Path:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise NotFoundError("not a SHA-256 digest")
    return root / digest[:2] / digest[2:]

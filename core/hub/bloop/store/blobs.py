"""Bytes by their SHA-256, on disk, shared by all who hold them; the rows say who does.

A blob is written beside its place and moved there when its digest is known, so that a kill leaves
a temporary file and never half a blob.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bloop.store.errors import NotFoundError, StoreError
from bloop_sdk.errors import HostileInputError

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BlobRef:
    """What was stored: hex SHA-256 and size in bytes."""

    sha256: str
    size: int


class BlobWriter:
    """Takes chunks and becomes a blob on :meth:`finish`; :meth:`abort` leaves nothing."""

    def __init__(self, root: Path, limit: int | None) -> None:
        self._root = root
        self._limit = limit
        self._digest = hashlib.sha256()
        self._size = 0
        handle, name = tempfile.mkstemp(prefix="incoming-", dir=root)
        self._path = Path(name)
        self._file = os.fdopen(handle, "wb")

    def write(self, chunk: bytes) -> None:
        """Add bytes; raises HostileInputError past the limit."""
        self._size += len(chunk)
        if self._limit is not None and self._size > self._limit:
            raise HostileInputError(f"a file is larger than the {self._limit} bytes allowed")
        self._digest.update(chunk)
        self._file.write(chunk)

    def finish(self) -> BlobRef:
        """Make it durable under its digest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        digest = self._digest.hexdigest()
        target = _place(self._root, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)
        return BlobRef(digest, self._size)

    def abort(self) -> None:
        """Forget what came so far."""
        self._file.close()
        self._path.unlink(missing_ok=True)


class Blobs:
    """The folder of all blobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def writer(self, limit: int | None = None) -> BlobWriter:
        """Start a blob of at most ``limit`` bytes."""
        try:
            return BlobWriter(self.root, limit)
        except OSError as err:
            raise StoreError(f"{self.root}: cannot write: {err.strerror}") from err

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

    def open(self, sha256: str) -> BinaryIO:
        """The bytes."""
        return self.path(sha256).open("rb")


def _place(root: Path, digest: str) -> Path:
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise NotFoundError("not a SHA-256 digest")
    return root / digest[:2] / digest[2:]

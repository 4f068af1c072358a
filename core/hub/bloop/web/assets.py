"""Static files under a path that holds their hash: cached for ever, fetched anew when changed."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
_PARTS = {
    "bloop.css": ("text.css", "bloop.css"),
    "lesson.css": ("lesson.css", "notes.css"),
    "worker.js": ("worker-answers.js", "worker-pages.js", "worker.js"),
}
"""What is one file to browsers, and several to who also wants a part by itself."""
YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file; ``gzipped`` is None where that would save nothing."""

    digest: str
    media_type: str
    body: bytes
    gzipped: bytes | None


def read(name: str) -> Asset | None:
    """A static file, or None for a name that is none."""
    # Anybody asks for any name: neither the disk nor what is kept here hears of those.
    return _kept(name) if name in _names() else None


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    found = {path.name for path in FOLDER.iterdir() if path.is_file()} | _PARTS.keys()
    return frozenset(name for name in found if not name.startswith("."))


@lru_cache
def _kept(name: str) -> Asset:
    return packed(
        name, b"".join((FOLDER / part).read_bytes() for part in _PARTS.get(name, (name,)))
    )


def packed(name: str, body: bytes) -> Asset:
    """A file with its hash, its type by its name, and as it is sent to who reads gzip."""
    smaller = gzip.compress(body, 9, mtime=0)
    return Asset(
        digest=hashlib.sha256(body).hexdigest()[:8],
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        body=body,
        gzipped=smaller if len(smaller) < len(body) else None,
    )


def asset(name: str) -> str:
    """The address of a static file, like ``/static/3f2a9c10/bloop.css``."""
    found = read(name)
    if found is None:
        raise FileNotFoundError(name)
    return f"/static/{found.digest}/{name}"

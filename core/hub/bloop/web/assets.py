"""Static files under a path that holds their hash: cached for ever, fetched anew when changed."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """The address of a static file, like ``/static/3f2a9c10/bloop.css``."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:8]
    return f"/static/{digest}/{name}"


@lru_cache(maxsize=64)
def read(name: str) -> tuple[bytes, str] | None:
    """Bytes and media type of a static file, or None for a name that is none."""
    path = FOLDER / name
    if "/" in name or name.startswith(".") or not path.is_file():
        return None
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return path.read_bytes(), f"{kind}; charset=utf-8" if kind.startswith("text/") else kind

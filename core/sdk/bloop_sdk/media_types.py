"""Media types of files by their names."""

from __future__ import annotations

from mimetypes import MimeTypes

_TYPES = MimeTypes()  # Python's own list; the function of its module asks the system's too.
for _type in ("image/webp", "image/avif", "audio/opus", "audio/flac", "audio/ogg"):
    _TYPES.add_type(_type, f".{_type.rpartition('/')[2]}")
_TYPES.add_type("audio/mp4", ".m4a")


def media_type(name: str) -> str | None:
    """The media type that a name suggests, the same on every machine."""
    return _TYPES.guess_type(name, strict=False)[0]

"""What a file is by its bytes, whatever it is called (WHATWG MIME Sniffing, sections 6 and 7.1).

A browser shows only what is what it says it is: a page or a script that is called a picture is
saved, not shown. The signatures are few, since few types are shown at all.
"""

from __future__ import annotations

import re

HEAD_BYTES = 1445
"""As many of the first bytes as the standard looks at."""
UNKNOWN = "application/octet-stream"

_SIGNATURES: dict[str, re.Pattern[bytes]] = {
    "application/pdf": re.compile(rb"%PDF-"),
    "audio/mpeg": re.compile(rb"ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]"),
    "audio/mp4": re.compile(rb".{4}ftyp", re.DOTALL),
    "audio/ogg": re.compile(rb"OggS\x00"),
    "audio/wav": re.compile(rb"RIFF.{4}WAVE", re.DOTALL),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/svg+xml": re.compile(
        rb"(?:\xef\xbb\xbf)?(?:\s|<\?xml[^>]*\?>|<!--.*?-->|<!doctype\s+svg[^>\[]*>)*<svg[\s>/]",
        re.DOTALL | re.IGNORECASE,
    ),
    "image/webp": re.compile(rb"RIFF.{4}WEBPVP", re.DOTALL),
    "video/mp4": re.compile(rb".{4}ftyp", re.DOTALL),
    "video/ogg": re.compile(rb"OggS\x00"),
    "video/webm": re.compile(rb"\x1aE\xdf\xa3"),
}
_TEXTS = frozenset({"text/plain", "text/vtt"})
INLINE_TYPES = frozenset(_SIGNATURES) | _TEXTS
"""What a browser may show in the hub's own origin; everything else is saved to disk."""

_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<(?:!--|!doctype|\?xml|html|head|script|iframe|h1|div|font|table|a|style"
    rb"|title|b|body|br|p|svg|math|object|embed|meta|link|base|form|img)(?:[\s>/]|--|$)",
    re.IGNORECASE,
)


def settled(head: bytes, declared: str | None) -> str:
    """The type of a file that begins with ``head`` and was declared as ``declared``.

    What is shown has to be what it says; another such type that it is takes its place. What is
    never shown keeps its name.
    """
    named = (declared or UNKNOWN).partition(";")[0].strip().lower()
    if named not in INLINE_TYPES:
        return named
    if named in _TEXTS:
        harmless = not _BINARY.search(head) and not _MARKUP.match(head)
        return named if harmless else UNKNOWN
    if _SIGNATURES[named].match(head):
        return named
    passive = (one for one in _SIGNATURES if one != "image/svg+xml")
    return next((one for one in passive if _SIGNATURES[one].match(head)), UNKNOWN)

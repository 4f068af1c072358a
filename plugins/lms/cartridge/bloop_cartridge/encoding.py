"""Bytes to text, the way real exports need it: declared, marked, or plainly wrong."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"""^\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']"""
    rb"""|<meta\s[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9._-]{1,40})""",
    re.IGNORECASE,
)
# The codecs of Python that are character sets; others (punycode, unicode_escape) are traps.
_CHARSETS = re.compile(
    r"utf-?8|utf-?16(le|be)?|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?[19]|windows-?125\d|cp125\d"
    r"|koi8-[ru]|shift_jis|euc-(jp|kr)|gb2312|gbk|gb18030|big5|macintosh",
    re.IGNORECASE,
)
# What XML 1.0 section 2.2 forbids, and exports hold nevertheless.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FALLBACK = "windows-1252"


def detect(head: bytes) -> str:
    """The encoding that the first bytes declare: by mark, by zeros, by declaration, else UTF-8."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head[:1] and head[1:2] == b"\0":
        return "utf-16-le"
    if head[:1] == b"\0":
        return "utf-16-be"
    found = _DECLARED.search(head[:2048])
    name = (found[1] or found[2]).decode("ascii").lower() if found else "utf-8"
    # Whoever declares UTF-16 and writes single bytes wrote something else.
    if not _CHARSETS.fullmatch(name) or name.startswith(("utf-16", "utf16")):
        return "utf-8"
    return name


def decode(data: bytes) -> tuple[str, str | None]:
    """The text, and what had to be assumed to get it (None where nothing had)."""
    name = detect(data[:2048])
    try:
        return data.decode(name), None
    except UnicodeDecodeError:
        return data.decode(_FALLBACK, "replace"), _note(name)


def _note(name: str) -> str:
    return f"the text is not {name}, as it says; it was read as {_FALLBACK}"


def settle(pieces: Iterable[bytes]) -> tuple[str, str | None]:
    """As :func:`decode`, for a long text: the encoding to decode with, and what was assumed."""
    decoder: codecs.IncrementalDecoder | None = None
    name = "utf-8"
    try:
        for piece in pieces:
            if decoder is None:
                name = detect(piece[:2048])
                decoder = codecs.getincrementaldecoder(name)()
            decoder.decode(piece)
        if decoder is not None:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _FALLBACK, _note(name)
    return name, None


def decode_pieces(pieces: Iterable[bytes], name: str) -> Iterator[str]:
    """The text of a long file, piece by piece, without what XML forbids."""
    decoder = codecs.getincrementaldecoder(name)("replace")
    for piece in pieces:
        yield FORBIDDEN.sub("", decoder.decode(piece))
    yield FORBIDDEN.sub("", decoder.decode(b"", final=True))

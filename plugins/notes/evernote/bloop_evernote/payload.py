"""Base64 in an export, decoded piece by piece; and what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from bloop_evernote.scan import CHUNK, Window

_BLANKS = b" \t\r\n\x0b\x0c"
_MARKS = re.compile(rb"<!\[CDATA\[|\]\]>|&#?[0-9A-Za-z]{1,8};")
_BEGUN = re.compile(rb"(?:<[!\[CDAT]{0,7}|\]{1,2}|&#?[0-9A-Za-z]{0,8})\Z")
"""A mark that the next piece may end."""
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=]+")
_ALPHABET = re.compile(rb"[A-Za-z0-9+/]*\Z")


@dataclass(slots=True)
class Payload:
    """What decoding has met so far: the size and MD5 of the bytes, and what was wrong."""

    size: int = 0
    md5: str = ""
    foreign: int = 0
    cut: bool = False

    def flaws(self) -> list[str]:
        """What was wrong, in words."""
        found = []
        if self.foreign:
            found.append(f"{self.foreign} characters in it that are no base64")
        if self.cut:
            found.append("its last bytes: its base64 breaks off")
        return found


def decoded(window: Window, span: tuple[int, int], seen: Payload | None = None) -> Iterator[bytes]:
    """The bytes of an attachment; ``seen`` is told of them when the last one is out."""
    seen = seen if seen is not None else Payload()
    digest = hashlib.md5(usedforsecurity=False)
    rest, at, end = b"", *span
    while at < end:
        raw = window.read(at, min(end, at + CHUNK))
        at += len(raw)
        if not raw:
            break
        text = rest + raw.translate(None, _BLANKS)
        text, rest = _whole(text, last=at >= end, seen=seen)
        piece = binascii.a2b_base64(text)
        digest.update(piece)
        seen.size += len(piece)
        if piece:
            yield piece
    seen.md5 = digest.hexdigest()


def _whole(text: bytes, *, last: bool, seen: Payload) -> tuple[bytes, bytes]:
    """As much of ``text`` as can be decoded, and what waits for the next piece."""
    begun = b""
    if not last and (found := _BEGUN.search(text[-12:])):
        begun = found[0]
        text = text[: -len(begun)]
    if not _ALPHABET.match(text):
        text = _MARKS.sub(b"", text)
        seen.foreign += sum(map(len, _FOREIGN.findall(text.rstrip(b"="))))
        text = _FOREIGN.sub(b"", text).replace(b"=", b"")
    whole = len(text) - len(text) % 4
    if not last:
        return text[:whole], text[whole:] + begun
    tail = text[whole:]
    seen.cut = len(tail) == 1
    return text[:whole] + (tail + b"=" * (-len(tail) % 4) if len(tail) > 1 else b""), b""


def decode_url(text: str) -> bytes:
    """The bytes of a ``data:`` address's base64, as far as they can be had."""
    kept = _FOREIGN.sub(b"", unquote_to_bytes(text)).replace(b"=", b"")
    kept = kept[: len(kept) - (len(kept) % 4 == 1)]
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))

"""The attachments of a note: their names, and which of them an ``en-media`` means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from mimetypes import MimeTypes

from bloop_evernote.enml import Media
from bloop_evernote.facts import Resource
from bloop_evernote.payload import Payload

MAX_NAME = 150
"""Bytes of a file name in UTF-8: with what systems add it stays below their 255."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)")
_MEDIA = re.compile(r"<en-media\b[^<>]*", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(hash|type)\s*=\s*[\"']([^\"']*)", re.IGNORECASE)
INK = "application/vnd.evernote.ink"

_TYPES = MimeTypes()  # Python's own list; the function of its module asks the system's too.
for _type, _suffix in (("image/webp", ".webp"), ("image/heic", ".heic"), ("audio/amr", ".amr")):
    _TYPES.add_type(_type, _suffix)


@dataclass(slots=True)
class Attachment:
    """A resource whose bytes were read once: ``span`` is where its base64 lies."""

    resource: Resource
    span: tuple[int, int]
    payload: Payload
    media: Media
    lost: list[str] = field(default_factory=list)


def file_name(wanted: str, mime: str, taken: set[str]) -> str:
    """A name that every system takes, another one than those in ``taken`` (letter case aside)."""
    name = _FORBIDDEN.sub("_", wanted).strip(" .")
    if _RESERVED.match(name):
        name = f"_{name}"
    stem, dot, suffix = name.rpartition(".")
    if not dot or not suffix.isalnum() or len(suffix) > 12:
        stem, suffix = name, (_TYPES.guess_extension(mime, strict=False) or "").lstrip(".")
    stem = _cut(stem or "attachment", MAX_NAME - len(suffix) - 1).rstrip(" .")
    end = f".{suffix}" if suffix else ""
    made, number = f"{stem}{end}", 1
    while made.casefold() in taken:
        number += 1
        made = f"{stem} ({number}){end}"
    taken.add(made.casefold())
    return made


def _cut(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


class Matching:
    """Which attachment each ``en-media`` of a text means.

    By the MD5 of the bytes; else by the one that Evernote itself has noted with the attachment;
    else by media type and order among those that nothing else means: that is named.
    """

    def __init__(self, enml: str, attachments: Sequence[Attachment]) -> None:
        self.lost: list[str] = []
        self._known: dict[str, list[Media]] = {}
        for attachment in attachments:
            self._known.setdefault(attachment.payload.md5, []).append(attachment.media)
        for key in (_noted, _cached):
            for attachment in attachments:
                for digest in key(attachment):
                    self._known.setdefault(digest, [attachment.media])
        wanted = [dict(_ATTRIBUTE.findall(tag)) for tag in _MEDIA.findall(enml)]
        hashes = map(_hash, wanted)
        used = {media.remote_id for one in hashes for media in self._known.get(one, ())}
        left = [one.media for one in attachments if one.media.remote_id not in used]
        self._loose: dict[tuple[str, str], list[Media]] = {}
        for one in wanted:
            digest, mime = _hash(one), one.get("type", "").strip().lower()
            known = digest in self._known or (digest and (digest, mime) in self._loose)
            found = next((media for media in left if not known and _fits(media, mime)), None)
            if found is not None:
                left.remove(found)
                self._loose.setdefault((digest, mime), []).append(found)
                self.lost.append(
                    f"the hash {digest or '(none)'} of an attachment is not that of its bytes: "
                    f"taken for {found.name}"
                )

    def find(self, digest: str, mime: str) -> Media | None:
        """The attachment of an ``en-media``; those without a hash are asked for in their order.

        So are several of the same bytes, each of which has a name of its own.
        """
        if known := self._known.get(digest):
            return known.pop(0) if len(known) > 1 else known[0]
        loose = self._loose.get((digest, mime), [])
        return (
            loose[0] if len(loose) == 1 or (loose and digest) else (loose.pop(0) if loose else None)
        )


def _hash(attributes: dict[str, str]) -> str:
    return attributes.get("hash", "").strip().lower()


def _fits(media: Media, mime: str) -> bool:
    return media.mime == mime or not mime or not media.mime


def _noted(one: Attachment) -> list[str]:
    return [one.resource.object_id] if one.resource.object_id else []


def _cached(one: Attachment) -> list[str]:
    url = one.resource.source_url
    return re.findall(r"[+/]([0-9a-f]{32})(?=[+/]|\Z)", url) if url.startswith("en-cache:") else []

"""What a page becomes on its way to Markdown: blocks, and what they need of the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from bloop_notion.fields import address_of, dashed, linked_id
from bloop_sdk import Kind

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SIGNED = re.compile(r"[?&](X-Amz-)?(sig|signature|token)=", re.IGNORECASE)
_EXPIRES = re.compile(r"[?&](X-Amz-)?(exp|expires|expiry|se|expirationTimestamp)=", re.IGNORECASE)
_HOSTS = re.compile(
    r"(prod-files-secure|secure\.notion-static|notionusercontent|file\.notion)[.\w-]*",
    re.IGNORECASE,
)
MAX_LOST = 50


@dataclass(slots=True)
class Block:
    """One block; ``text`` is Markdown without line ends that would end it."""

    type: str
    text: str = ""
    children: list[Block] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A file that Notion keeps. ``url`` opens it for an hour; ``block`` holds it, if known."""

    id: str
    """Its remote id."""
    key: str
    name: str
    url: str
    block: str | None = None


@dataclass(slots=True)
class Making:
    """One page being made: its files, and what of it is lost.

    ``aliases`` are remote ids of files that were put there from here, by their keys: they had an id
    before Notion gave them an address.
    """

    page: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    files: dict[str, Media] = field(default_factory=dict)
    losses: dict[str, None] = field(default_factory=dict)

    def lose(self, what: str) -> None:
        """Name what cannot be kept; once is enough."""
        if len(self.losses) < MAX_LOST:
            self.losses[what] = None

    def note(self, page: str) -> str | None:
        """The address of a link to another page."""
        found = dashed(page)
        return f"bloop:{Kind.NOTE}:{found}" if found else None

    def link(self, url: str) -> str:
        """An address as the note has it: to another note, to a file, or outside."""
        if is_hosted(url):
            return self.file(url)
        page = linked_id(url)
        if page is not None:
            return f"bloop:{Kind.NOTE}:{page}"
        return address_of(url) if url.startswith("/") else url

    def file(self, url: str, block: str | None = None) -> str:
        """The address of a file that Notion keeps."""
        key, name = key_of(url), name_of(url)
        known, own = self.files.get(key), self.aliases.get(key) or file_id(self.page, key)
        self.files[key] = Media(own, key, name, url, block or (known.block if known else None))
        return f"bloop:{Kind.FILE}:{quote(own, safe='')}"


def is_hosted(url: str) -> bool:
    """Whether an address is one that Notion signed for a while."""
    if not url.startswith(("https://", "http://")):
        return False
    signed = _SIGNED.search(url) and _EXPIRES.search(url)
    return bool(signed or _HOSTS.search(url[:200]))


def unsigned(url: str) -> str:
    """An address of a file without what changes from one answer to the next."""
    return url.partition("?")[0]


def key_of(url: str) -> str:
    """What names a file in its address for good: its upload's id, or a hash of its path."""
    path = urlsplit(url).path
    found = _UUID.findall(path)
    return found[-1].lower() if found else hashlib.sha256(path.encode()).hexdigest()[:32]


def name_of(url: str) -> str:
    """A file's name, as its address ends."""
    return unquote(urlsplit(url).path.rpartition("/")[2]) or "file"


def file_id(page: str, key: str) -> str:
    """The remote id of a file: a copy of a page has files of its own."""
    return f"{page}.{key}"


_IN_TEXT = re.compile(r"https?://[^\s)\"'<>\]]+")


def settled(found: Any) -> Any:
    """JSON without what changes although nothing was edited: signatures and request ids."""
    if isinstance(found, dict):
        volatile = {"request_id", "expiry_time"}
        return {name: settled(value) for name, value in found.items() if name not in volatile}
    if isinstance(found, list):
        return [settled(one) for one in found]
    if isinstance(found, str) and "://" in found:
        return _IN_TEXT.sub(lambda m: unsigned(m[0]) if is_hosted(m[0]) else m[0], found)
    return found


def addresses_in(found: Any) -> list[str]:
    """The addresses of files that Notion keeps, within an answer."""
    if isinstance(found, dict):
        held = found.get("file")
        url = held.get("url") if isinstance(held, dict) else None
        urls = [url] if isinstance(url, str) else []
        return urls + [one for value in found.values() for one in addresses_in(value)]
    if isinstance(found, list):
        return [one for value in found for one in addresses_in(value)]
    return [found] if isinstance(found, str) and is_hosted(found) else []

"""Moodle's files: their addresses, their ids, and the links to them in texts."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from bloop_moodle.values import digest, flag, integer, moment, name, without
from bloop_sdk.records import File, JSONObject

Fetch = Callable[[str, str], AsyncIterator[bytes]]
"""Starts reading a file: its path after ``pluginfile.php``, and its name for errors."""

_AREAS_WITH_REVISION = frozenset({"mod_page", "mod_resource", "mod_folder", "mod_imscp"})
_ATTRIBUTE = re.compile(
    r"""(?P<head>\b(?:src|href|poster|data)\s*=\s*)(?P<quote>["'])(?P<url>[^"']*)(?P=quote)""",
    re.IGNORECASE,
)
_MARK = "@@PLUGINFILE@@/"
_SECRET = re.compile(r"([?&])(?:ws)?token=[^&#]*&?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a file is: ``/23/mod_page/content/0/scale.svg`` in its parts."""

    context: str
    component: str
    area: str
    rest: tuple[str, ...]

    @property
    def path(self) -> str:
        """What follows ``pluginfile.php``, quoted."""
        segments = (self.context, self.component, self.area, *self.rest)
        return "".join(f"/{quote(segment, safe='')}" for segment in segments)

    def key(self, inner: str) -> tuple[str, ...]:
        """What stays the same while the file is edited; ``inner`` is its folder and name.

        Some areas have a revision before the folder, which grows with each edit.
        """
        tail = "/".join(self.rest)
        item = tail[: -len(inner)].strip("/") if inner and tail.endswith(inner) else ""
        if self.component in _AREAS_WITH_REVISION and self.area == "content":
            item = ""
        return (self.context, self.component, self.area, item, inner)


def address_of(url: Any) -> Address | None:
    """The address in a URL of ``pluginfile.php``; None where it is another URL."""
    if not isinstance(url, str):
        return None
    try:
        split = urlsplit(html.unescape(url))
    except ValueError:
        return None
    before, found, path = split.path.partition("pluginfile.php/")
    if not found and split.path.endswith("pluginfile.php"):
        # A server without "slash arguments".
        path = next((p[6:] for p in split.query.split("&") if p.startswith("file=/")), "")
    segments = [unquote(part) for part in path.split("/")]
    if before.endswith("token"):
        segments = segments[1:]  # tokenpluginfile.php has a key of its owner's here.
    if len(segments) < 4 or not segments[0].isdigit():
        return None
    return Address(segments[0], segments[1], segments[2], tuple(segments[3:]))


def plain_url(url: Any) -> str | None:
    """A URL as it may be kept: without a token of Moodle's. Another site's may be its address."""
    if not isinstance(url, str):
        return None
    if "pluginfile.php" not in url and "wstoken=" not in url.lower():
        return url
    return _SECRET.sub(r"\1", url).rstrip("?&")


@dataclass(slots=True)
class Files:
    """The files of one module, as links in its texts find them."""

    owner: str
    course: str
    published: bool
    fetch: Fetch
    records: dict[str, File] = field(default_factory=dict)
    _known: dict[tuple[str, ...], str] = field(default_factory=dict)
    _inner: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, entry: JSONObject, *, as_owner: bool = False) -> File | None:
        """The record of an entry of ``contents``, ``contentfiles`` or ``attachments``.

        ``as_owner`` gives it the module's own id, which survives that the file is replaced. None
        where the entry is no file: a link, or a text that only looks like one.
        """
        address = address_of(entry.get("fileurl"))
        title = name(entry.get("filename"), "")
        if entry.get("type", "file") != "file" or not title:
            return None
        folder = str(entry.get("filepath") or "/").strip("/")
        inner = f"{folder}/{entry['filename']}" if folder else str(entry["filename"])
        key = address.key(inner) if address else ("", "", "", "", inner)
        remote_id = self.owner if as_owner else f"{self.owner}-f{digest(key)}"
        if remote_id not in self.records:
            self.records[remote_id] = self._record(entry, remote_id, address, inner, title)
        self._known[key] = self._known[*key[:3], "", inner] = remote_id
        self._inner[key[3], inner] = remote_id
        return self.records[remote_id]

    def _record(
        self, entry: JSONObject, remote_id: str, address: Address | None, inner: str, title: str
    ) -> File:
        outside = address is None or flag(entry.get("isexternalfile"))
        raw = without(entry, "userid", "icon", "content", "tags")
        raw["fileurl"] = plain_url(entry.get("fileurl"))
        raw["published"] = self.published
        fetch, path = self.fetch, address.path if address else ""
        kind = entry.get("mimetype")
        return File(
            remote_id=remote_id,
            container=self.course,
            title=title,
            name=title,
            raw=raw,
            url=raw["fileurl"],
            remote_version=str(entry.get("timemodified") or "") or None,
            created_at=moment(entry.get("timecreated")),
            updated_at=moment(entry.get("timemodified")),
            published=self.published,
            media_type=kind if isinstance(kind, str) else None,
            size=integer(entry.get("filesize")),
            path=inner,
            lost=("its bytes: they are kept outside Moodle",) if outside else (),
            chunks=None if outside else lambda: fetch(path, title),
        )

    def linked(self, text: str, item: str = "") -> str:
        """A text whose links to known files are ``bloop:file:`` URLs, and hold no token."""
        return _ATTRIBUTE.sub(lambda match: self._link(match, item), text)

    def unknown(self, text: str) -> tuple[str, ...]:
        """What is lost of a text that :meth:`linked` gave."""
        urls = (html.unescape(match["url"]) for match in _ATTRIBUTE.finditer(text))
        gone = any(url.startswith(_MARK) or address_of(url) is not None for url in urls)
        return ("a file that the text shows, and Moodle does not list",) if gone else ()

    def attached(self, entries: Iterable[JSONObject]) -> str:
        """HTML that leads to files which a text doesn't mention."""
        found = [file for entry in entries if (file := self.add(entry)) is not None]
        return "".join(
            f'<p><a href="bloop:file:{file.remote_id}">{html.escape(file.title)}</a></p>'
            for file in found
        )

    def _link(self, match: re.Match[str], item: str) -> str:
        shown = match["url"]
        target = self._find(html.unescape(shown), item)
        shown = f"bloop:file:{target}" if target is not None else plain_url(shown) or shown
        return f"{match['head']}{match['quote']}{shown}{match['quote']}"

    def _find(self, url: str, item: str) -> str | None:
        address = address_of(url)
        if address is not None:
            for skipped in range(min(len(address.rest), 2)):
                inner = "/".join(address.rest[skipped:])
                before = "/".join(address.rest[:skipped])
                head = (address.context, address.component, address.area)
                for key in ((*head, before, inner), (*head, "", inner)):
                    if key in self._known:
                        return self._known[key]
            return None
        if url.startswith(_MARK):
            url = url.removeprefix(_MARK)
        elif not url or url[0] in "/#?" or ":" in url.partition("/")[0]:
            return None
        inner = unquote(url.partition("?")[0].partition("#")[0])
        return self._inner.get((item, inner))

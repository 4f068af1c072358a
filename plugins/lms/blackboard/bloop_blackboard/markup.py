"""BbML, the HTML of Blackboard: links to files lead over signed addresses that change each time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import unquote, urljoin, urlsplit

_LINK = re.compile(
    r"""(?P<name>\b(?:href|src)\s*=\s*)(?P<mark>["'])(?P<url>.*?)(?P=mark)""", re.DOTALL
)
_STORED = re.compile(r"/bbcswebdav/(?:.*/)?(?P<xid>xid-\d+_\d+)$")
_DETAILS = re.compile(r"""data-bbfile\s*=\s*(["'])(?P<json>.*?)\1""", re.DOTALL)
_TAG_END = re.compile(r">")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A file that a text links to; ``url`` is signed and lasts for some hours."""

    xid: str
    name: str
    media_type: str | None
    url: str


def unsigned(html: str, site: str) -> str:
    """The text without the signatures of its links, so that it changes only when it is edited."""
    return _rewritten(html, site, lambda _xid, url: url.partition("?")[0])


def linked(html: str, site: str, remote_id: Callable[[str], str]) -> str:
    """The text with links to the connection's own files."""
    return _rewritten(html, site, lambda xid, _url: f"bloop:file:{remote_id(xid)}")


def embedded(html: str, site: str) -> list[Embedded]:
    """The files that a text links to, each once."""
    found: dict[str, Embedded] = {}
    for match in _LINK.finditer(html):
        url = _absolute(match["url"], site)
        xid = _xid(url, site)
        if xid is not None and xid not in found:
            name, media_type = _details(html, match.end())
            found[xid] = Embedded(xid, name or xid, media_type, url)
    return list(found.values())


def _rewritten(html: str, site: str, change: Callable[[str, str], str]) -> str:
    def one(match: re.Match[str]) -> str:
        url = _absolute(match["url"], site)
        xid = _xid(url, site)
        if xid is None:
            return match[0]
        return f"{match['name']}{match['mark']}{escape(change(xid, url))}{match['mark']}"

    return _LINK.sub(one, html)


def _absolute(url: str, site: str) -> str:
    try:
        return urljoin(f"{site}/", unescape(url).strip())
    except ValueError:
        return ""


def _xid(url: str, site: str) -> str | None:
    try:
        here, there = urlsplit(site), urlsplit(url)
    except ValueError:
        return None
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        return None
    found = _STORED.search(unquote(there.path))
    return found["xid"] if found else None


def _details(html: str, start: int) -> tuple[str | None, str | None]:
    """Name and media type from the rest of a link's tag."""
    end = _TAG_END.search(html, start)
    found = _DETAILS.search(html, start, end.start() if end else len(html))
    if found is None:
        return None, None
    try:
        details = json.loads(unescape(found["json"]))
    except ValueError:
        return None, None
    if not isinstance(details, dict):
        return None, None
    name = details.get("linkName") or details.get("alternativeText")
    media_type = details.get("mimeType")
    return (
        name if isinstance(name, str) else None,
        media_type if isinstance(media_type, str) else None,
    )

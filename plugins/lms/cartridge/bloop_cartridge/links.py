"""References between the parts of a cartridge, as ``bloop:KIND:REMOTE_ID`` URLs.

Common Cartridge writes ``$IMS-CC-FILEBASE$/path`` or a relative path; Canvas adds
``$WIKI_REFERENCE$/pages/SLUG``, ``$CANVAS_OBJECT_REFERENCE$/assignments/ID`` and
``$CANVAS_COURSE_REFERENCE$/...``, at times with the dollars percent-encoded.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from bloop_cartridge import ids
from bloop_cartridge.archive import Archive
from bloop_cartridge.htmltext import equations_as_text, map_urls, players_as_media
from bloop_cartridge.index import Index, Resource
from bloop_sdk.records import Kind

_TOKEN = re.compile(r"(?:\$|%24)([A-Z][A-Z_-]+)(?:\$|%24)/?", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BASES = frozenset({"IMS-CC-FILEBASE", "IMS_CC_FILEBASE"})
# How Canvas opens an external tool in a page.
_LAUNCHED = re.compile(
    r"external_tools/retrieve\?(?:[^#]*&)?url=(https?(?:%3A|:)[^&#]+)", re.IGNORECASE
)
_MAX_NAMED = 20


def bloop_url(kind: Kind, remote_id: str, fragment: str = "") -> str:
    """The URL by which one record's HTML refers to another record."""
    return f"bloop:{kind}:{quote(remote_id, safe='')}{'#' + fragment if fragment else ''}"


class Links:
    """Rewrites the HTML of one record and remembers what it could not resolve."""

    def __init__(self, archive: Archive, index: Index, folder: str) -> None:
        self._archive = archive
        self._index = index
        self._folder = folder
        self._unresolved: dict[str, None] = {}

    def rewrite(self, text: str) -> str:
        """The HTML with references of this package resolved and equations as text."""
        return map_urls(players_as_media(equations_as_text(text)), self._new_url)

    def lost(self) -> tuple[str, ...]:
        """The references that lead to nothing in the cartridge, as they stand."""
        named = [f"link to nothing in the cartridge: {url}" for url in self._unresolved]
        more = len(named) - _MAX_NAMED
        return (*named[:_MAX_NAMED], *((f"and {more} more such links",) if more > 0 else ()))

    def file(self, href: str) -> tuple[Kind, str] | None:
        """What the file at a path is, by the paths that are tried for a relative reference."""
        return next(self._found(self._relative(href)), None)

    def path(self, url: str) -> str | None:
        """The file in the zip that a URL means, whether the manifest lists it or not."""
        token = _TOKEN.match(url)
        body = url[token.end() if token else 0 :].partition("#")[0]
        if not body or (token and token[1].upper() not in _BASES):
            return None
        if token is None and (url[0] in "/#?" or _SCHEME.match(url)):
            return None
        tried = self._below_base(body) if token else self._relative(body)
        return next(filter(None, map(self._archive.find, tried)), None)

    def resource(self, identifier: str) -> tuple[Kind, str] | None:
        """What a resource is, by its identifier."""
        return self._content(self._index.resource(identifier))

    def _new_url(self, url: str) -> str | None:
        url = url.strip()
        token = _TOKEN.match(url)
        if token is None and (not url or url[0] in "/#?" or _SCHEME.match(url)):
            return None
        body, _, fragment = url[token.end() if token else 0 :].partition("#")
        if token and (launched := _LAUNCHED.match(body)):
            return unquote(launched[1])
        target = self._target(token[1].upper() if token else "", body)
        if target is None:
            self._unresolved[url[:200]] = None
            return None
        return bloop_url(*target, fragment)

    def _target(self, token: str, body: str) -> tuple[Kind, str] | None:
        if token in _BASES:
            return next(self._found(self._below_base(body)), None)
        if not token:
            return next(self._found(self._relative(body)), None)
        return self._object(body.partition("?")[0])

    def _found(self, paths: Iterator[str]) -> Iterator[tuple[Kind, str]]:
        for path in paths:
            name = self._archive.find(path)
            target = self._content_at(name) if name else None
            if target:
                yield target

    def _below_base(self, body: str) -> Iterator[str]:
        """Canvas's base is its folder of files, the specification's is the package."""
        for path in _plain_paths(body):
            if path.startswith("web_resources/"):
                yield path
            yield f"web_resources/{path}"
            yield path
            if path.startswith("files/"):
                yield f"web_resources/{path.removeprefix('files/')}"
            yield posixpath.join(self._folder, path)

    def _relative(self, body: str) -> Iterator[str]:
        token = _TOKEN.match(body)
        if token:
            yield from self._below_base(body[token.end() :])
            return
        for text in dict.fromkeys((body, body.partition("?")[0])):
            joined = posixpath.normpath(posixpath.join(self._folder, unquote(text)))
            if text and not joined.startswith(".."):
                yield joined
        for path in _plain_paths(body):
            yield path
            yield f"web_resources/{path}"

    def _content_at(self, path: str) -> tuple[Kind, str] | None:
        for resource in self._index.resources_at(path):
            if target := self._content(resource):
                return target
        if self._index.has_extra(path):
            return Kind.FILE, path
        return None

    def _content(self, resource: Resource | None) -> tuple[Kind, str] | None:
        for _ in range(17):
            if resource is None or resource.owner is None:
                break
            resource = self._index.resource(resource.owner)
        if resource is None or resource.kind is None or resource.owner:
            return None
        return resource.kind, ids.decode(resource.id)

    def _object(self, body: str) -> tuple[Kind, str] | None:
        """Canvas's ``pages/SLUG``, ``assignments/ID``, ``modules/ID``, ``file_ref/ID``, ..."""
        what, _, rest = unquote(body).strip("/").partition("/")
        name = rest.partition("/")[0]
        if not name:
            return None
        if what in {"pages", "wiki"}:
            path = self._archive.find(f"wiki_content/{name}.html")
            target = self._content_at(path) if path else None
            if target:
                return target
        if what == "modules" and name == "items":
            item = self._index.item(rest.partition("/")[2].partition("/")[0])
            shown = self._content(self._index.resource(item.ref or "")) if item else None
            return shown or ((Kind.MODULE, ids.decode(item.id)) if item and item.title else None)
        if what == "modules":
            item = self._index.item(name)
            return (Kind.MODULE, ids.decode(item.id)) if item and item.title else None
        return self._content(self._index.resource(name))


def _plain_paths(body: str) -> Iterator[str]:
    """A path as it stands and without its query, never above the package."""
    for text in dict.fromkeys((body, body.partition("?")[0])):
        path = posixpath.normpath(unquote(text).lstrip("/"))
        while path.startswith("../"):
            path = path[3:]
        if text and path not in {".", ".."}:
            yield path

"""Files in the zip that the manifest forgot to list, and that something in it shows.

Exporters forget images of their pages; what nothing refers to (schemas, other systems' notes) is
no content and stays out.
"""

from __future__ import annotations

import html
from pathlib import PurePosixPath

from bloop_cartridge.archive import MANIFEST, Archive
from bloop_cartridge.canvas import FOLDER
from bloop_cartridge.encoding import decode
from bloop_cartridge.htmltext import map_urls
from bloop_cartridge.index import Index, Resource
from bloop_cartridge.links import Links
from bloop_sdk.errors import SkippableError
from bloop_sdk.records import Kind

_PAGES = frozenset({".html", ".htm", ".xhtml"})
_NEVER = frozenset({".xml", ".xsd", ".dtd", ".json", ".qti"})


def list_shown(archive: Archive, index: Index) -> None:
    """Add to each resource the unlisted files that it refers to.

    Those of resources for learners first: a file that one of them shows is for learners as well.
    """
    wanted = {
        path
        for path in archive.paths()
        if not path.startswith(FOLDER)
        and path != MANIFEST
        and PurePosixPath(path).suffix.lower() not in _NEVER
        and not index.listed(path)
    }
    for hidden in (False, True):
        for resource in index.resources() if wanted else ():
            if bool(resource.facts.get("hidden")) is hidden and resource.kind is not None:
                _list_of(archive, index, resource, wanted)


def _list_of(archive: Archive, index: Index, resource: Resource, wanted: set[str]) -> None:
    waiting = [path for path, found in index.files(resource.seq) if found]
    pages = resource.kind in {Kind.PAGE, Kind.FILE}
    while waiting and wanted:
        holder = waiting.pop()
        for path in _shown_in(archive, index, holder):
            suffix = PurePosixPath(path).suffix.lower()
            if path in wanted and (pages or suffix not in _PAGES):
                wanted.discard(path)
                index.add_file(resource.seq, path, found=True)
                waiting.append(path)


def _shown_in(archive: Archive, index: Index, holder: str) -> list[str]:
    """The files that a page or an XML file refers to."""
    suffix = PurePosixPath(holder).suffix.lower()
    if suffix not in _PAGES | {".xml", ".qti"}:
        return []
    try:
        text, _ = decode(archive.read(holder))
    except SkippableError:
        return []
    if suffix not in _PAGES:
        text = html.unescape(text)  # HTML stands in XML escaped.
    folder = str(PurePosixPath(holder).parent)
    links = Links(archive, index, "" if folder == "." else folder)
    found: list[str] = []

    def note(url: str) -> None:
        path = links.path(url.strip()) if url.strip() else None
        if path is not None:
            found.append(path)

    map_urls(text, note)
    return found

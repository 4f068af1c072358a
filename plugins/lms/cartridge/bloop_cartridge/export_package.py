"""The zip that an export fills, and where in it each record stands."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import quote, unquote
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from bloop_cartridge.htmltext import map_urls
from bloop_cartridge.ids import Identifiers
from bloop_sdk.providers.content import ExportSource
from bloop_sdk.records import Content, File, Kind, Quiz, Ref

_EPOCH = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # The earliest time that a zip can hold: exports do not differ by it.
_CHUNK = 256 * 1024
_LARGE = 1 << 30
_UNSAFE = re.compile('[\x00-\x1f\x7f\\\\:*"<>|]')
_BLOOP = re.compile(r"bloop:([a-z]+):([^#]*)(?:#(.*))?", re.DOTALL)
_PATHS = {
    Kind.PAGE: "wiki_content/{}.html",
    Kind.NOTE: "wiki_content/{}.html",
    Kind.LINK: "weblinks/{}.xml",
    Kind.DISCUSSION: "discussions/{}.xml",
    Kind.TOOL: "tools/{}.xml",
    Kind.QUIZ: "quizzes/{}/assessment_qti.xml",
    Kind.ASSIGNMENT: "assignments/{}/assignment.xml",
    Kind.OPAQUE: "bloop/opaque/{}.xml",
}
BANK = "non_cc_assessments/{}.xml.qti"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in the cartridge."""

    kind: Kind
    identifier: str
    path: str


class Package:
    """A zip whose bytes depend on nothing but what is put in."""

    def __init__(self, target: BinaryIO) -> None:
        self._zip = ZipFile(target, "w")

    def add(self, path: str, data: bytes) -> None:
        """A small file."""
        self.add_stream(path, (data,))

    def add_stream(self, path: str, pieces: Iterable[bytes], size: int | None = 0) -> None:
        """A file of any size; None where it is not known."""
        info = ZipInfo(path, _EPOCH)
        info.compress_type = ZIP_DEFLATED
        info.create_system = 3
        info.external_attr = 0o100644 << 16
        with self._zip.open(info, "w", force_zip64=size is None or size > _LARGE) as out:
            for piece in pieces:
                out.write(piece)

    def close(self) -> None:
        """Write the directory."""
        self._zip.close()


def chunks_of(stream: BinaryIO) -> Iterable[bytes]:
    """The bytes of a file, piece by piece; closes it at the end."""
    with stream:
        while piece := stream.read(_CHUNK):
            yield piece


class Layout:
    """Gives every record an identifier and a path before the first byte is written."""

    def __init__(self, source: ExportSource) -> None:
        self.identifiers = Identifiers()
        self.course = self.identifiers.allocate(str(Kind.COURSE), source.container.remote_id)
        self.lost: list[str] = []
        self._places: dict[Ref, Place] = {}
        self._paths: set[str] = set()
        for content in source.contents():
            if content.ref not in self._places:
                self._places[content.ref] = self._place(content)
        self.nodes = {
            node.remote_id: self.identifiers.allocate(str(Kind.MODULE), node.remote_id)
            for node in source.nodes()
        }

    def place(self, ref: Ref) -> Place | None:
        """Where a record stands, None for what the container does not hold."""
        return self._places.get(ref)

    def drop(self, ref: Ref) -> None:
        """Forget a record that could not be written."""
        self._places.pop(ref, None)

    def _place(self, content: Content) -> Place:
        identifier = self.identifiers.allocate(str(content.kind), content.remote_id)
        if isinstance(content, File):
            path = self._file_path(content, identifier)
        elif isinstance(content, Quiz) and content.bank:
            path = BANK.format(identifier)
        else:
            path = _PATHS[content.kind].format(identifier)
        return Place(content.kind, identifier, path)

    def _file_path(self, file: File, identifier: str) -> str:
        """The file's own place where that is free and safe, else a folder of its own."""
        wanted = file.path or file.name
        parts = [_UNSAFE.sub("_", part) for part in wanted.split("/") if part not in {"", "."}]
        parts = ["_" if part == ".." else part for part in parts] or [identifier]
        path = "/".join(("web_resources", *parts))
        if path.casefold() in self._paths:
            path = f"web_resources/_again/{identifier}/{parts[-1]}"
        self._paths.add(path.casefold())
        if path.removeprefix("web_resources/") != wanted:
            self.lost.append(f"file {wanted!r} stands at {path!r}")
        return path

    def html(self, text: str, folder: str | None) -> str:
        """HTML with ``bloop:`` URLs as a cartridge writes them.

        In a page of ``folder`` paths are relative, as in any web page; in XML (None) they start at
        ``$IMS-CC-FILEBASE$``.
        """
        return map_urls(text, lambda url: self._url(url, folder))

    def _url(self, url: str, folder: str | None) -> str | None:
        found = _BLOOP.fullmatch(url)
        if found is None or found[1] not in set(Kind):
            return None
        kind, remote_id = Kind(found[1]), unquote(found[2])
        fragment = "" if found[3] is None else f"#{found[3]}"
        if kind is Kind.MODULE:
            node = self.nodes.get(remote_id)
            return node and f"$CANVAS_OBJECT_REFERENCE$/modules/{node}{fragment}"
        place = self.place(Ref(kind, remote_id))
        return None if place is None else self._place_url(place, folder) + fragment

    def _place_url(self, place: Place, folder: str | None) -> str:
        if place.kind not in {Kind.FILE, Kind.PAGE, Kind.NOTE}:
            return f"$CANVAS_OBJECT_REFERENCE$/{place.kind}/{place.identifier}"
        if folder is not None:
            return quote(posixpath.relpath(place.path, folder))
        if place.kind is Kind.FILE:
            return f"$IMS-CC-FILEBASE$/{quote(place.path)}"
        return f"$WIKI_REFERENCE$/pages/{place.identifier}"

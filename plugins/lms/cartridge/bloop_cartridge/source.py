"""One resource and everything around it that its record is made of."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeVar

from lxml.etree import _Element as Element

from bloop_cartridge import ids
from bloop_cartridge.archive import Archive
from bloop_cartridge.htmltext import as_html
from bloop_cartridge.index import Index, Resource
from bloop_cartridge.links import Links
from bloop_cartridge.xmlsafe import local, parse_xml
from bloop_sdk.errors import MalformedRecordError, MissingRecordError, SkippableError
from bloop_sdk.records import JSONObject, Kind, Record

R = TypeVar("R", bound=Record)
_USES = frozenset({"assignment", "lessonplan", "syllabus"})
_UNSHOWN = frozenset({"raw", "chunks"})


def stamped(record: R, raw: JSONObject) -> R:
    """The record with its raw form, and in it a hash over all that the record shows.

    What a record shows depends on more than its own bytes: a link finds its target, Canvas's
    settings hide it. The hub writes a record only when ``raw`` has changed, so ``raw`` says so.
    """
    names = (name for name in record.__dataclass_fields__ if name not in _UNSHOWN)
    shown = [(name, getattr(record, name)) for name in names]
    digest = hashlib.sha256(repr(shown).encode("utf-8", "backslashreplace")).hexdigest()
    return replace(record, raw={**raw, "shown": digest})


@dataclass
class Source:
    """A resource, its files and its settings, with notes on what was lost on the way."""

    archive: Archive
    index: Index
    container: str
    resource: Resource
    notes: list[str] = field(default_factory=list)

    @property
    def ref(self) -> str:
        """How the resource is named in errors: ``kind:remote_id``."""
        return f"{self.resource.kind}:{ids.decode(self.resource.id)}"

    @property
    def path(self) -> str:
        """The main file; raises MissingRecordError."""
        if self.resource.path is None:
            href = self.resource.facts["href"]
            named = f"file {href!r} is not in the zip" if href else "it names no file"
            raise MissingRecordError(f"resource {self.resource.id!r}: {named}", ref=self.ref)
        return self.resource.path

    @cached_property
    def links(self) -> Links:
        """Rewrites this resource's HTML."""
        folder = str(PurePosixPath(self.resource.path or "").parent)
        return Links(self.archive, self.index, "" if folder == "." else folder)

    @cached_property
    def owned(self) -> list[str]:
        """The identifiers of the resources that belong to this one."""
        return self.index.owned_by(self.resource.id)

    def parse(self, path: str) -> Element:
        """The root of an XML file; raises SkippableError."""
        root, notes = parse_xml(self.archive.read(path), path, self.archive.bounds.max_depth)
        self.notes += notes
        return root

    def root(self, *names: str) -> Element:
        """The root of the main XML, by one of its names; inline XML is taken too."""
        if self.resource.path is None and self.resource.inline is not None:
            depth = self.archive.bounds.max_depth
            root, _ = parse_xml(self.resource.inline, self.resource.id, depth)
        else:
            root = self.parse(self.path)
        if local(root).lower() not in {name.lower() for name in names}:
            raise MalformedRecordError(
                f"{self.resource.path or self.resource.id}: the root is <{local(root)}>,"
                f" not <{names[0]}>",
                ref=self.ref,
            )
        return root

    def parse_settings(self, path: str) -> Element | None:
        """The root of a file of settings; None, and a note, where it is broken."""
        try:
            return self.parse(path)
        except SkippableError as err:
            self.notes.append(f"settings that cannot be read: {err.message}")
            return None

    def files(self) -> Iterator[str]:
        """The files that the zip holds of this resource and of those that belong to it."""
        for path, found in self.index.files(self.resource.seq):
            if found:
                yield path
        yield from self.owned_files()

    def owned_files(self) -> Iterator[str]:
        """The files that the zip holds of the resources that belong to this one."""
        for identifier in self.owned:
            part = self.index.resource(identifier)
            for path, found in self.index.files(part.seq) if part else ():
                if found:
                    yield path

    def part(self, suffix: str) -> str | None:
        """The file of this resource whose path ends so, its main file aside."""
        return next(
            (path for path in self.files() if path.endswith(suffix) and path != self.resource.path),
            None,
        )

    def title(self, own: str) -> str:
        """The best title there is: declared, its own, its first item's, its file's."""
        if declared := self.resource.facts.get("title"):
            return str(declared)
        if own:
            return own
        item = self.index.first_item_of(self.resource.id)
        if item is not None and item.title:
            return item.title
        return PurePosixPath(self.resource.path or self.resource.id).name

    def html(self, text: str, text_type: str = "text/html") -> str:
        """A text of an XML file as HTML with its references resolved.

        Moodle writes HTML and calls it plain, so a tag decides where the type does not.
        """
        plain = "html" not in text_type.lower()
        return self.links.rewrite(as_html(text) if plain else text).strip()

    def common(self, title: str, *, hidden: bool = False) -> dict[str, Any]:
        """The fields that all content shares; call it last, when ``lost`` is known."""
        use = str(self.resource.facts.get("use", "")).lower()
        if use in _USES and self.resource.kind in {Kind.PAGE, Kind.FILE}:
            self.notes.append(f"what it is meant to be: {use}")
        if "standards" in self.resource.facts:
            self.notes.append("the curriculum standards that it meets")
        return {
            "remote_id": ids.decode(self.resource.id),
            "container": self.container,
            "title": self.title(title),
            "published": not (hidden or self.resource.facts.get("hidden", False)),
            "lost": (*dict.fromkeys(self.notes), *self.links.lost()),
        }

    def raw(self, **more: Any) -> JSONObject:
        """The record as it came: identifiers, attributes, each file's size and checksum."""
        paths = list(dict.fromkeys(self.files()))
        raw: JSONObject = {
            "identifier": self.resource.id,
            "type": self.resource.type,
            **self.resource.facts,
            "files": [self.archive.entry(path).facts() for path in paths],
            "parts": self.owned,
            **more,
        }
        if self.resource.inline is not None:
            raw["inline"] = self.resource.inline.decode("utf-8")
        return raw


def plain(text: str) -> str:
    """Text as HTML, with every character meaning itself."""
    return html.escape(text, quote=False)

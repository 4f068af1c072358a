"""``imsmanifest.xml`` into the index, in one pass and constant memory.

IMS Content Packaging 1.2 as profiled by Common Cartridge 1.1 to 1.3, section 4 (manifest); the
thin variant puts the XML of a link into the resource itself.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace

from lxml import etree
from lxml.etree import _Element as Element

from bloop_cartridge.archive import MANIFEST, Archive
from bloop_cartridge.encoding import settle
from bloop_cartridge.index import Index, Item, Resource
from bloop_cartridge.xmlsafe import (
    child,
    children,
    descendants,
    forget,
    local,
    namespace,
    stream_xml,
    text_of,
)
from bloop_sdk.archives import BROKEN
from bloop_sdk.errors import FatalError, SkippableError
from bloop_sdk.records import JSONObject

_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_KNOWN = re.compile(r"http://www\.imsglobal\.org/xsd/ims(cc|cp|_cp_)")
_RESOURCE_PARTS = frozenset({"file", "dependency", "metadata", "variant"})
_INLINE = 256 * 1024
_LEARNERS = frozenset({"learner", "student"})
_MOST_NAMED = 20
_LONGEST = 2000


@dataclass(slots=True)
class CourseFacts:
    """What the manifest says of the course as a whole."""

    identifier: str = ""
    title: str = ""
    language: str | None = None
    summary: str = ""
    schema: str = ""
    version: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _OpenItem:
    """An item whose end has not been read yet."""

    seq: int
    parent: int | None
    title: str = ""
    has_children: bool = False


def read_manifest(archive: Archive, index: Index) -> CourseFacts:
    """Fill the index; raises FatalError (HostileInputError for entities and depth)."""
    where = f"{archive.name}: {MANIFEST}"
    size = archive.entry(MANIFEST).size
    if size > archive.bounds.max_xml_bytes:
        raise FatalError(f"{where}: larger than {archive.bounds.max_xml_bytes:,} bytes")
    reader = _ManifestReader(archive, index)
    try:
        encoding, note = settle(archive.chunks(MANIFEST))
        events = stream_xml(archive.chunks(MANIFEST), encoding, where, archive.bounds.max_depth)
        for event, element in events:
            if event == "start":
                reader.start(element)
            else:
                reader.end(element)
    except etree.XMLSyntaxError as err:
        raise FatalError(
            f"{where}: not well-formed XML: {err}",
            cure="export the course again",
            code="cartridge_manifest_broken",
        ) from err
    except (SkippableError, *BROKEN) as err:
        raise FatalError(
            f"{where}: cannot be unpacked: {err}",
            cure="check that the whole file was copied, or export the course again",
            code="cartridge_manifest_broken",
        ) from err
    return reader.finish(note)


class _ManifestReader:
    """Follows the parser through the manifest; it holds what is open and nothing else."""

    def __init__(self, archive: Archive, index: Index) -> None:
        self.archive = archive
        self.index = index
        self.course = CourseFacts()
        self.path: list[str] = []
        self.items: list[_OpenItem] = []
        self.bases: list[str] = []
        self.sequence = 0
        self.organizations = 0
        self.again: Counter[str] = Counter()

    def start(self, element: Element) -> None:
        """An element opens: its attributes are known, its content is not."""
        name = local(element)
        if not self.path:
            self._start_root(element, name)
        elif name == "item" and self._inside_organization():
            self._start_item()
        elif name == "organization" and self.path[-1] == "organizations":
            self.organizations += 1
        self.path.append(name)
        self.bases.append(element.get(_XML_BASE, ""))

    def _start_root(self, element: Element, name: str) -> None:
        if name != "manifest":
            raise FatalError(
                f"{self.archive.name}: {MANIFEST}: the root is <{name}>, not <manifest>",
                code="cartridge_manifest_broken",
            )
        self.course.identifier = element.get("identifier", "").strip()
        if not _KNOWN.match(namespace(element)):
            self.course.notes.append(
                f"the manifest's namespace {namespace(element)!r} is none of Common Cartridge"
            )

    def _inside_organization(self) -> bool:
        return self.path[-1] in {"organization", "item"} and "resources" not in self.path

    def _start_item(self) -> None:
        self.sequence += 1
        parent = self.items[-1] if self.items else None
        if parent is not None:
            parent.has_children = True
        self.items.append(_OpenItem(self.sequence, parent.seq if parent else None))

    def end(self, element: Element) -> None:
        """An element is complete."""
        name = self.path.pop()
        base = "".join(self.bases)
        self.bases.pop()
        parent = self.path[-1] if self.path else ""
        if name == "title" and parent == "item" and self.items and not self.items[-1].title:
            self.items[-1].title = " ".join("".join(element.itertext()).split())
        elif name == "item" and self.items and "resources" not in self.path:
            self._end_item(element)
            forget(element)
        elif name == "resource" and parent == "resources":
            self._end_resource(element, base)
            forget(element)
        elif name == "metadata" and len(self.path) == 1:
            self._end_metadata(element)
        elif name == "authorizations":
            self.course.notes.append("the cartridge's authorizations are not enforced")

    def _end_item(self, element: Element) -> None:
        opened = self.items.pop()
        ref = element.get("identifierref", "").strip() or None
        identifier = element.get("identifier", "").strip()
        if not identifier:
            identifier = f"item-of-{ref}" if ref else f"item-{opened.seq}"
        item = Item(
            seq=opened.seq,
            id=identifier,
            parent=opened.parent,
            depth=len(self.items),
            title=opened.title,
            ref=ref,
            visible=element.get("isvisible", "true").strip().lower() not in {"false", "0"},
            children=opened.has_children,
        )
        if not self.index.add_item(item):
            self._add_again(item)

    def _add_again(self, item: Item) -> None:
        """Keep an item whose identifier is taken: left out, it would give away its children."""
        name = item.id
        while not self.index.add_item(replace(item, id=name)):
            self.again[item.id] += 1
            name = f"{item.id}~{self.again[item.id] + 1}"
        if len(self.again) <= _MOST_NAMED:
            self.course.notes.append(
                f"several items have the identifier {item.id!r}; the one titled {item.title!r}"
                f" is {name!r} here"
            )

    def _end_resource(self, element: Element, base: str) -> None:
        self.sequence += 1
        identifier = element.get("identifier", "").strip()
        hrefs = [f.get("href", "").strip() for f in children(element, "file")]
        main = element.get("href", "").strip() or next(filter(None, hrefs), "")
        path = self._find(base, main)
        facts = _resource_facts(element, main)
        added = identifier and self.index.add_resource(
            Resource(
                seq=self.sequence,
                id=identifier,
                type=element.get("type", "").strip(),
                path=path,
                facts=facts,
                inline=_inline(element) or _outside(main),
            )
        )
        if not added:
            self._duplicate(identifier, main)
            return
        for href in filter(None, [main, *hrefs]):
            found = self._find(base, href)
            self.index.add_file(self.sequence, found or base + href, found=found is not None)
        for dependency in children(element, "dependency"):
            if target := dependency.get("identifierref", "").strip():
                self.index.add_dependency(identifier, target)

    def _duplicate(self, identifier: str, main: str) -> None:
        fault = (
            f"the manifest has several resources with the identifier {identifier!r}"
            if identifier
            else "a resource has no identifier"
        )
        self.index.add_problem(
            f"resource:{identifier}",
            f"{fault}; {main or 'this one'} is left out",
            "record_duplicate",
        )

    def _find(self, base: str, href: str) -> str | None:
        if not href:
            return None
        below = f"{base.rstrip('/')}/{href}" if base else ""
        for text in (base + href, below, href, href.partition("#")[0], href.partition("?")[0]):
            if text and (found := self.archive.find(text)):
                return found
        return None

    def _end_metadata(self, element: Element) -> None:
        course = self.course
        course.schema = text_of(element, "schema")
        course.version = text_of(element, "schemaversion")
        general = next(descendants(element, "general"), None)
        course.title = _lang_string(general, "title")
        course.summary = _lang_string(general, "description")
        course.language = text_of(general, "language") or None

    def finish(self, note: str | None) -> CourseFacts:
        """The course, with what was assumed about it."""
        course = self.course
        if note:
            course.notes.append(f"{MANIFEST}: {note}")
        if course.schema and "common cartridge" not in course.schema.lower():
            course.notes.append(f"the manifest's schema is {course.schema!r}")
        if self.organizations > 1:
            course.notes.append(f"the {self.organizations} organizations became one tree")
        if not course.identifier:
            digest = hashlib.sha256(self.archive.name.encode("utf-8", "replace")).hexdigest()
            course.identifier = f"cartridge-{digest[:16]}"
            course.notes.append("the manifest has no identifier; one was made of the file's name")
        return course


def _lang_string(parent: Element | None, name: str) -> str:
    """LOM's strings in languages: the first that is not empty."""
    found = child(parent, name)
    if found is None:
        return ""
    texts = (text_of(string) for string in found)
    return next(filter(None, texts), "") or (text_of(found) if not len(found) else "")


def _resource_facts(element: Element, main: str) -> JSONObject:
    """What is worth keeping of a resource besides its files."""
    facts: JSONObject = {"href": main}
    if use := element.get("intendeduse", ""):
        facts["use"] = use
    variant = next(children(element, "variant"), None)
    if variant is not None:
        facts["variant"] = variant.get("identifierref", "")
    metadata = child(element, "metadata")
    if metadata is not None:
        facts.update(_lom_facts(metadata))
    return facts


def _lom_facts(metadata: Element) -> JSONObject:
    general = next(descendants(metadata, "general"), None)
    facts = {
        "title": _lang_string(general, "title"),
        "format": next((text_of(found) for found in descendants(metadata, "format")), ""),
    }
    roles = {
        text_of(role, "value").lower() for role in descendants(metadata, "intendedEndUserRole")
    }
    standards = list(
        dict.fromkeys(text_of(guid) for guid in descendants(metadata, "labelledGUID", "GUID"))
    )
    if standards:
        facts["standards"] = " ".join(standards)[:_LONGEST]
    # A Common Cartridge hides from learners what is meant for instructors alone (section 4.5.3).
    hidden = {"hidden": True} if roles and not roles & _LEARNERS else {}
    return {**{key: value for key, value in facts.items() if value}, **hidden}


def _outside(main: str) -> bytes | None:
    """A link to a resource that does not lie in the package."""
    if not main.startswith(("http://", "https://")):
        return None
    root = etree.Element("webLink")
    etree.SubElement(root, "url", href=main)
    return etree.tostring(root, encoding="utf-8")


def _inline(element: Element) -> bytes | None:
    """The XML that stands in the resource itself."""
    for part in element:
        if local(part) and local(part) not in _RESOURCE_PARTS:
            data = etree.tostring(part, encoding="utf-8", with_tail=False)
            return data if len(data) <= _INLINE else None
    return None

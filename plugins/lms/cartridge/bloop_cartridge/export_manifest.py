"""``imsmanifest.xml`` of an export (Common Cartridge 1.3, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

from bloop_cartridge import export_xml as xml
from bloop_cartridge.htmltext import as_text
from bloop_sdk.records import Container, Content, File, Kind, Node

SETTINGS_TYPE = "associatedcontent/imscc_xmlv1p3/learning-application-resource"
BANK_TYPE = SETTINGS_TYPE  # Common Cartridge allows one question bank; Canvas writes many so.
_TYPES = {
    Kind.PAGE: "webcontent",
    Kind.NOTE: "webcontent",
    Kind.FILE: "webcontent",
    Kind.LINK: "imswl_xmlv1p3",
    Kind.DISCUSSION: "imsdt_xmlv1p3",
    Kind.TOOL: "imsbasiclti_xmlv1p3",
    Kind.QUIZ: "imsqti_xmlv1p2/imscc_xmlv1p3/assessment",
    Kind.ASSIGNMENT: "assignment_xmlv1p0",
    Kind.OPAQUE: SETTINGS_TYPE,
}
_NAMESPACES = {None: xml.CP, "lom": xml.LOM_RESOURCE, "lomimscc": xml.LOM_MANIFEST}


@dataclass(frozen=True, slots=True)
class ManifestResource:
    """One resource of an export."""

    identifier: str
    type: str
    files: tuple[str, ...]
    title: str | None = None
    format: str | None = None
    hidden: bool = False
    dependencies: tuple[str, ...] = ()


def type_of(content: Content, *, bank: bool) -> str:
    """The resource type of a content."""
    return BANK_TYPE if bank else _TYPES[content.kind]


def file_metadata(content: Content) -> dict[str, str]:
    """What a file's name does not say: a title of its own, and its media type."""
    if not isinstance(content, File):
        return {}
    found = {"format": content.media_type or "application/octet-stream"}
    if content.title != content.name:
        found["title"] = content.title
    return found


def manifest_bytes(
    course: Container,
    identifier: str,
    tree: Mapping[str | None, Sequence[tuple[Node, str, str | None]]],
    resources: Iterable[ManifestResource],
) -> bytes:
    """The manifest.

    ``tree`` gives below each node (None: the course) its children in order, each with its
    identifier and the identifier of the content it shows.
    """
    root = etree.Element(f"{{{xml.CP}}}manifest", nsmap=_NAMESPACES)
    root.set("identifier", identifier)
    _add_metadata(root, course)
    organization = xml.add(
        xml.add(root, "organizations"),
        "organization",
        identifier="bloop.organization",
        structure="rooted-hierarchy",
    )
    top = xml.add(organization, "item", identifier="bloop.root")
    _add_items(top, None, tree)
    holder = xml.add(root, "resources")
    for resource in resources:
        _add_resource(holder, resource)
    return xml.to_bytes(root)


def _add_metadata(root: Element, course: Container) -> None:
    metadata = xml.add(root, "metadata")
    xml.add(metadata, "schema", "IMS Common Cartridge")
    xml.add(metadata, "schemaversion", "1.3.0")
    lom = xml.add(metadata, f"{{{xml.LOM_MANIFEST}}}lom")
    general = xml.add(lom, "general")
    xml.add(xml.add(general, "title"), "string", course.title)
    if course.language:
        xml.add(general, "language", course.language)
    if course.summary_html:
        xml.add(xml.add(general, "description"), "string", as_text(course.summary_html))


def _add_items(
    parent: Element,
    node: str | None,
    tree: Mapping[str | None, Sequence[tuple[Node, str, str | None]]],
) -> None:
    """The items of a tree, with a stack instead of recursion: courses may be deep."""
    waiting = [(parent, node)]
    while waiting:
        above, key = waiting.pop()
        for child, identifier, shown in tree.get(key, ()):
            item = xml.add(above, "item", identifier=identifier)
            if shown is not None:
                item.set("identifierref", shown)
            xml.add(item, "title", child.title)
            waiting.append((item, child.remote_id))


def _add_resource(holder: Element, resource: ManifestResource) -> None:
    element = xml.add(
        holder,
        "resource",
        identifier=resource.identifier,
        type=resource.type,
        href=resource.files[0],
    )
    if resource.title is not None or resource.format is not None or resource.hidden:
        _add_lom(element, resource)
    for path in resource.files:
        xml.add(element, "file", href=path)
    for target in resource.dependencies:
        xml.add(element, "dependency", identifierref=target)


def _add_lom(element: Element, resource: ManifestResource) -> None:
    lom = xml.add(xml.add(element, "metadata"), f"{{{xml.LOM_RESOURCE}}}lom")
    if resource.title is not None:
        xml.add(xml.add(xml.add(lom, "general"), "title"), "string", resource.title)
    if resource.format is not None:
        xml.add(xml.add(lom, "technical"), "format", resource.format)
    if resource.hidden:
        role = xml.add(xml.add(lom, "educational"), "intendedEndUserRole")
        xml.add(role, "source", "IMSGLC_CC_Rolesv1p1")
        xml.add(role, "value", "Instructor")

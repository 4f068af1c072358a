"""Tools and links of which Canvas's modules alone tell: the manifest's items refer to nothing."""

from __future__ import annotations

from lxml import etree
from lxml.etree import _Element as Element

from bloop_cartridge.archive import Archive
from bloop_cartridge.index import Index, Resource
from bloop_cartridge.xmlsafe import child, children, parse_xml
from bloop_sdk.errors import BloopError

_TOOL = "ContextExternalTool"
_LINK = "ExternalUrl"
_FOLDER = "lti_resource_links/"
_UUID = "lookup_uuid"


def add_told(archive: Archive, index: Index) -> None:
    """Add a resource for each such item, with the launch parameters that Canvas keeps beside."""
    beside: dict[str, tuple[str, list[tuple[str, str]]]] | None = None
    for item in index.items_of_nothing():
        told = index.told_of(item)
        url, kind = told.get("url"), told.get("type")
        if not url or kind not in {_TOOL, _LINK} or not item.ref:
            continue
        title = item.title or told.get("title", "")
        if kind == _LINK:
            index.add_resource(_resource(index, item.ref, "imswl_xmlv1p1", _link(title, url)))
            continue
        if beside is None:
            beside = _launches(archive, index)
        identifier, custom = beside.get(told.get("launch", ""), ("", []))
        tool = _resource(index, item.ref, "imsbasiclti_xmlv1p0", _tool(title, url, custom))
        if index.add_resource(tool) and identifier:
            index.add_dependency(tool.id, identifier)


def _resource(index: Index, identifier: str, type_: str, inline: bytes) -> Resource:
    return Resource(
        seq=index.next_resource(),
        id=identifier,
        type=type_,
        path=None,
        facts={"href": "", "told": True},
        inline=inline,
    )


def _launches(archive: Archive, index: Index) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """By their lookup ids the resources that hold the launch parameters of links to tools."""
    found: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    for resource in index.resources():
        if resource.path is None or not resource.path.startswith(_FOLDER):
            continue
        try:
            root, _ = parse_xml(
                archive.read(resource.path), resource.path, archive.bounds.max_depth
            )
        except BloopError:
            continue  # It is a record of its own, which says so.
        for extensions in children(root, "extensions"):
            for name, value in _properties(extensions):
                if name == _UUID:
                    found.setdefault(value, (resource.id, _properties(child(root, "custom"))))
    return found


def _properties(element: Element | None) -> list[tuple[str, str]]:
    return [
        (found.get("name", ""), "".join(found.itertext()).strip())
        for found in (() if element is None else children(element, "property"))
    ]


def _tool(title: str, url: str, custom: list[tuple[str, str]]) -> bytes:
    root = etree.Element("cartridge_basiclti_link")
    etree.SubElement(root, "title").text = title
    etree.SubElement(root, "launch_url").text = url
    holder = etree.SubElement(root, "custom")
    for name, value in custom:
        etree.SubElement(holder, "property", name=name).text = value
    return etree.tostring(root, encoding="utf-8")


def _link(title: str, url: str) -> bytes:
    root = etree.Element("webLink")
    etree.SubElement(root, "title").text = title
    etree.SubElement(root, "url", href=url)
    return etree.tostring(root, encoding="utf-8")

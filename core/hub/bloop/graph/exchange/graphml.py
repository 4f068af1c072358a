"""GraphML, as networkx, yEd and Gephi read it."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from bloop.graph.exchange.document import Document, checked
from bloop.store.errors import InvalidError

MEDIA_TYPE = "application/graphml+xml"
_NS = "http://graphml.graphdrawing.org/xmlns"
_NODE = ("name", "aliases", "description", "language", "case", "wikidata")
_EDGE = {"kind": "string", "weight": "double"}
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BETWEEN = "\n"
"""Between aliases, none of which has a line break."""


def write(document: Document, title: str) -> bytes:
    """The document as one directed graph."""
    root = etree.Element(f"{{{_NS}}}graphml", nsmap={None: _NS})
    for name in _NODE:
        _key(root, "node", name, "string")
    for name, kind in _EDGE.items():
        _key(root, "edge", name, kind)
    graph = etree.SubElement(root, f"{{{_NS}}}graph", edgedefault="directed")
    etree.SubElement(graph, f"{{{_NS}}}desc").text = title
    for one in document.concepts:
        node = etree.SubElement(graph, f"{{{_NS}}}node", id=one.id)
        told: dict[str, str | None] = {
            "name": one.name,
            "aliases": _BETWEEN.join(one.aliases),
            "description": one.description,
            "language": one.language,
            **{str(key): value for key, value in one.external.items()},
        }
        _data(node, {key: value for key, value in told.items() if value})
    for edge in document.edges:
        found = etree.SubElement(graph, f"{{{_NS}}}edge", source=edge.source, target=edge.target)
        _data(found, {"kind": edge.kind.value, "weight": repr(edge.weight)})
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _key(root: Any, of: str, name: str, kind: str) -> None:
    attributes = {"id": name, "for": of, "attr.name": name, "attr.type": kind}
    etree.SubElement(root, f"{{{_NS}}}key", attributes)


def _data(parent: Any, values: dict[str, str | None]) -> None:
    for name, value in values.items():
        # XML has no way at all to write these.
        etree.SubElement(parent, f"{{{_NS}}}data", key=name).text = _NO_XML.sub("", value or "")


def read(data: bytes) -> Document:
    """A graph's nodes and edges; a node without a name has its id for one."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as err:
        raise InvalidError(f"this is no XML: {err}") from err
    if root.getroottree().docinfo.doctype:
        raise InvalidError(
            "this GraphML has a DOCTYPE, which may stand for anything", cure="take that line out"
        )
    if root.tag != f"{{{_NS}}}graphml":
        raise InvalidError("this is no GraphML: its root is another one")
    names = {key.get("id", ""): key.get("attr.name", "") for key in root.iterfind(f"{{{_NS}}}key")}
    concepts: list[Any] = [_concept(node, names) for node in root.iter(f"{{{_NS}}}node")]
    edges: list[Any] = []
    for edge in root.iter(f"{{{_NS}}}edge"):
        told = {key: one for key, one in _told(edge, names).items() if key in _EDGE}
        ends = {"source": edge.get("source", ""), "target": edge.get("target", "")}
        edges.append(ends | told)
    return checked(concepts, edges)


def _concept(node: Any, names: dict[str, str]) -> dict[str, Any]:
    told = _told(node, names)
    id_ = node.get("id", "")
    return {
        "id": id_,
        "name": told.get("name") or told.get("label") or id_,
        "aliases": [one for one in told.get("aliases", "").split(_BETWEEN) if one],
        "description": told.get("description", ""),
        "language": told.get("language") or None,
        "external": {name: told[name] for name in ("case", "wikidata") if told.get(name)},
    }


def _told(element: Any, names: dict[str, str]) -> dict[str, str]:
    found = element.iterfind(f"{{{_NS}}}data")
    return {names.get(one.get("key"), ""): (one.text or "").strip() for one in found}

"""JSON shaped as 1EdTech's CASE 1.0: `CFDocument`, `CFItems` and `CFAssociations`.

A prerequisite `precedes`, a part `isPartOf`; `isChildOf` is read as a part too. A weight, for which
CASE has no place, stands in an association's `sequenceNumber`-free extension `bloop:weight`.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from bloop.graph.edges import EdgeKind
from bloop.graph.exchange.document import Document, checked, listed, loads
from bloop.graph.models import NAME_LENGTH
from bloop.store.errors import InvalidError
from bloop.store.types import utcnow

MEDIA_TYPE = "application/json"
_TYPES = {
    EdgeKind.PREREQUISITE: "precedes",
    EdgeKind.PART_OF: "isPartOf",
    EdgeKind.RELATED: "isRelatedTo",
}
_KINDS = {name: kind for kind, name in _TYPES.items()} | {"isChildOf": EdgeKind.PART_OF}
_WEIGHT = "bloop:weight"
_SPACE = uuid.UUID("6f1f0e59-5a0c-5d0a-9a0a-6d1c3f0f2a11")


def write(document: Document, title: str) -> bytes:
    """The document as one CASE package."""
    now = utcnow().isoformat(timespec="seconds").replace("+00:00", "Z")
    uuids = {one.id: _uuid(one.id) for one in document.concepts}
    items = [
        {
            "identifier": uuids[one.id],
            "uri": one.external.get("case") or f"urn:uuid:{uuids[one.id]}",
            "fullStatement": one.description or one.name,
            "abbreviatedStatement": one.name,
            "conceptKeywords": one.aliases,
            "lastChangeDateTime": now,
        }
        | ({"language": one.language} if one.language else {})
        for one in document.concepts
    ]
    names = {one.id: one.name for one in document.concepts}
    links = [
        {
            "identifier": _uuid(f"{one.kind} {one.source} {one.target}"),
            "associationType": _TYPES[one.kind],
            "originNodeURI": _node(uuids, names, one.source),
            "destinationNodeURI": _node(uuids, names, one.target),
            "lastChangeDateTime": now,
            _WEIGHT: one.weight,
        }
        for one in document.edges
    ]
    about = {"identifier": _uuid(title), "title": title, "lastChangeDateTime": now}
    package = {"CFDocument": about, "CFItems": items, "CFAssociations": links}
    return json.dumps(package, ensure_ascii=False, indent=1).encode()


def read(data: bytes) -> Document:
    """A CASE package's items and those of its associations that are edges here."""
    found = loads(data)
    if "CFItems" not in found:
        raise InvalidError("this is no CASE package: it has no CFItems", field="CFItems")
    items = listed(found, "CFItems")
    concepts: list[Any] = [_concept(one) for one in items]
    known = {one["id"] for one in concepts}
    edges: list[Any] = []
    for one in listed(found, "CFAssociations"):
        kind = _KINDS.get(str(one.get("associationType")))
        ends = [_end(one.get(name)) for name in ("originNodeURI", "destinationNodeURI")]
        # Of a package's associations some lead to its document, or to others'.
        if kind is None or not set(ends) <= known:
            continue
        weight = one.get(_WEIGHT, 1.0)
        edges.append({"kind": kind, "source": ends[0], "target": ends[1], "weight": weight})
    return checked(concepts, edges)


def _concept(item: dict[str, Any]) -> dict[str, Any]:
    whole = str(item.get("fullStatement", ""))
    name = str(item.get("abbreviatedStatement") or whole)[:NAME_LENGTH]
    uri = str(item.get("uri", ""))
    aliases = item.get("conceptKeywords")
    return {
        "id": str(item.get("identifier", "")),
        "name": name,
        "aliases": [one for one in aliases if isinstance(one, str)]
        if isinstance(aliases, list)
        else [],
        "description": "" if whole == name else whole,
        "language": item.get("language"),
        "external": {"case": uri} if uri and not uri.startswith("urn:uuid:") else {},
    }


def _node(uuids: dict[str, str], names: dict[str, str], concept: str) -> dict[str, str]:
    id_ = uuids[concept]
    return {"title": names[concept], "identifier": id_, "uri": f"urn:uuid:{id_}"}


def _end(node: Any) -> str:
    return str(node.get("identifier", "")) if isinstance(node, dict) else ""


def _uuid(name: str) -> str:
    """The identifier that CASE wants: ours are UUIDs, others get the same one each time."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(_SPACE, name))

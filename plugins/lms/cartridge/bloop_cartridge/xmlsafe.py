"""XML from outside: no document types, no entities, no network, bounded depth.

Elements are looked up by local name: the versions of Common Cartridge differ in their namespaces,
and exports mix them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Literal

from lxml import etree
from lxml.etree import _Element as Element

from bloop_cartridge.encoding import FORBIDDEN, decode, decode_pieces
from bloop_sdk.errors import HostileInputError, MalformedRecordError

Event = tuple[Literal["start", "end"], Element]
_DECLARATION = re.compile(r"\s*<\?xml[\s?][^>]{0,500}?\?>")
# QTI 1.2 came with a DTD: <!DOCTYPE questestinterop SYSTEM "ims_qtiasiv1p2.dtd">.
_DTD_NAMED = re.compile(
    r"""<!DOCTYPE\s+[\w:.-]{1,100}\s+(?:SYSTEM|PUBLIC\s+(?:"[^"<>\[]{0,500}"|'[^'<>\[]{0,500}'))"""
    r"""(?:\s+(?:"[^"<>\[]{0,500}"|'[^'<>\[]{0,500}'))?\s*>"""
)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31};)")
_XML_ENTITIES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_PROLOG = 64 * 1024


def local(element: Element) -> str:
    """An element's name without its namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def namespace(element: Element) -> str:
    """An element's namespace, or an empty string."""
    tag = element.tag
    return tag[1:].partition("}")[0] if isinstance(tag, str) and tag.startswith("{") else ""


def children(element: Element, name: str) -> Iterator[Element]:
    """The direct children of a name."""
    return (child for child in element if local(child) == name)


def child(element: Element | None, *path: str) -> Element | None:
    """The first descendant along a path of names, or None."""
    for name in path:
        if element is None:
            return None
        element = next(children(element, name), None)
    return element


def descendants(element: Element, *names: str) -> Iterator[Element]:
    """All elements below (and including) one that have one of these names."""
    return (found for found in element.iter("{*}*") if local(found) in names)


def text_of(element: Element | None, *path: str) -> str:
    """The text at a path, stripped; empty where there is none."""
    found = child(element, *path)
    return "" if found is None else "".join(found.itertext()).strip()


def markup_of(element: Element) -> str:
    """The text of an element with the markup in it, which ought to be escaped and is not always."""
    inner = (etree.tostring(part, encoding="unicode") for part in element)
    return (element.text or "") + "".join(inner)


def without_declaration(text: str) -> str:
    """The text without its XML declaration: after decoding, what it says is no longer true."""
    return _DECLARATION.sub("", text.removeprefix("\ufeff"), count=1)


def without_doctype(text: str, where: str) -> str:
    """The text without a document type that only names a DTD: nothing is fetched here.

    Raises HostileInputError for one that holds declarations itself: entities live there.
    """
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if text.startswith("<!--", at):
            close = "-->"
        elif text.startswith("<?", at):
            close = "?>"
        else:
            break
        end = text.find(close, at)
        if end < 0:
            break
        at = end + len(close)
    if found := _DTD_NAMED.match(text, at):
        return text[:at] + text[found.end() :]
    if text.startswith("<!", at):
        raise HostileInputError(
            f"{where}: it declares a document type, which could define entities",
            cure="remove the <!DOCTYPE ...> and import again",
        )
    return text


@lru_cache(maxsize=8)
def _deeper_than(levels: int) -> etree.XPath:
    return etree.XPath("boolean(" + "/*" * (levels + 1) + ")")


def parse_xml(data: bytes, where: str, max_depth: int) -> tuple[Element, list[str]]:
    """The root of a small document, and what had to be mended to read it.

    Raises MalformedRecordError, also for a document type: the record is at fault, not the file.
    """
    text, note = decode(data)
    notes = [note] if note else []
    text = without_declaration(text)
    try:
        text = without_doctype(text, where)
    except HostileInputError as err:
        raise MalformedRecordError(err.message, cure=err.cure) from err
    try:
        root = _parse(text)
    except etree.XMLSyntaxError as err:
        mended = _ENTITY.sub(_known_entity, FORBIDDEN.sub("", text))
        if mended == text:
            raise MalformedRecordError(f"{where}: not well-formed XML: {err}") from err
        notes.append(f"{where}: forbidden characters or HTML entities were replaced")
        try:
            root = _parse(mended)
        except etree.XMLSyntaxError as again:
            raise MalformedRecordError(f"{where}: not well-formed XML: {again}") from again
    if _deeper_than(max_depth)(root):
        raise MalformedRecordError(f"{where}: nested deeper than {max_depth} levels")
    return root, notes


def _parse(text: str) -> Element:
    return etree.fromstring(text.encode("utf-8", "replace"), _parser())


_SAFE: dict[str, Any] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
    "collect_ids": False,
}
"""How every document is parsed, whole or streamed: nothing is fetched, nothing expands."""


def _parser() -> etree.XMLParser:
    parser: etree.XMLParser = etree.XMLParser(**_SAFE)
    return parser


def _known_entity(found: re.Match[str]) -> str:
    name = found[1]
    if name in _XML_ENTITIES:
        return found[0]
    text = html.unescape(found[0])
    return found[0] if text == found[0] else html.escape(text, quote=False)


class _Utf8:
    """Text as a UTF-8 file for the parser, whatever its encoding was."""

    def __init__(self, pieces: Iterator[str], where: str) -> None:
        head = ""
        for piece in pieces:
            head += piece
            if len(head) >= _PROLOG:
                break
        head = without_declaration(head)
        head = without_doctype(head, where)
        self._buffer = head.encode("utf-8", "replace")
        self._pieces = pieces

    def read(self, size: int = -1, /) -> bytes:
        while len(self._buffer) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._buffer += piece.encode("utf-8", "replace")
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


def stream_xml(
    pieces: Iterator[bytes], encoding: str, where: str, max_depth: int
) -> Iterator[Event]:
    """The start and end of each element of a large document, in constant memory.

    What lies two levels below the root is forgotten after its end. Raises HostileInputError for a
    document type or too deep nesting, ``etree.XMLSyntaxError`` for broken XML.
    """
    source = _Utf8(decode_pieces(pieces, encoding), where)
    events = etree.iterparse(
        source,
        events=("start", "end"),
        **_SAFE,
    )
    depth = 0
    for event, element in events:
        if event == "start":
            depth += 1
            if depth > max_depth:
                raise HostileInputError(f"{where}: nested deeper than {max_depth} levels")
            yield "start", element
        else:
            depth -= 1
            yield "end", element


def forget(element: Element) -> None:
    """Free an element that has been read, and the siblings before it."""
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]

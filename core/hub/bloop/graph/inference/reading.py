"""From a document to blocks of plain text: headings, paragraphs, and what is marked as a term."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree
from lxml import html as lxml_html

from bloop.content.sanitise import words
from bloop.graph.inference.course import Document

MOST_CHARACTERS = 400_000
"""Of one document that are read: some 150 pages of a book."""
LONGEST_BLOCK = 20_000

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = words(
    "address article aside blockquote br caption dd details div dl dt figcaption figure footer "
    "header hr li main nav ol p section summary table tbody td th thead tr ul"
) | frozenset(_HEADINGS)
_UNREAD = words(
    "annotation audio button canvas code embed form iframe input math nav noscript object pre "
    "script select style svg template textarea video"
)
_MARKS = {"dfn": "dfn", "strong": "strong", "b": "strong", "em": "em", "i": "em", "dt": "dt"}
_MATHS = re.compile(
    r"\\\(.{0,300}?\\\)|\\\[.{0,1000}?\\\]|\$\$.{1,1000}?\$\$|\$[^\s$][^$\n]{0,200}?(?<=\S)\$(?!\d)",
    re.DOTALL,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|[^\s@]{1,64}@[^\s@]{1,190}")
_SPACES = re.compile(r"\s+")
BREAK = " ⁝ "
"""Stands for a formula or an address: no term goes across it."""


@dataclass(slots=True)
class Block:
    """A heading (``level`` 1 to 6), or text (0); ``marked`` are terms with how they are marked."""

    text: str
    level: int = 0
    marked: list[tuple[str, str]] = field(default_factory=list)
    item: str = ""
    """``dt``, ``dd``, ``li``, ``th`` or ``td``, where it is one."""


def blocks_of(document: Document) -> list[Block]:
    """What is read of a document; nothing where there is no text in it, whatever its markup."""
    if document.html.strip():
        return [one for one in _of_html(document.html[: 4 * MOST_CHARACTERS]) if one.text]
    return _of_text(document.text)


def _of_text(text: str) -> list[Block]:
    """Plain text, as of a file: paragraphs, and Markdown's headings."""
    made: list[Block] = []
    for paragraph in re.split(r"\n\s*\n|\n(?=#{1,6} )|(?<=\n)(?=[-*] )", text[:MOST_CHARACTERS]):
        found = re.match(r"(#{1,6}) +(.*)", paragraph)
        if found:
            made.append(Block(tidy(found[2]), len(found[1])))
        if clean := tidy(paragraph[found.end() :] if found else paragraph):
            made.append(Block(clean))
    return made


def tidy(text: str) -> str:
    """One line, without formulas, addresses and repeated spaces."""
    text = _ADDRESS.sub(BREAK, _MATHS.sub(BREAK, text[:LONGEST_BLOCK]))
    text = text.replace("\xad", "").replace("\u200b", "")
    return _SPACES.sub(" ", text).strip(" ⁝").replace("⁝ .", ".")


def _of_html(html: str) -> Iterator[Block]:
    try:
        root = lxml_html.fragment_fromstring(html, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        yield from _of_text(re.sub(r"<[^<>]*>", " ", html.replace("\x00", "")))
        return
    yield from _Reader().read(root)


class _Reader:
    """Walks a tree once; a block ends where the next one begins."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._marked: list[tuple[str, str]] = []
        self._open: list[tuple[str, int]] = []
        self._level = 0
        self._item = ""
        self._left = MOST_CHARACTERS

    def read(self, root: etree._Element) -> Iterator[Block]:
        """The blocks, in the order in which they stand."""
        skipping: etree._Element | None = None
        for event, element in etree.iterwalk(root, events=("start", "end")):
            tag = element.tag if isinstance(element.tag, str) else "script"
            if skipping is None:
                if event == "start" and (tag in _UNREAD or _hidden(element)):
                    skipping = element
                elif event == "start":
                    yield from self._start(tag, element.text or "")
                else:
                    yield from self._end(tag)
            if event == "end":
                if skipping is element:
                    skipping = None
                    self._add(BREAK)
                if skipping is None and element is not root:
                    self._add(element.tail or "")
            if self._left <= 0:
                break
        yield from self._close()

    def _start(self, tag: str, text: str) -> Iterator[Block]:
        if tag in _BLOCKS:
            yield from self._close()
            self._level = _HEADINGS.get(tag, 0)
            self._item = tag if tag in {"dt", "dd", "li", "td", "th"} else self._item
        if tag in _MARKS:
            self._open.append((_MARKS[tag], len(self._parts)))
        self._add(text)

    def _end(self, tag: str) -> Iterator[Block]:
        if tag in _MARKS and self._open:
            kind, start = self._open.pop()
            if text := tidy("".join(self._parts[start:])):
                self._marked.append((kind, text))
        if tag in _BLOCKS:
            yield from self._close()
            self._level, self._item = 0, ""

    def _add(self, text: str) -> None:
        if text:
            self._parts.append(text[: max(0, self._left)])
            self._left -= len(text)

    def _close(self) -> Iterator[Block]:
        text = tidy("".join(self._parts))
        if text:
            yield Block(text, self._level, self._marked, self._item)
        self._parts, self._marked = [], []
        self._open = [(kind, 0) for kind, _ in self._open]


def _hidden(element: etree._Element) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    return "hidden" in element.attrib or "display:none" in style

"""From a lesson's HTML to its blocks, in one pass that no nesting makes deep."""

from __future__ import annotations

import re

from lxml import etree
from lxml import html as lxml_html
from lxml.etree import _Element as Element

from bloop_outline import inline
from bloop_outline.blocks import (
    Block,
    Display,
    Entry,
    Figure,
    Glossary,
    Heading,
    Listing,
    Paragraph,
    Reveal,
    Rich,
    Source,
    names,
)
from bloop_outline.elements import Frame, equation_of, grid_of, is_hidden
from bloop_outline.mathml import latex_of

LONGEST_HTML = 8_000_000
"""Characters that are read; what comes later is left out."""
MOST_BLOCKS = 50_000

_UNREAD = names(
    "audio base button canvas embed form head iframe input link meta nav noscript object option "
    "script select style svg template textarea title video"
)
_BLOCKS = names(
    "address article aside blockquote body center div fieldset figure footer header hr html main "
    "p section table tbody tfoot thead"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NOTE_REFERENCE = re.compile(r"\s*\[?\d{1,3}\]?\s*\Z")


def read_html(html: str) -> list[Block]:
    """The blocks of a lesson; an empty list where there is nothing to be read."""
    parser = lxml_html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    try:
        root = lxml_html.document_fromstring(
            html[:LONGEST_HTML].encode("utf-8", "replace").decode(), parser=parser
        )
    except (etree.ParserError, ValueError):  # Nothing, or nothing but comments.
        return []
    reader = _Reader()
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        if not isinstance(element.tag, str):
            continue
        if event == "end":
            reader.end(element)
        elif not reader.start(element):
            walker.skip_subtree()
        if len(reader.blocks) > MOST_BLOCKS:
            break
    return reader.finish()


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._inline = inline.Inline()
        self._frames: list[Frame] = []
        self._figures: list[Figure] = []
        self._skipped: Element | None = None
        self._links = 0

    def finish(self) -> list[Block]:
        self._flush()
        while self._frames:
            self._close(self._frames[-1].tag)
        return self.blocks

    # What begins ---------------------------------------------------------------------------

    def start(self, element: Element) -> bool:
        """Enter an element; False where nothing within it is read."""
        tag = str(element.tag)
        if tag in _UNREAD or is_hidden(element):
            self._skipped = element
            return False
        if tag in {"math", "img", "pre", "sub", "sup"}:
            self._whole(tag, element)
            self._skipped = element
            return False
        if tag == "br":
            self._inline.put(" ")
        elif tag in {"b", "strong", "em", "i"}:
            self._inline.begin("bold" if tag in {"b", "strong"} else "italic")
        elif tag == "dfn":
            self._inline.begin("term")
        elif tag == "a":
            self._links += 1
        elif tag in _OPENED:
            self._flush()
            self._open(tag)
        elif tag in _BLOCKS:
            self._flush()
            if tag in {"figure", "table"}:
                self._open(tag)
        self._text(element.text, code=tag == "code")
        return True

    def _open(self, tag: str) -> None:
        if tag in _HEADINGS and self._in("table", "li"):
            return
        if tag == "li" and not (self._frames and self._frames[-1].tag in {"ul", "ol"}):
            self._close_until({"ul", "ol"})
            if not (self._frames and self._frames[-1].tag in {"ul", "ol"}):
                self._frames.append(Frame("ul"))
        if tag == "tr" and self._frames and self._in("table"):
            self._frames_of("table").rows.append([])
            return
        self._frames.append(Frame(tag))

    def _whole(self, tag: str, element: Element) -> None:
        """An element that is read at once."""
        if tag == "math":
            latex = inline.tidy(latex_of(element))
            block = element.get("display") == "block"
            if latex:
                self._inline.put(f"\ue000{latex}\ue001" if block else f"${latex}$")
        elif tag == "img":
            self._picture(element)
        elif tag == "pre":
            self._flush()
            self._code(element)
        else:
            self._script(tag, element)

    def _script(self, tag: str, element: Element) -> None:
        text = "".join(element.itertext()).strip()
        if _NOTE_REFERENCE.match(text) and element.find(".//a") is not None:
            return
        table = inline.SUBSCRIPTS if tag == "sub" else inline.SUPERSCRIPTS
        small = text.translate(table)
        if all(ord(sign) in table.values() or sign in "₊₋⁺⁻" for sign in small) or len(text) > 12:
            self._inline.put(small if len(text) <= 12 else text)
        else:
            fits = all(new != old for new, old in zip(small, text, strict=True))
            self._inline.put(small if fits else f"{'_' if tag == 'sub' else '^'}{text}")

    def _picture(self, element: Element) -> None:
        latex = equation_of(element)
        if latex:
            self._inline.put(f"${latex}$")
            return
        source, alt = element.get("src") or "", inline.plain(element.get("alt") or "")
        if source:
            self._figures.append(Figure(source, alt, inline.plain(element.get("title") or "")))

    def _code(self, element: Element) -> None:
        text = "".join(element.itertext())
        names = " ".join(one.get("class") or "" for one in (element, *element.iter("code")))
        named = re.search(r"\b(?:language|lang|brush:?)[-\s]*([\w+#.-]{1,20})", names)
        text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ue000-\uf8ff\ud800-\udfff]", "", text)
        text = text.expandtabs(4).strip("\n").rstrip()
        if text.strip():
            self._emit(Source(text, named[1].lower() if named else "text"))

    # What ends -----------------------------------------------------------------------------

    def end(self, element: Element) -> None:
        """Leave an element, and read on behind it."""
        tag = str(element.tag)
        if element is self._skipped:
            self._skipped = None
        elif tag in {"b", "strong", "em", "i"}:
            self._inline.end("bold" if tag in {"b", "strong"} else "italic")
        elif tag == "dfn":
            self._inline.end("term")
        elif tag == "a":
            self._links = max(0, self._links - 1)
        elif tag in _OPENED or tag in {"figure", "table"}:
            self._flush()
            self._close(tag)
        elif tag in _BLOCKS:
            self._flush()
        parent = element.getparent()
        self._text(element.tail, code=parent is not None and parent.tag == "code")

    def _text(self, text: str | None, *, code: bool = False) -> None:
        self._inline.add(text, linked=bool(self._links), verbatim=code)

    def _flush(self) -> None:
        """End the text that was gathered, where it belongs."""
        rich = self._inline.take()
        figures, self._figures = self._figures, []
        if rich.text:
            frame = next((one for one in reversed(self._frames) if one.tag in _GATHERS), None)
            if frame is not None and frame.tag != "details":
                frame.texts.append(rich)
            else:
                for piece in inline.displays(rich):
                    self._emit(piece if isinstance(piece, Display) else Paragraph(piece))
        for figure in figures:
            self._emit(figure)

    def _emit(self, block: Block) -> None:
        for frame in self._frames:
            if frame.tag == "details":
                continue
            if frame.tag in {"ul", "ol", "table", "dl", "figure"}:
                frame.late.append(block)
                return
        for frame in reversed(self._frames):
            if frame.tag == "details":
                frame.blocks.append(block)
                return
        self.blocks.append(block)

    def _in(self, *tags: str) -> bool:
        return any(frame.tag in tags for frame in self._frames)

    def _frames_of(self, tag: str) -> Frame:
        return next(frame for frame in reversed(self._frames) if frame.tag == tag)

    def _close_until(self, tags: set[str]) -> None:
        """Close list entries that were left open, as HTML allows."""
        while self._frames and self._frames[-1].tag in {"li", "dt", "dd"}:
            if self._frames[-1].tag in tags:
                return
            self._close(self._frames[-1].tag)

    def _close(self, tag: str) -> None:
        if tag == "tr" or not self._in(tag):
            return
        while self._frames:
            frame = self._frames.pop()
            self._closed(frame)
            if frame.tag == tag:
                return

    def _closed(self, frame: Frame) -> None:
        match frame.tag:
            case "ul" | "ol":
                self._close_list(frame)
            case "li":
                self._close_entry(frame)
            case "dl":
                self._close_glossary(frame)
            case "table":
                self._close_table(frame)
            case "td" | "th":
                self._close_cell(frame)
            case "figure":
                self._close_figure(frame)
            case "details":
                self._emit(Reveal(frame.term, tuple(frame.blocks)))
            case _:
                self._close_text(frame)

    def _close_text(self, frame: Frame) -> None:
        rich = frame.joined()
        parent = self._frames[-1] if self._frames else None
        if not rich.text:
            return
        if frame.tag in _HEADINGS:
            self._emit(Heading(_HEADINGS[frame.tag], rich.text))
        elif parent is None:
            self._emit(Paragraph(rich))
        elif frame.tag in {"figcaption", "caption"}:
            parent.caption = rich.text
        elif frame.tag in {"summary", "dt"}:
            parent.term = rich.text
        elif frame.tag == "dd" and parent.term:
            parent.pairs.append((parent.term, rich))
            parent.term = ""

    def _close_cell(self, frame: Frame) -> None:
        parent = self._frames[-1] if self._frames else None
        if parent is not None and parent.tag == "table":
            if not parent.rows:
                parent.rows.append([])
            parent.rows[-1].append((frame.joined().text, frame.tag == "th"))

    def _close_entry(self, frame: Frame) -> None:
        parent = self._frames[-1]
        rich = frame.joined()
        if rich.text or frame.inner:
            parent.entries.append(Entry(rich, tuple(frame.inner)))

    def _close_list(self, frame: Frame) -> None:
        outer = next((one for one in reversed(self._frames) if one.tag in {"li", "td", "th"}), None)
        if outer is not None:
            inner = [entry.rich for entry in frame.entries if entry.rich.text]
            if outer.tag == "li":
                outer.inner.extend(inner)
            else:
                outer.texts.append(Rich("; ".join(one.text for one in inner)))
            self._late(frame)
            return
        if frame.entries:
            self._emit(Listing(tuple(frame.entries), frame.tag == "ol"))
        self._late(frame)

    def _close_glossary(self, frame: Frame) -> None:
        if frame.pairs:
            self._emit(Glossary(tuple(frame.pairs)))
        self._late(frame)

    def _close_table(self, frame: Frame) -> None:
        grid = grid_of(frame)
        if grid is not None:
            self._emit(grid)
        else:
            for row in frame.rows:
                for text, _ in row:
                    if text:
                        self._emit(Paragraph(Rich(text)))
        self._late(frame)

    def _close_figure(self, frame: Frame) -> None:
        for block in frame.late:
            if isinstance(block, Figure) and frame.caption:
                self._emit(Figure(block.source, block.alt, frame.caption))
            else:
                self._emit(block)
        for rich in frame.texts:
            self._emit(Paragraph(inline.inlined(rich)))

    def _late(self, frame: Frame) -> None:
        for block in frame.late:
            self._emit(block)


_OPENED = names("caption dd details dl dt figcaption li ol summary td th tr ul") | _HEADINGS.keys()
_GATHERS = names("caption dd details dt figcaption li summary td th") | _HEADINGS.keys()

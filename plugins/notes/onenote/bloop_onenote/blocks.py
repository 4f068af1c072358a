"""A page as blocks in reading order, each with its HTML, its Markdown and what it is called there.

A block is what can be replaced in OneNote at once: a paragraph, a heading, a list, a table. Of an
unchanged block a write touches nothing, so that it keeps what Markdown cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lxml import html as lxml_html
from markdownify import ATX, MarkdownConverter

from bloop_onenote.cleaning import (
    DONE,
    Found,
    boxes,
    cleaned,
    code_of,
    is_code,
    shown,
    written,
)
from bloop_onenote.html import Element, body_of, normalised, parse, placed, settle, styles, title_of

_LISTS = frozenset({"ul", "ol"})
_RICH = frozenset({"color", "font-size", "text-align"})
_BESIDE = frozenset({"img", "object", "iframe"})
_INLINE = frozenset(
    {"a", "b", "cite", "del", "em", "font", "i", "span", "strong", "sub", "sup", "u"}
)


# A backslash, code, emphasis, links, HTML, entities, strikethrough, highlights and comments, tags.
_MEANT = re.compile(
    r"[\\`*\[\]]|(?<![^\W_])_|_(?![^\W_])|<(?=[A-Za-z/!?])|&(?=#?\w{1,32};)|~(?=~)|=(?==)"
    r"|%(?=%)|(?<!\S)#(?=[\w/-])|(?<!\S)\^(?=[A-Za-z0-9-]+\s*\Z)"
)
_FIRST = re.compile(
    r"^(\s*(?:\d{1,9}(?=[.)](?:\s|$)))?)(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|-(?=-)|=(?=$)|[.)](?=\s|$))"
)
"""What begins headings, points, quotations and rules, where a text begins."""


@dataclass(slots=True)
class Block:
    """``ids`` are those of its elements, of which the first stands for it; ``outline`` its div's.

    ``kind`` is of ``text list task code table embed``. What is ``fixed`` stands freely on the page,
    where Graph changes nothing. What is ``rich`` has colours, fonts or tags.
    """

    kind: str
    html: str
    markdown: str
    ids: tuple[str, ...] = ()
    outline: str | None = None
    fixed: bool = False
    rich: bool = False

    @property
    def key(self) -> str:
        """What two Markdown texts of the same block have in common."""
        return key_of(self.markdown)


@dataclass(frozen=True, slots=True)
class Document:
    """A page's content; ``outlines`` are the ids of its divs from top to bottom."""

    title: str
    blocks: list[Block]
    outlines: list[str]
    found: Found
    normal: str
    root: Element

    @property
    def html(self) -> str:
        """All blocks as HTML."""
        return "\n".join(_grouped(self.blocks))

    @property
    def markdown(self) -> str:
        """All blocks as Markdown."""
        return joined(self.blocks)


def read(text: str, page: str, note_of: Callable[[str], str | None]) -> Document:
    """A page's HTML, as Graph answers it; raises MalformedRecordError."""
    root = parse(text)
    settle(root)
    found = Found(page, note_of)
    blocks: list[Block] = []
    outlines = []
    for one in placed(body_of(root)):
        if not isinstance(one.tag, str):
            continue
        if one.tag == "div" and one.get("id"):
            outlines.append(one.get("id", ""))
        blocks += _blocks_of(one, found)
    merged = _merged(blocks)
    return Document(title_of(root), merged, outlines, found, normalised(root), root)


def joined(blocks: list[Block]) -> str:
    """Blocks as one Markdown text."""
    parts: list[str] = []
    before = ""
    for block in blocks:
        tight = block.kind == "task" and before in {"task", "list"}
        parts += [("\n" if tight else "\n\n") if parts else "", block.markdown]
        before = block.kind
    return "".join(parts)


def key_of(markdown: str) -> str:
    """A block's Markdown without what does not matter: blank lines and numbers of items."""
    lines = [line.rstrip() for line in markdown.strip().split("\n")]
    found = []
    for line in lines:
        number, dot, rest = line.lstrip().partition(". ")
        indent = line[: len(line) - len(line.lstrip())]
        found.append(f"{indent}1. {rest}" if dot and number.isdecimal() else line)
    return "\n".join(line for line in found if line)


def _blocks_of(element: Element, found: Found, outline: str | None = None) -> Iterator[Block]:
    """The blocks of what stands on the page, or in one of its outlines."""
    if element.tag == "div":
        outline = outline or element.get("id")
        yield from _loose(element.text, outline, found)
        for child in element:
            if isinstance(child.tag, str):
                yield from _blocks_of(child, found, outline)
            yield from _loose(child.tail, outline, found)
        return
    block = _block(element, found)
    if block is not None:
        block.outline = outline
        block.ids = (element.get("id", ""),) if element.get("id") else ()
        block.fixed = styles(element).get("position") == "absolute" or not block.ids
        block.rich = any(map(_is_rich, element.iter()))
        yield block


def _loose(text: str | None, outline: str | None, found: Found) -> Iterator[Block]:
    """Text that stands in an outline by itself."""
    if text and text.strip():
        paragraph = lxml_html.Element("p")
        paragraph.text = text.strip()
        block = _block(paragraph, found)
        if block is not None:
            block.outline, block.fixed = outline, True
            yield block


def _block(element: Element, found: Found) -> Block | None:
    """A block, unless it says nothing."""
    if element.tag in {"p", "pre"} and is_code(element):
        code = code_of(element)
        return _code(code) if code.strip() else None
    task = element.tag == "p" and boxes(element, found)
    holder = cleaned(element, found)
    html = _serialised(holder)
    markdown = _CONVERTER.convert(html).strip("\n ")
    if not markdown:
        return None
    if task:
        inner = " ".join(written(markdown, found).split())
        mark = "x" if task == DONE else " "
        inner_html = _serialised(holder[0])
        html = f"<li>{'☑' if task == DONE else '☐'} {shown(inner_html, found)}</li>"
        return Block("task", html, f"- [{mark}] {inner}")
    kind = "list" if element.tag in _LISTS else "text"
    kind = "table" if element.tag == "table" else "embed" if element.tag in _BESIDE else kind
    if element.tag in _BESIDE | _INLINE:
        html = f"<p>{html}</p>"
    return Block(kind, shown(html, found), written(markdown, found))


def _is_rich(element: Element) -> bool:
    """Whether an element says what Markdown has no word for."""
    if not isinstance(element.tag, str):
        return False
    tags = {tag.strip().partition(":")[0] for tag in element.get("data-tag", "").split(",")}
    return bool(tags - {"", "to-do"}) or bool(_RICH & styles(element).keys())


def _code(code: str) -> Block:
    fence = "```"
    while fence in code:
        fence += "`"
    holder = lxml_html.Element("pre")
    inner = lxml_html.Element("code")
    inner.text = code
    holder.append(inner)
    html = lxml_html.tostring(holder, encoding="unicode")
    return Block("code", html, f"{fence}\n{code}\n{fence}")


def _serialised(holder: Element) -> str:
    """What is in an element."""
    parts = [holder.text or ""]
    parts += [lxml_html.tostring(one, encoding="unicode") for one in holder]
    text = parts[0].replace("&", "&amp;").replace("<", "&lt;") + "".join(parts[1:])
    return text.strip()


def _merged(blocks: list[Block]) -> list[Block]:
    """Code of several paragraphs as one block, and lists that Markdown could not tell apart."""
    merged: list[Block] = []
    for block in blocks:
        before = merged[-1] if merged else None
        same = before is not None and before.kind == block.kind and before.outline == block.outline
        if before is not None and same and block.kind == "code":
            code = _code(f"{_inner(before)}\n{_inner(block)}")
            before.html, before.markdown = code.html, code.markdown
            before.ids += block.ids
            before.fixed |= block.fixed
            before.rich |= block.rich
        elif before is not None and same and _same_list(before, block):
            before.html = f"{before.html}\n{block.html}"
            before.markdown = f"{before.markdown}\n{block.markdown}"
            before.ids += block.ids
            before.fixed |= block.fixed
            before.rich |= block.rich
        else:
            merged.append(block)
    return merged


def _inner(block: Block) -> str:
    return "\n".join(block.markdown.split("\n")[1:-1])


def _same_list(one: Block, other: Block) -> bool:
    ordered = [not block.markdown.startswith("-") for block in (one, other)]
    return one.kind == "list" and ordered[0] == ordered[1]


def _grouped(blocks: list[Block]) -> Iterator[str]:
    """Blocks as HTML, tasks that follow each other in one list."""
    tasks: list[str] = []
    for block in blocks:
        if block.kind == "task":
            tasks.append(block.html)
            continue
        if tasks:
            yield f"<ul>{''.join(tasks)}</ul>"
            tasks = []
        yield block.html
    if tasks:
        yield f"<ul>{''.join(tasks)}</ul>"


class _Converter(MarkdownConverter):
    """The dialect's Markdown: highlights, and HTML for what Markdown has no word for."""

    def escape(self, text: str, parent_tags: set[str]) -> str:
        """Text that means something in Markdown, with backslashes; no more of them than needed."""
        text = _MEANT.sub(r"\\\g<0>", text)
        if parent_tags & {"td", "th"}:
            text = text.replace("|", "\\|")
        return _FIRST.sub(r"\1\\\2", text)

    def convert_img(self, el: Any, text: str, parent_tags: set[str]) -> str:
        """An image, also in a heading or a cell."""
        del text
        alt = self.escape(el.get("alt") or "", parent_tags).replace("\n", " ")
        return f"![{alt}]({el.get('src') or ''})"

    def convert_mark(self, _el: object, text: str, parent_tags: set[str]) -> str:
        """A highlight; one within another says nothing more."""
        return text if not text.strip() or "mark" in parent_tags else f"=={text.strip()}=="

    def convert_del(self, _el: object, text: str, parent_tags: set[str]) -> str:
        """The same; two beginnings of one would be a fence of code."""
        return text if not text.strip() or "del" in parent_tags else f"~~{text.strip()}~~"

    def convert_u(self, _el: object, text: str, parent_tags: set[str]) -> str:
        """Underlined text, for which Markdown has no word."""
        del parent_tags
        return f"<u>{text}</u>" if text.strip() else text


_CONVERTER = _Converter(
    heading_style=ATX,
    bullets="-",
    escape_asterisks=False,
    sub_symbol="<sub>",
    sup_symbol="<sup>",
    table_infer_header=True,
)

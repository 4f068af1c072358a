"""Formatted text as Notion takes it: rich text, in pieces of 2,000 characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from mimetypes import MimeTypes
from typing import Any
from urllib.parse import unquote

from markdown_it.tree import SyntaxTreeNode

from bloop_notion.fields import address_of, dashed
from bloop_sdk import Kind
from bloop_sdk.records import JSONObject

MOST = 2000
"""Characters of one text, or of an address, as Notion takes them; it counts UTF-16's units.

https://developers.notion.com/reference/request-limits
"""
MOST_PARTS = 100
MOST_FORMULA = 1000
_ADDRESS = re.compile(r"https?://[^\s/?#]|mailto:\S|tel:\S")
_TYPES = MimeTypes()
_TAGS = {
    "u": "underline",
    "ins": "underline",
    "mark": "marked",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "s": "strikethrough",
    "del": "strikethrough",
}
_WRAPS = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_WIKI = re.compile(r"\[\[([^\[\]|\n]{1,300})(?:\|([^\[\]|\n]{1,300}))?\]\]")
_HTML = re.compile(r"<(/?)([a-z]+)\s*/?>\Z", re.IGNORECASE)

Part = tuple[str, str, Mapping[str, Any]]
"""``text`` or ``equation``, its content, and its marks."""


@dataclass(slots=True)
class Target:
    """What a text is written for: names of files by remote ids, and what cannot be said there."""

    newest: bool = True
    names: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    """Notes by the texts of ``[[links]]`` to them."""
    losses: dict[str, None] = field(default_factory=dict)

    def lose(self, what: str) -> None:
        """Name what Notion cannot take; once is enough."""
        self.losses[what] = None

    def file_of(self, url: str) -> str | None:
        """The remote id of a file that an address means."""
        head = f"bloop:{Kind.FILE}:"
        return unquote(url.removeprefix(head)) if url.startswith(head) else None

    def name_of(self, file: str) -> str:
        """A file's name; empty for one that nobody knows."""
        return self.names.get(file, "")

    def kind_of(self, file: str, *, image: bool) -> str:
        """The kind of block that shows a file."""
        family = (_TYPES.guess_type(self.name_of(file), strict=False)[0] or "").partition("/")
        if image or family[0] == "image":
            return "image"
        if family[0] in {"video", "audio"}:
            return family[0]
        return "pdf" if family[2] == "pdf" else "file"

    def rich(self, nodes: Sequence[SyntaxTreeNode], skip: int = 0) -> list[JSONObject]:
        """Inline Markdown as rich text, without its first ``skip`` characters."""
        parts = list(_parts(nodes, {}, self))
        if skip and parts:
            kind, said, marks = parts[0]
            parts[0] = (kind, said[skip:], marks)
            while parts and parts[0][1].lstrip("\n") == "":
                parts.pop(0)
        return rich_text(_highlighted(list(self._linked(parts))), self)

    def _linked(self, parts: Iterable[Part]) -> Iterable[Part]:
        """``[[Title]]`` and ``[[Title|text]]`` as links, where it is known to which note."""
        for kind, said, marks in _merged(parts):
            if kind != "text" or marks.get("code") or "[[" not in said:
                yield kind, said, marks
                continue
            place = 0
            for found in _WIKI.finditer(said):
                label = (found[2] or found[1]).strip()
                note = self.titles.get(label)
                if note is not None:
                    href = self.link(f"bloop:{Kind.NOTE}:{note}")
                    yield kind, said[place : found.start()], marks
                    yield kind, label, {**marks, "href": href}
                    place = found.end()
            yield kind, said[place:], marks

    def link(self, href: str) -> str | None:
        """An address as Notion takes it; None where it takes none."""
        if href.startswith(f"bloop:{Kind.NOTE}:"):
            page = dashed(unquote(href.rpartition(":")[2].partition("#")[0]))
            return address_of(page.replace("-", "")) if page else None
        if is_address(href):
            return href
        self.lose(f"a link to {href[:100]!r}")
        return None


def _parts(
    nodes: Iterable[SyntaxTreeNode], marks: Mapping[str, Any], target: Target
) -> Iterable[Part]:
    opened: dict[str, Any] = {}
    for node in nodes:
        now = {**marks, **opened}
        match node.type:
            case "text" | "text_special":
                yield "text", node.content, now
            case "code_inline":
                yield "text", node.content, {**now, "code": True}
            case "math_inline":
                yield "equation", node.content, now
            case "softbreak" | "hardbreak":
                yield "text", "\n", now
            case "strong" | "em" | "s":
                yield from _parts(node.children, {**now, _WRAPS[node.type]: True}, target)
            case "link":
                href = target.link(str(node.attrs.get("href", "")))
                yield from _parts(node.children, {**now, "href": href} if href else now, target)
            case "image":
                target.lose("pictures within a text")
                yield "text", node.content or "picture", now
            case "html_inline":
                yield from _tag(node.content, opened, now)
            case _:
                yield "text", node.content, now


def _tag(written: str, opened: dict[str, Any], now: Mapping[str, Any]) -> Iterable[Part]:
    """A tag that Notion has a mark for, or its text."""
    found = _HTML.match(written)
    name = found[2].lower() if found else ""
    if name == "br":
        yield "text", "\n", now
    elif found is not None and name in _TAGS:
        if found[1]:
            opened.pop(_TAGS[name], None)
        else:
            opened[_TAGS[name]] = True
    else:
        yield "text", written, now


def _highlighted(parts: Sequence[Part]) -> list[Part]:
    """``==`` begins and ends a highlight, where there are two of them."""
    total = sum(
        said.count("==") for kind, said, marks in parts if kind == "text" and not marks.get("code")
    )
    if total < 2:
        return list(parts)
    left, on = total - total % 2, False
    made: list[Part] = []
    for kind, said, marks in parts:
        if kind != "text" or marks.get("code"):
            made.append((kind, said, {**marks, "marked": True} if on else marks))
            continue
        pieces = said.split("==")
        for number, piece in enumerate(pieces):
            if number and left:
                on, left = not on, left - 1
            elif number:
                piece = f"=={piece}"  # noqa: PLW2901
            if piece:
                made.append((kind, piece, {**marks, "marked": True} if on else marks))
    return made


def is_address(url: str) -> bool:
    """Whether Notion takes an address: it refuses a whole request for one that is none."""
    return bool(_ADDRESS.match(url)) and units(url) <= MOST


def rich_text(parts: Iterable[Part], target: Target) -> list[JSONObject]:
    """Parts as Notion's rich text, within its limits."""
    made: list[JSONObject] = []
    for kind, said, marks in _merged(parts):
        notes: JSONObject = {name: True for name in _NOTES if marks.get(name)}
        if marks.get("marked"):
            notes["color"] = "yellow_background"
        if kind == "equation" and units(said) <= MOST_FORMULA:
            made.append(
                {"type": "equation", "equation": {"expression": said}, "annotations": notes}
            )
            continue
        if kind == "equation":
            target.lose(f"a formula of more than {MOST_FORMULA:,} characters, kept as its LaTeX")
            said = f"${said}$"  # noqa: PLW2901
        for piece in _cut(said):
            content: JSONObject = {"content": piece}
            if marks.get("href"):
                content["link"] = {"url": marks["href"]}
            made.append({"type": "text", "text": content, "annotations": notes})
    return made if len(made) <= MOST_PARTS else _fewer(made, target)


def _fewer(made: Sequence[JSONObject], target: Target) -> list[JSONObject]:
    """A rich text of no more parts than Notion takes: its end without its marks."""
    said = [
        one["text"]["content"] if one["type"] == "text" else f"${one['equation']['expression']}$"
        for one in made
    ]
    rest: list[str] = []
    for kept in range(MOST_PARTS - 1, -1, -1):
        rest = list(_cut("".join(said[kept:])))
        if kept + len(rest) <= MOST_PARTS:
            break
    if kept < len(made) - len(rest):
        target.lose(f"the marks and links at the end of a text of more than {MOST_PARTS} parts")
    return [*made[:kept], *({"type": "text", "text": {"content": one}} for one in rest)]


def units(said: str) -> int:
    """The length of a text as Notion counts it."""
    return len(said) + sum(one > "\uffff" for one in said)


def _cut(said: str) -> Iterator[str]:
    """A text in pieces that Notion takes, no character of it in halves."""
    start = size = 0
    for place, one in enumerate(said):
        more = 2 if one > "\uffff" else 1
        if size + more > MOST:
            yield said[start:place]
            start, size = place, 0
        size += more
    if start < len(said):
        yield said[start:]


_NOTES = ("bold", "italic", "strikethrough", "underline", "code")


def _merged(parts: Iterable[Part]) -> list[Part]:
    made: list[Part] = []
    for kind, said, marks in parts:
        if made and kind == "text" and made[-1][0] == kind and made[-1][2] == marks:
            made[-1] = (kind, made[-1][1] + said, marks)
        elif said:
            made.append((kind, said, marks))
    return made

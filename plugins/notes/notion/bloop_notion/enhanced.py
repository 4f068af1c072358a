"""Notion's own Markdown (``GET /pages/{id}/markdown``) as blocks.

Lines are blocks, tabs nest them, and tags stand for what Markdown lacks:
https://developers.notion.com/guides/data-apis/enhanced-markdown
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bloop_notion import spans
from bloop_notion.blocks import database_url
from bloop_notion.fields import block_of_url, dashed, linked_id
from bloop_notion.model import Block, Making, is_hosted, name_of

_ATTRIBUTES = re.compile(r"\s*(?<!\\)\{((?:\s*[\w-]+=\"[^\"]*\")+\s*)\}\s*\Z")
_TAG = re.compile(r"<(?P<name>[\w-]+)(?P<told>(?:\s+[\w-]+=\"[^\"]*\")*)\s*(?P<end>/)?>")
_FENCED_DIV = re.compile(r":{3,}\s*callout\s*(?:\{(?P<told>[^}]*)\})?\s*\Z")
_FENCE = re.compile(r"(`{3,})([^`]*)\Z")
_HEADING = re.compile(r"(#{1,6})\s+(.*)\Z", re.DOTALL)
_TO_DO = re.compile(r"- \[( |x|X)\](?:\s+(.*))?\Z", re.DOTALL)
_BULLET = re.compile(r"[-*+](?:\s+(.*))?\Z", re.DOTALL)
_NUMBER = re.compile(r"\d+[.)](?:\s+(.*))?\Z", re.DOTALL)
_IMAGE = re.compile(r"!\[((?:\\.|[^\]\\])*)\]\((\S+?)\)\Z")
_CELL = re.compile(r"<td(?:\s[^>]*)?>(.*?)</td>", re.DOTALL)
_ROW = re.compile(r"<tr(?:\s[^>]*)?>(.*?)</tr>", re.DOTALL)
_CONTAINERS = {
    "details": "toggle",
    "callout": "callout",
    "columns": "column_list",
    "column": "column",
    "synced_block": "synced_block",
    "synced_block_reference": "synced_block",
    "meeting-notes": "group",
    "table": "table",
    "summary": "group",
    "notes": "group",
    "transcript": "group",
}
_MEDIA = {"audio", "video", "file", "pdf", "image"}


def parse(markdown: str, making: Making) -> list[Block]:
    """The blocks of a page."""
    return _Parser(making).blocks(markdown.split("\n"))


class _Parser:
    def __init__(self, making: Making) -> None:
        self._making = making

    def blocks(self, lines: Sequence[str]) -> list[Block]:
        """Lines, whose least indentation is none, as blocks."""
        lines = _dedented(lines)
        found: list[Block] = []
        place = 0
        while place < len(lines):
            line = lines[place]
            if not line.strip():
                place += 1
                continue
            block, place = self._block(lines, place)
            if block is not None:
                found.append(block)
        return found

    def _block(self, lines: Sequence[str], place: int) -> tuple[Block | None, int]:
        line = lines[place].strip()
        if fence := _FENCE.match(line):
            return self._code(lines, place, fence)
        if line == "$$":
            return self._equation(lines, place)
        if div := _FENCED_DIV.match(line):
            return self._div(lines, place, div)
        if tag := _TAG.match(line):
            made = self._tagged(lines, place, tag)
            if made is not None:
                return made
        block = self._line(line)
        end = place + 1
        while end < len(lines) and (lines[end].startswith("\t") or not lines[end].strip()):
            end += 1
        block.children = self.blocks(lines[place + 1 : end])
        return block, end

    # -- blocks over lines

    def _code(self, lines: Sequence[str], place: int, fence: re.Match[str]) -> tuple[Block, int]:
        end = place + 1
        while end < len(lines) and lines[end].strip() != fence[1]:
            end += 1
        code = "\n".join(lines[place + 1 : end])
        language = fence[2].strip()
        return Block("code", told={"code": code, "language": language}), end + 1

    def _equation(self, lines: Sequence[str], place: int) -> tuple[Block, int]:
        end = place + 1
        while end < len(lines) and lines[end].strip() != "$$":
            end += 1
        latex = "\n".join(lines[place + 1 : end])
        return Block("equation", told={"latex": latex}), end + 1

    def _div(self, lines: Sequence[str], place: int, div: re.Match[str]) -> tuple[Block, int]:
        end, depth = place + 1, 1
        while end < len(lines):
            line = lines[end].strip()
            depth += bool(_FENCED_DIV.match(line)) - bool(re.fullmatch(r":{3,}", line))
            if not depth:
                break
            end += 1
        inner = self.blocks(lines[place + 1 : end])
        return self._callout(inner, spans.attributes(div["told"])), end + 1

    def _callout(self, inner: list[Block], told: dict[str, str]) -> Block:
        """The first paragraph within is the callout's own text."""
        self._coloured(told)
        block = Block("callout", told={"icon": _emoji(told.get("icon", ""))})
        if told.get("icon") and not block.told["icon"]:
            self._making.lose("pictures as icons")
        if inner and inner[0].type == "paragraph" and not inner[0].children:
            block.text, inner = inner[0].text, inner[1:]
        block.children = inner
        return block

    def _tagged(
        self, lines: Sequence[str], place: int, tag: re.Match[str]
    ) -> tuple[Block | None, int] | None:
        """A block that is a tag; None where the tag is part of a text."""
        name, told = tag["name"], spans.attributes(tag["told"])
        line = lines[place].strip()
        if name in {"span", "br"} or name.startswith("mention-"):
            return None
        if name in _CONTAINERS and not tag["end"]:
            body, end = _body_of(lines, place, name, tag)
            return self._container(name, told, body), end
        closing = f"</{name}>"
        if tag["end"] and tag.end() == len(line):
            return self._empty(name, told), place + 1
        if line.endswith(closing) and name in {*_MEDIA, "page", "database", "unknown"}:
            inside = line[tag.end() : -len(closing)]
            return self._titled(name, told, inside), place + 1
        return None

    def _container(self, name: str, told: dict[str, str], body: list[str]) -> Block:
        self._coloured(told)
        if name == "table":
            return self._table(told, body)
        if name == "callout":
            return self._callout(self.blocks(body), told)
        block = Block(_CONTAINERS[name])
        if name == "meeting-notes":
            self._making.lose("recordings of meetings")
        if name == "details":
            block.text, body = self._summary(body)
        block.children = self.blocks(body)
        return block

    def _summary(self, body: list[str]) -> tuple[str, list[str]]:
        whole = "\n".join(body)
        found = re.search(r"<summary>(.*?)</summary>", whole, re.DOTALL)
        if found is None:
            return "", body
        rest = whole[: found.start()] + whole[found.end() :]
        return self._text(found[1].strip()), rest.split("\n")

    def _table(self, told: dict[str, str], body: list[str]) -> Block:
        if told.get("header-column") == "true":
            self._making.lose("header columns of tables")
        block = Block("table", told={"header": told.get("header-row") == "true"})
        whole = "\n".join(body)
        if "color=" in whole:
            self._making.lose("colours of blocks")
        for row in _ROW.findall(whole):
            cells = [self._text(cell.strip(), breaks="<br>") for cell in _CELL.findall(row)]
            block.children.append(Block("table_row", told={"cells": cells}))
        return block

    # -- blocks of one line

    def _empty(self, name: str, told: dict[str, str]) -> Block | None:
        self._coloured(told)
        match name:
            case "empty-block":
                return None
            case "table_of_contents":
                return Block("table_of_contents")
            case "unknown":
                url = told.get("url", "").strip("{}")
                return Block("unknown", id=block_of_url(url), told={"alt": told.get("alt", "")})
            case _ if name in {*_MEDIA, "page", "database"}:
                return self._titled(name, told, "")
        self._making.lose(f"a block of the type {name[:60]!r}")
        return None

    def _titled(self, name: str, told: dict[str, str], inside: str) -> Block:
        self._coloured(told)
        url = (told.get("url") or told.get("src") or "").strip("{}")
        label = self._text(inside, breaks=" ")
        if name == "unknown":
            return Block("unknown", id=block_of_url(url), told={"alt": told.get("alt", "")})
        if name == "page":
            page = self._making.note(linked_id(url) or "") or url
            return Block("link", label or "page", told={"url": page})
        if name == "database":
            found = linked_id(url) or dashed(url)
            address = database_url(found) if found else url
            return Block("link", label or "database", told={"url": address})
        return self._media(name, url, label)

    def _media(self, kind: str, url: str, label: str) -> Block:
        address = self._making.file(url) if is_hosted(url) else self._making.link(url)
        return Block(kind, label, told={"url": address, "name": name_of(url)})

    def _line(self, line: str) -> Block:
        told: dict[str, str] = {}
        if found := _ATTRIBUTES.search(line):
            told, line = spans.attributes(found[1]), line[: found.start()]
        self._coloured(told)
        if line == "---":
            return Block("divider")
        if image := _IMAGE.match(line):
            return self._media("image", image[2].strip("{}"), self._text(image[1], breaks=" "))
        if heading := _HEADING.match(line):
            level = min(len(heading[1]), 4)
            block = Block(f"heading_{level}", self._text(heading[2], breaks=" "))
            block.told["toggle"] = told.get("toggle") == "true"
            return block
        for pattern, kind in _ITEMS:
            if item := pattern.match(line):
                block = Block(kind, self._text(item[item.re.groups] or ""))
                if kind == "to_do":
                    block.told["checked"] = item[1] in {"x", "X"}
                return block
        return Block("paragraph", self._text(line))

    def _text(self, written: str, *, breaks: str = "\\\n") -> str:
        return spans.markdown(spans.of_enhanced(written, self._making), breaks=breaks)

    def _coloured(self, told: dict[str, str]) -> None:
        if told.get("color", "default") != "default":
            self._making.lose("colours of blocks")


_ITEMS = (
    (_TO_DO, "to_do"),
    (_BULLET, "bulleted_list_item"),
    (_NUMBER, "numbered_list_item"),
    (re.compile(r">(?:\s+(.*))?\Z", re.DOTALL), "quote"),
)


def _emoji(icon: str) -> str:
    return "" if "/" in icon or icon.startswith(":") else icon


def _body_of(
    lines: Sequence[str], place: int, name: str, tag: re.Match[str]
) -> tuple[list[str], int]:
    """The lines within a tag that is closed on its own line, or by one of the same name."""
    closing = f"</{name}>"
    rest = lines[place].strip()[tag.end() :]
    if rest.endswith(closing):
        return [rest[: -len(closing)]], place + 1
    body, depth, end = [rest] if rest else [], 1, place + 1
    opening = re.compile(rf"<{re.escape(name)}(?=[\s>])")
    while end < len(lines):
        line = lines[end].strip()
        depth += bool(opening.match(line)) and not line.endswith(closing)
        depth -= line == closing
        if not depth:
            return body, end + 1
        body.append(lines[end])
        end += 1
    return body, end


def _dedented(lines: Sequence[str]) -> list[str]:
    """Lines without the tabs that all of them begin with."""
    depths = [len(line) - len(line.lstrip("\t")) for line in lines if line.strip()]
    least = min(depths, default=0)
    return [line[least:] if line.strip() else "" for line in lines]


def unknown_in(blocks: Sequence[Block]) -> list[Block]:
    """The blocks that Notion could not write as Markdown, wherever they stand."""
    found: list[Block] = []
    for block in blocks:
        if block.type == "unknown":
            found.append(block)
        found += unknown_in(block.children)
    return found


def replaced(blocks: Sequence[Block], by: Callable[[Block], Block]) -> list[Block]:
    """Blocks with others in place of the unknown ones."""
    made: list[Block] = []
    for block in blocks:
        if block.type == "unknown":
            made.append(by(block))
            continue
        block.children = replaced(block.children, by)
        made.append(block)
    return made

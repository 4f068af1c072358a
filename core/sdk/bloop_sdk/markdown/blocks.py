"""Markdown in the pieces that people write it in: paragraphs, headings, single points of a list.

    assert "".join(block.text for block in blocks(markdown)) == markdown

It is what two versions of a note are compared by: an edit of one point of a list is none of the
next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it.token import Token

from bloop_sdk.markdown.render import dialect
from bloop_sdk.markdown.syntax import Links

_LISTS = frozenset({"bullet_list_open", "ordered_list_open"})
_VERBATIM = frozenset({"fence", "code_block", "math_block", "html_block"})
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_CODE = re.compile(r"```|~~~")
"""A point of a list or a quotation may hold code too."""
_SPACES = re.compile(r"(?<=\S)[ \t]+")


@dataclass(frozen=True, slots=True)
class Block:
    """``kind`` is of ``text heading item code blank``; the lines between blocks are blank ones."""

    kind: str
    text: str

    @property
    def key(self) -> str:
        """The same for blocks that differ in nothing but blanks, which mean something in code."""
        if self.kind == "blank":
            return ""
        if self.kind == "code" or _CODE.search(self.text):
            return self.text.rstrip()
        lines = self.text.strip("\r\n").splitlines()
        # Two blanks at the end of a line break it; where a line begins they nest lists.
        kept = (_SPACES.sub(" ", line.rstrip()) + "\\" * line.endswith("  ") for line in lines[:-1])
        return "\n".join([*kept, _SPACES.sub(" ", lines[-1].rstrip())]) if lines else ""


def blocks(markdown: str) -> list[Block]:
    """The blocks of a text in their order; joined they are the text again."""
    lines = _LINES.findall(markdown)
    # The parser counts lines by line feeds alone.
    source = "".join(line.rstrip("\r\n") + "\n" for line in lines)
    found: list[Block] = []
    upto = 0
    for kind, begin, end in _spans(source):
        if begin < upto:
            continue
        found += _pieces("text", lines[upto:begin])
        found += _pieces(kind, lines[begin:end])
        upto = end
    return _with_whole_gaps(found + _pieces("text", lines[upto:]))


def _with_whole_gaps(found: list[Block]) -> list[Block]:
    """One blank block between two others, whoever of them the parser gives its lines to."""
    kept: list[Block] = []
    for block in found:
        if kept and kept[-1].kind == block.kind == "blank":
            block = Block("blank", kept.pop().text + block.text)  # noqa: PLW2901
        kept.append(block)
    return kept


def _spans(source: str) -> Iterator[tuple[str, int, int]]:
    """Kind, first line and the line behind the last of each block that the parser sees."""
    tokens = dialect().parse(source, {"links": Links(lambda _target: None)})
    level = 0
    for token in tokens:
        if token.map is None or token.nesting < 0 or token.level > level:
            continue
        if token.type in _LISTS and token.level == 0:
            level = 1  # Its points are the blocks.
        elif token.level == level == 1:
            yield "item", token.map[0], token.map[1]
        else:
            level = 0
            yield _kind(token), token.map[0], token.map[1]


def _kind(token: Token) -> str:
    if token.type in _VERBATIM:
        return "code"
    return "heading" if token.type == "heading_open" else "text"


def _pieces(kind: str, lines: list[str]) -> list[Block]:
    """Lines as one block, and the blank ones around it as others."""
    first, last = 0, len(lines)
    while first < last and not lines[first].strip():
        first += 1
    while last > first and not lines[last - 1].strip():
        last -= 1
    parts = (("blank", lines[:first]), (kind, lines[first:last]), ("blank", lines[last:]))
    return [Block(of, "".join(part)) for of, part in parts if part]

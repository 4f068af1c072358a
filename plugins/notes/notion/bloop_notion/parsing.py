"""The hub's Markdown as blocks that Notion takes: the way back of :mod:`bloop_notion.render`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from mdit_py_plugins.dollarmath import dollarmath_plugin

from bloop_notion.inlines import MOST_FORMULA, Part, Target, is_address, rich_text, units
from bloop_notion.render import CALLOUTS
from bloop_sdk.records import JSONObject

ICONS = {kind: icon for icon, kind in reversed(CALLOUTS.items())} | {"note": "📝"}
_CALLOUT = re.compile(r"\[!([\w-]{1,40})\][+-]?[ \t]*")
_TASK = re.compile(r"\[([ xX])\](?:[ \t]+|\Z)")
_LANGUAGES = {
    "": "plain text", "text": "plain text", "txt": "plain text", "plain-text": "plain text",
    "py": "python", "js": "javascript", "ts": "typescript", "sh": "shell", "yml": "yaml",
    "rb": "ruby", "c++": "c++", "cpp": "c++", "cs": "c#", "tex": "latex", "md": "markdown",
    "rs": "rust", "kt": "kotlin", "golang": "go", "docker": "docker", "dockerfile": "docker",
}  # fmt: skip
_NAMES = """
abap agda arduino assembly bash basic bnf c c# c++ clojure coffeescript coq css dart
dhall diff docker ebnf elixir elm erlang f# flow fortran gherkin glsl go graphql groovy
haskell hcl html idris java javascript json julia kotlin latex less lisp livescript llvm
lua makefile markdown markup matlab mathematica mermaid nix notion objective-c ocaml
pascal perl php powershell prolog protobuf purescript python r racket reason ruby rust
sass scala scheme scss shell smalltalk solidity sql swift toml typescript vb.net verilog
vhdl webassembly xml yaml
"""
_KNOWN_LANGUAGES = frozenset(_NAMES.split())


@dataclass(slots=True)
class Wanted:
    """A block as it shall be; ``key`` is its Markdown, by which two versions are compared."""

    type: str
    body: JSONObject
    children: list[Wanted] = field(default_factory=list)
    key: str = ""
    file: str | None = None
    """The remote id of a file that the block shows."""


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.use(dollarmath_plugin, allow_space=False, allow_digits=False)


def parse(markdown: str, target: Target) -> list[Wanted]:
    """The blocks of a text; points of lists are blocks of their own."""
    lines = markdown.split("\n")
    root = SyntaxTreeNode(_parser().parse(markdown))
    return list(_blocks(root.children, target, lines))


def _blocks(
    nodes: Sequence[SyntaxTreeNode], target: Target, lines: Sequence[str] | None
) -> Iterator[Wanted]:
    for node in nodes:
        if node.type in {"bullet_list", "ordered_list"}:
            for item in node.children:
                yield _keyed(_item(item, target, ordered=node.type == "ordered_list"), item, lines)
            continue
        made = _one(node, target)
        if made is not None:
            yield _keyed(made, node, lines)


def _keyed(made: Wanted, node: SyntaxTreeNode, lines: Sequence[str] | None) -> Wanted:
    """With its Markdown; the numbers of a list change with what stands before."""
    if lines is not None and node.map is not None:
        written = "\n".join(lines[node.map[0] : node.map[1]]).strip()
        made.key = re.sub(r"\A\d+([.)])", r"1\1", "\n".join(map(str.rstrip, written.split("\n"))))
    return made


def _one(node: SyntaxTreeNode, target: Target) -> Wanted | None:
    match node.type:
        case "heading":
            level = min(int(node.tag[1:]), 4 if target.newest else 3)
            return Wanted(f"heading_{level}", {"rich_text": _rich(node, target)})
        case "paragraph":
            return _paragraph(node, target)
        case "blockquote":
            return _quote(node, target)
        case "fence" | "code_block":
            words = node.info.strip().split(maxsplit=1) if node.info else []
            return Wanted(
                "code",
                {
                    "rich_text": rich_text([("text", node.content.rstrip("\n"), {})], target),
                    "language": language(words[0] if words else ""),
                },
            )
        case "math_block" | "math_block_label":
            return _formula(node.content.strip("\n"), target)
        case "hr":
            return Wanted("divider", {})
        case "table":
            return _table(node, target)
        case "html_block":
            target.lose("HTML, kept as text")
            said: list[Part] = [("text", node.content.strip("\n"), {})]
            return Wanted("paragraph", {"rich_text": rich_text(said, target)})
    return None


def _formula(tex: str, target: Target) -> Wanted:
    if units(tex) <= MOST_FORMULA:
        return Wanted("equation", {"expression": tex})
    target.lose(f"a formula of more than {MOST_FORMULA:,} characters, kept as its LaTeX")
    said: list[Part] = [("text", tex, {})]
    return Wanted("code", {"rich_text": rich_text(said, target), "language": "latex"})


def language(name: str) -> str:
    """A language as Notion names it."""
    low = name.lower()
    found = _LANGUAGES.get(low, low)
    return found if found in _KNOWN_LANGUAGES else "plain text"


def _rich(node: SyntaxTreeNode, target: Target, skip: int = 0) -> list[JSONObject]:
    """The text of a node without its first ``skip`` characters."""
    return target.rich(_inline(node), skip)


def _inline(node: SyntaxTreeNode) -> list[SyntaxTreeNode]:
    inline = node.children[0] if node.children else None
    return list(inline.children) if inline is not None and inline.type == "inline" else []


def _paragraph(node: SyntaxTreeNode, target: Target) -> Wanted:
    inner = _inline(node)
    if len(inner) == 1 and inner[0].type in {"image", "link"}:
        made = _media(inner[0], target)
        if made is not None:
            return made
    return Wanted("paragraph", {"rich_text": target.rich(inner)})


def _media(node: SyntaxTreeNode, target: Target) -> Wanted | None:
    """A picture or a file that stands alone."""
    url = str(node.attrs.get("src") or node.attrs.get("href") or "")
    file = target.file_of(url)
    image = node.type == "image"
    caption = target.rich(list(node.children or []))
    if file is not None:
        kind = target.kind_of(file, image=image)
        shown = [] if _says(node) == target.name_of(file) else caption
        return Wanted(kind, {"caption": shown}, file=file)
    if image and url.startswith(("https://", "http://")) and is_address(url):
        return Wanted("image", {"type": "external", "external": {"url": url}, "caption": caption})
    return None


def _says(node: SyntaxTreeNode) -> str:
    return "".join(one.content for one in node.walk() if one.type == "text")


def _quote(node: SyntaxTreeNode, target: Target) -> Wanted:
    children = list(node.children)
    first = children[0] if children and children[0].type == "paragraph" else None
    inline = _inline(first) if first is not None else []
    mark = _CALLOUT.match(inline[0].content) if inline and inline[0].type == "text" else None
    if first is None or mark is None:
        text = _rich(first, target) if first is not None else []
        below = children[1:] if first is not None else children
        return Wanted("quote", {"rich_text": text}, list(_blocks(below, target, None)))
    kind = mark[1].lower()
    rest = list(_blocks(children[1:], target, None))
    text = target.rich(inline, mark.end())
    if kind == "toggle":
        title, more = _first_line(inline, mark.end(), target)
        if more:
            rest.insert(0, Wanted("paragraph", {"rich_text": more}))
        return Wanted("toggle", {"rich_text": title}, rest)
    icon = {"type": "emoji", "emoji": ICONS.get(kind, ICONS["note"])}
    if not text and rest and rest[0].type == "paragraph" and not rest[0].children:
        text = rest.pop(0).body["rich_text"]
    return Wanted("callout", {"rich_text": text, "icon": icon}, rest)


def _first_line(
    inline: Sequence[SyntaxTreeNode], skip: int, target: Target
) -> tuple[list[JSONObject], list[JSONObject]]:
    """The title of a toggle, and what follows on the lines below it."""
    breaks = (n for n, one in enumerate(inline) if one.type in {"softbreak", "hardbreak"})
    end = next(breaks, len(inline))
    return target.rich(list(inline[:end]), skip), target.rich(list(inline[end + 1 :]))


def _item(node: SyntaxTreeNode, target: Target, *, ordered: bool) -> Wanted:
    children = list(node.children)
    first = children[0] if children and children[0].type == "paragraph" else None
    inline = _inline(first) if first is not None else []
    rest = list(_blocks(children[1:] if first is not None else children, target, None))
    task = _TASK.match(inline[0].content) if inline and inline[0].type == "text" else None
    if task is not None and not ordered:
        text = target.rich(inline, task.end())
        return Wanted("to_do", {"rich_text": text, "checked": task[1] != " "}, rest)
    kind = "numbered_list_item" if ordered else "bulleted_list_item"
    return Wanted(kind, {"rich_text": target.rich(inline)}, rest)


def _table(node: SyntaxTreeNode, target: Target) -> Wanted:
    rows = [row for part in node.children for row in part.children]
    cells: list[list[list[JSONObject]]] = [
        [_rich(cell, target) for cell in row.children] for row in rows
    ]
    header = bool(cells and any(cells[0]))
    if not header:
        cells = cells[1:]
    width = max((len(row) for row in cells), default=1)
    body: dict[str, Any] = {
        "table_width": width,
        "has_column_header": header,
        "has_row_header": False,
    }
    made = [Wanted("table_row", {"cells": row + [[]] * (width - len(row))}) for row in cells]
    return Wanted("table", body, made or [Wanted("table_row", {"cells": [[]] * width})])

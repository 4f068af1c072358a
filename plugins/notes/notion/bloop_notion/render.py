"""Blocks as the hub's Markdown, one piece for each block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bloop_notion import spans
from bloop_notion.model import Block, Making

CALLOUTS = {
    "💡": "tip",
    "⚠": "warning",
    "❗": "important",
    "‼": "important",
    "ℹ": "info",
    "✅": "success",
    "❌": "failure",
    "❓": "question",
    "🔥": "danger",
    "🐛": "bug",
    "📝": "note",
    "💬": "quote",
    "📋": "summary",
}
"""Kinds of callouts by the icons that people give them."""

_ITEMS = {"bulleted_list_item", "to_do", "numbered_list_item"}
_LANGUAGES = {"plain text": "", "": ""}


def callout_of(icon: str) -> str:
    """The kind of a callout by its icon."""
    return CALLOUTS.get(icon.replace("\ufe0f", ""), "note")


def document(blocks: Sequence[Block], making: Making) -> str:
    """The Markdown of a page."""
    return join(pieces(blocks, making))


def pieces(blocks: Sequence[Block], making: Making) -> list[tuple[Block, str]]:
    """The Markdown of each block; a block that says nothing has an empty one."""
    made: list[tuple[Block, str]] = []
    number = 0
    for block in blocks:
        number = number + 1 if block.type == "numbered_list_item" else 0
        made.append((block, _one(block, making, number)))
    return made


def join(made: Iterable[tuple[Block, str]]) -> str:
    """Pieces as one text: items of a list stand close, everything else apart."""
    text, before = "", ""
    for block, piece in made:
        if not piece:
            continue
        family = _family(block)
        if text:
            text += "\n" if family and family == before else "\n\n"
        text += piece
        before = family
    return text


def _family(block: Block) -> str:
    if block.type == "numbered_list_item":
        return "numbers"
    return "bullets" if block.type in _ITEMS else ""


def _one(block: Block, making: Making, number: int) -> str:  # noqa: C901, PLR0912 - a table
    kind = block.type
    match kind:
        case "paragraph":
            return _with_children(_paragraph(block.text), block, making)
        case "heading_1" | "heading_2" | "heading_3" | "heading_4":
            if block.told.get("toggle"):
                making.lose("headings that fold")
            line = f"{'#' * int(kind[-1])} {block.text}".rstrip()
            return _with_children(line, block, making, folded=True)
        case "bulleted_list_item":
            return _item("- ", block, making)
        case "to_do":
            return _item(f"- [{'x' if block.told.get('checked') else ' '}] ", block, making)
        case "numbered_list_item":
            return _item(f"{max(number, 1)}. ", block, making)
        case "toggle":
            return _quoted(f"[!toggle]- {block.text}".rstrip(), "", block, making)
        case "quote":
            return _quoted("", _paragraph(block.text), block, making)
        case "callout":
            icon = str(block.told.get("icon") or "")
            if icon and icon.replace("\ufe0f", "") not in CALLOUTS:
                making.lose("icons of callouts")
            return _quoted(f"[!{callout_of(icon)}]", _paragraph(block.text), block, making)
        case "code":
            return _code(str(block.told.get("code", "")), str(block.told.get("language") or ""))
        case "equation":
            latex = re.sub(r"\n\s*\n", "\n", str(block.told.get("latex", "")).strip("\n"))
            return f"$$\n{latex}\n$$"
        case "divider":
            return "---"
        case "table":
            return _table(block)
        case "image":
            alt = block.text.replace("\n", " ")
            return f"![{alt}]({spans.address(str(block.told.get('url', '')))})"
        case "video" | "audio" | "file" | "pdf" | "link":
            label = block.text or spans.escaped(str(block.told.get("name") or kind))
            url = str(block.told.get("url", ""))
            return f"[{label}]({spans.address(url)})" if url else label
        case "table_of_contents":
            making.lose("tables of contents")
            return ""
        case "column_list" | "column":
            making.lose("columns, read one after another")
            return document(block.children, making)
        case "synced_block":
            making.lose("that blocks are synced with another place")
            return document(block.children, making)
        case "group":
            return _with_children(_paragraph(block.text), block, making, folded=True)
    return ""


def _paragraph(text: str) -> str:
    """Text that begins no other kind of block."""
    return "\n".join(spans.begun(line) for line in text.split("\n"))


def _with_children(line: str, block: Block, making: Making, *, folded: bool = False) -> str:
    if not block.children:
        return line
    if not folded:
        making.lose("indentation of paragraphs")
    inner = document(block.children, making)
    return f"{line}\n\n{inner}" if line and inner else line or inner


def _item(mark: str, block: Block, making: Making) -> str:
    """An item of a list, with what is in it indented."""
    indent = " " * (2 if mark.startswith("-") else len(mark))
    text = _paragraph(block.text) if not mark.startswith("- [") else block.text
    lines = [f"{mark}{text}".rstrip()]
    made = pieces(block.children, making)
    inner = join(made)
    if inner:
        first = next(one for one, piece in made if piece)
        lines += [*([] if _family(first) else [""]), inner]
    return "\n".join(lines).replace("\n", f"\n{indent}").replace(f"\n{indent}\n", "\n\n")


def _quoted(head: str, text: str, block: Block, making: Making) -> str:
    inner = document(block.children, making)
    body = f"{text}\n\n{inner}" if text and inner else text or inner
    lines = [*([head] if head else []), *(body.split("\n") if body or not head else [])]
    return "\n".join(f"> {line}".rstrip() for line in lines)


def _code(code: str, language: str) -> str:
    longest = max((len(one) for one in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    name = _LANGUAGES.get(language, language).replace(" ", "-").replace("`", "")
    return f"{fence}{name}\n{code}\n{fence}"


def _table(block: Block) -> str:
    rows = [list(row.told.get("cells") or []) for row in block.children if row.type == "table_row"]
    if not rows:
        return ""
    width = max(len(row) for row in rows)
    if not block.told.get("header"):
        rows.insert(0, [""] * width)
    lines = ["| " + " | ".join(_cell(one) for one in _filled(row, width)) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def _filled(row: list[str], width: int) -> list[str]:
    return row + [""] * (width - len(row))


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text.replace("\n", " "))

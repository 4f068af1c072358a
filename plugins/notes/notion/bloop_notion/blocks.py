"""Notion's blocks, as its API gives them, in our own words."""

from __future__ import annotations

from typing import Any

from bloop_notion import spans
from bloop_notion.fields import address_of, dashed, obj, plain, text
from bloop_notion.model import Block, Making, name_of
from bloop_sdk.records import JSONObject

CHILDREN = "children"
"""Where a block's children are put that were fetched for it."""

TEXTS = frozenset(
    {
        "paragraph",
        "heading_1",
        "heading_2",
        "heading_3",
        "heading_4",
        "bulleted_list_item",
        "numbered_list_item",
        "to_do",
        "toggle",
        "quote",
        "callout",
    }
)
MEDIA = frozenset({"image", "video", "audio", "file", "pdf"})
LINKS = frozenset({"bookmark", "embed", "link_preview"})
OPAQUE_LEAVES = frozenset({"child_page", "child_database"})
"""Blocks whose children are no part of the page."""


def of_api(item: JSONObject, making: Making) -> Block:
    """A block with its children."""
    kind = text(item, "type")
    body = obj(item, kind)
    block = Block(kind, id=dashed(item.get("id")))
    given = item.get(CHILDREN)
    block.children = [
        of_api(one, making) for one in (given if isinstance(given, list) else []) if one
    ]
    if text(body, "color") not in {"", "default"}:
        making.lose("colours of blocks")
    if kind in TEXTS:
        _text(block, body, making)
    elif kind in MEDIA:
        _media(block, body, making)
    elif kind in LINKS:
        url = text(body, "url")
        block.type = "link"
        block.told["url"] = making.link(url)
        block.text = _line(body.get("caption"), making) or spans.escaped(url)
    else:
        _other(block, body, making)
    return block


def _text(block: Block, body: JSONObject, making: Making) -> None:
    breaks = " " if block.type.startswith("heading") else "\\\n"
    block.text = spans.markdown(spans.of_rich(body.get("rich_text"), making), breaks=breaks)
    block.told["checked"] = body.get("checked") is True
    block.told["toggle"] = body.get("is_toggleable") is True
    icon = obj(body, "icon")
    block.told["icon"] = text(icon, "emoji")
    if icon and not block.told["icon"]:
        making.lose("pictures as icons")


def _media(block: Block, body: JSONObject, making: Making) -> None:
    kind = text(body, "type")
    url = text(obj(body, kind), "url")
    block.told["name"] = name_of(url) if url else block.type
    if kind == "file":
        block.told["url"] = making.file(url, block.id)
    elif url:
        block.told["url"] = making.link(url)
    else:
        making.lose(f"a {block.type} without an address")
    block.text = _line(body.get("caption"), making)


def _line(rich: Any, making: Making) -> str:
    return spans.markdown(spans.of_rich(rich, making), breaks=" ")


def _other(block: Block, body: JSONObject, making: Making) -> None:  # noqa: C901, PLR0912 - a table of types
    match block.type:
        case "code":
            block.told["code"] = plain(body.get("rich_text"))
            block.told["language"] = text(body, "language")
            if body.get("caption"):
                making.lose("captions of code")
        case "equation":
            block.told["latex"] = text(body, "expression")
        case "table":
            block.told["header"] = body.get("has_column_header") is True
            if body.get("has_row_header") is True:
                making.lose("header columns of tables")
        case "table_row":
            cells = body.get("cells")
            block.told["cells"] = [
                spans.markdown(spans.of_rich(cell, making), breaks="<br>")
                for cell in (cells if isinstance(cells, list) else [])
            ]
        case "child_page":
            block.type, block.text = "link", spans.escaped(text(body, "title")) or "page"
            block.told["url"] = making.note(block.id or "") or ""
        case "child_database":
            block.type, block.text = "link", spans.escaped(text(body, "title")) or "database"
            block.told["url"] = database_url(block.id or "")
        case "link_to_page":
            target = text(body, text(body, "type"))
            page = text(body, "type") == "page_id"
            block.type, block.text = "link", "page" if page else "database"
            block.told["url"] = (making.note(target) or "") if page else database_url(target)
        case "meeting_notes" | "transcription":
            block.type = "group"
            block.text = _line(body.get("title"), making)
            making.lose("recordings of meetings")
        case "divider" | "column_list" | "column" | "synced_block" | "table_of_contents":
            pass
        case "breadcrumb":
            block.type = "nothing"
            making.lose("breadcrumbs")
        case _:
            _unknown(block, body, making)


def _unknown(block: Block, body: JSONObject, making: Making) -> None:
    """A type that nobody here knows: its words and children are kept, and it is named."""
    told = text(body, "block_type") if block.type == "unsupported" else block.type
    making.lose(f"a block of the type {(told or 'unsupported')[:60]!r}")
    block.text = _line(body.get("rich_text") or body.get("title"), making)
    block.told["kind"], block.type = block.type, "group"


def database_url(database: str) -> str:
    """The address of a database, which is no note."""
    return address_of(database.replace("-", ""))

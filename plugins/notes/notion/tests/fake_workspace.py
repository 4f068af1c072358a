"""What stands in a fake Notion: builders of its objects, and its blocks as Notion's Markdown."""

from __future__ import annotations

import re
import uuid
from typing import Any

BOT = "7775f3a3-893f-43fa-b625-460c61094c78"
ADA = "a4f789cc-7bc8-4cf0-82b9-a8ba7d985ecf"
SPACE = "231674b6-2cc1-46bc-b742-c5c9fe4b9c73"
FILES = "https://prod-files-secure.s3.us-west-2.amazonaws.com"

PLAIN = {
    "bold": False,
    "italic": False,
    "strikethrough": False,
    "underline": False,
    "code": False,
    "color": "default",
}


def ident(name: str) -> str:
    """The same id for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def words(content: str, *, link: str | None = None, **marks: Any) -> dict[str, Any]:
    """One text of a rich text."""
    return {
        "type": "text",
        "text": {"content": content, "link": {"url": link} if link else None},
        "annotations": {**PLAIN, **marks},
        "plain_text": content,
        "href": link,
    }


def rich(*parts: Any) -> list[dict[str, Any]]:
    """A rich text of texts and of what is one already."""
    return [words(one) if isinstance(one, str) else one for one in parts]


def latex(expression: str) -> dict[str, Any]:
    """A formula within a text."""
    return {
        "type": "equation",
        "equation": {"expression": expression},
        "annotations": dict(PLAIN),
        "plain_text": expression,
        "href": None,
    }


def mention(kind: str, value: Any, said: str, href: str | None = None) -> dict[str, Any]:
    """A mention of a page, a date or a person."""
    return {
        "type": "mention",
        "mention": {"type": kind, kind: value},
        "annotations": dict(PLAIN),
        "plain_text": said,
        "href": href,
    }


def block(kind: str, *parts: Any, children: Any = (), **told: Any) -> dict[str, Any]:
    """A block to be put into a page; its id is given there."""
    body = dict(told)
    if kind in _TEXTS:
        icon = {"icon": None} if kind == "paragraph" else {}
        body = {"rich_text": rich(*parts), "color": "default", **icon, **body}
    return {"type": kind, kind: body, "children": list(children)}


_TEXTS = {
    "paragraph",
    "heading_1",
    "heading_2",
    "heading_3",
    "bulleted_list_item",
    "numbered_list_item",
    "to_do",
    "toggle",
    "quote",
    "callout",
    "code",
}


def table(*rows: list[Any], header: bool = True) -> dict[str, Any]:
    """A table; a cell is a text or a rich text."""
    made = [
        block("table_row", cells=[one if isinstance(one, list) else rich(one) for one in row])
        for row in rows
    ]
    return block(
        "table",
        children=made,
        table_width=len(rows[0]),
        has_column_header=header,
        has_row_header=False,
    )


def upload(name: str, own: str | None = None) -> dict[str, Any]:
    """A file that Notion keeps; where it lies is signed when it is told."""
    return {"type": "file", "file": {"key": f"{SPACE}/{own or ident(name)}/{name}"}}


# -- Notion's Markdown of blocks, as its guide describes it

_SPECIAL = "\\*~`$[]<>{}|^"
UNSUPPORTED = {"bookmark", "embed", "link_preview", "breadcrumb", "template", "unsupported"}


def enhanced(blocks: list[dict[str, Any]], notion: Any, unknown: list[str], depth: int = 0) -> str:
    """Blocks as Notion's Markdown; ids of those that it lacks are added to ``unknown``."""
    lines = [_block(one, notion, unknown) for one in blocks]
    text = "\n".join(line for line in lines if line)
    return "\n".join("\t" * depth + line for line in text.split("\n")) if text else ""


def _escaped(said: str) -> str:
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in said).replace("\n", "<br>")


def inline(found: list[dict[str, Any]]) -> str:
    """A rich text as Notion's Markdown."""
    return "".join(_item(one) for one in found)


def _item(item: dict[str, Any]) -> str:  # noqa: C901 - a table of marks
    notes = item["annotations"]
    if item["type"] == "equation":
        return f"$`{item['equation']['expression']}`$"
    said = _escaped(item["plain_text"])
    if item["type"] == "mention":
        told = item["mention"]
        match told["type"]:
            case "page":
                url = f"https://www.notion.so/{told['page']['id'].replace('-', '')}"
                return f'<mention-page url="{url}">{said}</mention-page>'
            case "user":
                return f'<mention-user url="user://{told["user"]["id"]}">{said}</mention-user>'
            case "date":
                end = f' end="{told["date"]["end"]}"' if told["date"].get("end") else ""
                return f'<mention-date start="{told["date"]["start"]}"{end}/>'
    if notes["code"]:
        said = f"`{item['plain_text']}`"
    for name, mark in (("strikethrough", "~~"), ("italic", "*"), ("bold", "**")):
        if notes[name]:
            said = f"{mark}{said}{mark}"
    if notes["underline"]:
        said = f'<span underline="true">{said}</span>'
    if notes["color"] != "default":
        colour = notes["color"].replace("_background", "_bg")
        said = f'<span color="{colour}">{said}</span>'
    return f"[{said}]({item['href']})" if item["href"] else said


def _block(one: dict[str, Any], notion: Any, unknown: list[str]) -> str:  # noqa: C901, PLR0912
    kind, body = one["type"], one[one["type"]]
    text = inline(body.get("rich_text", []))
    children = [] if kind == "table" else one.get("children", [])
    inner = enhanced(children, notion, unknown, 1)
    below = f"\n{inner}" if inner else ""
    url = f"https://www.notion.so/{one['id'].replace('-', '')}"
    if kind in UNSUPPORTED:
        unknown.append(one["id"])
        page = one["page"].replace("-", "")
        anchor = one["id"].replace("-", "")
        return f'<unknown url="https://www.notion.so/{page}#{anchor}" alt="{kind}"/>'
    match kind:
        case "paragraph":
            begun = re.sub(r"^([#-])(?= )|^(\d+)(?=\. )", r"\2\\\1", text)
            return (begun or "<empty-block/>") + below
        case "heading_1" | "heading_2" | "heading_3":
            mark = ' {toggle="true"}' if body.get("is_toggleable") else ""
            return f"{'#' * int(kind[-1])} {text}{mark}{below}"
        case "bulleted_list_item":
            return f"- {text}{below}"
        case "numbered_list_item":
            return f"1. {text}{below}"
        case "to_do":
            return f"- [{'x' if body.get('checked') else ' '}] {text}{below}"
        case "quote":
            return f"> {text}{below}"
        case "toggle":
            return f"<details>\n<summary>{text}</summary>{below}\n</details>"
        case "callout":
            icon = (body.get("icon") or {}).get("emoji", "")
            return f'<callout icon="{icon}">\n\t{text}{below}\n</callout>'
        case "code":
            code = "".join(part["plain_text"] for part in body["rich_text"])
            fence = "`" * (4 if "```" in code else 3)
            return f"{fence}{body.get('language', '')}\n{code}\n{fence}"
        case "equation":
            return f"$$\n{body['expression']}\n$$"
        case "divider":
            return "---"
        case "table":
            return _table(one, body)
        case "image":
            return f"![{inline(body.get('caption', []))}]({notion.address(body)})"
        case "video" | "audio" | "file" | "pdf":
            caption = inline(body.get("caption", []))
            return f'<{kind} src="{notion.address(body)}">{caption}</{kind}>'
        case "column_list":
            return f"<columns>{below}\n</columns>"
        case "column":
            return f"<column>{below}\n</column>"
        case "synced_block":
            return f'<synced_block url="{url}">{below}\n</synced_block>'
        case "table_of_contents":
            return "<table_of_contents/>"
        case "child_page":
            return f'<page url="{url}">{_escaped(body["title"])}</page>'
        case "child_database":
            return f'<database url="{url}">{_escaped(body["title"])}</database>'
    unknown.append(one["id"])
    return f'<unknown url="{url}" alt="{kind}"/>'


def _table(one: dict[str, Any], body: dict[str, Any]) -> str:
    rows = "".join(
        "\t<tr>\n"
        + "".join(f"\t\t<td>{inline(cell)}</td>\n" for cell in row["table_row"]["cells"])
        + "\t</tr>\n"
        for row in one["children"]
    )
    header = str(bool(body["has_column_header"])).lower()
    return f'<table header-row="{header}">\n{rows}</table>'

"""In what a block differs from what it shall be: only that is sent, all else of it stays."""

from __future__ import annotations

from collections.abc import Iterator

from bloop_notion.fields import linked_id, obj, rows, text
from bloop_notion.model import Making
from bloop_notion.parsing import Wanted
from bloop_notion.render import callout_of
from bloop_notion.spans import of_rich
from bloop_sdk.records import JSONObject

RICH = frozenset(
    {"paragraph", "heading_1", "heading_2", "heading_3", "heading_4", "bulleted_list_item"}
    | {"numbered_list_item", "to_do", "toggle", "quote", "callout", "code"}
)
"""Blocks with a rich text of their own."""


def difference(kind: str, body: JSONObject, new: Wanted) -> JSONObject:
    """The fields of a block that are to be others; Notion leaves the others as they are."""
    change: JSONObject = {}
    if kind in RICH and _words(body.get("rich_text")) != _words(new.body.get("rich_text")):
        change["rich_text"] = new.body["rich_text"]
    if kind == "callout":
        icon = text(obj(new.body, "icon"), "emoji")
        if callout_of(text(obj(body, "icon"), "emoji")) != callout_of(icon):
            change["icon"] = new.body["icon"]
    if kind == "to_do" and body.get("checked") is not new.body["checked"]:
        change["checked"] = new.body["checked"]
    if kind == "code" and text(body, "language") != new.body["language"]:
        change["language"] = new.body["language"]
    if kind == "equation" and text(body, "expression") != new.body["expression"]:
        change["expression"] = new.body["expression"]
    if kind == "table_row":
        change["cells"] = new.body["cells"]
    return change


def loses_mentions(body: JSONObject, change: JSONObject) -> bool:
    """Whether a change takes away mentions that a link does not stand for."""
    kinds = (
        text(obj(one, "mention"), "type")
        for name in ("rich_text", "cells")
        if name in change
        for one in _texts(body.get(name))
    )
    return any(kind and kind not in {"page", "database", "data_source"} for kind in kinds)


def _texts(rich: object) -> Iterator[JSONObject]:
    for one in rich if isinstance(rich, list) else []:
        if isinstance(one, dict):
            yield one
        else:
            yield from _texts(one)


def row_key(body: JSONObject) -> str:
    """What a row of a table says."""
    cells = body.get("cells")
    return repr([_words(cell) for cell in (cells if isinstance(cells, list) else [])])


def _words(rich: object) -> list[tuple[str, str, tuple[str, ...]]]:
    """A rich text as it can be compared: both ways of writing it, the answer's and ours."""
    made: list[tuple[str, str, tuple[str, ...]]] = []
    for one in rows({"rich": rich}, "rich"):
        notes = obj(one, "annotations")
        marks = tuple(sorted(name for name, on in notes.items() if on is True))
        if text(notes, "color").endswith("_background"):
            marks += ("marked",)
        said = text(obj(one, "equation"), "expression") or text(obj(one, "text"), "content")
        said = said or text(one, "plain_text")
        link = text(obj(obj(one, "text"), "link"), "url") or text(one, "href")
        if text(one, "type") == "mention":
            # What the note says for it, which may be other words than Notion's.
            said = of_rich([one], Making(""))[0].text
            link = link if text(obj(one, "mention"), "type") not in {"user", "date"} else ""
        link = linked_id(link) or link
        if made and made[-1][1:] == (link, marks) and text(one, "type") != "equation":
            made[-1] = (made[-1][0] + said, link, marks)
        else:
            made.append((said, link, marks))
    return made

"""What a fake Notion does with writes: the limits and refusals of the API's own documentation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bloop_sdk import Request
from plugins.notes.notion.tests.fake_workspace import BOT, SPACE, ident

if TYPE_CHECKING:
    from plugins.notes.notion.tests.fake_notion import FakeNotion

Item = dict[str, Any]
NEWEST = "2026-03-11"
FIXED = {"table_width", "type"}


def write(  # noqa: C901 - a table of routes
    notion: FakeNotion, request: Request, path: list[str], body: Item, version: str
) -> Item | None:
    """The answer to a write; None where there is no such route."""
    match request.method, path:
        case "POST", ["pages"]:
            notion.may("insert content")
            return _page(notion, body, version)
        case "PATCH", ["pages", own]:
            notion.may("update content")
            return _change(notion, own, body, version)
        case "POST", ["pages", own, "move"]:
            notion.may("update content")
            return _move(notion, own, body, version)
        case "PATCH", ["blocks", own, "children"]:
            notion.may("insert content")
            return _append(notion, own, body, version)
        case "PATCH", ["blocks", own]:
            notion.may("update content")
            _refuse_trashed(notion, own)
            one = notion.block_of(own)
            _rich(notion, body.get(one["type"], {}).get("rich_text") or [])
            for name, value in body.get(one["type"], {}).items():
                _refuse(notion, name in FIXED, f"{name} cannot be updated")
                one[one["type"]][name] = _shown(notion, value)
            _touch(notion, own)
            return notion.shown_block(one, version)
        case "DELETE", ["blocks", own]:
            notion.may("update content")
            return _delete(notion, own, version)
        case "POST", ["file_uploads"]:
            return _upload(notion, body)
        case "GET", ["file_uploads", own]:
            return _told(notion, own)
        case "POST", ["file_uploads", own, "send"]:
            return _send(notion, own, request)
        case "POST", ["file_uploads", own, "complete"]:
            upload = _told(notion, own)
            _refuse(
                notion,
                len(notion.uploads[own]["parts"]) != upload["number_of_parts"]["total"],
                "parts are missing",
            )
            notion.uploads[own]["status"] = "uploaded"
            return _told(notion, own)
    return None


def _refuse(notion: FakeNotion, wrong: Any, message: str) -> None:
    if wrong:
        raise notion.refused(400, "validation_error", f"body failed validation: {message}.")


def _page(notion: FakeNotion, body: Item, version: str) -> Item:
    parent = body["parent"]
    kind = parent["type"]
    top = kind == "workspace"
    _refuse(notion, top and not notion.public, "Provide a parent that is a page or a data source")
    above = None if top else parent[kind]
    if above is not None:
        (notion.page_of if kind == "page_id" else notion.source_of)(above)
    notion.made += 1
    title = body["properties"]["title"]["title"]
    said = "".join(one["text"]["content"] for one in title)
    own = notion.page(said, parent=above, own=ident(f"made {notion.made}"))
    notion.pages[own]["created_by"] = {"object": "user", "id": BOT}
    if kind == "data_source_id":
        for name, told in notion.sources[above]["properties"].items():
            if told["type"] == "multi_select":
                empty = {"id": told["id"], "type": "multi_select", "multi_select": []}
                notion.pages[own]["properties"][name] = empty
    _validate(notion, body.get("children", []))
    notion.put(own, [_made(notion, one) for one in body.get("children", [])])
    return notion.shown(notion.pages[own], version)


def _change(notion: FakeNotion, own: str, body: Item, version: str) -> Item:
    page = notion.page_of(own)
    _refuse(notion, "archived" in body and version == NEWEST, "body.archived should be not present")
    for name in ("in_trash", "archived"):
        if name in body:
            page["in_trash"] = body[name]
    for name, value in body.get("properties", {}).items():
        _refuse(notion, name not in page["properties"], f"{name} is not a property that exists")
        told = page["properties"][name]
        kind = told["type"]
        told[kind] = (
            [_text(one) for one in value[kind]]
            if kind == "title"
            else [{"id": one["name"], "color": "default", **one} for one in value[kind]]
        )
    notion.touch(own)
    return notion.shown(page, version)


def _move(notion: FakeNotion, own: str, body: Item, version: str) -> Item:
    page, parent = notion.page_of(own), body["parent"]
    kind = parent["type"]
    (notion.page_of if kind == "page_id" else notion.source_of)(parent[kind])
    for one in notion.blocks.values():
        if own in one["children"]:
            one["children"].remove(own)
    page["parent"] = dict(parent)
    if kind == "page_id":
        notion.blocks[parent[kind]]["children"].append(own)
    notion.touch(own)
    return notion.shown(page, version)


def _append(notion: FakeNotion, own: str, body: Item, version: str) -> Item:
    block = notion.block_of(own)
    children = body["children"]
    _validate(notion, children)
    _refuse(notion, "after" in body and version == NEWEST, "body.after should be not present")
    _refuse(notion, "position" in body and version != NEWEST, "position should be not present")
    at = len(block["children"])
    position = body.get("position", {})
    after = body.get("after") or position.get("after_block", {}).get("id")
    if position.get("type") == "start":
        at = 0
    elif after:
        _refuse(notion, after not in block["children"], "the block to stand behind is not there")
        at = block["children"].index(after) + 1
    made = notion.put(own, [_made(notion, one) for one in children], at)
    _touch(notion, own)
    shown = [notion.shown_block(notion.blocks[one], version) for one in made]
    return {
        "object": "list",
        "results": shown,
        "next_cursor": None,
        "has_more": False,
        "type": "block",
        "block": {},
    }


def _refuse_trashed(notion: FakeNotion, own: str) -> None:
    """As its API words it of a block in the trash, and alike of one within such a block."""
    said = "Can't edit block that is archived. You must unarchive the block before editing."
    if own in notion.trashed:
        raise notion.refused(400, "validation_error", said)


def _delete(notion: FakeNotion, own: str, version: str) -> Item:
    _refuse_trashed(notion, own)
    one = notion.block_of(own)
    shown = notion.shown_block(one, version)
    _touch(notion, own)
    for other in notion.blocks.values():
        if own in other["children"]:
            other["children"].remove(own)
    _forget(notion, own)
    return {**shown, "in_trash": True}


def _forget(notion: FakeNotion, own: str) -> None:
    if own in notion.pages:
        notion.pages[own]["in_trash"] = True  # Also one that only stood in what is removed.
        return
    for inner in notion.blocks[own]["children"]:
        _forget(notion, inner)
    notion.trashed.add(own)
    del notion.blocks[own]


def _touch(notion: FakeNotion, block: str) -> None:
    """The page that a block stands in has been edited."""
    while block not in notion.pages:
        block = notion.above(block)
    notion.touch(block)


def _units(text: str) -> int:
    """The length of a text as JavaScript, and so Notion, counts it."""
    return len(text.encode("utf-16-le")) // 2


def _all(children: list[Item]) -> int:
    return sum(1 + _all(one[one["type"]].get("children", [])) for one in children)


def _rich(notion: FakeNotion, rich: list[Item]) -> None:
    """The limits of https://developers.notion.com/reference/request-limits."""
    _refuse(notion, len(rich) > 100, "rich_text.length should be ≤ 100")
    for text in rich:
        said = text.get("text", {}).get("content", "")
        _refuse(notion, _units(said) > 2000, "text.content.length should be ≤ 2000")
        url = (text.get("text", {}).get("link") or {}).get("url", "https://e.org")
        valid = re.match(r"https?://[^\s/?#]|mailto:|tel:", url) and _units(url) <= 2000
        _refuse(notion, not valid, "Invalid URL for link")
        tex = text.get("equation", {}).get("expression", "")
        _refuse(notion, _units(tex) > 1000, "equation.expression.length should be ≤ 1000")


def _validate(notion: FakeNotion, children: list[Item], depth: int = 0) -> None:
    _refuse(notion, len(children) > 100, "children.length should be ≤ 100")
    _refuse(notion, not depth and _all(children) > 1000, "blocks should be ≤ 1000")
    _refuse(notion, depth > 1 and children, "children of children of children")
    for one in children:
        kind = one["type"]
        body = one[kind]
        _rich(notion, body.get("rich_text", []))
        tex = body.get("expression", "")
        _refuse(notion, _units(tex) > 1000, "expression.length should be ≤ 1000")
        _refuse(notion, kind == "table" and not body.get("children"), "a table needs rows")
        inner = max(depth, 1) if kind == "table" else depth + 1
        _validate(notion, body.get("children", []), inner)


def _made(notion: FakeNotion, one: Item) -> Item:
    kind = one["type"]
    body = {
        name: _shown(notion, value)
        for name, value in one[kind].items()
        if name not in {"children", "file_upload"}
    }
    if "rich_text" in body or kind == "callout":
        body.setdefault("color", "default")
    if kind == "paragraph":
        body.setdefault("icon", None)
    upload = one[kind].get("file_upload")
    if upload:
        told = notion.uploads.get(upload["id"])
        _refuse(
            notion,
            told is None or told["status"] != "uploaded" or told["used"],
            "the file upload cannot be used",
        )
        told["used"] = True
        key = f"{SPACE}/{ident('kept ' + upload['id'])}/{told['filename']}"
        notion.bytes[key] = b"".join(told["parts"].values())
        body |= {"type": "file", "file": {"key": key}}
    inner = [_made(notion, child) for child in one[kind].get("children", [])]
    return {"type": kind, kind: body, "children": inner}


def _shown(notion: FakeNotion, value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(notion, one) for one in value]
    return _text(value) if isinstance(value, dict) and value.get("type") in _TEXTS else value


_TEXTS = {"text", "equation"}


def _text(one: Item) -> Item:
    """A rich text as it is answered: with what was left out."""
    notes = {
        "bold": False,
        "italic": False,
        "strikethrough": False,
        "underline": False,
        "code": False,
        "color": "default",
        **one.get("annotations", {}),
    }
    if one.get("type") == "equation":
        said = one["equation"]["expression"]
        return {**one, "annotations": notes, "plain_text": said, "href": None}
    link = one["text"].get("link")
    content = {"content": one["text"]["content"], "link": link}
    return {
        "type": "text",
        "text": content,
        "annotations": notes,
        "plain_text": content["content"],
        "href": link["url"] if link else None,
    }


TYPES = {"application/pdf", "audio/wav", "image/png", "text/plain"}
"""Some of those of https://developers.notion.com/guides/data-apis/working-with-files-and-media."""
_ENDINGS = {".pdf": "application/pdf", ".wav": "audio/wav", ".png": "image/png"}


def _refuse_type(notion: FakeNotion, name: str, kind: str) -> None:
    """As its API words it; a type has to be that of the name's ending."""
    fits = _ENDINGS.get(name[name.rfind(".") :], kind) == kind
    if kind not in TYPES or not fits:
        said = f"The content type {kind} is not supported for the File Upload API."
        raise notion.refused(400, "validation_error", said)


def _upload(notion: FakeNotion, body: Item) -> Item:
    _refuse_type(notion, body["filename"], body.get("content_type", "application/octet-stream"))
    notion.made += 1
    own = ident(f"upload {notion.made}")
    notion.uploads[own] = {
        "filename": body["filename"],
        "content_type": body["content_type"],
        "status": "pending",
        "mode": body.get("mode", "single_part"),
        "total": body.get("number_of_parts", 1),
        "parts": {},
        "used": False,
    }
    return _told(notion, own)


def _told(notion: FakeNotion, own: str) -> Item:
    if own not in notion.uploads:
        raise notion.refused(404, "object_not_found", f"Could not find file upload {own}.")
    upload = notion.uploads[own]
    return {
        "object": "file_upload",
        "id": own,
        "created_time": notion.minute(),
        "last_edited_time": notion.minute(),
        "filename": upload["filename"],
        "content_type": upload["content_type"],
        "status": upload["status"],
        "number_of_parts": {"total": upload["total"], "sent": len(upload["parts"])},
        "in_trash": False,
    }


def _send(notion: FakeNotion, own: str, request: Request) -> Item:
    """The parts of multipart/form-data (RFC 7578), as far as they are sent here."""
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    fields: dict[str, bytes] = {}
    upload = notion.uploads[own]
    for part in (request.body or b"").split(b"--" + boundary)[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if name and name[1] == b"file":
            kind = re.search(rb"content-type: ([^\r\n]+)", head.lower())
            _refuse_type(notion, upload["filename"], kind[1].decode() if kind else "")
        if name:
            fields[name[1].decode()] = data.removesuffix(b"\r\n")
    _refuse(notion, "file" not in fields, "file is missing")
    _refuse(notion, len(fields["file"]) > 20 * 1024 * 1024, "the part is too large")
    upload["parts"][int(fields.get("part_number", b"1"))] = fields["file"]
    if upload["mode"] == "single_part":
        upload["status"] = "uploaded"
    return _told(notion, own)

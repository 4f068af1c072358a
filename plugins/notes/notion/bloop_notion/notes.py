"""Notion's pages as the hub's notes, their places and their files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bloop_notion import properties
from bloop_notion.content import Said
from bloop_notion.fields import moment, obj, own_id, plain, text
from bloop_notion.files import Downloads
from bloop_notion.model import Media, settled
from bloop_sdk import Container, File, Kind, Node, Note, Ref
from bloop_sdk.records import JSONObject

MAX_TITLE = 300
UNTITLED = "Untitled"
_BEGAN = datetime(2013, 1, 1, tzinfo=UTC)
_KEPT = frozenset(
    {"id", "created_time", "created_by", "last_edited_time", "last_edited_by", "parent"}
    | {"properties", "icon", "cover", "url", "public_url", "in_trash", "is_locked"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page stands in the tree; ``torn`` says that its parents form a circle."""

    container: str
    parent: str | None
    torn: bool = False


def container(me: JSONObject) -> Container:
    """The workspace that a token opens: one notebook."""
    bot = obj(me, "bot")
    return Container(
        kind=Kind.NOTEBOOK,
        remote_id=workspace_id(me),
        title=(text(bot, "workspace_name") or text(me, "name") or "Notion")[:MAX_TITLE],
        raw={"id": workspace_id(me), "name": text(bot, "workspace_name")},
    )


def workspace_id(me: JSONObject) -> str:
    """The workspace's id; older answers do not tell it, and a token opens but one."""
    return text(obj(me, "bot"), "workspace_id") or text(me, "id") or "workspace"


def titled(title: str) -> tuple[str, list[str]]:
    """A title that fits, and what of it was lost."""
    # Joiners are letters of Persian and of emoji.
    seen = (c if c.isprintable() or c in "\u200c\u200d" else " " for c in title)
    clean = " ".join("".join(seen).split())
    if len(clean) <= MAX_TITLE:
        return clean or UNTITLED, []
    return clean[:MAX_TITLE], [f"the end of its title: {clean[MAX_TITLE:][:200]}"]


def version(page: JSONObject, said: Said) -> str:
    """The minute of the last edit, and a hash: minutes alone would hide an edit within one."""
    told = {
        name: value
        for name, value in obj(page, "properties").items()
        if isinstance(value, dict) and value.get("type") not in properties.COMPUTED
    }
    body = [settled(told), said.raw, page.get("parent")]
    dumped = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return f"{text(page, 'last_edited_time')}/{hashlib.sha256(dumped.encode()).hexdigest()[:24]}"


def note(
    page: JSONObject,
    said: Said,
    place: Place,
    people: Mapping[str, str],
) -> Note:
    """A page or a row as a note."""
    making = said.making
    title, lost = titled(properties.title_of(page))
    values = properties.values_of(page, making)
    if obj(page, "cover") or text(obj(page, "icon"), "type") not in {"", "emoji"}:
        making.lose("cover and icon pictures")
    author = obj(page, "created_by")
    name = text(author, "name") or people.get(text(author, "id"), "")
    return Note(
        remote_id=own_id(page),
        container=place.container,
        title=title,
        markdown=said.markdown,
        tags=properties.tags_of(page),
        properties=values,
        author=name or None,
        url=text(page, "url") or None,
        created_at=moment(page, "created_time"),
        updated_at=moment(page, "last_edited_time"),
        remote_version=version(page, said),
        raw={
            "page": settled({name: page[name] for name in sorted(_KEPT & page.keys())}),
            "author": name,
            **said.raw,
        },
        lost=(*lost, *making.losses),
    )


def node(item: JSONObject, place: Place) -> Node:
    """Where a page, or a data source with its rows, stands."""
    source = item.get("object") == "data_source"
    title = plain(item.get("title")) if source else properties.title_of(item)
    own = own_id(item)
    return Node(
        remote_id=own,
        container=place.container,
        parent=place.parent,
        position=_position(item),
        title=titled(title)[0],
        content=None if source else Ref(Kind.NOTE, own),
        url=text(item, "url") or None,
        raw=_place_of(item, place),
        lost=("its place: the pages above it form a circle",) if place.torn else (),
    )


def _place_of(item: JSONObject, place: Place) -> JSONObject:
    raw: JSONObject = {"id": item.get("id"), "parent": item.get("parent"), "torn": place.torn}
    if item.get("object") == "data_source":
        raw["properties"] = {
            name: {"type": text(one, "type"), "id": text(one, "id")}
            for name, one in obj(item, "properties").items()
        }
        raw["description"] = plain(item.get("description"))
    return raw


def _position(item: JSONObject) -> int:
    """Siblings stand as they were made: lists of pages tell no other order. In minutes."""
    created = moment(item, "created_time")
    return max(0, int((created - _BEGAN).total_seconds() // 60)) if created else 0


def file(media: Media, page: str, place: Place, downloads: Downloads) -> File:
    """A file that stands in a page."""
    name, lost = titled(media.name)
    return File(
        remote_id=media.id,
        container=place.container,
        title=name,
        name=name,
        media_type=None,
        chunks=downloads.reader(page, media),
        raw={"page": page, "key": media.key, "name": media.name},
        lost=tuple(lost),
    )

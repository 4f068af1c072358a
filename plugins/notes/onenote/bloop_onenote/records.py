"""Notebooks, sections and pages as the hub's records."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bloop_onenote import ink
from bloop_onenote.api import OneNote, Page, identified
from bloop_onenote.blocks import Block, Document, read
from bloop_onenote.cleaning import Resource, file_id
from bloop_onenote.html import inks
from bloop_sdk import (
    Container,
    File,
    ForbiddenRecordError,
    Kind,
    Node,
    Note,
    PermissionMissingError,
    Ref,
)
from bloop_sdk.records import JSONObject

UNTITLED = "Untitled page"
UNNAMED = "Untitled"
INK = "ink"
"""What the file of a page's ink is called in its id."""
_PAGE_ID = re.compile(r"[#&]page-id=\{?([0-9A-Fa-f-]{36})\}?")


@dataclass(frozen=True, slots=True)
class Place:
    """A section or group of a notebook, with the places above it before it."""

    id: str
    title: str
    parent: str | None
    position: int
    is_section: bool


@dataclass(slots=True)
class Listed:
    """A page as a list tells it; ``above`` is the page that it is a part of."""

    id: str
    title: str
    section: str
    raw: JSONObject = field(repr=False)
    position: int = 0
    above: str | None = None

    @property
    def digest(self) -> str:
        """Another one wherever the page may be another: a new title leaves its time as it was."""
        told = [self.section, self.title, self.raw.get("lastModifiedDateTime")]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def container(found: JSONObject) -> Container:
    """A notebook."""
    title = _text(found, "displayName") or UNNAMED
    return Container(
        remote_id=identified(found, "notebooks"),
        kind=Kind.NOTEBOOK,
        title=title,
        url=_link(found, "oneNoteWebUrl"),
        created_at=when(found.get("createdDateTime")),
        raw={"displayName": title},
    )


def listed(section: str, found: Iterable[JSONObject]) -> list[Listed]:
    """A section's pages in their order, each below the page that it is indented under."""
    pages = [Listed(identified(one, "pages"), _text(one, "title"), section, one) for one in found]
    # Where OneNote tells no order, they stay as they came: in the order of their making.
    pages.sort(key=lambda page: _whole(page.raw, "order"))
    above: list[tuple[int, str]] = []
    for position, page in enumerate(pages):
        level = _whole(page.raw, "level")
        while above and above[-1][0] >= level:
            above.pop()
        page.position = position
        page.above = above[-1][1] if above else None
        above.append((level, page.id))
    return pages


def place_node(notebook: str, place: Place) -> Node:
    """A section or a group in the tree."""
    return Node(
        remote_id=place.id,
        container=notebook,
        parent=place.parent,
        position=place.position,
        title=place.title,
    )


def page_node(notebook: str, page: Listed) -> Node:
    """A page's place: in its section, or below another page."""
    return Node(
        remote_id=page.id,
        container=notebook,
        parent=page.above or page.section,
        position=page.position,
        title=page.title or UNTITLED,
        content=Ref(Kind.NOTE, page.id),
    )


@dataclass(frozen=True, slots=True)
class Made:
    """A page as records: the note, and its files."""

    note: Note
    files: list[File]
    document: Document

    @property
    def records(self) -> tuple[Note | File, ...]:
        """All of them; files first, so that the note's links find them."""
        return (*self.files, self.note)


def make(
    onenote: OneNote,
    notebook: str,
    page: Listed,
    content: Page,
    note_of: Callable[[str], str | None],
) -> Made:
    """A page with its content; raises MalformedRecordError."""
    document = read(content.html, page.id, note_of)
    drawn = ink.drawing(content.inkml) if content.inkml.strip() else None
    files = [_file(onenote, notebook, page.id, one) for one in document.found.resources.values()]
    lost = dict(document.found.lost)
    raw: JSONObject = {
        "title": document.title,
        "section": page.section,
        "changed": page.raw.get("lastModifiedDateTime"),
        "html": document.normal,
    }
    if drawn is not None:
        files.append(_ink(notebook, page.id, drawn))
        name = f"bloop:file:{file_id(page.id, INK)}"
        html = f'<p><img src="{name}" alt="ink"></p>'
        document.blocks.append(Block("ink", html, f"![ink]({name})", fixed=True))
        raw["ink"] = drawn.digest
        lost["ink: the pressure of the pen"] = None
    elif places := inks(document.root):
        lost[f"ink at {places} places, which Microsoft Graph does not give"] = None
    note = Note(
        remote_id=page.id,
        remote_version=version(raw),
        container=notebook,
        title=document.title or page.title or UNTITLED,
        html=document.html,
        markdown=document.markdown,
        tags=tuple(document.found.tags),
        url=_link(page.raw, "oneNoteWebUrl"),
        created_at=when(page.raw.get("createdDateTime")),
        updated_at=when(page.raw.get("lastModifiedDateTime")),
        raw=raw,
        lost=tuple(lost),
    )
    return Made(note, files, document)


def version(raw: JSONObject) -> str:
    """A page's version: a hash of what it says.

    Its time is none: it stays when a title changes, and was seen to move by a second by itself.
    """
    told = [raw.get("title"), raw.get("html"), raw.get("ink")]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _file(onenote: OneNote, notebook: str, page: str, resource: Resource) -> File:
    def chunks() -> AsyncIterator[bytes]:
        return _readable(onenote.resource(resource.id))

    return File(
        remote_id=file_id(page, resource.id),
        container=notebook,
        title=resource.name,
        name=resource.name,
        media_type=resource.media_type,
        raw={"resource": resource.id, "name": resource.name, "type": resource.media_type},
        chunks=chunks,
    )


async def _readable(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for chunk in chunks:
            yield chunk
    except PermissionMissingError as err:
        raise ForbiddenRecordError(err.message) from err


def _ink(notebook: str, page: str, drawn: ink.Drawing) -> File:
    async def chunks() -> AsyncIterator[bytes]:
        yield drawn.svg

    return File(
        remote_id=file_id(page, INK),
        container=notebook,
        title="ink.svg",
        name="ink.svg",
        media_type="image/svg+xml",
        size=len(drawn.svg),
        raw={"strokes": drawn.digest, "svg": hashlib.sha256(drawn.svg).hexdigest()},
        chunks=chunks,
    )


def client_id(found: JSONObject) -> str | None:
    """The id by which OneNote's own links name a page, which is another one than Graph's."""
    return linked(_link(found, "oneNoteClientUrl") or "")


def linked(href: str) -> str | None:
    """Which page a link leads to, by the id of OneNote's own links."""
    if not href.startswith(("onenote:", "https://")):
        return None
    found = _PAGE_ID.search(href)
    return found[1].lower() if found else None


def when(value: object) -> datetime | None:
    """A time of Graph's."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _link(found: JSONObject, name: str) -> str | None:
    links = found.get("links")
    one = links.get(name) if isinstance(links, dict) else None
    href = one.get("href") if isinstance(one, dict) else None
    return href if isinstance(href, str) and len(href) < 2000 else None


def _text(found: JSONObject, name: str) -> str:
    value = found.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _whole(found: JSONObject, name: str) -> int:
    value = found.get(name)
    return value if isinstance(value, int) else 0


def places(found: JSONObject, parent: str | None = None) -> Iterator[Place | str]:
    """The places of a notebook or group in order, parents first; of a closed group its id alone."""
    position = 0
    for one in _rows(found, "sections"):
        name = _text(one, "displayName") or UNNAMED
        yield Place(identified(one, "sections"), name, parent, position, is_section=True)
        position += 1
    for one in _rows(found, "sectionGroups"):
        id_, name = identified(one, "sectionGroups"), _text(one, "displayName") or UNNAMED
        yield Place(id_, name, parent, position, is_section=False)
        position += 1
        if "sections" in one or "sectionGroups" in one:
            yield from places(one, id_)
        else:
            yield id_


def _rows(found: JSONObject, name: str) -> list[JSONObject]:
    value = found.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

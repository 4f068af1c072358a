"""Pages, files, links, discussions, tools, and what nobody knows."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import PurePosixPath

from lxml.etree import _Element as Element

from bloop_cartridge import canvas
from bloop_cartridge.htmltext import as_html, read_document
from bloop_cartridge.source import Source
from bloop_cartridge.xmlsafe import child, children, descendants, markup_of, text_of
from bloop_sdk.records import Discussion, File, Kind, Link, Opaque, Page, Ref, Tool

Chunks = Callable[[str], Callable[[], AsyncIterator[bytes]]]
_WEB = "web_resources/"
_HTML = (".html", ".htm", ".xhtml")
OURS = "bloop"
_OF_TOPIC = {
    "attachment_identifierref",
    "delayed_post_at",
    "posted_at",
    "title",
    "workflow_state",
}


def page(source: Source) -> Page:
    """An HTML file of ``webcontent`` that is to be read (Common Cartridge 1.3, section 4.4.1)."""
    document = read_document(source.archive.read(source.path))
    source.notes += document.notes
    if document.meta.get("front_page") == "true":
        source.notes.append("this page is the course's front page")
    body = source.links.rewrite(document.body)
    hidden = canvas.is_withheld(document.meta)
    hidden = hidden or document.meta.get("hide_from_students") == "true"  # Before 2013
    return Page(**source.common(document.title, hidden=hidden), html=body)


def file(source: Source, chunks: Chunks) -> File:
    """Any other file of ``webcontent``."""
    path = source.path
    told = source.index.canvas("file", source.resource.id) or {}
    name = PurePosixPath(path).name
    source.notes += told.get("lost", ())
    closed = bool(told.get("closed") or told.get("hidden"))
    return File(
        **source.common(
            told.get("title") or name, hidden=closed or canvas.is_closed(source.index, path)
        ),
        name=name,
        media_type=source.resource.facts.get("format") or media_type(name),
        size=source.archive.entry(path).size,
        path=path.removeprefix(_WEB),
        chunks=chunks(path),
    )


def media_type(name: str) -> str | None:
    """The media type that a name suggests."""
    return mimetypes.guess_type(name, strict=False)[0]


def link(source: Source) -> Link:
    """A web link (imswl, Common Cartridge 1.3, section 4.8)."""
    root = source.root("webLink")
    url = child(root, "url")
    item = source.index.first_item_of(source.resource.id)
    told = source.index.told_of(item) if item else {}
    href = "" if url is None else url.get("href", "").strip() or text_of(url)
    href = href or told.get("url", "")
    if not href:
        source.notes.append("the link holds no address")
    target = "" if url is None else url.get("target", "")
    new_window = target.lower() == "_blank" or told.get("new_tab") == "true"
    return Link(**source.common(text_of(root, "title")), href=href, new_window=new_window)


def discussion(source: Source) -> Discussion:
    """A discussion topic (imsdt, Common Cartridge 1.3, section 4.7), with Canvas's settings."""
    root = source.root("topic")
    text = child(root, "text")
    body = "" if text is None else source.html(markup_of(text), text.get("texttype", "text/plain"))
    hidden = announcement = False
    posted: datetime | None = None
    beside: list[str] = []
    for path in source.owned_files():
        meta = source.parse_settings(path)
        if meta is None:
            continue
        values = canvas.settings(meta)
        assigned = canvas.settings(child(meta, "assignment"))
        hidden = canvas.is_withheld(values) or canvas.is_withheld(assigned)
        announcement = values.get("type") == "announcement"
        posted = canvas.when(values.get("posted_at", "") or values.get("delayed_post_at", ""))
        beside += filter(None, [values.get("attachment_identifierref")])
        if assigned:
            source.notes.append("the discussion is graded; its assignment is not kept")
        source.notes += canvas.unkept(values, _OF_TOPIC)
    attachments = tuple(_attachments(source, root, beside))
    return Discussion(
        **source.common(text_of(root, "title"), hidden=hidden),
        html=body,
        attachments=attachments,
        announcement=announcement,
        posted_at=posted,
    )


def _attachments(source: Source, root: Element, beside: list[str]) -> list[Ref]:
    """What is attached, by its path or else by the identifier that Canvas gives ``beside`` it."""
    found: list[Ref] = []
    named = iter(beside)
    for element in descendants(root, "attachment"):
        href = element.get("href", "").strip()
        target = source.links.file(href) if href else None
        if target is None and (identifier := next(named, None)):
            target = source.links.resource(identifier)
        if target:
            found.append(Ref(*target))
        else:
            source.notes.append(f"attachment not in the cartridge: {href}")
    return found


def tool(source: Source) -> Tool:
    """An LTI link (imsbasiclti, Basic LTI 1.0 section 5.3: ``cartridge_basiclti_link``)."""
    root = source.root("cartridge_basiclti_link", "basic_lti_link")
    url = text_of(root, "secure_launch_url") or text_of(root, "launch_url")
    if not url:
        source.notes.append("the tool holds no launch address")
    if source.resource.facts.get("told"):
        source.notes.append("Canvas's modules alone tell of the tool: its address is all there is")
    custom = child(root, "custom")
    ours: dict[str, str] = {}
    for extensions in children(root, "extensions"):
        if extensions.get("platform") == OURS:
            ours = dict(_properties(extensions))
        else:
            named = [name for name, _ in _properties(extensions)]
            source.notes.append(
                f"extensions for {extensions.get('platform')!r} are not kept: "
                + ", ".join(named[:20])
            )
    html = ours.get("html")
    if html is None:
        html = as_html(text_of(root, "description"))
    return Tool(
        **source.common(text_of(root, "title")),
        launch_url=url,
        html=source.links.rewrite(html),
        version=ours.get("version", "1.1"),
        custom=() if custom is None else tuple(_properties(custom)),
    )


def _properties(element: Element) -> list[tuple[str, str]]:
    return [
        (found.get("name", ""), "".join(found.itertext()))
        for found in children(element, "property")
    ]


def opaque(source: Source) -> Opaque:
    """A type that nobody here knows: kept with its files, shown by its title."""
    path = source.resource.path
    if path is not None and path.startswith("bloop/opaque/"):
        root = source.root(str(Kind.OPAQUE))
        body = source.links.rewrite("".join(text_of(root, "html")))
        return Opaque(
            **source.common(text_of(root, "title")),
            remote_kind=root.get("kind", ""),
            html=body,
        )
    if path is None and source.resource.facts["href"]:
        source.notes.append(f"its file {source.resource.facts['href']!r} is not in the zip")
    title, body = "", ""
    if path is not None and path.lower().endswith(_HTML):
        document = read_document(source.archive.read(path))
        source.notes += document.notes
        title, body = document.title, source.links.rewrite(document.body)
    return Opaque(**source.common(title), remote_kind=source.resource.type or "unknown", html=body)

"""Pages, files, links, discussions, tools, and what nobody knows."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable
from pathlib import PurePosixPath

from lxml.etree import _Element as Element

from bloop_cartridge import canvas
from bloop_cartridge.htmltext import as_html, read_document
from bloop_cartridge.source import Source
from bloop_cartridge.xmlsafe import child, children, descendants, text_of
from bloop_sdk.records import Discussion, File, Kind, Link, Opaque, Page, Ref, Tool

Chunks = Callable[[str], Callable[[], AsyncIterator[bytes]]]
_WEB = "web_resources/"
_HTML = (".html", ".htm", ".xhtml")
OURS = "bloop"


def page(source: Source) -> Page:
    """An HTML file of ``webcontent`` that is to be read (Common Cartridge 1.3, section 4.4.1)."""
    document = read_document(source.archive.read(source.path))
    source.notes += document.notes
    if document.meta.get("front_page") == "true":
        source.notes.append("this page is the course's front page")
    body = source.links.rewrite(document.body)
    hidden = canvas.is_hidden(document.meta.get("workflow_state", ""))
    return Page(**source.common(document.title, hidden=hidden), html=body)


def file(source: Source, chunks: Chunks) -> File:
    """Any other file of ``webcontent``."""
    path = source.path
    told = source.index.canvas("file", source.resource.id) or {}
    name = PurePosixPath(path).name
    return File(
        **source.common(told.get("title") or name, hidden=bool(told.get("hidden"))),
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
    told = (item and source.index.canvas("node", item.id)) or {}
    href = ("" if url is None else url.get("href", "").strip()) or told.get("url", "")
    if not href:
        source.notes.append("the link holds no address")
    target = "" if url is None else url.get("target", "")
    new_window = target.lower() == "_blank" or told.get("new_tab") == "true"
    return Link(**source.common(text_of(root, "title")), href=href, new_window=new_window)


def discussion(source: Source) -> Discussion:
    """A discussion topic (imsdt, Common Cartridge 1.3, section 4.7), with Canvas's settings."""
    root = source.root("topic")
    text = child(root, "text")
    body = "" if text is None else source.html(text_of(text), text.get("texttype", "text/plain"))
    hidden = False
    for path in source.owned_files():
        meta = source.parse_settings(path)
        if meta is None:
            continue
        values = canvas.settings(meta)
        hidden = canvas.is_hidden(values.get("workflow_state", ""))
        if values.get("type") not in {None, "", "topic"}:
            source.notes.append(f"Canvas's type of topic is not kept: {values['type']}")
        if child(meta, "assignment") is not None:
            source.notes.append("the discussion is graded; its assignment is not kept")
        source.notes += canvas.unkept(values, {"title", "workflow_state"})
    attachments = tuple(_attachments(source, root))
    return Discussion(
        **source.common(text_of(root, "title"), hidden=hidden), html=body, attachments=attachments
    )


def _attachments(source: Source, root: Element) -> list[Ref]:
    found: list[Ref] = []
    for element in descendants(root, "attachment"):
        href = element.get("href", "").strip()
        target = source.links.file(href) if href else None
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

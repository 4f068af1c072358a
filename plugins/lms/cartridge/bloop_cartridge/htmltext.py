"""HTML as text: tags found without a parser, so that what is not changed stays as it came."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bloop_cartridge.encoding import decode

_STOP = re.compile("[\"'>]")
_TAG_START = re.compile(r"<(?:!--|([A-Za-z][A-Za-z0-9:-]*))")
_ATTRIBUTE = re.compile(
    r"""(?<=[\s"'/])([A-Za-z][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"""
)
_URLS = frozenset({"src", "href", "poster", "data", "background"})
_END_BODY = re.compile(r"</body\s*>", re.IGNORECASE)
_END_FRAME = re.compile(r"</iframe\s*>", re.IGNORECASE)
_OF_PACKAGE = re.compile(r"(?:\$|%24)IMS[-_]CC[-_]FILEBASE(?:\$|%24)", re.IGNORECASE)
_SHELL = re.compile(r"</?html\b[^<>]*>|<!doctype\b[^<>]*>|<\?xml\b[^<>]*>", re.IGNORECASE)
_LOOKS_LIKE_HTML = re.compile(r"</?[A-Za-z][^<>]*>")
_HEAD = 256 * 1024

MapUrl = Callable[[str], str | None]


@dataclass(slots=True)
class Document:
    """An HTML file, taken apart."""

    title: str = ""
    body: str = ""
    meta: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def tags(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and lower-case name of each opening tag, outside of comments.

    Linear in the text's length: an unclosed tag, quote or comment ends the walk.
    """
    at = 0
    while found := _TAG_START.search(text, at):
        if found[1] is None:
            at = text.find("-->", found.end())
            if at < 0:
                return
            continue
        end = found.end()
        while True:
            stop = _STOP.search(text, end)
            if stop is None:
                return
            if stop[0] == ">":
                break
            end = text.find(stop[0], stop.end()) + 1
            if end == 0:
                return
        at = stop.end()
        yield found.start(), at, found[1].lower()


def attributes(tag: str) -> dict[str, str]:
    """The attributes of a tag's text, unescaped; names in lower case."""
    return {
        found[1].lower(): html.unescape(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(tag)
    }


def map_urls(text: str, new_url: MapUrl) -> str:
    """The text with the URLs of its tags replaced; ``new_url`` gives None for "leave it"."""
    pieces: list[str] = []
    done = 0
    for start, end, _ in tags(text):
        tag = text[start:end]
        if "=" not in tag:
            continue
        changed = _ATTRIBUTE.sub(lambda found: _new_attribute(found, new_url), tag)
        if changed != tag:
            pieces += (text[done:start], changed)
            done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _new_attribute(found: re.Match[str], new_url: MapUrl) -> str:
    if found[1].lower() not in _URLS:
        return found[0]
    old = found[2] or found[3] or found[4] or ""
    new = new_url(html.unescape(old))
    if new is None:
        return found[0]
    quote = "'" if found[3] is not None else '"'
    return f"{found[1]}={quote}{html.escape(new)}{quote}"


def equations_as_text(text: str) -> str:
    r"""Canvas's equation images as ``\( ... \)``."""
    if "equation_image" not in text:
        return text
    pieces: list[str] = []
    done = 0
    for start, end, name in tags(text):
        if name != "img":
            continue
        found = attributes(text[start:end])
        latex = found.get("data-equation-content") or found.get("title", "")
        if "equation_image" in found.get("class", "").split() and latex:
            pieces += (text[done:start], rf"\({html.escape(latex, quote=False)}\)")
            done = end
    pieces.append(text[done:])
    return "".join(pieces)


def players_as_media(text: str) -> str:
    """Canvas's frames that play a file of the package as ``audio`` and ``video``.

    An export moves the address into a ``source``, which no frame may hold.
    """
    if "data-media-" not in text:
        return text
    pieces: list[str] = []
    done = past = 0
    for start, end, name in tags(text):
        if name != "iframe" or start < past:
            continue
        found = attributes(text[start:end])
        close = _END_FRAME.search(text, end)
        if close is None:
            break
        past = close.end()  # What stands in a frame is text.
        if not ("data-media-type" in found or "data-media-id" in found):
            continue
        inside = text[end : close.start()]
        sources = (attributes(inside[at:to]).get("src") for at, to, _ in tags(inside))
        source = found.get("src") or next(filter(None, sources), "")
        if _OF_PACKAGE.match(source):
            player = "audio" if found.get("data-media-type") == "audio" else "video"
            label = html.escape(found.get("title", ""))
            url = html.escape(source)
            pieces += (
                text[done:start],
                f'<{player} controls src="{url}" title="{label}"></{player}>',
            )
            done = past
    pieces.append(text[done:])
    return "".join(pieces)


def read_document(data: bytes) -> Document:
    """Title, meta tags and the body's inner HTML, stripped."""
    text, note = decode(data)
    document = Document(notes=[note] if note else [])
    text = text.replace("\0", "")
    start, end = 0, len(text)
    for at, after, name in tags(text[:_HEAD]):
        if name == "title" and not document.title:
            close = text.find("</", after)
            document.title = " ".join(html.unescape(text[after:close]).split()) if close > 0 else ""
        elif name == "meta":
            found = attributes(text[at:after])
            document.meta[found.get("name", "").lower()] = found.get("content", "")
        elif name == "body":
            start = after
            break
    if start:
        closings = list(_END_BODY.finditer(text, start))
        end = closings[-1].start() if closings else end
        document.body = text[start:end].strip()
    else:
        document.body = _without_shell(text).strip()
    return document


def _without_shell(text: str) -> str:
    """A document without a body tag: what is left without its head."""
    head = text.lower().find("</head>")
    return _SHELL.sub("", text[head + len("</head>") :] if head >= 0 else text)


def as_html(text: str) -> str:
    """Text that may be HTML as HTML: escaped unless a tag is in it."""
    return text if _LOOKS_LIKE_HTML.search(text) else html.escape(text, quote=False)


def as_text(fragment: str) -> str:
    """The reverse of escaping, for fields that hold plain text; tags stay as they are."""
    return fragment if _LOOKS_LIKE_HTML.search(fragment) else html.unescape(fragment)

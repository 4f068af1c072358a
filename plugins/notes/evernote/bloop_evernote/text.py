"""The text of a note as it stands in its export."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_to_bytes

from bs4 import BeautifulSoup, Tag
from bs4.builder import HTMLTreeBuilder

from bloop_evernote.facts import decode, mend
from bloop_evernote.payload import decode_url

_CDATA = "<![CDATA["
_SPLIT = "]]]]><![CDATA[>"
_NESTED = "]]<![CDATA[>]]>"
"""How Evernote writes ``]]>`` in a text: no XML, since the inner end is the outer one's."""
MAX_DEPTH = 100
"""Elements deeper than this lose their own mark, and keep what is in them."""

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]*)(?:[^<>\"'/]|\"[^\"<]*\"|'[^'<]*'|/(?!>))*(/?)>")
_EMPTY = frozenset[str](HTMLTreeBuilder.DEFAULT_EMPTY_ELEMENT_TAGS or ())
_VOID = frozenset({"br", "hr", "img", "en-media", "en-todo", "col", "wbr", "input", "area"})
_START = re.compile(r"<en-note[\s/>]")
_DATA_URL = re.compile(
    r"data:([\w.+/-]{1,100})?(?:;(?!base64)[\w=.-]{1,60})*(;base64)?,", re.IGNORECASE
)
_PAYLOAD = re.compile(
    r"(data:image/[\w.+-]{1,60}[;\w=.-]{0,100};base64,)([A-Za-z0-9+/=\s%]{1000,})"
)


def text_of(data: bytes) -> tuple[str, list[str]]:
    """The ENML in a ``<content>``, and what had to be mended."""
    text, lost = decode(data)
    text = text.strip()
    if text.startswith(_CDATA):
        text = text[len(_CDATA) :].removesuffix("]]>").replace(_NESTED, "]]&gt;")
        whole = text.replace(_SPLIT, "]]>")
        if "]]>" in text and _SPLIT not in text:
            lost.append("the CDATA around its text ended too early: read to the end of the text")
        text = whole.strip()
    elif "&lt;en-note" in text:
        text = html.unescape(text)
    return text, lost


class Element(Tag):
    """A tag that looks for its ancestors without bs4's machinery: markdownify asks each of them."""

    def find_parent(self, name: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As bs4's."""
        if not isinstance(name, str) or args or kwargs:
            return super().find_parent(name, *args, **kwargs)
        return next((above for above in self.parents if above.name == name), None)


def soup_of(enml: str) -> BeautifulSoup:
    """A note's text as a tree. html.parser takes ``<en-media/>`` as closed, and any nonsense."""
    start = _START.search(enml)
    text = enml[start.start() :] if start else enml
    # html.parser takes the end off a reference that it does not know.
    text = mend(text) if "&" in text else text
    return BeautifulSoup(
        text, "html.parser", element_classes={Tag: Element}, multi_valued_attributes=None
    )


def shallow(enml: str) -> tuple[str, int]:
    """``enml`` without the tags that lie too deeply, and how many began there.

    Before it is parsed: of elements in elements a parser takes the square of the time.
    """
    depth = gone = 0

    def keep(found: re.Match[str]) -> str:
        nonlocal depth, gone
        closing, name, empty = found[1], found[2].lower(), found[3]
        if empty or name in _VOID:
            return found[0]
        if closing:
            depth = max(0, depth - 1)
            return found[0] if depth < MAX_DEPTH else ""
        depth += 1
        gone += depth > MAX_DEPTH
        return found[0] if depth <= MAX_DEPTH else ""

    return _TAG.sub(keep, enml), gone


def html_of(body: Tag) -> str:
    """What is in an element as HTML. It is not deep: see :data:`MAX_DEPTH`."""
    parts: list[str] = []
    _write(body, parts.append)
    return "".join(parts)


def _write(element: Tag, add: Callable[[str], None]) -> None:
    for node in element.contents:
        if not isinstance(node, Tag):
            add(html.escape(str(node), quote=False))
            continue
        attributes = "".join(
            f' {name}="{html.escape(str(value))}"' for name, value in node.attrs.items()
        )
        add(f"<{node.name}{attributes}>")
        if node.contents or node.name not in _EMPTY:
            _write(node, add)
            add(f"</{node.name}>")


def tags_in(element: Tag) -> list[Tag]:
    """The elements below one, in their order."""
    return [one for one in element.descendants if isinstance(one, Tag)]


def picture_of(address: str) -> tuple[str, bytes] | None:
    """Media type and bytes of an image that is its own address (RFC 2397)."""
    found = _DATA_URL.match(address.strip())
    if found is None:
        return None
    body = address.strip()[found.end() :]
    data = decode_url(body) if found[2] else unquote_to_bytes(body)
    return (found[1] or "image/png").lower(), data


def pictures_in(enml: str) -> Iterator[bytes]:
    """The bytes of every image that is its own address."""
    for image in soup_of(enml).find_all("img"):
        if found := picture_of(str(image.get("src") or "")):
            yield found[1]


def without_pictures(text: str) -> str:
    """``text`` with a digest in place of each long ``data:`` image: a file holds it."""
    return _PAYLOAD.sub(lambda found: found[1] + sha256(found[2].encode()).hexdigest(), text)

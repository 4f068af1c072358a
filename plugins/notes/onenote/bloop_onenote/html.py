"""Output HTML of OneNote as a tree: parsed, put into reading order, and normalised.

What Graph answers is XHTML in most places. Two reads of an unchanged page differ in generated ids,
in whitespace, in the order of attributes and styles, in fractions of pixels and in the address of
resources: https://learn.microsoft.com/graph/onenote-input-output-html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from lxml import etree
from lxml import html as lxml_html

from bloop_sdk import MalformedRecordError

Element = lxml_html.HtmlElement

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta"})
_CLOSED = re.compile(r"<([A-Za-z][\w:.-]*)((?:\s[^<>]*)?)/>")
_SPACES = re.compile(r"[ \t\r\n\f]+")
_RESOURCE = re.compile(
    r"/onenote/resources/([^/?#]{1,300})(?:/(?:\$value|content))?(?:[?#].*)?$", re.IGNORECASE
)
_PIXELS = re.compile(r"(-?\d{1,7}(?:\.\d{1,12})?)(px|pt)")
_GENERATED = frozenset({"id", "data-id", "lang", "xmlns", "htmlns", "src", "data-src-type"})
"""Attributes that say nothing of the content: ``src`` is a smaller copy of ``data-fullres-src``."""
_BLOCKS = frozenset(
    str.split(
        "blockquote body dd div dl dt h1 h2 h3 h4 h5 h6 head html li object ol p pre "
        "table tbody td th thead tr ul"
    )
)
_HOLDERS = frozenset(["body", "div", "ol", "table", "tbody", "tr", "ul"])
"""Between what is in these, whitespace says nothing."""
INK = "InkNode is not supported"


def parse(text: str) -> Element:
    """A page's root; raises MalformedRecordError for what is no whole page of OneNote."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if not text.rstrip().lower().endswith("</html>") or "data-absolute-enabled" not in text:
        raise MalformedRecordError("OneNote's answer is no page of it, or half of one")
    # To HTML's parser <object/> is a beginning, and what follows would be in it.
    text = _CLOSED.sub(_opened, text.lstrip("\N{BYTE ORDER MARK}"))
    text = re.sub(r"^\s*<\?xml[^>]*>", "", text)
    try:
        root = lxml_html.document_fromstring(text, parser=lxml_html.HTMLParser(huge_tree=False))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as err:
        raise MalformedRecordError(f"OneNote's answer cannot be read: {err}") from err
    if root.find("body") is None:
        raise MalformedRecordError("OneNote's answer is a page without a body")
    return root


def _opened(match: re.Match[str]) -> str:
    if match[1].lower() in _VOID:
        return match[0]
    return f"<{match[1]}{match[2].rstrip()}></{match[1]}>"


def title_of(root: Element) -> str:
    """The page's title; empty where it has none."""
    found = root.find("head/title")
    return _SPACES.sub(" ", found.text_content()).strip() if found is not None else ""


def body_of(root: Element) -> Element:
    """The page's body."""
    found = root.find("body")
    assert found is not None, "parse() looked"
    return found


def placed(body: Element) -> list[Element]:
    """What stands freely on the page, from top to bottom and from left to right.

    What has no place of its own stays where it stood, before what has one.
    """
    return sorted(body, key=_place)


def _place(element: Element) -> tuple[int, int]:
    style = styles(element) if isinstance(element.tag, str) else {}
    if style.get("position") != "absolute":
        return (-1, -1)
    return (_number(style.get("top", "")), _number(style.get("left", "")))


def _number(text: str) -> int:
    found = _PIXELS.match(text)
    return round(float(found[1])) if found else 0


def styles(element: Element) -> dict[str, str]:
    """An element's CSS properties."""
    found = {}
    for part in element.get("style", "").split(";"):
        name, colon, value = part.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found


def resource_of(address: str | None) -> str | None:
    """The id of the resource at an address of Graph; None for any other address."""
    found = _RESOURCE.search(address or "")
    return found[1] if found else None


def inks(root: Element) -> int:
    """How many places hold ink that HTML does not show."""
    return sum(1 for one in root.iter(etree.Comment) if (one.text or "").strip() == INK)


def settle(root: Element) -> None:
    """Give a page's text the whitespace that it means, whichever way it was rendered."""
    for one in body_of(root).iter():
        if not isinstance(one.tag, str):
            continue
        block, holds = one.tag in _BLOCKS, one.tag in _HOLDERS
        one.text = _meant(one.text, edge=block, blank=not holds)
        children = list(one)
        for child in children:
            beside = block and child.tag in _BLOCKS
            child.tail = _meant(child.tail, edge=beside, blank=not holds)
        if block and children and children[-1].tail:
            children[-1].tail = children[-1].tail.rstrip(" ") or None
        elif block and not children and one.text:
            one.text = one.text.rstrip(" ") or None


def _meant(text: str | None, *, edge: bool, blank: bool) -> str | None:
    found = _SPACES.sub(" ", text or "")
    if edge:
        found = found.lstrip(" ")
    return found if found and (blank or found != " ") else None


def normalised(root: Element) -> str:
    """The settled body in one form, without what is generated: what is hashed, and kept."""
    parts: list[str] = []
    _write(body_of(root), parts)
    return "".join(parts)


def _write(element: Element, parts: list[str]) -> None:
    if not isinstance(element.tag, str):
        if (element.text or "").strip() == INK:
            parts.append("<ink>")
        return
    attributes = "".join(_attributes(element))
    bare = element.tag == "span" and not attributes
    if not bare:
        parts.append(f"<{element.tag}{attributes}>")
    parts.append(escape(element.text or "", quote=False))
    for child in placed(element) if element.tag == "body" else element:
        _write(child, parts)
        parts.append(escape(child.tail or "", quote=False))
    if element.tag not in _VOID and not bare:
        parts.append(f"</{element.tag}>")


def _attributes(element: Element) -> Iterator[str]:
    full = element.get("data-fullres-src")
    for name, value in sorted(element.attrib.items()):
        if name in _GENERATED and not (name == "src" and full is None):
            continue
        if name == "style":
            parts = sorted(styles(element).items())
            told = ";".join(f"{key}:{_rounded(one)}" for key, one in parts)
        elif resource := resource_of(value):
            told = f"bloop:file:{resource}"
        else:
            told = _SPACES.sub(" ", value).strip()
        yield f' {name}="{escape(told)}"'


def _rounded(value: str) -> str:
    return _PIXELS.sub(lambda found: f"{round(float(found[1]))}{found[2]}", value)

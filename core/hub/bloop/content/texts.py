"""Markdown and plain text of stored HTML, derived when somebody asks; and HTML of Markdown."""

from __future__ import annotations

import html as entities
import re
from typing import Any

from lxml import etree
from lxml import html as lxml_html

from bloop.content.sanitise import sanitise, words
from bloop_sdk import Kind, Ref
from bloop_sdk.markdown import Links, render

_BLOCKS = words(
    "address article aside blockquote br caption dd div dl dt figcaption figure footer h1 h2 "
    "h3 h4 h5 h6 header hr li ol p pre section summary table td th tr ul"
)
_SPACES = re.compile(r"[ \t\r\f\v\xa0]+")
BY_TITLE = "title="
"""Begins the remote id in a link that names a note by its title."""
_LINES = re.compile(r" ?\n ?(?:\n ?)*")


def html_of_markdown(markdown: str) -> str:
    """Sanitised HTML of Markdown in the dialect of :class:`bloop_sdk.Note`.

    A link by title leads to what looks the title up when it is followed.
    """
    return sanitise(unsafe_html_of_markdown(markdown))


def unsafe_html_of_markdown(markdown: str) -> str:
    """The same before anything is taken out of it, to be compared and never shown."""
    return render(markdown, Links(_by_title))


def _by_title(target: str) -> Ref | None:
    title = target.rpartition("/")[2].strip()
    return Ref(Kind.NOTE, f"{BY_TITLE}{title}") if title else None


def markdown_of_html(html: str) -> str:
    """Markdown of sanitised HTML; what Markdown cannot say stays as its text.

    Formulas and the languages of code come back as they are written in the dialect of
    :class:`bloop_sdk.Note`.
    """
    from markdownify import ATX, markdownify

    formulas: list[str] = []

    def hold(match: re.Match[str]) -> str:
        sign = "$" if match["open"] == "(" else "$$"
        formulas.append(f"{sign}{entities.unescape(match['tex']).strip()}{sign}")
        return f"{match['tag']}{_HELD}{len(formulas) - 1}{_HELD}</{match['name']}>"

    text = markdownify(
        _FORMULA.sub(hold, html.replace(_HELD, "")),
        heading_style=ATX,
        bullets="-",
        code_language_callback=_language_of,
    )
    return _HELD_FORMULA.sub(lambda match: formulas[int(match[1])], str(text)).strip()


_HELD = "\ue000"
"""Of the private area: no text of a formula is taken for Markdown that is to be escaped."""
_HELD_FORMULA = re.compile(f"{_HELD}(\\d+){_HELD}")
_FORMULA = re.compile(
    r'(?P<tag><(?P<name>span|div) class="math">)\s*'
    r"\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]\s*</(?P=name)>",
    re.DOTALL,
)


def _language_of(pre: Any) -> str | None:
    code = pre.find("code")
    names = code.get("class") or [] if code is not None else []
    found = (one.removeprefix("language-") for one in names if one.startswith("language-"))
    return next(found, None)


def text_of_html(html: str) -> str:
    """The words of sanitised HTML, a line a block, without markup."""
    if not html.strip():
        return ""
    root = lxml_html.fragment_fromstring(html, create_parent="div")
    parts: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if element.tag in _BLOCKS:
            parts.append("\n")
        if event == "end":
            parts.append(element.tail or "")
        elif element.tag != "annotation":
            parts.append(element.text or "")
    return _LINES.sub("\n", _SPACES.sub(" ", "".join(parts))).strip()

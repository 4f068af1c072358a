"""Canvas's HTML: links to what the hub reads too become ``bloop:KIND:ID``, images of TeX text.

Canvas links to a page by its title's slug, which no page keeps: such a link leads to Canvas.
"""

from __future__ import annotations

import re

from bloop_canvas.ids import within
from bloop_sdk.records import Kind

_KINDS = {
    "files": Kind.FILE,
    "assignments": Kind.ASSIGNMENT,
    "quizzes": Kind.QUIZ,
    "discussion_topics": Kind.DISCUSSION,
}
# Patterns begin with a character of its own, which is found many times faster than a word is.
_ADDRESS = re.compile(
    r"""=\s*(?P<quote>["'])(?:"""
    r"""(?P<host>https?://[^/"'\s<>]++)?/courses/(?P<course>\d{1,20})/"""
    r"""(?P<what>files|assignments|quizzes|discussion_topics)/(?P<id>\d{1,20})"""
    r"""(?:/(?:download|preview|file_contents/[^"'<>?#]*))?/?(?:\?[^"'<>#]*)?(?P=quote)"""
    r"""|/(?!/))""",
    re.IGNORECASE,
)
_PAGE = re.compile(r"""=\s*["'][^"'\s<>]*/courses/\d+/pages/""", re.IGNORECASE)
_NAMES = re.compile(r"\b(?:href|src|poster|data)\s*\Z", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*\Z", re.IGNORECASE)
_LONGEST_NAME = 32
_EQUATION = re.compile(
    r"""<img\b(?=[^<>]*\bclass\s*=\s*["'][^"'<>]*\bequation_image\b)"""
    r"""[^<>]*\bdata-equation-content\s*=\s*"([^"<>]*)"[^<>]*>""",
    re.IGNORECASE,
)
# A verifier opens a file to whoever has it, without a login.
_VERIFIER = re.compile(r"(\?|&amp;|&)verifier=[A-Za-z0-9_-]*(&amp;|&)?")


def without_verifiers(text: str) -> str:
    """A text whose URLs hold no keys to files."""
    if not ("?" in text or "&" in text) or "verifier=" not in text:
        return text
    return _VERIFIER.sub(lambda match: match[1] if match[2] else "", text)


def _is_address(match: re.Match[str]) -> bool:
    """Whether what a match gives the value of is an attribute with an address."""
    return _follows(match, (" href", " src", " poster", " data"), _NAMES)


def _is_link(match: re.Match[str]) -> bool:
    return _follows(match, (" href",), _HREF)


def _follows(match: re.Match[str], names: tuple[str, ...], pattern: re.Pattern[str]) -> bool:
    """Whether it stands behind one of some names, as nearly everybody writes it, or at all."""
    begin, text = match.start(), match.string
    if text.endswith(names, 0, begin):
        return True
    return pattern.search(text, max(0, begin - _LONGEST_NAME), begin) is not None


class Linked:
    """HTML with its links turned; ``lost`` says what leads out of the hub."""

    def __init__(self, base: str, html: str) -> None:
        self._given, self._base = base, base.lower()
        html = without_verifiers(html)
        if "_" in html and "equation_image" in html:
            html = _EQUATION.sub(lambda match: f"\\({match[1]}\\)", html)
        self.html = html = _ADDRESS.sub(self._turned, html)
        pages = any(map(_is_link, _PAGE.finditer(html)))
        self.lost: tuple[str, ...] = ("links to other pages: they lead to Canvas",) if pages else ()

    def _turned(self, match: re.Match[str]) -> str:
        if not _is_address(match):
            return match[0]
        what, host, quote = match["what"], match["host"], match["quote"]
        if what is None:
            return f"{match[0][:-1]}{self._given}/"
        if host and host.lower().partition("://")[2] != self._base.partition("://")[2]:
            return match[0]
        target = within(match["course"], match["id"])
        before = match[0].partition(quote)[0]
        return f"{before}{quote}bloop:{_KINDS[what.lower()]}:{target}{quote}"

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
_NAMES = re.compile(r"\b(?:href|src|poster|data)\s*\Z", re.IGNORECASE)
_LINK = re.compile(
    r"""(?P<before>=\s*)(?P<quote>["'])"""
    r"""(?P<host>https?://[^/"'\s<>]+)?/courses/(?P<course>\d{1,20})/"""
    r"""(?P<what>files|assignments|quizzes|discussion_topics)/(?P<id>\d{1,20})"""
    r"""(?P<rest>(?:/(?:download|preview|file_contents/[^"'<>?#]*))?/?(?:\?[^"'<>#]*)?)(?P=quote)""",
    re.IGNORECASE,
)
_PAGE = re.compile(r"""=\s*["'][^"'\s<>]*/courses/\d+/pages/""", re.IGNORECASE)
_RELATIVE = re.compile(r"""(=\s*["'])/(?!/)""")
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
    return _VERIFIER.sub(lambda match: match[1] if match[2] else "", text)


def _attribute(match: re.Match[str]) -> str | None:
    """Which attribute with an address it is that a match gives the value of, if any."""
    begin = match.start()
    named = _NAMES.search(match.string, max(0, begin - _LONGEST_NAME), begin)
    return named[0].rstrip().lower() if named else None


class Linked:
    """HTML with its links turned; ``lost`` says what leads out of the hub."""

    def __init__(self, base: str, html: str) -> None:
        self._given, self._base = base, base.lower()
        if "verifier=" in html:
            html = without_verifiers(html)
        if "equation_image" in html:
            html = _EQUATION.sub(lambda match: f"\\({match[1]}\\)", html)
        if "/courses/" in html:
            html = _LINK.sub(self._turned, html)
        self.html = html = _RELATIVE.sub(self._absolute, html)
        pages = any(_attribute(match) == "href" for match in _PAGE.finditer(html))
        self.lost: tuple[str, ...] = ("links to other pages: they lead to Canvas",) if pages else ()

    def _absolute(self, match: re.Match[str]) -> str:
        return f"{match[1]}{self._given}/" if _attribute(match) else match[0]

    def _turned(self, match: re.Match[str]) -> str:
        if not _attribute(match):
            return match[0]
        host = (match["host"] or self._base).lower()
        if host.partition("://")[2] != self._base.partition("://")[2]:
            return match[0]
        kind = _KINDS[match["what"].lower()]
        target = within(match["course"], match["id"])
        return f"{match['before']}{match['quote']}bloop:{kind}:{target}{match['quote']}"

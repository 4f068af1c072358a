"""Links in Canvas's HTML: those to what the hub reads too become ``bloop:KIND:ID``.

Canvas links to a page by its title's slug, which no page keeps: such a link stays as it is.
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
_LINK = re.compile(
    r"""(?P<before>\b(?:href|src|poster|data)\s*=\s*)(?P<quote>["'])"""
    r"""(?P<host>https?://[^/"'\s<>]+)?/courses/(?P<course>\d{1,20})/"""
    r"""(?P<what>files|assignments|quizzes|discussion_topics)/(?P<id>\d{1,20})"""
    r"""(?P<rest>(?:/(?:download|preview|file_contents/[^"'<>?#]*))?/?(?:\?[^"'<>#]*)?)(?P=quote)""",
    re.IGNORECASE,
)
_PAGE = re.compile(r"""\bhref\s*=\s*["'][^"'\s<>]*/courses/\d+/pages/""", re.IGNORECASE)
# A verifier opens a file to whoever has it, without a login.
_VERIFIER = re.compile(r"(\?|&amp;|&)verifier=[A-Za-z0-9_-]*(&amp;|&)?")


def without_verifiers(text: str) -> str:
    """A text whose URLs hold no keys to files."""
    if "verifier=" not in text:
        return text
    return _VERIFIER.sub(lambda match: match[1] if match[2] else "", text)


class Linked:
    """HTML with its links turned; ``lost`` says what leads out of the hub."""

    def __init__(self, base: str, html: str) -> None:
        self._base = base.lower()
        html = without_verifiers(html)
        self.html = _LINK.sub(self._turned, html) if "/courses/" in html else html
        pages = _PAGE.search(self.html) is not None
        self.lost: tuple[str, ...] = ("links to other pages: they lead to Canvas",) if pages else ()

    def _turned(self, match: re.Match[str]) -> str:
        host = (match["host"] or self._base).lower()
        if host.partition("://")[2] != self._base.partition("://")[2]:
            return match[0]
        kind = _KINDS[match["what"].lower()]
        target = within(match["course"], match["id"])
        return f"{match['before']}{match['quote']}bloop:{kind}:{target}{match['quote']}"

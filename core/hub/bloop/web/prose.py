"""HTML that people wrote elsewhere, made ready for the frame that it is shown in.

It is sanitised when it is stored. What is done here is for its looks, and for what a document with
an origin of its own can't do: send the session's cookie, and hold a player that has a site's data.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, unquote, urlsplit

from markupsafe import Markup

from bloop.accounts import tickets
from bloop.content.links import resolve_html
from bloop.content.sanitise import VIDEO_HOSTS
from bloop.web.mathml import TAG, with_mathml

Sign = Callable[[str], str]
"""The query that opens an address below :data:`bloop.accounts.tickets.PATH`; may be empty."""

_FILES = "/files/"
# A host that every reader takes for the same: no user before it, no backslash, a slash behind it.
_HOSTS = "|".join(map(re.escape, sorted(VIDEO_HOSTS)))
_PLAYER = re.compile(rf'<iframe src="(https://({_HOSTS})/[^"]{{0,2000}})"[^>]*></iframe>')
_MEDIUM = re.compile(r"<(?:img|audio|video|source|track)\b")
_OF_MEDIUM = re.compile(r'(?<=\s)(src|poster)="(/files/[^"]+)"')
_CAPTIONED = re.compile(r"<(?:video|audio)\b[^>]*>(?:(?!</(?:video|audio)>).)*?<track\b", re.DOTALL)
_OF_VIEWPORT = re.compile(r"[\d.]+(?:[dls]?v(?:h|b|min|max))\b")

_CHARS, _LINE, _BLOCK, _PICTURE, _PLAYER_HEIGHT, _QUESTION = 75, 31, 20, 300, 378, 120
"""What an estimate reckons with: letters of a line, and heights in CSS pixels."""


class Prose:
    """Readies the HTML of one container's lessons for one visitor."""

    def __init__(self, container: str, sign: Sign) -> None:
        self._container = container
        self._sign = sign

    def shown(self, html: str) -> Markup:
        """``html`` with links, files, formulas, tables and players as its frame shows them."""
        html = resolve_html(html, self._container)
        if "<iframe" in html:
            html = _PLAYER.sub(_placeholder, html)
        if "<track" in html:
            html = _CAPTIONED.sub(self._captioned, html)
        if any(mark in html for mark in ("<table", _FILES, "style=", 'href="#')):
            html = TAG.sub(self._tag, html)
        # What stands in the frame runs nowhere and sees nothing, whatever it is.
        return Markup(with_mathml(html))  # noqa: S704  # nosec B704

    def _tag(self, match: re.Match[str]) -> str:
        tag = match[0]
        if tag.startswith("<table"):
            # One that is too wide moves in a box of its own.
            tag = f'<div class="scroll" tabindex="0">{tag}'
        elif tag == "</table>":
            tag = f"{tag}</div>"
        elif tag.startswith('<a href="#'):
            # The frame's other links open outside of it.
            tag = f'<a target="_self"{tag[2:]}'
        elif _MEDIUM.match(tag) and _FILES in tag:
            tag = _OF_MEDIUM.sub(self._signed, tag)
        if " style=" in tag:
            # The frame is as tall as its content, which can't be as tall as the frame.
            tag = _OF_VIEWPORT.sub("auto", tag)
        return tag

    def _signed(self, match: re.Match[str]) -> str:
        """A file's address with the right to read it."""
        path = unquote(urlsplit(entities.unescape(match[2])).path)
        path = tickets.PATH + path.removeprefix(_FILES)
        query = self._sign(path)
        address = quote(path, safe="/~") + (f"?{query}" if query else "")
        return f'{match[1]}="{entities.escape(address)}"'

    def _captioned(self, match: re.Match[str]) -> str:
        """Captions are read across origins; then the film has to be, too, if it is ours as well."""
        first = match[0]
        if 'src="https:' in first or not self._sign(tickets.PATH):
            return first
        return re.sub(r"^<(video|audio)", r'<\1 crossorigin="anonymous"', first)


def players(sources: Iterable[str]) -> list[str]:
    """The addresses of the players in these texts, each once; of known video sites only."""
    found = (
        entities.unescape(match[1])
        for html in sources
        if "<iframe" in html
        for match in _PLAYER.finditer(html)
    )
    return list(dict.fromkeys(found))


def estimate(sources: Iterable[str], questions: int = 0) -> int:
    """About how tall these texts are on a wide screen, in CSS pixels, until the frame says it."""
    height = questions * _QUESTION
    for html in sources:
        words, tags = TAG.subn("", html)
        height += (len(words) // _CHARS + 1) * _LINE + tags // 2 * _BLOCK
        height += html.count("<img") * _PICTURE + html.count("<iframe") * _PLAYER_HEIGHT
    return height


def _placeholder(match: re.Match[str]) -> str:
    """Where a player goes, which the page puts there; a link where nothing can."""
    link = f'<a href="{match[1]}" rel="noopener noreferrer">{match[2]}</a>'
    return f'<div class="player" data-player="{match[1]}">{link}</div>'

"""A lesson's HTML as text for a model."""

from __future__ import annotations

from html.parser import HTMLParser

_BLOCKS = frozenset(
    {"p", "div", "li", "tr", "pre", "blockquote", "br", "section", "table", "ul", "ol"}
    | {f"h{level}" for level in range(1, 7)}
)
_UNSEEN = frozenset({"script", "style", "template", "noscript"})


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self.unseen += 1
        elif tag in _BLOCKS:
            heading = tag[1] if tag[0] == "h" and tag[1:].isdigit() else ""
            self.parts.append(f"\n{'#' * int(heading or 0)} " if heading else "\n")
        elif tag == "img":
            self.parts.append(f"[picture: {dict(attrs).get('alt') or ''}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self.unseen = max(0, self.unseen - 1)

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.parts.append(data)


class _Alts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "img" and (alt := " ".join((given.get("alt") or "").split())):
            self.found.setdefault(given.get("src") or "", alt)


def alts_of(html: str) -> dict[str, str]:
    """What pictures show, by their sources, where the lesson says so."""
    parser = _Alts()
    parser.feed(html)
    parser.close()
    return parser.found


def text_of(html: str) -> str:
    """What is read, a line a block."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).splitlines())
    return "\n".join(line for line in lines if line)

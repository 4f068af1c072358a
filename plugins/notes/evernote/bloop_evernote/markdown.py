"""A note's prepared HTML as Markdown, in the dialect of :class:`bloop_sdk.records.Note`."""

from __future__ import annotations

import re
from typing import Any

from bs4 import Tag
from bs4.element import NavigableString
from markdownify import ATX, MarkdownConverter

DONE, OPEN = "☑ ", "☐ "
BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SPECIAL = re.compile(
    r"[\\*`\[\]$]|<(?=[A-Za-z/!?])|&(?=#?\w{1,32};)|=(?==)|~(?=~)|%(?=%)|(?<![^\W_])_|_(?![^\W_])"
    r"|(?<!\S)(?:#(?=[\w/-])|\^(?=[A-Za-z0-9-]+\s*\Z))"
)
_SUSPECT = re.compile(r"[\\*`\[\]$<>&=~_|#+^%\xa0-]|\d[.)]")
"""What any of the two others begins with: most texts have none of it."""
_FIRST = re.compile(
    r"^(\s*)(#{1,6}(?=\s|$)|[-+](?=\s|$)|>|-{2,}(?=\s*$)|[-=]{3,}|\d{1,9}(?=[.)](?:\s|$)))",
    re.MULTILINE,
)
_ESCAPED = r"\\\g<0>"
_FENCE = re.compile(r"`{3,}")
_BLANK_LINES = re.compile(r"\n{3,}")


def markdown_of(body: Tag) -> str:
    """The Markdown of a note whose elements :mod:`bloop_evernote.enml` has prepared."""
    text = str(_Converter().convert_soup(body))
    return _BLANK_LINES.sub("\n\n", text).strip()


_Base: Any = MarkdownConverter  # Its stubs lack most of its methods.


class _Converter(_Base):  # type: ignore[misc]
    """markdownify with tasks, callouts, formulas, highlights and media."""

    class Options:
        heading_style = ATX
        bullets = "-"
        newline_style = "backslash"
        autolinks = False
        table_infer_header = True
        keep_inline_images_in = ("td", "th", "div", "p", "span", "a", "b", "i", "h1", "h2", "h3")

    def escape(self, text: str, parent_tags: set[str]) -> str:
        if not _SUSPECT.search(text):
            return text
        text = _SPECIAL.sub(_ESCAPED, text.replace("\xa0", " "))
        text = _FIRST.sub(_first, text)
        return text.replace("|", "\\|") if parent_tags & {"td", "th"} else text

    def convert_mark(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del el, parent_tags
        inner = text.strip()
        return text.replace(inner, f"=={inner}==", 1) if inner else text

    def convert_strike(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return str(self.convert_del(el, text, parent_tags))

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        made = str(super().convert_li(el, text, parent_tags))
        for mark, box in ((OPEN, "[ ] "), (DONE, "[x] ")):
            made = made.replace(mark, box, 1) if text.lstrip().startswith(mark) else made
        return made

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return "" if _is_last(el) else str(super().convert_br(el, text, parent_tags))

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        href = str(el.get("href") or "")
        if href and re.search(r"[\s()<>]", href):
            el["href"] = (
                "<" + re.sub(r"\s", "%20", href).replace("<", "%3C").replace(">", "%3E") + ">"
            )
        made = str(super().convert_a(el, text, parent_tags))
        if href:
            el["href"] = href
        return made

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del text, parent_tags
        alt = re.sub(r"([\[\]\\])", r"\\\1", str(el.get("alt") or ""))
        return f"![{alt}]({el.get('src') or ''})"

    def convert_audio(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del text, parent_tags
        name = _SPECIAL.sub(_ESCAPED, str(el.get("title") or ""))
        return f"[{name}]({el.get('src') or ''})"

    convert_video = convert_audio

    def convert_span(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del parent_tags
        tex = el.get("data-tex")
        return f"${tex}$" if tex else text

    def convert_div(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        made = str(super().convert_div(el, text, parent_tags))
        return made or "\n\n"  # What stands before and behind an empty line are two paragraphs.

    def convert_p(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        tex = el.get("data-tex")
        return f"\n\n$$\n{tex}\n$$\n\n" if tex else str(super().convert_p(el, text, parent_tags))

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del parent_tags
        longest = max((len(found) for found in _FENCE.findall(text)), default=2)
        fence = "`" * (longest + 1)
        return f"\n\n{fence}{el.get('data-language') or ''}\n{text.strip(chr(10))}\n{fence}\n\n"

    def convert_blockquote(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        kind = el.get("data-callout")
        if not kind:
            return f"\n{super().convert_blockquote(el, text, parent_tags)}"
        made = str(super().convert_blockquote(el, text, parent_tags)).lstrip("\n")
        return f"\n\n> [!{kind}]\n{made}"

    def convert_details(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del el, parent_tags
        return f"\n\n{text.strip()}\n\n"

    def convert_summary(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del el, parent_tags
        return f"\n\n**{text.strip()}**\n\n" if text.strip() else ""


def _is_last(element: Tag) -> bool:
    """Whether nothing follows in an element's block: such a ``<br>`` breaks no line."""
    at: Tag | None = element
    while at is not None:
        for following in at.next_siblings:
            if isinstance(following, Tag):
                return following.name in BLOCKS
            if isinstance(following, NavigableString) and following.strip():
                return False
        if at.parent is None or at.parent.name in BLOCKS:
            return True
        at = at.parent
    return True


def _first(found: re.Match[str]) -> str:
    mark = found[2]
    return f"{found[1]}{mark}\\" if mark[0].isdigit() else f"{found[1]}\\{mark}"

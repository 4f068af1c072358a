"""Markdown as input HTML of OneNote, in the pieces that it can be changed by.

OneNote takes few elements (https://learn.microsoft.com/graph/onenote-create-page): tasks are
paragraphs with a tag, code is a font, and what it has no word for is named in ``lost``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from bloop_onenote.blocks import key_of

CODE = 'style="font-family:Consolas"'
_TASK = re.compile(r"\[([ xX])\]\s+")
_CLOSING = re.compile(r"(?<!\\)==")
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|sub|sup|del|br)\s*/?>", re.IGNORECASE)
_NOTE_LINK = re.compile(r"\(bloop:note:([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One piece of a note: its Markdown, and what OneNote is given for it."""

    markdown: str
    html: str

    @property
    def key(self) -> str:
        """What it is compared by: see :attr:`bloop_onenote.blocks.Block.key`."""
        return key_of(self.markdown)


@dataclass(slots=True)
class Writing:
    """``addresses`` of notes by their ids, as links lead there; ``lost`` what cannot be written.

    ``fetches`` says whether OneNote gets images from elsewhere: it does for a new page alone.
    """

    addresses: Mapping[str, str]
    lost: dict[str, None] = field(default_factory=dict)
    fetches: bool = True


def notes_linked(markdown: str) -> set[str]:
    """The notes that a text links to."""
    return set(_NOTE_LINK.findall(markdown))


def wanted(markdown: str, writing: Writing) -> list[Wanted]:
    """A note's pieces in their order; of what is ``lost``, a piece is not told apart."""
    env: dict[str, Any] = {"writing": writing}
    lines = markdown.split("\n")
    found = []
    for tokens, begin, end in _pieces(_parser().parse(markdown, env)):
        text = "\n".join(lines[begin:end]).strip("\n")
        html = str(_parser().renderer.render(tokens, _parser().options, env)).strip()
        found.append(Wanted(text, html))
    return found


def _pieces(tokens: Sequence[Token]) -> Iterator[tuple[list[Token], int, int]]:
    """Tokens of each piece, and its lines."""
    for piece in _spans(tokens, 0):
        first = piece[0]
        if first.map is None:
            continue
        if first.type == "bullet_list_open":
            yield from _of_list(piece)
        else:
            yield piece, first.map[0], first.map[1]


def _spans(tokens: Sequence[Token], level: int) -> Iterator[list[Token]]:
    """Runs of tokens that are one thing at a level."""
    begin = 0
    for place, token in enumerate(tokens):
        if token.level == level and token.nesting <= 0:
            yield list(tokens[begin : place + 1])
            begin = place + 1


def _of_list(piece: list[Token]) -> Iterator[tuple[list[Token], int, int]]:
    """A list: each task is a piece, and the items between two tasks together."""
    plain: list[list[Token]] = []

    def flushed() -> Iterator[tuple[list[Token], int, int]]:
        if plain:
            first, last = plain[0][0].map or [0, 0], plain[-1][0].map or [0, 0]
            inner = [token for item in plain for token in item]
            yield [piece[0], *inner, piece[-1]], first[0], last[1]
            plain.clear()

    for item in _spans(piece[1:-1], piece[0].level + 1):
        if _task(item) is None:
            plain.append(item)
            continue
        yield from flushed()
        begin, end = item[0].map or [0, 0]
        yield _tagged(item), begin, end
    yield from flushed()


def _task(item: list[Token]) -> str | None:
    """The mark in an item's box; None for an item without one."""
    if len(item) < 3 or item[2].type != "inline" or not item[2].children:
        return None
    match = _TASK.match(item[2].children[0].content) if item[2].children[0].type == "text" else None
    return match[1] if match else None


def _tagged(item: list[Token]) -> list[Token]:
    """A task as a paragraph with a tag, and what else is in its item behind that."""
    mark = _task(item)
    text = (item[2].children or [])[0]
    text.content = _TASK.sub("", text.content, count=1)
    opening = Token("paragraph_open", "p", 1, block=True)
    opening.attrs["data-tag"] = "to-do" if mark == " " else "to-do:completed"
    return [opening, item[2], Token("paragraph_close", "p", -1, block=True), *item[4:-1]]


class _Renderer(RendererHTML):
    """Well-formed HTML of the few elements that OneNote keeps."""

    def fence(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        """Code: a paragraph in its font."""
        return _code(tokens[idx].content)

    def code_block(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        """The same."""
        return _code(tokens[idx].content)

    def code_inline(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        """Code within a line."""
        return f"<span {CODE}>{escape(tokens[idx].content, quote=False)}</span>"

    def image(self, tokens: Sequence[Token], idx: int, _options: Any, env: Any) -> str:
        """An image from elsewhere; one of the connection's own is only where it is already."""
        token = tokens[idx]
        source = str(token.attrs.get("src", ""))
        if source.startswith(("https://", "http://")):
            if env["writing"].fetches:
                return f'<img src="{escape(source)}" alt="{escape(token.content)}" />'
            # In a change its address would be taken for nothing: "you can't use www links".
            _lose(env, "images from elsewhere, which OneNote gets for a new page alone: links")
            said = escape(token.content or source, quote=False)
            return f'<a href="{escape(source)}">{said}</a>'
        _lose(env, "images and files that are not on the page yet")
        return escape(f"[{token.content}]", quote=False)

    def link_open(self, tokens: Sequence[Token], idx: int, _options: Any, env: Any) -> str:
        """A link, to where OneNote opens what is meant."""
        href = str(tokens[idx].attrs.get("href", ""))
        if href.startswith("bloop:note:"):
            href = env["writing"].addresses.get(href.removeprefix("bloop:note:"), "")
            if not href:
                _lose(env, "links to notes of which OneNote tells no address")
        elif href.startswith("bloop:"):
            _lose(env, "images and files that are not on the page yet")
            href = ""
        return f'<a href="{escape(href)}">' if href else "<span>"

    def link_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """What a link's beginning has opened."""
        depth = 0
        for place in range(idx, -1, -1):
            depth += {"link_close": 1, "link_open": -1}.get(tokens[place].type, 0)
            if not depth:
                opened = self.link_open(tokens, place, options, env)
                return "</a>" if opened.startswith("<a") else "</span>"
        return ""

    def html_inline(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        """The few tags that Markdown has no marks for; others are text."""
        text = tokens[idx].content
        if not _INLINE_TAG.fullmatch(text):
            return escape(text, quote=False)
        return "<br />" if text.lower().startswith("<br") else text.lower()

    def html_block(self, tokens: Sequence[Token], idx: int, *_: Any) -> str:
        """HTML is text here."""
        return f"<p>{escape(tokens[idx].content.strip(), quote=False)}</p>"

    def hr(self, _tokens: Sequence[Token], _idx: int, _options: Any, env: Any) -> str:
        """A rule, which OneNote has none of."""
        _lose(env, "rules between paragraphs")
        return "<p>—————</p>"

    def blockquote_open(self, _tokens: Sequence[Token], _idx: int, _options: Any, env: Any) -> str:
        """A quotation, of which the text is kept."""
        _lose(env, "that something is a quotation or a callout")
        return ""

    def math_inline(self, tokens: Sequence[Token], idx: int, _options: Any, env: Any) -> str:
        """A formula as its LaTeX."""
        _lose(env, "formulas that were changed: OneNote shows their LaTeX")
        return escape(f"${tokens[idx].content}$", quote=False)

    def math_block(self, tokens: Sequence[Token], idx: int, _options: Any, env: Any) -> str:
        """The same on lines of its own."""
        _lose(env, "formulas that were changed: OneNote shows their LaTeX")
        return f"<p>{escape(f'$${tokens[idx].content.strip()}$$', quote=False)}</p>"


_FIXED = {
    "blockquote_close": "", "thead_open": "", "thead_close": "", "tbody_open": "",
    "tbody_close": "", "th_open": "<td>", "th_close": "</td>", "td_open": "<td>",
    "td_close": "</td>", "s_open": "<del>", "s_close": "</del>",
    "mark_open": '<span style="background-color:yellow">', "mark_close": "</span>",
}  # fmt: skip


def _lose(env: Any, what: str) -> None:
    env["writing"].lost[what] = None


def _code(text: str) -> str:
    lines = (escape(line, quote=False) for line in text.rstrip("\n").split("\n"))
    kept = (re.sub(r"^ +| (?= )", lambda found: "\xa0" * len(found[0]), line) for line in lines)
    return f"<p {CODE}>{'<br />'.join(kept)}</p>"


def _highlight(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as markdown-it calls it
    """``==text==``."""
    start, upto = state.pos, state.posMax
    closing = _CLOSING.search(state.src, start + 3, upto)
    if not state.src.startswith("==", start) or closing is None:
        return False
    end = closing.start()
    if not silent:
        state.push("mark_open", "mark", 1)
        state.pos, state.posMax = start + 2, end
        state.md.inline.tokenize(state)
        state.push("mark_close", "mark", -1)
    state.pos, state.posMax = end + 2, upto
    return True


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "xhtmlOut": True}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, allow_space=False, allow_digits=False)
    parser.inline.ruler.before("link", "highlight", _highlight)
    for name, html in _FIXED.items():
        parser.renderer.rules[name] = lambda *_, html=html: html  # type: ignore[attr-defined]
    # The plugin brings renderers of its own.
    for name in ("math_inline", "math_block"):
        parser.renderer.rules[name] = getattr(parser.renderer, name)  # type: ignore[attr-defined]
    return parser

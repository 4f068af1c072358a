"""What people write in notes beyond CommonMark, as rules for markdown-it-py.

Wiki links and embeds, comments (``%%``), highlights (``==``), callouts, tasks, tags and block
names. Links become ``bloop:KIND:ID`` addresses by ``env["link"]``, a :class:`Links`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape
from urllib.parse import quote, unquote

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.dollarmath.index import math_block_dollar, math_inline_dollar

from bloop_sdk.media_types import media_type
from bloop_sdk.records import Kind, Ref

MAX_WIKI_LINK = 1000
MAX_NAMED = 20
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_TAG = re.compile(r"(?:(?<=\s)|^)#([\w/-]{1,100})")
_TASK = re.compile(r"\[([ xX/-])\][ \t]+")
_CALLOUT = re.compile(r"\[!([\w-]{1,40})\][+-]?[ \t]*")
_BLOCK_NAME = re.compile(r"(?:^|[ \t\n])\^([A-Za-z0-9-]{1,100})\s*\Z")
_ADDRESS = re.compile(r"""(\b(?:src|href)\s*=\s*)(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_DOLLARS = math_inline_dollar(allow_space=False)
_DOLLAR_BLOCK = math_block_dollar(
    label_normalizer=lambda label: re.sub(r"\s+", "-", label), allow_blank_lines=True
)
_SPECIAL = "text_special"
"""What ``\\#`` and ``&amp;`` are until markdown-it joins them with what is beside them."""
_SIZE = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?")


@dataclass
class Links:
    """The links of one note: finds what they mean and remembers what leads to nothing."""

    find: Callable[[str], Ref | None]
    missing: dict[str, None] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)
    embedded: dict[str, None] = field(default_factory=dict)

    def address(self, target: str, written: str) -> str | None:
        """The address of a link to ``target`` (a path, ``#`` and a heading); None for nothing."""
        name, mark, heading = target.partition("#")
        anchor = "#" + quote(slug(heading.rpartition("#")[2])) if mark and heading else ""
        if not name.strip():
            return anchor or None
        found = self.find(name)
        if found is None:
            self.missing[written[:200]] = None
            return None
        self.targets[str(found)] = None
        return f"bloop:{found.kind}:{quote(found.remote_id, safe='')}{anchor}"

    def lost(self) -> list[str]:
        """What could not be kept, in words."""
        named = [f"link to nothing in the notebook: {name}" for name in self.missing]
        named += [f"embedded note, shown as a link: {name}" for name in self.embedded]
        more = len(named) - MAX_NAMED
        return named[:MAX_NAMED] + ([f"and {more} more such links"] if more > 0 else [])


def slug(heading: str) -> str:
    """The name under which a heading, or a block (``^name``), can be linked to."""
    if heading.startswith("^"):
        return heading
    return re.sub(r"[^\w-]", "", re.sub(r"\s+", "-", heading.strip().casefold()))


def wiki_link(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the library's signature
    """``[[Note#Heading|text]]``, and with ``!`` in front the thing itself."""
    embed = state.src.startswith("![[", state.pos)
    if not embed and not state.src.startswith("[[", state.pos):
        return False
    begin = state.pos + (3 if embed else 2)
    end = state.src.find("]]", begin, min(state.posMax, begin + MAX_WIKI_LINK))
    # Without an end it would be a copy of all that follows, for every `[[`.
    written = state.src[begin:end] if end >= 0 else ""
    if not written.strip() or "\n" in written or "[[" in written:
        return False
    if not silent:
        target, _, label = written.partition("|")
        links: Links = state.env["links"]
        href = links.address(target, f"[[{written}]]")
        text = label.strip() or target.strip().lstrip("#").replace("#", " › ")
        if embed and href:
            _embed(state, target.partition("#")[0].strip(), href, label.strip())
        else:
            _link(state, href, text)
    state.pos = end + 2
    return True


def _link(state: StateInline, href: str | None, text: str) -> None:
    if href is None:
        state.push("text", "", 0).content = text
        return
    state.push("link_open", "a", 1).attrs = {"href": href}
    state.push("text", "", 0).content = text
    state.push("link_close", "a", -1)


def _embed(state: StateInline, name: str, href: str, label: str) -> None:
    family = (media_type(name) or "").partition("/")[0]
    size = _SIZE.fullmatch(label)
    if family == "image":
        token = state.push("image", "img", 0)
        token.attrs = {"src": href, "alt": ""}
        token.content = "" if size else label
        token.children = [Token("text", "", 0, content=token.content)]
        if size:
            token.attrs |= {"width": size[1]} | ({"height": size[2]} if size[2] else {})
    elif family in {"audio", "video"}:
        tag = f'<{family} controls preload="metadata" src="{escape(href)}"></{family}>'
        state.push("html_inline", "", 0).content = tag
    else:
        if href.startswith(f"bloop:{Kind.NOTE}:"):
            links: Links = state.env["links"]
            links.embedded[name] = None
        _link(state, href, label or name)


def highlight(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """``==text==``."""
    begin = state.pos + 2
    if not state.src.startswith("==", state.pos) or state.src[begin : begin + 1] in {"", "=", " "}:
        return False
    end = state.src.find("==", begin, min(state.posMax, begin + MAX_WIKI_LINK))
    if end < 0:
        return False
    if not silent:
        after = state.posMax
        state.pos, state.posMax = begin, end
        state.push("mark_open", "mark", 1)
        state.md.inline.tokenize(state)
        state.push("mark_close", "mark", -1)
        state.posMax = after
    state.pos = end + 2
    return True


def formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """``$x$``, but not ``$5 or $6``: no digit stands right before or behind a formula.

    The library's own ``allow_digits=False`` looks at the end of a text for what is before it
    (mdit-py-plugins 0.7).
    """
    start = state.pos
    if state.src[max(0, start - 1) : start].isdigit() or not _DOLLARS(state, True):
        return False
    end, state.pos = state.pos, start
    return not state.src[end : end + 1].isdigit() and _DOLLARS(state, silent)


def formula_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """``$$`` over lines. Where none closes one, none closes those behind it, nor is looked for."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not first.startswith("$$") or state.is_code_block(start):
        return False
    unclosed, upto = state.env.get("unclosed", (end, end))
    if unclosed <= start and end <= upto:
        return False
    found = _DOLLAR_BLOCK(state, start, end, silent)
    if not found and "$$" not in first[2:]:
        state.env["unclosed"] = (start, end)
    return found


def comment(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as above
    """``%%text%%`` is for the author alone."""
    del silent
    if not state.src.startswith("%%", state.pos):
        return False
    end = state.src.find("%%", state.pos + 2, state.posMax)
    state.pos = state.posMax if end < 0 else end + 2
    return True


def comment_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """The same over paragraphs, from a line that starts with ``%%`` to the next ``%%``."""
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
    if not first.startswith("%%") or "%%" in first[2:]:
        return False
    if silent:
        return True
    line = start + 1
    while line < end and state.src.find("%%", state.bMarks[line], state.eMarks[line]) < 0:
        line += 1
    state.line = min(line + 1, end)
    if line < end:
        behind = state.src.find("%%", state.bMarks[line]) + 2
        rest = state.src[behind : state.eMarks[line]]
        if rest.strip():  # Text again, read as a line of its own.
            state.bMarks[line], state.sCount[line] = behind, state.blkIndent
            state.tShift[line] = len(rest) - len(rest.lstrip())
            state.line = line
    return True


def resolve_links(state: StateCore) -> None:
    """Give Markdown's own links and images, and those of HTML, their addresses."""
    for token in state.tokens:
        if token.type == "html_block":
            token.content = _resolve_html(token.content, state.env["links"])
        elif token.children:
            token.children = _resolved(token.children, state.env["links"])


def _resolved(tokens: list[Token], links: Links) -> list[Token]:
    kept: list[Token] = []
    opened: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            href = str(token.attrs.get("href", ""))
            address = _resolve(href, links)
            opened.append(address is not None)
            if address is None:
                continue
            token.attrs["href"] = address
        elif token.type == "link_close":
            if opened and not opened.pop():
                continue
        elif token.type == "image":
            address = _resolve(str(token.attrs.get("src", "")), links)
            if address is None:
                token = Token("text", "", 0, content=token.content)  # noqa: PLW2901
            else:
                token.attrs["src"] = address
        elif token.type == "html_inline":
            token.content = _resolve_html(token.content, links)
        kept.append(token)
    return kept


def _resolve(href: str, links: Links) -> str | None:
    """An address as it is where it leads outside, else that of what it means here."""
    if not href or _SCHEME.match(href):
        return href
    return links.address(unquote(href), href)


def _resolve_html(html: str, links: Links) -> str:
    def put(match: re.Match[str]) -> str:
        address = _resolve(unescape(match[2] if match[2] is not None else match[3]), links)
        return f'{match[1]}"{escape(address or "")}"'

    return _ADDRESS.sub(put, html) if "=" in html else html


def callouts(state: StateCore) -> None:
    """``> [!note] Title`` is a quotation whose first line is its title, in bold."""
    tokens = state.tokens
    for place in range(len(tokens) - 2):
        if tokens[place].type != "blockquote_open" or tokens[place + 2].type != "inline":
            continue
        inline = tokens[place + 2]
        children = inline.children or []
        match = _CALLOUT.match(children[0].content) if children else None
        if match is None:
            continue
        tokens[place].attrs["role"] = "note"
        children[0].content = children[0].content[match.end() :]
        breaks = (n for n, child in enumerate(children) if child.type in {"softbreak", "hardbreak"})
        end = next(breaks, len(children))
        title = [child for child in children[:end] if child.content or child.type != "text"]
        title = title or [Token("text", "", 0, content=match[1].replace("-", " ").capitalize())]
        rest = [Token("hardbreak", "br", 0), *children[end + 1 :]] if end < len(children) else []
        strong = Token("strong_open", "strong", 1), Token("strong_close", "strong", -1)
        inline.children = [strong[0], *title, strong[1], *rest]


def tasks(state: StateCore) -> None:
    """``- [x]`` is a box that cannot be clicked: the note says what is done."""
    for before, token in zip(state.tokens[1:], state.tokens[2:], strict=False):
        if before.type != "paragraph_open" or token.type != "inline" or not token.children:
            continue
        match = _TASK.match(token.children[0].content)
        item = token.level >= 2 and token.content.startswith("[")
        if match and item and token.children[0].type == "text":
            box = {" ": "☐", "x": "☑", "X": "☑"}.get(match[1], "◐")
            token.children[0].content = f"{box} {token.children[0].content[match.end() :]}"


def tags(state: StateCore) -> None:
    """``#tag`` in a text is one of the note's tags, and stays where it stands.

    What a backslash stands before is a letter like others.
    """
    links: Links = state.env["links"]
    for token in state.tokens:
        before = Token("text", "", 0)
        for child in token.children or ():
            if child.type == "text":
                ahead = before.content if before.info == "entity" else before.info
                found = (match[1].strip("/") for match in _TAG.finditer(ahead + child.content))
                links.tags |= dict.fromkeys(one for one in found if one and not one.isdecimal())
            before = child if child.type == _SPECIAL else Token("text", "", 0)


def names(state: StateCore) -> None:
    """Headings, and blocks that end in ``^name``, can be linked to."""
    taken: set[str] = set()
    for opening, token in zip(state.tokens, state.tokens[1:], strict=False):
        if token.type != "inline" or not token.children:
            continue
        last = token.children[-1]
        behind = len(token.children) > 1 and token.children[-2].type == _SPECIAL
        block = _BLOCK_NAME.search(last.content) if last.type == "text" else None
        block = (
            None if behind and block and block.start() == 0 and last.content[0] == "^" else block
        )
        name = ""
        if block and opening.type == "paragraph_open":
            name, last.content = f"^{block[1]}", last.content[: block.start()]
        elif opening.type == "heading_open":
            name = slug(plain(token))
        if name and name not in taken:
            taken.add(name)
            opening.attrs["id"] = name


def plain(token: Token) -> str:
    """The words of a line without its markup."""
    kept = {"text", _SPECIAL, "code_inline", "math_inline", "image"}
    return "".join(
        child.content if child.type in kept else " " if child.type.endswith("break") else ""
        for child in token.children or ()
    ).strip()

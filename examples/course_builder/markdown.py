"""Markdown to well-formed HTML, leaving LaTeX alone and rewriting links into the cartridge."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from course_builder.errors import CourseError

FILE_BASE = "$IMS-CC-FILEBASE$"
_WITHIN = r"(?:(?!\n\s*\n|\\[(\[]).)+?"  # a formula stays inside its paragraph
_SKIP_OR_MATH = re.compile(
    rf"(?P<code>^```.*?^```|`[^`\n]+`)|(?P<math>\\\({_WITHIN}\\\)|\\\[{_WITHIN}\\\])",
    re.DOTALL | re.MULTILINE,
)
_STRAY_MATH = re.compile(r"\\[()\[\]]")
_SLOT = re.compile("\ue000(\\d+)\ue001")
_EXTERNAL = ("https://", "http://", "mailto:", "#")


@dataclass
class Renderer:
    """Renders the course's Markdown; *assets* are the cartridge files a text may refer to."""

    root: Path
    assets: frozenset[str]
    _parser: MarkdownIt = field(init=False)

    def __post_init__(self) -> None:
        options = {"html": True, "xhtmlOut": True, "typographer": False}
        self._parser = MarkdownIt("commonmark", options).enable("table")

    def block(self, source: Path, text: str) -> tuple[str, tuple[str, ...]]:
        """HTML blocks for *text*, and the assets it refers to."""
        slots: list[str] = []
        tokens = self._parser.parse(_hide_math(source, text, slots))
        used = self._rewrite_links(source, tokens)
        tokens = list(_with_figures(tokens))
        rendered = self._parser.renderer.render(tokens, self._parser.options, {})
        return _show_math(rendered, slots).strip() + "\n", used

    def inline(self, source: Path, text: str) -> str:
        """HTML for a one-line *text* without a paragraph around it."""
        slots: list[str] = []
        return _show_math(self._parser.renderInline(_hide_math(source, text, slots)), slots)

    def _rewrite_links(self, source: Path, tokens: list[Token]) -> tuple[str, ...]:
        used: dict[str, None] = {}
        for token in _walk(tokens):
            name = {"image": "src", "link_open": "href"}.get(token.type)
            if name is None:
                continue
            target = str(token.attrGet(name) or "")
            if token.type == "image" and not token.content.strip():
                raise CourseError(source, f"the image {target} has no alt text", "write ![alt](..)")
            if target.startswith(_EXTERNAL):
                continue
            asset = self._asset(source, target)
            token.attrSet(name, f"{FILE_BASE}/{asset}")
            used[asset] = None
        return tuple(used)

    def _asset(self, source: Path, target: str) -> str:
        """The cartridge name of a file linked to relative to *source*."""
        path = (source.parent / target).resolve()
        name = path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else ""
        if name not in self.assets:
            raise CourseError(
                source, f"it refers to {target}, which does not exist", "fix the link"
            )
        return name


def _hide_math(source: Path, text: str, slots: list[str]) -> str:
    """Swap every formula for a private-use placeholder that Markdown leaves untouched."""

    def swap(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        slots.append(match["math"])
        return f"\ue000{len(slots) - 1}\ue001"

    hidden = _SKIP_OR_MATH.sub(swap, text)
    stray = _STRAY_MATH.search(re.sub(r"(?ms)^```.*?^```|`[^`\n]+`", "", hidden))
    if stray:
        raise CourseError(source, f"a formula delimiter {stray[0]} has no partner", "close it")
    return hidden


def _show_math(rendered: str, slots: list[str]) -> str:
    return _SLOT.sub(lambda m: html.escape(slots[int(m[1])], quote=False), rendered)


def _walk(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _walk(token.children or ())


def _with_figures(tokens: list[Token]) -> Iterator[Token]:
    """Turn a paragraph that is only an image (or a sound) into a figure with its caption."""
    skip = 0
    for index, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        inline = tokens[index + 1] if token.type == "paragraph_open" else None
        children = (inline.children or []) if inline else []
        if len(children) == 1 and children[0].type == "image":
            skip = 2
            yield Token("html_block", "", 0, content=_figure(children[0]))
        else:
            yield token


def _figure(image: Token) -> str:
    source = html.escape(str(image.attrGet("src")))
    alt = html.escape(image.content)
    caption = html.escape(str(image.attrGet("title") or ""), quote=False)
    if source.endswith(".wav"):
        media = (
            f'<audio controls="controls" preload="none" src="{source}" title="{alt}"></audio>'
            f'<br /><a href="{source}">{alt}</a>'
        )
    else:
        media = f'<img src="{source}" alt="{alt}" />'
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{media}{below}</figure>\n"

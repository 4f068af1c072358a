"""Markdown as HTML, in the dialect that :class:`bloop_sdk.Note` names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

from bloop_sdk.markdown import syntax
from bloop_sdk.markdown.syntax import Links


@dataclass(frozen=True, slots=True)
class Rendered:
    """``title`` is the heading that the note began with, which ``html`` then lacks."""

    html: str
    title: str | None


def render(markdown: str, links: Links) -> str:
    """``markdown`` as HTML, which is not sanitised; ``links`` gets its tags and what was lost."""
    return str(dialect().render(markdown, {"links": links}))


def render_titled(body: str, links: Links, *, titled: str | None = None) -> Rendered:
    """The same, where a first heading is taken for the title, unless it has another one."""
    env: dict[str, Any] = {"links": links}
    parser = dialect()
    tokens = parser.parse(body, env)
    title = None
    if tokens and tokens[0].type == "heading_open" and tokens[0].tag == "h1":
        heading = syntax.plain(tokens[1])
        if heading and titled in {None, heading}:
            title, tokens = heading, tokens[3:]
    return Rendered(str(parser.renderer.render(tokens, parser.options, env)), title)


@cache
def dialect() -> MarkdownIt:
    """The parser of the dialect; its rules find :class:`Links` in ``env["links"]``."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.use(footnote_plugin)
    parser.use(dollarmath_plugin, allow_space=False, renderer=_formula)
    parser.inline.ruler.at("math_inline", syntax.formula)
    parser.block.ruler.at("math_block", syntax.formula_block)
    parser.inline.ruler.before("link", "wiki_link", syntax.wiki_link)
    parser.inline.ruler.before("link", "highlight", syntax.highlight)
    parser.inline.ruler.before("link", "comment", syntax.comment)
    parser.block.ruler.before(
        "table", "comment_block", syntax.comment_block, {"alt": ["paragraph", "blockquote", "list"]}
    )
    # Before what is escaped looks like all else.
    for rule in [syntax.callouts, syntax.tasks, syntax.tags, syntax.names]:
        parser.core.ruler.before("text_join", rule.__name__, rule)
    parser.core.ruler.push("resolve_links", syntax.resolve_links)
    return parser


def _formula(latex: str, options: dict[str, Any]) -> str:
    """LaTeX between the marks by which the hub knows formulas."""
    opening, closing = ("\\[", "\\]") if options["display_mode"] else ("\\(", "\\)")
    return f"{opening}{escape(latex, quote=False)}{closing}"

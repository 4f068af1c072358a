"""Check that every relative link in our Markdown leads to a file, and to a heading in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    "docs/**/*.md",
    "core/*/README.md",
    "plugins/*/*/README.md",
    "examples/*.md",
    "examples/plugins/*/README.md",
    "deploy/**/*.md",
)
MARKDOWN = MarkdownIt("commonmark").enable("table")


@cache
def parse(page: Path) -> list[Token]:
    """Give a page's tokens."""
    return MARKDOWN.parse(page.read_text("utf-8"))


def slug(heading: str) -> str:
    """Give the anchor that forges make of a heading: lower case, words joined by hyphens."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Give every anchor of a page; a heading that comes again gets a number."""
    found: list[str] = []
    tokens = parse(page)
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            words = tokens[index + 1].children or []
            name = slug(
                "".join(word.content for word in words if word.type in {"text", "code_inline"})
            )
            seen = found.count(name)
            found += [name, f"{name}-{seen}"] if seen else [name]
        elif token.type in {"html_block", "inline"}:
            found += re.findall(r'<a (?:id|name)="([^"]+)"', token.content)
    return frozenset(found)


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Give the targets of a page's links and images, with their lines."""
    for block in parse(page):
        for token in block.children or []:
            target = token.attrGet("href") or token.attrGet("src")
            if target:
                yield (block.map or [0])[0] + 1, str(target)


def fault(root: Path, page: Path, target: str) -> str | None:
    """Say what is wrong with a link, if anything; links to other places are not followed."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not file.is_relative_to(root):
        return "leads out of the repository"
    if not file.exists():
        return "no such file"
    if parts.fragment and file.suffix == ".md" and unquote(parts.fragment) not in anchors(file):
        return f"no heading #{parts.fragment} there"
    return None


def check(root: Path = ROOT) -> list[str]:
    """Give a line for each link that leads nowhere."""
    pages = sorted({page for pattern in PAGES for page in root.glob(pattern)})
    return [
        f"{page.relative_to(root)}:{line}: {target}: {what}"
        for page in pages
        for line, target in links(page)
        if (what := fault(root, page, target))
    ]


if __name__ == "__main__":
    faults = check()
    print("\n".join(faults) or "docs: every relative link leads somewhere")
    sys.exit(bool(faults))

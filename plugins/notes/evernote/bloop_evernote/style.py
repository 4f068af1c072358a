"""What the ``style`` of an element says: CSS, and Evernote's own ``--en-...`` marks in it."""

from __future__ import annotations

import re

from bs4 import Tag

_RULE = re.compile(
    r"(?<![\w-])([\w-]{1,60}+)\s*+:\s*+"
    r"((?>\"[^\"]*+\"|'[^']*+'|url\([^)]*+\)?|[^;\"'])*+)(?:;|$|(?=[\"']))"
)
"""Nothing is tried twice: of many ``url()`` before a quote without end that would take for ever."""
_IMPORTANT = re.compile(r"!\s*important\s*\Z", re.IGNORECASE)
_MONO = re.compile(r"mono(?!type)|courier|consolas|menlo|monaco|lucida console", re.IGNORECASE)

KNOWN = frozenset(
    {
        "--en-codeblock",
        "--en-checked",
        "--en-clipped-content",
        "--en-clipped-source-url",
        "--en-markholder",
        "--en-richlink",
        "--en-isattachment",
        "--en-tableofcontents",
        "--en-todo",
        "--en-iscollapsed",
        "--en-togglecontent",
        "--en-togglesummary",
    }
)
"""Marks that need no word: what they stand for is kept, or nothing to a reader."""


def styles(element: Tag) -> dict[str, str]:
    """The rules of an element by their names in lower case; ``-en-x`` is given as ``--en-x``."""
    text = element.get("style")
    if not text:
        return {}
    found = {
        name.lower(): _IMPORTANT.sub("", value).strip() for name, value in _RULE.findall(str(text))
    }
    for name in ("-en-codeblock", "-en-todo", "-en-clipped-content"):
        if name in found:
            found.setdefault(f"-{name}", found[name])
    if found.get("-evernote-highlight") == "true":
        found.setdefault("--en-highlight", "yellow")
    return found


def is_mono(element: Tag, found: dict[str, str]) -> bool | None:
    """Whether an element's own font is one for code; None where it names none."""
    font = element.get("face") or found.get("font-family")
    return bool(_MONO.search(str(font))) if font else None


def emphasis(found: dict[str, str]) -> list[str]:
    """The elements that say what the style of a span says."""
    made = []
    weight = found.get("font-weight", "")
    if weight in {"bold", "bolder"} or (weight.isdecimal() and int(weight[:4]) >= 600):
        made.append("b")
    if found.get("font-style") in {"italic", "oblique"}:
        made.append("i")
    line = found.get("text-decoration", "") + found.get("text-decoration-line", "")
    if "line-through" in line:
        made.append("s")
    if "underline" in line:
        made.append("u")
    if "--en-highlight" in found:
        made.append("mark")
    return made

"""What an author edits of an item: its text as learners see it, or the draft of its next. Pure.

A draft is ``{"title", "html", "source", "language", "data", "base", "at"}``: the text (``data``
only where it was changed, else None), a digest of the published text that it was begun on, and when
it was written last (ISO 8601). ``row`` is an item's row, or what a read gave of one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import orjson

from bloop.content.codec import authored_columns
from bloop.content.texts import html_of_markdown
from bloop_sdk import Kind

TEXT = ("title", "html", "source", "language", "data")
"""What a draft holds of an item's columns."""


def text_of(row: Any) -> dict[str, Any]:
    """The published text."""
    return {name: getattr(row, name) for name in TEXT}


def draft_of(row: Any) -> dict[str, Any] | None:
    """The text that waits to be published."""
    kept = row.draft
    if not isinstance(kept, Mapping) or not {"title", "html"} <= kept.keys():
        return None
    draft = {name: row.draft.get(name) for name in TEXT}
    return draft if draft["data"] is not None else {**draft, "data": row.data}


def newest(row: Any) -> dict[str, Any]:
    """What an author sees and goes on writing."""
    return draft_of(row) or text_of(row)


def kept_row(snapshot: Mapping[str, Any]) -> Any:
    """A version's snapshot as a row; columns that its time did not know are None."""
    empty: dict[str, Any] = {
        "title": "",
        "html": "",
        "source": None,
        "language": None,
        "data": {},
        "draft": None,
    }
    return SimpleNamespace(**{**empty, **snapshot})


def digest(text: Mapping[str, Any]) -> str:
    """Tells two texts apart, by what learners see of them."""
    parts = [text[name] for name in ("title", "html", "language", "data")]
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def has_moved_on(row: Any) -> bool:
    """Whether the published text was changed after the draft was begun on it."""
    return draft_of(row) is not None and row.draft.get("base") != digest(text_of(row))


def source_of(text: Mapping[str, Any]) -> str | None:
    """The Markdown of a text; None where it has none, or its HTML was changed without it."""
    source = text["source"]
    return source if source is not None and html_of_markdown(source) == text["html"] else None


def columns_of(row: Any, was: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """All columns of an item with ``changes`` (title, html or markdown, data, language) on ``was``.

    Raises InvalidError naming the field.
    """
    html, source = was["html"], was["source"]
    if changes.get("markdown") is not None:
        html, source = html_of_markdown(changes["markdown"]), changes["markdown"]
    elif "html" in changes:
        html, source = changes["html"], None
    columns = authored_columns(
        Kind(row.kind),
        title=changes.get("title", was["title"]),
        published=row.published,
        html=html,
        data=changes.get("data", was["data"]),
    )
    columns["source"] = None if row.kind == Kind.NOTE else source
    columns["language"] = changes.get("language", was["language"])
    return columns


def draft_with(row: Any, text: Mapping[str, Any], at: str) -> dict[str, Any] | None:
    """The draft that an item has once an author wrote ``text``; None for the published one."""
    live = text_of(row)
    if all(text[name] == live[name] for name in TEXT):
        return None
    base = row.draft.get("base") if draft_of(row) else digest(live)
    data = None if text["data"] == live["data"] else text["data"]
    return {**text, "data": data, "base": base, "at": at}


def published_columns(row: Any) -> dict[str, Any]:
    """The columns that publishing gives an item: its draft becomes its text."""
    draft = draft_of(row)
    if draft is None:
        return {"draft": None}
    return columns_of(row, draft, {}) | {"draft": None}


def files_in(html: str) -> set[str]:
    """The remote ids of the files that stored HTML shows or links to."""
    return {unquote(match[1].replace("&amp;", "&")) for match in _FILE.finditer(html)}


_FILE = re.compile(r'(?<==")bloop:file:([^\s"\'<>#]{1,2000})')

"""The text of a note, as its row holds it and as an edit changes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from posixpath import basename
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import select

from bloop.content.bulk import update_rows
from bloop.content.changes import announce_row
from bloop.content.codec import authored_columns
from bloop.content.models import Item, Node
from bloop.content.notes.merge import Text
from bloop.content.texts import markdown_of_html
from bloop.store.statements import parsed
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

_WHOLE_LINK = re.compile(r"!?\[([^\[\]]*)\]\(bloop:(?:note|file):([^\s()<>\"'#]{1,500})\)")
_LINK = re.compile(r"bloop:(note|file):([^\s()<>\"'#\]]{1,500})")
_TO_FILE = re.compile(
    r"(?P<code>`+[^`\n]*`+)"
    r"|(?P<mark>!?)\[(?P<label>[^\[\]\n]*)\]"
    r"\((?P<path><[^<>\n]*>|[^\s()]+)(?:[ \t]+\"[^\"\n]*\")?\)"
    r"|(?P<embed>!?)\[\[(?P<wiki>[^\[\]|#\n]+)[^\[\]\n]*\]\]"
)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


def text_of(columns: Any) -> Text:
    """The text of a row, or of the columns that a record fills."""
    get: Callable[[str], Any] = (
        columns.__getitem__ if isinstance(columns, Mapping) else columns.__getattribute__
    )
    data = get("data")
    markdown = data.get("markdown")
    if markdown is None:
        markdown = markdown_of_html(get("html"))
    return Text(get("title"), markdown, tuple(data.get("tags") or ()))


def columns_of_text(text: Text, *, published: bool, data: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a note with another text; ``data`` is what else it has."""
    return authored_columns(
        Kind.NOTE,
        title=text.title,
        published=published,
        html="",
        data={**data, "markdown": text.markdown, "tags": list(text.tags)},
    )


def earlier(rows: Iterable[Mapping[str, Any]], now: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The texts that a note had, of rows of :data:`bloop.content.notes.queries.TEXTS`.

    ``now`` is its title, markdown and tags; what says the same as the next newer one is left out.
    """
    newer = Text(now["title"], now["markdown"], tuple(now["tags"]))
    found = []
    for row in rows:
        kept = parsed(row["snapshot"])
        if "data" not in kept:
            continue
        text = text_of(kept)
        if text != newer:
            about = {name: row[name] for name in ("row_version", "change", "actor", "at")}
            found.append({**about, **text.as_json()})
        newer = text
    return found


def places_of(unit: UnitOfWork, item: Item) -> list[Node]:
    """Where a note stands in its notebook, the first place first."""
    return list(
        unit.session.scalars(
            select(Node)
            .where(Node.institution_id == unit.institution, Node.item_id == item.id)
            .where(Node.state.in_(["active", "pending"]))
            .order_by(Node.position, Node.id)
        )
    )


def retitle(unit: UnitOfWork, item: Item) -> None:
    """Let the places of a note have its title."""
    places = [node for node in places_of(unit, item) if node.title != item.title]
    update_rows(unit, Node, [(node, {"title": item.title}) for node in places])
    for node in places:
        announce_row(unit, node, "updated")
        unit.session.expire(node)


def linked(markdown: str) -> set[tuple[str, str]]:
    """Kind and remote id of what a text links to within its connection."""
    return {(match[1], match[2]) for match in _LINK.finditer(markdown)}


def relinked(markdown: str, names: Mapping[str, str]) -> str:
    """The text with links to the remote ids that ``names`` gives for some."""

    def put(match: re.Match[str]) -> str:
        name = names.get(match[2])
        return match[0] if name is None else f"bloop:{match[1]}:{quote(name, safe='')}"

    return _LINK.sub(put, markdown) if names else markdown


def refiled(
    markdown: str, names: Container[str], file_name: str, instead: str | None = None
) -> str:
    """The text with its links to a file leading to ``instead``; None: without them.

    They lead there by a ``bloop:`` address of one of ``names``, or by a path or wiki link to
    ``file_name``. Code stays, and a line that held nothing else goes.
    """

    def put(match: re.Match[str]) -> str:
        if match["code"] or not is_it(match["path"] or match["wiki"]):
            return match[0]
        if instead is None:
            return ""
        mark = match["mark"] or match["embed"] or ""
        return f"{mark}[{match['label'] or file_name}]({instead})"

    def is_it(target: str) -> bool:
        path = unquote(target.strip("<>").partition("#")[0])
        if path.startswith("bloop:file:"):
            return path.removeprefix("bloop:file:") in names
        return not _SCHEME.match(path) and basename(path) == file_name

    lines, fenced = [], False
    for line in markdown.splitlines(keepends=True):
        fenced ^= line.lstrip().startswith(("```", "~~~"))
        kept = line if fenced else _TO_FILE.sub(put, line)
        if kept == line or kept.strip():
            lines.append(kept)
        elif lines and not lines[-1].strip():
            lines.pop()  # It had a line of its own.
    return "".join(lines)


def unlinked(markdown: str, names: Container[str]) -> str:
    """The text without links to ``names``: their words stay."""
    return _WHOLE_LINK.sub(lambda match: match[1] if match[2] in names else match[0], markdown)

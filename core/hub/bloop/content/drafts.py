"""Commands of who writes lessons: a text is kept as a draft until it is published.

What learners do not see yet is changed at once; of what they see a draft is kept, in the item's own
row, so that its version, its history and undoing it are those of the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bloop.content.changing import changed, editable, refuse_live
from bloop.content.edited import (
    TEXT,
    columns_of,
    draft_of,
    draft_with,
    kept_row,
    newest,
    source_of,
)
from bloop.content.models import Item, Version
from bloop.content.naming import language_of, title_of
from bloop.content.versions import keep
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop.store.types import to_text, utcnow
from bloop.store.unit import UnitOfWork, actor_of

AT_ONE_SITTING = timedelta(minutes=5)
"""Drafts that one person saves so soon after another are one change, with one version kept."""


@command("content:write")
def write(unit: UnitOfWork, id_: str, version: int | None, changes: Mapping[str, Any]) -> Item:
    """Change title, html (or markdown) or language as an author does: see the module.

    Raises ConflictError for another version, InvalidError naming the field, and SourceWinsError.
    """
    row = editable(unit, Item, id_, version)
    refuse_live(unit, row)
    if "title" in changes:
        changes = {**changes, "title": title_of(changes["title"])}
    if "language" in changes:
        changes = {**changes, "language": language_of(changes["language"])}
    columns = columns_of(row, newest(row), changes)
    if not row.published and draft_of(row) is None:
        return changed(unit, row, columns, "edited", kept=_goes_on(unit, row, "edited"))
    text = {name: columns[name] for name in TEXT}
    return row if text == newest(row) else _put(unit, row, draft_with(row, text, to_text(utcnow())))


@command("content:write")
def discard(unit: UnitOfWork, id_: str, version: int | None) -> Item:
    """Throw a draft away; it stays among the versions. Without one nothing is done."""
    row = editable(unit, Item, id_, version)
    return row if row.draft is None else _put(unit, row, None)


def _put(unit: UnitOfWork, row: Item, draft: dict[str, Any] | None) -> Item:
    """Give a row a draft. Learners see no change, and so there is no event."""
    change = "discarded" if draft is None else "drafted"
    if not _goes_on(unit, row, change):
        keep(unit, [row], change)
        unit.audit.append(f"content.item_{change}", f"item:{row.id}", {"from": row.row_version})
    row.draft = draft
    unit.session.flush()
    return row


def _goes_on(unit: UnitOfWork, row: Item, change: str) -> bool:
    """Whether the last change was the same by the same person, who has not stopped since."""
    last = unit.session.scalar(
        select(Version)
        .where(
            Version.institution_id == unit.institution,
            Version.subject == "item",
            Version.subject_id == row.id,
        )
        .order_by(Version.row_version.desc())
        .limit(1)
    )
    if last is None or (last.change, last.actor) != (change, actor_of(unit.call)):
        return False
    written = row.updated_at
    if change == "drafted":
        draft = row.draft if draft_of(row) is not None else None
        if draft is None:
            return False
        written = datetime.fromisoformat(draft.get("at") or to_text(last.at))
    return change != "discarded" and utcnow() - written < AT_ONE_SITTING


@command("content:write")
def rewrite(unit: UnitOfWork, id_: str, version: int | None, to: int) -> Item:
    """Write again what an item said at row version ``to``, as :func:`write` writes a text.

    Raises NotFoundError where no such version is kept.
    """
    row = editable(unit, Item, id_, version)
    kept = unit.session.scalar(
        select(Version).where(
            Version.institution_id == unit.institution,
            Version.subject == "item",
            Version.subject_id == row.id,
            Version.row_version == to,
        )
    )
    if kept is None:
        raise NotFoundError(f"item {row.id} has no version {to}")
    text = newest(kept_row(kept.snapshot))
    changes = {name: text[name] for name in ("title", "language", "data")}
    source = source_of(text)
    changes |= {"html": text["html"]} if source is None else {"markdown": source}
    return write(unit, id_, version, changes)

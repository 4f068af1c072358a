"""The one table, and what is asked of it. Each function takes a unit of work of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar
from uuid import uuid4

from sqlalchemy import String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bloop_sdk import Unit, UnsupportedError
from bloop_sdk.tables import ID, TYPES, Tenant, plugin_metadata

LONGEST_TITLE = 200
metadata = plugin_metadata("bookmarks")


class Base(Tenant, DeclarativeBase):
    """Of every table of the plugin: its rows belong to institutions."""

    metadata = metadata
    type_annotation_map: ClassVar = TYPES


class Bookmark(Base):
    """That somebody wants to find an item again; the title is kept as it was then."""

    __tablename__ = "bookmarks_bookmark"
    __table_args__ = (UniqueConstraint("institution_id", "user_id", "item_id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=lambda: str(uuid4()))
    user_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID, index=True)
    title: Mapped[str] = mapped_column(String(LONGEST_TITLE))
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


def of(unit: Unit, user: str) -> Sequence[Bookmark]:
    """Somebody's bookmarks, the newest first. Only this institution's rows are seen."""
    mine = select(Bookmark).where(Bookmark.user_id == user)
    return unit.session.scalars(mine.order_by(Bookmark.created_at.desc(), Bookmark.id)).all()


def has(unit: Unit, user: str, item: str) -> bool:
    """Whether somebody keeps an item."""
    return _found(unit, user, item) is not None


def keep(unit: Unit, user: str, item: str, title: str, most: int) -> str:
    """Keep an item, or find it kept; gives the bookmark's id."""
    found = _found(unit, user, item)
    if found is not None:
        return found.id
    count = select(func.count()).select_from(Bookmark).where(Bookmark.user_id == user)
    if (unit.session.scalar(count) or 0) >= most:
        raise UnsupportedError(
            f"you have {most} bookmarks, which is the most", cure="remove one, then keep this one"
        )
    made = Bookmark(user_id=user, item_id=item, title=title[:LONGEST_TITLE] or item)
    unit.session.add(made)
    unit.session.flush()
    unit.emit("bookmarks.added", f"bookmark:{made.id}", {"id": made.id, "item": item})
    return made.id


def drop(unit: Unit, user: str, item: str) -> None:
    """Keep it no more; what is not kept is ignored."""
    found = _found(unit, user, item)
    if found is not None:
        unit.session.delete(found)
        unit.emit("bookmarks.removed", f"bookmark:{found.id}", {"id": found.id, "item": item})


def drop_item(unit: Unit, item: str) -> None:
    """Nobody keeps it any more."""
    unit.session.execute(delete(Bookmark).where(Bookmark.item_id == item))


def counts(unit: Unit) -> tuple[int, int]:
    """How many bookmarks there are, and of how many people."""
    columns = select(func.count(Bookmark.id), func.count(Bookmark.user_id.distinct()))
    bookmarks, people = unit.session.execute(columns).one()
    return bookmarks, people


def most_kept(unit: Unit, limit: int) -> list[tuple[str, int]]:
    """The titles that most people keep, and how many do."""
    columns = select(func.max(Bookmark.title), func.count(Bookmark.id))
    by_item = columns.group_by(Bookmark.item_id).order_by(func.count(Bookmark.id).desc())
    return [(title, count) for title, count in unit.session.execute(by_item.limit(limit))]


def _found(unit: Unit, user: str, item: str) -> Bookmark | None:
    one = select(Bookmark).where(Bookmark.user_id == user, Bookmark.item_id == item)
    return unit.session.scalar(one)

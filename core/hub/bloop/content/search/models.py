"""The table that the index in the database is made of, and what plugins say of items."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Identity, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import KIND, LAST, TITLE_LENGTH, within
from bloop.store.models import ID, Base, BigSerial, Tenant
from bloop.store.types import Json, utcnow


class ItemText(Tenant, Base):
    """Text that a plugin says belongs to an item, such as what is said in a video of it.

    ``moments`` are pairs: a place in ``text``, counted in characters, and the milliseconds from
    the start of the video or sound at which what stands from there on is said. The text is of
    whoever the item is of, and goes with it.
    """

    __tablename__ = "item_text"
    __table_args__ = (
        within("item_id", "item"),
        Index("ix_item_text_plugin", "plugin_id"),
        {"info": {"owned": True}},
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    plugin_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    language: Mapped[str | None] = mapped_column(String(35))
    updated_at: Mapped[datetime] = mapped_column(default=utcnow)
    moments: Mapped[list[list[int]]] = mapped_column(Json, default=list, sort_order=LAST)
    text: Mapped[str] = mapped_column(Text, sort_order=LAST)


class SearchDocument(Tenant, Base):
    """An item, a course or a notebook as it is found; ``version`` is the row's that it shows.

    ``analyser`` is :data:`bloop.content.search.documents.ANALYSER` when it was written.
    The first ``own`` characters of ``text`` are of the row itself, what follows is of its
    :class:`ItemText`: that is found, and what is shown of it is taken from there.
    The database keeps its index by itself (:mod:`bloop.store.derived`); ``tenant`` is a word in
    that, by which an institution finds its own.
    """

    __tablename__ = "search_document"
    __table_args__ = (
        UniqueConstraint("institution_id", "id"),
        Index("ix_search_document_analyser", "institution_id", "analyser"),
        {"sqlite_autoincrement": True, "info": {"owned": True}},
    )

    seq: Mapped[int] = mapped_column(BigSerial, Identity(always=True), primary_key=True)
    id: Mapped[str] = mapped_column(ID)
    tenant: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(KIND)
    container_id: Mapped[str] = mapped_column(ID)
    language: Mapped[str | None] = mapped_column(String(35))
    version: Mapped[int]
    analyser: Mapped[int]
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    own: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)

"""The table that the index in the database is made of."""

from __future__ import annotations

from sqlalchemy import Identity, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import KIND, TITLE_LENGTH
from bloop.store.models import ID, Base, BigSerial, Tenant


class SearchDocument(Tenant, Base):
    """An item, a course or a notebook as it is found; ``version`` is the row's that it shows.

    ``analyser`` is :data:`bloop.content.search.documents.ANALYSER` when it was written.
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
    text: Mapped[str] = mapped_column(Text)

"""The table in which processes share how often systems outside may be asked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.models import Base
from bloop.store.types import utcnow


class PaceBook(Base):
    """What is known of one credential at one host, as :class:`bloop.net.books.Book` writes it.

    ``key`` is a hash of both. On PostgreSQL without Redis alone; whatever is in it may be lost.
    """

    __tablename__ = "pace_book"

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(Text)
    touched_at: Mapped[datetime] = mapped_column(default=utcnow)

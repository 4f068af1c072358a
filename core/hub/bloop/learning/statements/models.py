"""The table of statements; rows are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST
from bloop.learning.models import of_user
from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, person, personal
from bloop.store.types import Json, utcnow

IRI_LENGTH = 2000


class Statement(Tenant, Base):
    """A statement about ``user_id``; ``raw`` is what was told, with its id and timestamp.

    ``place`` orders statements by when they were stored. ``voids`` is the statement that this one
    takes back: nothing about that one is changed. ``item_id`` is the lesson of the hub that it is
    about, and outlives it. ``hash`` is of what makes two statements the same. What the hub tells
    itself has no actor and no addresses in ``raw``: both are put in when it is read
    (:mod:`bloop.learning.statements.shown`), so that they hold when the hub moves.
    """

    __tablename__ = "statement"
    __table_args__ = (
        of_user(),
        Index("ux_statement_place", "institution_id", "place", unique=True),
        Index("ix_statement_user", "institution_id", "user_id", "place"),
        Index("ix_statement_voids", "institution_id", "voids"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    place: Mapped[str] = mapped_column(ID, default=new_id)
    user_id: Mapped[str] = mapped_column(ID)
    verb: Mapped[str] = mapped_column(String(IRI_LENGTH))
    activity: Mapped[str] = mapped_column(String(IRI_LENGTH), default="")
    registration: Mapped[str] = mapped_column(ID, default="")
    item_id: Mapped[str | None] = mapped_column(ID)
    voids: Mapped[str | None] = mapped_column(ID)
    at: Mapped[datetime]
    stored_at: Mapped[datetime] = mapped_column(default=utcnow)
    source: Mapped[str] = mapped_column(String(20), default="hub")
    told_by: Mapped[str] = mapped_column(String(80), info=person())
    hash: Mapped[str] = mapped_column(String(64), default="")
    raw: Mapped[dict[str, Any]] = mapped_column(Json, info=personal("record"), sort_order=LAST)

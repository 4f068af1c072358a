"""Tables of recommendations: what educators say of them, and each that was shown."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Double, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, within
from bloop.learning.models import of_user
from bloop.store.models import ID, Base, Tenant, person, personal
from bloop.store.types import Json, utcnow


class Act(enum.StrEnum):
    """What an educator has done with an item."""

    PIN = "pin"
    HIDE = "hide"
    ORDER = "order"


class RecommendationState(Tenant, Base):
    """How often an institution's rules were written; and the ranker that is tried, if one is.

    While one is, each list is put together from both, and who chose what is in the log.
    """

    __tablename__ = "recommendation_state"

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    tried: Mapped[str | None] = mapped_column(String(40))


class RecommendationRule(Tenant, Base):
    """What whoever teaches says of an item: pinned, hidden, or at a ``position`` among others.

    ``scope`` is the concept for which it holds, or empty: then it holds in its course, whatever
    the item is recommended for. ``actor`` said it last, ``at`` that time.
    """

    __tablename__ = "recommendation_rule"
    __table_args__ = (within("item_id", "item", goes_with=True),)

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    item_id: Mapped[str] = mapped_column(ID, primary_key=True)
    scope: Mapped[str] = mapped_column(ID, primary_key=True, default="")
    act: Mapped[str] = mapped_column(String(10))
    position: Mapped[int] = mapped_column(default=0)
    actor: Mapped[str] = mapped_column(String(80), info=person())
    at: Mapped[datetime] = mapped_column(default=utcnow)


class Recommendation(Tenant, Base):
    """One place of a list that was shown to a user; whether it was taken is told beside it.

    ``propensity`` is the chance with which the item was put there, given those before it, and
    ``tried_propensity`` the chance that the ranker which is tried would have put it there.
    ``facts`` are what the reason was made of. Whether the item, which it outlives, was answered is
    in the log of answers.
    """

    __tablename__ = "recommendation"
    __table_args__ = (
        of_user(),
        Index("ix_recommendation_shown", "institution_id", "shown_at", "list_id", "position"),
        Index("ix_recommendation_user", "institution_id", "user_id", "item_id"),
        Index("ix_recommendation_item", "institution_id", "item_id"),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    list_id: Mapped[str] = mapped_column(ID, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ID)
    item_id: Mapped[str] = mapped_column(ID)
    concept_id: Mapped[str | None] = mapped_column(ID)
    ranker: Mapped[str] = mapped_column(String(40))
    score: Mapped[float] = mapped_column(Double)
    propensity: Mapped[float] = mapped_column(Double)
    tried_propensity: Mapped[float | None] = mapped_column(Double)
    shown_at: Mapped[datetime] = mapped_column(default=utcnow)
    opened_at: Mapped[datetime | None]
    facts: Mapped[Any] = mapped_column(Json, default=dict, info=personal("record"), sort_order=LAST)

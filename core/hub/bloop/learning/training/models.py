"""The table of trained models."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from bloop.content.models import LAST, Owned
from bloop.store.models import ID, Base, Tenant
from bloop.store.types import Json, utcnow


class ModelStanding(enum.StrEnum):
    """Whether a model answers: one of an institution is in use at most, else the core's is."""

    IN_USE = "in_use"
    BEATEN = "beaten"
    RETIRED = "retired"


class TrainedModel(Owned, Base):
    """What a plugin made of an institution's answers, and how it did on learners kept apart.

    ``figures`` is the :class:`bloop.learning.mastery.comparison.Comparison` with what was in use
    then (``against``: a model's id, or ``core``). ``data`` is the plugin's own, and holds nobody's
    id.
    """

    __tablename__ = "mastery_model"
    __table_args__ = (
        Index(
            "ux_mastery_model_in_use",
            "institution_id",
            unique=True,
            sqlite_where=text("standing = 'in_use'"),
            postgresql_where=text("standing = 'in_use'"),
        ),
    )

    plugin_id: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(80))
    version: Mapped[str] = mapped_column(String(80))
    standing: Mapped[str] = mapped_column(String(20))
    against: Mapped[str] = mapped_column(String(80))
    trained_at: Mapped[datetime] = mapped_column(default=utcnow)
    learners: Mapped[int]
    answers: Mapped[int]
    why: Mapped[str] = mapped_column(Text, default="", sort_order=LAST)
    figures: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, sort_order=LAST)
    data: Mapped[bytes] = mapped_column(LargeBinary, sort_order=LAST)


class Fault(enum.StrEnum):
    """Why the core's model stands in for the one that is in use."""

    NONE = ""
    OFF = "off"
    BROKEN = "broken"


class Upkeep(Tenant, Base):
    """Of an institution that has trained a model: when learners are brought into line with it.

    A job looks for them at ``due_at``, or as soon as somebody has answered, though not before
    ``ask_from``; with None nothing is to be done. ``detail`` says in words what a ``fault`` is.
    """

    __tablename__ = "mastery_upkeep"
    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    due_at: Mapped[datetime | None]
    ask_from: Mapped[datetime] = mapped_column(default=utcnow)
    fault: Mapped[str] = mapped_column(String(20), default="")
    detail: Mapped[str] = mapped_column(Text, default="")

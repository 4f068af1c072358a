"""The table of steps that somebody does not want to see any more."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bloop.store.ids import new_id
from bloop.store.models import ID, Base, Tenant, person
from bloop.store.types import utcnow


class SetupDismissal(Tenant, Base):
    """A step that is not shown: to ``user_id``, or to nobody in the institution where that is None.

    Whether a step is done stands nowhere: that is read from what is there.
    """

    __tablename__ = "setup_dismissal"
    __table_args__ = (
        ForeignKeyConstraint(
            ["institution_id", "user_id"], ["account_user.institution_id", "account_user.id"]
        ),
        UniqueConstraint("institution_id", "user_id", "step"),
        Index(
            "ix_setup_dismissal_all",
            "institution_id",
            "step",
            unique=True,
            sqlite_where=text("user_id IS NULL"),
            postgresql_where=text("user_id IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True, default=new_id)
    user_id: Mapped[str | None] = mapped_column(ID)
    step: Mapped[str] = mapped_column(String(80))
    created_by: Mapped[str] = mapped_column(String(80), info=person())
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

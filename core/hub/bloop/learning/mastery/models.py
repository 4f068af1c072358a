"""What of a learner is of no one concept: the sums over all answers, and how often they changed."""

from __future__ import annotations

from sqlalchemy import Double, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bloop.learning.models import MODEL_LENGTH, of_user
from bloop.store.models import ID, Base, Tenant, personal


class Learner(Tenant, Base):
    """A user who answered something; whoever writes what they know holds this row.

    ``version`` counts those writes, and ``followed`` those of them that took answers in: these put
    the version into each row of mastery that they write, so that who keeps rows reads the new ones.
    Any other write makes all rows others. ``surplus`` is right answers beyond those to be expected,
    kept as a multiple of 2**-20, so that its sum is the same in whatever order answers came.

    ``estimated`` is the version at which the model named ``estimated_by`` said what rows of mastery
    say (:mod:`bloop.learning.training.estimates`); where that is empty, all are the core's.
    """

    __tablename__ = "learner"
    __table_args__ = (
        of_user(),
        # Who has answered since a model was asked about them: looked for each second.
        Index(
            "ix_learner_behind",
            "institution_id",
            "user_id",
            sqlite_where=text("estimated <> version"),
            postgresql_where=text("estimated <> version"),
        ),
    )

    institution_id: Mapped[str] = mapped_column(ID, primary_key=True)
    user_id: Mapped[str] = mapped_column(ID, primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    followed: Mapped[int] = mapped_column(default=0)
    answers: Mapped[int] = mapped_column(default=0, info=personal("record"))
    right: Mapped[int] = mapped_column(default=0, info=personal("record"))
    surplus: Mapped[float] = mapped_column(Double, default=0.0, info=personal("record"))
    estimated: Mapped[int] = mapped_column(default=0)
    estimated_by: Mapped[str] = mapped_column(String(MODEL_LENGTH), default="")

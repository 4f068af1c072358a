"""What became of the lists that were shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, exists, select

from bloop.learning.models import Answer
from bloop.learning.recommend.comparing import Outcome
from bloop.learning.recommend.models import Recommendation
from bloop.store.unit import UnitOfWork

MOST = 200_000
"""So many places are looked at, the last ones."""

_answered: Any = exists(
    select(Answer.id).where(
        Answer.institution_id == Recommendation.institution_id,
        Answer.user_id == Recommendation.user_id,
        Answer.item_id == Recommendation.item_id,
        Answer.at >= Recommendation.shown_at,
    )
)
_outcome: Any = case(
    (_answered, "answered"), (Recommendation.opened_at.is_not(None), "opened"), else_="ignored"
)


def outcomes_since(unit: UnitOfWork, since: datetime) -> list[tuple[Outcome, str]]:
    """Each place that was shown since then, with ``answered``, ``opened`` or ``ignored``.

    One that was opened or answered counts as taken.
    """
    columns: Any = (
        Recommendation.list_id,
        Recommendation.position,
        Recommendation.ranker,
        Recommendation.propensity,
        Recommendation.tried_propensity,
        _outcome.label("outcome"),
    )
    rows = unit.session.execute(
        select(*columns)
        .where(Recommendation.institution_id == unit.institution, Recommendation.shown_at >= since)
        .order_by(Recommendation.shown_at.desc(), Recommendation.list_id, Recommendation.position)
        .limit(MOST)
    )
    found = []
    for list_id, position, ranker, propensity, tried, outcome in rows:
        reward = float(outcome != "ignored")
        found.append((Outcome(list_id, position, ranker, propensity, tried, reward), outcome))
    return found

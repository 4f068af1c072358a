"""What people said of a concept, once that was merged into another one: it is of that one then.

The graph moves what is its own; goals and what educators said of recommendations are rows of
learning, and follow by the event of the merge. An undone merge leaves them with the one concept:
which of the two somebody meant nobody knows any more.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import aliased

from bloop.graph.models import Concept
from bloop.learning.progress.models import Goal
from bloop.learning.recommend import rules
from bloop.learning.recommend.models import RecommendationRule
from bloop.store.unit import UnitOfWork


def follow(unit: UnitOfWork, concept: str, into: str) -> None:
    """Move goals and rules; where there is one of both already, that one stays."""
    row = unit.session.get(Concept, (unit.institution, concept))
    if row is None or row.into_id != into:
        return  # It was undone by the time it is heard.
    there: Any = aliased(Goal)
    mine = (
        Goal.institution_id == unit.institution,
        Goal.kind == "concept",
        Goal.subject_id == concept,
    )
    has_other = select(there.id).where(
        there.institution_id == unit.institution,
        there.user_id == Goal.user_id,
        there.kind == "concept",
        there.subject_id == into,
    )
    _move(unit, Goal, mine, has_other, {"subject_id": into})
    other: Any = aliased(RecommendationRule)
    said = (
        RecommendationRule.institution_id == unit.institution,
        RecommendationRule.scope == concept,
    )
    has_rule = select(other.item_id).where(
        other.institution_id == unit.institution,
        other.item_id == RecommendationRule.item_id,
        other.scope == into,
    )
    if _move(unit, RecommendationRule, said, has_rule, {"scope": into}):
        rules.count(unit)


def _move(unit: UnitOfWork, model: Any, which: Any, there: Any, values: dict[str, str]) -> bool:
    gone: Any = unit.session.execute(
        delete(model).where(*which, there.exists()).execution_options(synchronize_session=False)
    )
    moved: Any = unit.session.execute(
        update(model).where(*which).values(**values).execution_options(synchronize_session=False)
    )
    return bool(gone.rowcount or moved.rowcount)

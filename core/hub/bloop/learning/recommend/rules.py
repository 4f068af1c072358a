"""What whoever teaches says of recommendations: pinned, hidden, ordered; and what is tried."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import delete, select

from bloop.content.models import Item
from bloop.graph.models import Concept, Standing
from bloop.learning.recommend.models import Act, RecommendationRule, RecommendationState
from bloop.learning.recommend.ranking import RANKERS, USUAL
from bloop.store.commands import command
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.inserting import INSERT
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of


class Said(NamedTuple):
    """What was said of an item before, to say it again."""

    act: str
    position: int


@command("content:write")
def rule(
    unit: UnitOfWork, item: str, act: str, *, concept: str = "", position: int = 0
) -> Said | None:
    """Pin or hide an item, or give it a place among others; for a concept, or whatever it is for.

    Said again, it replaces what was said, which it gives back. Raises NotFoundError and
    InvalidError.
    """
    if act not in set(Act):
        raise InvalidError(f"act: {act[:40]!r} is none", field="act", cure=", ".join(Act))
    if not 0 <= position <= 1000:
        raise InvalidError("position: from 0 to 1000", field="position")
    unit.get(Item, item)
    if concept and unit.get(Concept, concept).standing == Standing.REJECTED:
        raise NotFoundError(f"no concept {concept[:40]}")
    values = {"act": act, "position": position}
    key = {"institution_id": unit.institution, "item_id": item, "scope": concept}
    before = _said(unit, item, concept)
    if before == Said(act, position):
        return before
    by = {"actor": actor_of(unit.call), "at": utcnow()}
    _upsert(unit, RecommendationRule.__table__, key, values | by)
    count(unit)
    unit.audit.append("recommend:rule", f"item:{item}", {"concept": concept, **values})
    return before


def _said(unit: UnitOfWork, item: str, concept: str) -> Said | None:
    columns: Any = (RecommendationRule.act, RecommendationRule.position)
    row = unit.session.execute(
        select(*columns).where(
            RecommendationRule.institution_id == unit.institution,
            RecommendationRule.item_id == item,
            RecommendationRule.scope == concept,
        )
    ).one_or_none()
    return None if row is None else Said(*row)


@command("content:write")
def unrule(unit: UnitOfWork, item: str, *, concept: str = "") -> Said | None:
    """Take back what was said of an item, and tell what; raises NotFoundError where nothing was."""
    unit.get(Item, item)
    before = _said(unit, item, concept)
    gone: Any = unit.session.execute(
        delete(RecommendationRule).where(
            RecommendationRule.institution_id == unit.institution,
            RecommendationRule.item_id == item,
            RecommendationRule.scope == concept,
        )
    )
    if not gone.rowcount:
        raise NotFoundError(f"nothing was said of recommending {item[:40]}")
    count(unit)
    unit.audit.append("recommend:unrule", f"item:{item}", {"concept": concept})
    return before


@command("institutions:configure")
def compare_with(unit: UnitOfWork, ranker: str | None) -> None:
    """Put lists together from two rankers from now on, the usual one and this; None ends it."""
    if ranker is not None and (ranker not in RANKERS or ranker == USUAL):
        others = ", ".join(sorted(RANKERS.keys() - {USUAL}))
        raise InvalidError(f"ranker: {ranker[:40]!r} is none", field="ranker", cure=others)
    count(unit, tried=ranker)
    unit.audit.append("recommend:compare", f"institution:{unit.institution}", {"ranker": ranker})


def count(unit: UnitOfWork, **values: Any) -> None:
    """Say that rules were written: lists that were made before are made anew."""
    table: Any = RecommendationState.__table__
    key = {"institution_id": unit.institution}
    _upsert(unit, table, key, {"version": 1, **values}, {"version": table.c.version + 1, **values})


def _upsert(
    unit: UnitOfWork,
    table: Any,
    key: dict[str, Any],
    values: dict[str, Any],
    changes: dict[str, Any] | None = None,
) -> None:
    make = INSERT[unit.dialect]
    unit.connection.execute(
        make(table)
        .values(**key, **values)
        .on_conflict_do_update(index_elements=list(key), set_=changes or values)
    )

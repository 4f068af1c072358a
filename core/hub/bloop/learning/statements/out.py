"""What the hub tells itself: answers, attempts, lessons that are done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from sqlalchemy import insert

from bloop.learning.answers import ON_ANSWERED
from bloop.learning.models import Answer
from bloop.learning.statements.models import Statement
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork, actor_of

ADL = "http://adlnet.gov/expapi/verbs/"
HERE = "/lessons/"
"""How the address of a lesson begins until a statement is read."""
_ANSWERS = UUID("6f0d1c1e-9a43-4f0f-9c0b-2b6d8f4f5c11")


def tell(
    unit: UnitOfWork,
    user: str,
    verb: str,
    item: str,
    *,
    at: datetime,
    part: str = "",
    result: Mapping[str, Any] | None = None,
    id_: str = "",
) -> str:
    """Keep a statement of the hub's own; ``verb`` is a word of ADL's list. Its id."""
    id_ = id_ or str(uuid4())
    unit.connection.execute(
        insert(Statement), [_row(unit, user, verb, item, at, part, result or {}, id_)]
    )
    return id_


def _row(
    unit: UnitOfWork,
    user: str,
    verb: str,
    item: str,
    at: datetime,
    part: str,
    result: Mapping[str, Any],
    id_: str,
) -> dict[str, Any]:
    activity = f"{HERE}{item}#{part}" if part else f"{HERE}{item}"
    raw = {
        "id": id_,
        "verb": {"id": f"{ADL}{verb}", "display": {"en": verb}},
        "object": {"objectType": "Activity", "id": activity},
        "timestamp": at.isoformat(),
        **({"result": dict(result)} if result else {}),
    }
    return {
        "institution_id": unit.institution,
        "id": id_,
        "place": new_id(),
        "user_id": user,
        "verb": f"{ADL}{verb}",
        "activity": activity,
        "registration": "",
        "item_id": item,
        "voids": None,
        "at": at,
        "stored_at": utcnow(),
        "source": "hub",
        "told_by": actor_of(unit.call),
        "hash": "",
        "raw": raw,
    }


def _tell_answers(unit: UnitOfWork, user: str, answers: Sequence[Answer]) -> None:
    """Tell of what was answered here, or in another system that tells no statements."""
    rows = []
    for one in answers:
        if one.source == "xapi":
            continue
        result: dict[str, Any] = {"score": {"scaled": one.score}, "success": one.score >= 1}
        if one.seconds is not None:
            result["duration"] = f"PT{one.seconds:g}S"
        verb = "answered" if one.source == "hub" else "scored"
        told = str(uuid5(_ANSWERS, f"{unit.institution}/{one.id}"))
        rows.append(_row(unit, user, verb, one.item_id, one.at, one.part, result, told))
    if rows:
        unit.connection.execute(insert(Statement), rows)


ON_ANSWERED.append(_tell_answers)

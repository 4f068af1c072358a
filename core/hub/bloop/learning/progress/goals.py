"""Goals that somebody has picked: no streaks, no points, nothing that is lost by a day off."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Select, delete, func, select

from bloop.accounts.actions import may
from bloop.content.enrolling.visibility import container_reachable, container_visible
from bloop.content.models import Container
from bloop.graph.models import Concept, Standing
from bloop.learning.progress.models import Goal
from bloop.learning.quizzes.service import user_of
from bloop.store.commands import command
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.inserting import INSERT
from bloop.store.statements import values_of_caller
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

MOST = 100
KINDS = ("concept", "container")


@command("account:write")
def set_goal(unit: UnitOfWork, kind: str, subject: str, by: date | None = None) -> None:
    """Pick a concept or a course as a goal, or give one that is picked another day."""
    user = user_of(unit)
    if kind not in KINDS:
        raise NotFoundError(f"a {kind[:40]!r} is no goal", cure=f"one of {', '.join(KINDS)}")
    _check_there(unit, kind, subject)
    row = unit.session.scalar(_own(unit, user, kind, subject))
    if row is None:
        count = select(func.count()).where(
            Goal.institution_id == unit.institution, Goal.user_id == user
        )
        if (unit.session.scalar(count) or 0) >= MOST:
            raise ConflictError(f"you have {MOST} goals", cure="take one of them back")
        _insert(unit, user, kind, subject)  # Two tabs may pick it at once.
        row = unit.session.scalars(_own(unit, user, kind, subject)).one()
    row.by = by
    unit.session.flush()


def _insert(unit: UnitOfWork, user: str, kind: str, subject: str) -> None:
    make = INSERT[unit.dialect]
    values = {
        "institution_id": unit.institution,
        "id": new_id(),
        "user_id": user,
        "kind": kind,
        "subject_id": subject,
        "created_at": utcnow(),
    }
    same = ["institution_id", "user_id", "kind", "subject_id"]
    unit.connection.execute(make(Goal).values(**values).on_conflict_do_nothing(index_elements=same))


@command("account:write")
def drop_goal(unit: UnitOfWork, kind: str, subject: str) -> None:
    """Take a goal back; raises NotFoundError where it is none."""
    gone: Any = unit.session.execute(
        delete(Goal).where(
            Goal.institution_id == unit.institution,
            Goal.user_id == user_of(unit),
            Goal.kind == kind,
            Goal.subject_id == subject,
        )
    )
    if not gone.rowcount:
        raise NotFoundError(f"no goal {kind[:20]} {subject[:40]}")


def _own(unit: UnitOfWork, user: str, kind: str, subject: str) -> Select[Goal]:
    return select(Goal).where(
        Goal.institution_id == unit.institution,
        Goal.user_id == user,
        Goal.kind == kind,
        Goal.subject_id == subject,
    )


def _check_there(unit: UnitOfWork, kind: str, subject: str) -> None:
    if kind == "concept":
        query = select(Concept.id).where(
            Concept.institution_id == unit.institution,
            Concept.id == subject,
            Concept.standing != Standing.REJECTED,
        )
    else:
        query = select(Container.id).where(
            Container.institution_id == unit.institution,
            Container.id == subject,
            Container.state != "trashed",
            container_reachable,
        )
        if not may(unit.call, "content:write"):
            query = query.where(container_visible)
    values = {"institution": unit.institution, **values_of_caller(unit.call)}
    if unit.session.scalar(query, values) is None:
        raise NotFoundError(f"no {kind} {subject[:40]}")

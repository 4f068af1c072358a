"""Certificates by rule: what a course asks for, whether somebody has met it, and that they have.

Scores are those of quizzes taken here and of grades in other systems. A quiz that could be taken
here and was not counts as nothing in the average. What somebody tells of
themselves by statements counts for their own overview, and for no certificate.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from bloop.accounts.actions import may
from bloop.accounts.models import User
from bloop.content.enrolling.visibility import (
    container_reachable,
    container_visible,
    item_shown,
)
from bloop.content.models import Container, Item
from bloop.graph.writing import batches
from bloop.learning.log import AT_ONCE
from bloop.learning.models import Answer
from bloop.learning.progress.models import Certificate, CertificateRule, ItemProgress
from bloop.learning.progress.queries import COUNTED
from bloop.learning.quizzes.models import FINISHED, Attempt
from bloop.learning.quizzes.service import points_of, user_of
from bloop.learning.shares import reaches, whole_percent
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.ids import new_id
from bloop.store.statements import values_of_caller
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

MOST_ITEMS = 2000
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Those that nobody takes for another when they are read out."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to the rule of a course."""

    missing: tuple[str, ...]
    lessons: int
    average: float | None
    needed: float

    @property
    def met(self) -> bool:
        """Whether the rule is met."""
        enough = self.needed <= 0 or (
            self.average is not None and reaches(self.average, self.needed)
        )
        return self.lessons > 0 and not self.missing and enough


@command("content:write")
def set_rule(
    unit: UnitOfWork, container_id: str, *, items: Sequence[str] | None, average: float
) -> None:
    """Have a course give certificates by a rule, or by another; those given stay as they are."""
    container = unit.get(Container, container_id)
    if container.owner_id is not None:
        raise InvalidError("what is yours alone gives no certificates", field="container")
    if not 0 <= average <= 1:
        raise InvalidError("average: a share from 0 to 1", field="average")
    if items is not None:
        there = set(unit.session.scalars(_items(unit, container.id)))
        unknown = sorted(set(items) - there)
        if unknown or not items or len(items) > MOST_ITEMS:
            what = f"no lesson {unknown[0][:40]} is shown in this course" if unknown else "none"
            raise InvalidError(f"items: {what}", field="items", cure="name lessons of the course")
    row = unit.session.get(CertificateRule, (unit.institution, container.id))
    if row is None:
        row = CertificateRule(institution_id=unit.institution, container_id=container.id)
        unit.session.add(row)
    row.items = None if items is None else sorted(set(items))
    row.average, row.updated_at = average, utcnow()
    unit.session.flush()
    unit.audit.append(
        "certificates:rule", f"container:{container.id}", {"average": average, "items": row.items}
    )


@command("content:write")
def drop_rule(unit: UnitOfWork, container_id: str) -> None:
    """Have a course give no more certificates; those given stay."""
    container = unit.get(Container, container_id)
    row = unit.session.get(CertificateRule, (unit.institution, container.id))
    if row is not None:
        unit.session.delete(row)
        unit.audit.append("certificates:rule", f"container:{container.id}", {"items": []})


@command("account:write")
def claim(unit: UnitOfWork, container_id: str) -> str:
    """Give the caller the certificate of a course; its id. One that is given stays the one.

    Raises ConflictError that says what is missing.
    """
    user = user_of(unit)
    course = _seen(unit, container_id)
    row = _given(unit, user, course.id)
    if row is not None:
        return row.id
    standing = standing_of(unit, user, course.id)
    if not standing.met:
        raise ConflictError(_missing(standing), cure="then ask for it again")
    name = unit.session.scalar(
        select(User.name).where(User.institution_id == unit.institution, User.id == user)
    )
    values = {
        "institution_id": unit.institution,
        "id": new_id(),
        "user_id": user,
        "container_id": course.id,
        "number": _number(),
        "code": secrets.token_urlsafe(24),
        "name": name or "",
        "title": course.title,
        "lessons": standing.lessons,
        "average": standing.average,
        "issued_at": utcnow(),
    }
    make = sqlite.insert if unit.dialect == "sqlite" else postgresql.insert
    same = ["institution_id", "user_id", "container_id"]
    # Of two tabs that ask at once one is given it, and both have that one.
    unit.connection.execute(
        make(Certificate).values(**values).on_conflict_do_nothing(index_elements=same)
    )
    row = _given(unit, user, course.id)
    assert row is not None, "it was there or has been made"
    if row.id == values["id"]:
        unit.audit.append("certificates:give", f"container:{course.id}", {"number": row.number})
    return row.id


def _missing(standing: Standing) -> str:
    if standing.lessons == 0:
        return "this course asks for no lesson yet"
    if standing.missing:
        return f"{len(standing.missing)} of {standing.lessons} lessons are not done"
    reached = 0 if standing.average is None else whole_percent(standing.average)
    return f"the average is {reached} %, and {standing.needed * 100:g} % are needed"


def standing_of(unit: UnitOfWork, user: str, container: str) -> Standing:
    """How a user stands to the rule of a course; raises NotFoundError where it has none."""
    rule = unit.session.get(CertificateRule, (unit.institution, container))
    if rule is None:
        raise NotFoundError("this course gives no certificates")
    shown = list(unit.session.scalars(_items(unit, container)))
    # What was taken out of the course meanwhile nobody can do any more.
    needed = shown if rule.items is None else [one for one in shown if one in rule.items]
    done = set(
        unit.session.scalars(
            # Of the course that the lesson is in now, as its progress is counted.
            select(ItemProgress.item_id)
            .join(
                Item, (Item.institution_id == unit.institution) & (Item.id == ItemProgress.item_id)
            )
            .where(
                ItemProgress.institution_id == unit.institution,
                ItemProgress.user_id == user,
                ItemProgress.done_at.is_not(None),
                Item.container_id == container,
            )
        )
    )
    scores = _scores(unit, user, container)
    # Else whoever marks a quiz as done instead of taking it would be the better for it.
    left = _graded_here(unit, [one for one in needed if one not in scores]) if rule.average else ()
    graded = [scores[one] for one in needed if one in scores] + [0.0 for _ in left]
    return Standing(
        missing=tuple(one for one in needed if one not in done),
        lessons=len(needed),
        average=fsum(graded) / len(graded) if graded else None,
        needed=rule.average,
    )


def _items(unit: UnitOfWork, container: str) -> Any:
    return (
        select(Item.id)
        .where(
            Item.institution_id == unit.institution,
            Item.container_id == container,
            Item.kind.in_(COUNTED),
            item_shown,
        )
        .order_by(Item.id)
    )


def _scores(unit: UnitOfWork, user: str, container: str) -> Mapping[str, float]:
    """The best score of each lesson of a course that is graded, from 0 to 1."""
    attempts = (
        select(Attempt.item_id, func.max(Attempt.score))
        .join(Item, (Item.institution_id == Attempt.institution_id) & (Item.id == Attempt.item_id))
        .where(
            Attempt.institution_id == unit.institution,
            Attempt.user_id == user,
            Attempt.status == FINISHED,
            Attempt.points > 0,  # Else nothing in it is graded: its score says nothing.
            Item.container_id == container,
        )
        .group_by(Attempt.item_id)
    )
    grades = (
        select(Answer.item_id, func.max(Answer.score))
        .join(Item, (Item.institution_id == Answer.institution_id) & (Item.id == Answer.item_id))
        .where(
            Answer.institution_id == unit.institution,
            Answer.user_id == user,
            Answer.source == "lms",
            Item.container_id == container,
        )
        .group_by(Answer.item_id)
    )
    found: dict[str, float] = {}
    for query in (attempts, grades):
        for item, score in unit.session.execute(query):
            found[item] = max(score, found.get(item, 0.0))
    return found


def _graded_here(unit: UnitOfWork, items: Sequence[str]) -> list[str]:
    """Those of some lessons that are quizzes which can be taken here and are graded."""
    found: list[str] = []
    columns: Any = (Item.id, Item.data)
    for some in batches(items, AT_ONCE):
        rows = unit.session.execute(
            select(*columns).where(
                Item.institution_id == unit.institution,
                Item.id.in_(some),
                Item.kind == Kind.QUIZ.value,
            )
        )
        found += [
            id_
            for id_, data in rows
            if not (data.get("bank") or data.get("restricted")) and points_of(data["questions"])
        ]
    return found


def _given(unit: UnitOfWork, user: str, container: str) -> Certificate | None:
    return unit.session.scalar(
        select(Certificate).where(
            Certificate.institution_id == unit.institution,
            Certificate.user_id == user,
            Certificate.container_id == container,
        )
    )


def _seen(unit: UnitOfWork, container: str) -> Container:
    query: Any = select(Container).where(
        Container.institution_id == unit.institution,
        Container.id == container,
        Container.state != "trashed",
        container_reachable,
    )
    if not may(unit.call, "content:write"):
        query = query.where(container_visible)
    values = {"institution": unit.institution, **values_of_caller(unit.call)}
    row: Container | None = unit.session.scalar(query, values)
    if row is None:
        raise NotFoundError(f"no course {container[:40]}")
    return row


def _number() -> str:
    letters = "".join(secrets.choice(_LETTERS) for _ in range(12))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"

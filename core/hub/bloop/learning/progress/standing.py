"""How people stand to what a course asks for a certificate.

Scores are those of quizzes taken here and of grades in other systems. A quiz that could be taken
here and was not counts as nothing in the average. What somebody tells of
themselves by statements counts for their own overview, and for no certificate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from sqlalchemy import func, select

from bloop.content.enrolling.visibility import item_shown
from bloop.content.models import Item
from bloop.graph.writing import batches
from bloop.learning.log import AT_ONCE
from bloop.learning.models import Answer
from bloop.learning.progress.models import CertificateRule, ItemProgress
from bloop.learning.progress.queries import COUNTED
from bloop.learning.quizzes.models import FINISHED, Attempt
from bloop.learning.quizzes.service import points_of
from bloop.learning.shares import reaches
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind

MOST_ITEMS = 2000


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


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: some lessons, None for all that are shown, and an average from 0 to 1."""

    items: Sequence[str] | None
    average: float


def check(unit: UnitOfWork, container: str, asked: Asked) -> None:
    """Raise InvalidError unless a course can ask for that."""
    if not 0 <= asked.average <= 1:  # Nor is NaN between them.
        raise InvalidError("average: a share from 0 to 1", field="average")
    if asked.items is None:
        return
    unknown = sorted(set(asked.items) - set(_shown(unit, container)))
    if unknown or not asked.items or len(asked.items) > MOST_ITEMS:
        what = f"no lesson {unknown[0][:40]} is shown in this course" if unknown else "none"
        raise InvalidError(f"items: {what}", field="items", cure="name lessons of the course")


def standing_of(unit: UnitOfWork, user: str, container: str) -> Standing:
    """How a user stands to the rule of a course; raises NotFoundError where it has none."""
    rule = unit.session.get(CertificateRule, (unit.institution, container))
    if rule is None:
        raise NotFoundError("this course gives no certificates")
    return standings(unit, container, Asked(rule.items, rule.average), [user])[user]


def standings(
    unit: UnitOfWork, container: str, asked: Asked, users: Iterable[str]
) -> dict[str, Standing]:
    """How each of some users stands to what a course asks, or would ask."""
    shown = _shown(unit, container)
    # What was taken out of the course meanwhile nobody can do any more.
    wanted = None if asked.items is None else set(asked.items)
    needed = shown if wanted is None else [one for one in shown if one in wanted]
    # Else whoever marks a quiz as done instead of taking it would be the better for it.
    here = _graded_here(unit, needed) if asked.average else set()
    found: dict[str, Standing] = {}
    for some in batches(users, AT_ONCE):
        done, scores = _done(unit, some, container), _scores(unit, some, container)
        for user in some:
            of_user = scores[user]
            graded = [of_user.get(one, 0.0) for one in needed if one in of_user or one in here]
            found[user] = Standing(
                missing=tuple(one for one in needed if one not in done[user]),
                lessons=len(needed),
                average=fsum(graded) / len(graded) if graded else None,
                needed=asked.average,
            )
    return found


def _shown(unit: UnitOfWork, container: str) -> list[str]:
    """The lessons that a course shows."""
    return list(
        unit.session.scalars(
            select(Item.id)
            .where(
                Item.institution_id == unit.institution,
                Item.container_id == container,
                Item.kind.in_(COUNTED),
                item_shown,
            )
            .order_by(Item.id)
        )
    )


def _done(unit: UnitOfWork, users: Sequence[str], container: str) -> Mapping[str, set[str]]:
    columns: Any = (ItemProgress.user_id, ItemProgress.item_id)
    rows = unit.session.execute(
        # Of the course that the lesson is in now, as its progress is counted.
        select(*columns)
        .join(Item, (Item.institution_id == unit.institution) & (Item.id == ItemProgress.item_id))
        .where(
            ItemProgress.institution_id == unit.institution,
            ItemProgress.user_id.in_(users),
            ItemProgress.done_at.is_not(None),
            Item.container_id == container,
        )
    )
    found: dict[str, set[str]] = defaultdict(set)
    for user, item in rows:
        found[user].add(item)
    return found


def _scores(
    unit: UnitOfWork, users: Sequence[str], container: str
) -> Mapping[str, dict[str, float]]:
    """The best score of each lesson of a course that is graded, from 0 to 1, by user."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    # Where nothing in an attempt is graded its score says nothing.
    taken = (Attempt.status == FINISHED) & (Attempt.points > 0)
    for model, counts in ((Attempt, taken), (Answer, Answer.source == "lms")):
        table: Any = model
        rows = unit.session.execute(
            select(table.user_id, table.item_id, func.max(table.score))
            .join(Item, (Item.institution_id == table.institution_id) & (Item.id == table.item_id))
            .where(
                table.institution_id == unit.institution,
                table.user_id.in_(users),
                counts,
                Item.container_id == container,
            )
            .group_by(table.user_id, table.item_id)
        )
        for user, item, score in rows:
            found[user][item] = max(score, found[user].get(item, 0.0))
    return found


def _graded_here(unit: UnitOfWork, items: Sequence[str]) -> set[str]:
    """Those of some lessons that are quizzes which can be taken here and are graded."""
    found: set[str] = set()
    columns: Any = (Item.id, Item.data)
    for some in batches(items, AT_ONCE):
        rows = unit.session.execute(
            select(*columns).where(
                Item.institution_id == unit.institution,
                Item.id.in_(some),
                Item.kind == Kind.QUIZ.value,
            )
        )
        found |= {
            id_
            for id_, data in rows
            if not (data.get("bank") or data.get("restricted"))
            and points_of(data.get("questions", ()))
        }
    return found

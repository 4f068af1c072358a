"""The log of answers as models take it: each answer with the concepts that it is about.

An answer counts for what its question covers, by the graph as it is now. Where nothing says that of
the question, it counts for what the whole item covers; a score of the whole item counts for what
the item covers, or else for what its questions do. What only mentions a concept says nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select

from bloop.graph.models import Concept, Coverage, Role, Standing
from bloop.graph.writing import batches
from bloop.learning.models import Answer
from bloop.store.unit import UnitOfWork

AT_ONCE = 400
RIGHT_FROM = 0.6
"""From this score on an answer counts as right."""

Place = tuple[str, str]
"""An item and the part of it that was asked; an empty part is the whole."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer and what it is about."""

    id: str
    at: datetime
    score: float
    seconds: float | None
    place: Place
    concepts: tuple[str, ...]

    @property
    def correct(self) -> bool:
        """Whether it counts as right."""
        return self.score >= RIGHT_FROM

    @property
    def order(self) -> tuple[datetime, str]:
        """Models take answers in this order."""
        return self.at, self.id


def heard(unit: UnitOfWork, answers: Iterable[Any]) -> list[Heard]:
    """Answers, or rows with what of them is taken here, with their concepts; in their order."""
    rows = [(one.id, one.at, one.score, one.seconds, (one.item_id, one.part)) for one in answers]
    about = concepts_of(unit, {row[4] for row in rows})
    found = [Heard(*row, about[row[4]]) for row in rows]
    return sorted(found, key=lambda one: one.order)


def log_of(unit: UnitOfWork, user: str, concepts: Collection[str] | None = None) -> list[Heard]:
    """All that a user answered, or what is about some concepts, in the order it was given."""
    answers: list[Answer] = []
    conditions = [Answer.institution_id == unit.institution, Answer.user_id == user]
    if concepts is None:
        answers += unit.session.scalars(select(Answer).where(*conditions))
    else:
        for items in batches(sorted(items_about(unit, concepts)), AT_ONCE):
            some = select(Answer).where(*conditions, Answer.item_id.in_(items))
            answers += unit.session.scalars(some)
    found = heard(unit, answers)
    if concepts is None:
        return found
    wanted = set(concepts)
    return [one for one in found if wanted.intersection(one.concepts)]


def rows_of(unit: UnitOfWork, column: Any, user: str, keys: Iterable[str]) -> dict[str, Any]:
    """A user's rows of the table of ``column``, by what they have there: those with some keys."""
    model = column.class_
    own = (model.institution_id == unit.institution, model.user_id == user)
    found: dict[str, Any] = {}
    for some in batches(sorted(keys), AT_ONCE):
        rows = unit.session.scalars(select(model).where(*own, column.in_(some)))
        found.update((getattr(row, column.key), row) for row in rows)
    return found


def items_about(unit: UnitOfWork, concepts: Collection[str]) -> set[str]:
    """The items that cover one of some concepts, in the whole or in a part."""
    found: set[str] = set()
    for some in batches(sorted(concepts), AT_ONCE):
        found.update(
            unit.session.scalars(
                select(Coverage.item_id).where(
                    Coverage.institution_id == unit.institution, Coverage.concept_id.in_(some)
                )
            )
        )
    return found


def concepts_of(unit: UnitOfWork, places: Collection[Place]) -> dict[Place, tuple[str, ...]]:
    """What each place is about, by the ids of concepts; nothing where the graph says nothing."""
    covered: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for some in batches(sorted({item for item, _ in places}), AT_ONCE):
        for item, part, concept, role in _covered(unit, some):
            covered[item].append((part, concept, role))
    return {place: about(covered.get(place[0], ()), place[1]) for place in places}


def _covered(unit: UnitOfWork, items: Sequence[str]) -> Iterator[Any]:
    columns: Any = (Coverage.item_id, Coverage.part, Coverage.concept_id, Coverage.role)
    same = and_(
        Concept.institution_id == Coverage.institution_id, Concept.id == Coverage.concept_id
    )
    yield from unit.session.execute(
        select(*columns)
        .join(Concept, same)
        .where(
            Coverage.institution_id == unit.institution,
            Concept.institution_id == unit.institution,
            Coverage.item_id.in_(items),
            Coverage.role != Role.MENTIONS.value,
            Coverage.standing != Standing.REJECTED.value,
            Concept.standing != Standing.REJECTED.value,
        )
    )


def about(covered: Iterable[tuple[str, str, str]], part: str) -> tuple[str, ...]:
    """The concepts of a part of an item, by what the item covers: part, concept and role."""
    rows = list(covered)
    of_part = [row for row in rows if row[0] == part] or [row for row in rows if not row[0]]
    if not of_part and not part:
        of_part = rows
    asked = [row for row in of_part if row[2] == Role.ASSESSES] or of_part
    return tuple(sorted({concept for _, concept, _ in asked}))


def by_concept(log: Iterable[Heard]) -> Mapping[str, list[Heard]]:
    """The answers about each concept, in their order."""
    found: dict[str, list[Heard]] = defaultdict(list)
    for one in log:
        for concept in one.concepts:
            found[concept].append(one)
    return found

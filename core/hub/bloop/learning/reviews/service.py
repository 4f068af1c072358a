"""Keeping the cards of reviews: they follow the answers, whatever order these come in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, select

from bloop.graph.writing import batches
from bloop.learning.log import AT_ONCE, Heard, Place, log_of, rows_of
from bloop.learning.models import Answer
from bloop.learning.reviews.models import ReviewCard, ReviewModel
from bloop.learning.reviews.scheduling import Model, Remembered, model_of_kept, replayed, reviewed
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

Subject = tuple[str | None, Place | None]
"""A concept, or else a place."""


def model_of(unit: UnitOfWork) -> Model:
    """What an institution's cards are made by: what was fitted last, or the library's own."""
    last = unit.session.scalars(
        select(ReviewModel)
        .where(ReviewModel.institution_id == unit.institution)
        .order_by(ReviewModel.made_at.desc(), ReviewModel.id.desc())
        .limit(1)
    ).first()
    return Model() if last is None else model_of_kept(f"fsrs-6:{last.id}", last.parameters)


def follow(unit: UnitOfWork, user: str, new: Sequence[Heard]) -> None:
    """Take answers in that the log has and the cards do not yet."""
    model, grouped = model_of(unit), by_subject(new)
    rows = rows_of(unit, ReviewCard.subject, user, grouped)
    late: dict[str, Subject] = {}
    for key, (subject, answers) in grouped.items():
        row = rows.get(key)
        if row is not None and (
            answers[0].order <= (row.at, row.last) or row.model != model.version
        ):
            late[key] = subject
            continue
        card = None if row is None else _card(row)
        for one in answers:
            card = reviewed(model, card, one)
        _put(unit, user, key, subject, row, card, model)
    if late:
        again = by_subject(_logs(unit, user, late.values()))
        for key, subject in late.items():
            card = replayed(model, again[key][1])
            _put(unit, user, key, subject, rows.get(key), card, model)


def renew(unit: UnitOfWork, user: str, log: Sequence[Heard]) -> None:
    """Make all cards of a user anew, of their whole log; cards that it does not speak of go."""
    model, grouped = model_of(unit), by_subject(log)
    own = (ReviewCard.institution_id == unit.institution, ReviewCard.user_id == user)
    rows = {row.subject: row for row in unit.session.scalars(select(ReviewCard).where(*own))}
    for some in batches(sorted(rows.keys() - grouped.keys()), AT_ONCE):
        unit.session.execute(
            delete(ReviewCard)
            .where(*own, ReviewCard.subject.in_(some))
            .execution_options(synchronize_session=False)
        )
    for key, (subject, answers) in grouped.items():
        _put(unit, user, key, subject, rows.get(key), replayed(model, answers), model)


def by_subject(log: Iterable[Heard]) -> Mapping[str, tuple[Subject, list[Heard]]]:
    """The answers about each concept and to each question, in their order."""
    found: dict[str, tuple[Subject, list[Heard]]] = defaultdict()
    for one in log:
        item, part = one.place
        subjects: list[tuple[str, Subject]] = [(f"item:{item}:{part}", (None, one.place))]
        subjects += [(f"concept:{concept}", (concept, None)) for concept in one.concepts]
        for key, subject in subjects:
            found.setdefault(key, (subject, []))[1].append(one)
    return found


def _logs(unit: UnitOfWork, user: str, subjects: Iterable[Subject]) -> list[Heard]:
    """The answers about some concepts and to some questions, each once."""
    from bloop.learning.log import heard

    wanted = list(subjects)
    concepts = {concept for concept, _ in wanted if concept is not None}
    items = sorted({place[0] for _, place in wanted if place is not None})
    found = {one.id: one for one in log_of(unit, user, concepts)} if concepts else {}
    for some in batches(items, AT_ONCE):
        answers = unit.session.scalars(
            select(Answer).where(
                Answer.institution_id == unit.institution,
                Answer.user_id == user,
                Answer.item_id.in_(some),
            )
        )
        found.update((one.id, one) for one in heard(unit, answers))
    return list(found.values())


def _card(row: ReviewCard) -> Remembered:
    numbers = (row.stability, row.difficulty)
    return Remembered(*numbers, row.due, row.at, row.last, row.answers, row.lapses)


def _put(
    unit: UnitOfWork,
    user: str,
    key: str,
    subject: Subject,
    row: ReviewCard | None,
    card: Remembered | None,
    model: Model,
) -> None:
    if card is None:
        return
    if row is None:
        concept, place = subject
        item, part = place or (None, "")
        row = ReviewCard(
            institution_id=unit.institution,
            user_id=user,
            subject=key,
            concept_id=concept,
            item_id=item,
            part=part,
        )
        unit.session.add(row)
    row.stability, row.difficulty, row.due = card.stability, card.difficulty, card.due
    row.at, row.last = card.at, card.last
    row.answers, row.lapses, row.model = card.answers, card.lapses, model.version


def add_model(unit: UnitOfWork, parameters: Sequence[float], facts: Mapping[str, object]) -> str:
    """Have parameters count from now on; cards are made anew by them as they are touched."""
    made = ReviewModel(
        institution_id=unit.institution,
        parameters=list(parameters),
        made_at=utcnow(),
        facts=dict(facts),
    )
    unit.session.add(made)
    unit.session.flush()
    unit.audit.append("learning:fit_reviews", f"review_model:{made.id}", dict(facts))
    return made.id

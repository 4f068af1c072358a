"""Keeping what people know: rows of mastery follow the answers, whatever order these come in.

A row is made of the answers about its concept alone, in the order in which they were given: one
that comes late has that concept replayed from the log. Its ``p`` leaves out what other concepts say
of the learner, which :func:`bloop.learning.mastery.model.predict` adds where somebody asks.

Where a trained model is in use, its chances take the place of ``p`` soon after the answer
(:mod:`bloop.learning.training.estimates`); the core's state goes on beside them, so that its own
chances are at hand whenever that model can't be asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, select

from bloop.graph.writing import batches
from bloop.learning.log import AT_ONCE, Heard, by_concept, log_of, rows_of
from bloop.learning.mastery.model import (
    DEFAULTS,
    ConceptState,
    Given,
    LearnerTally,
    Parameters,
    answered,
    is_late,
    predict,
    replay,
    tallied,
)
from bloop.learning.mastery.models import Learner
from bloop.learning.models import Mastery
from bloop.store.inserting import INSERT
from bloop.store.types import to_text
from bloop.store.unit import UnitOfWork

KNOWN_FROM = 0.72
"""A concept counts as known from this chance of a right answer on, by the answers about it."""
_UNIT = 2.0**20


def parameters_of(_unit: UnitOfWork) -> Parameters:
    """What an institution's states are made by; other ones are replayed when they are touched.

    That is the core's model, whichever one is in use: trained ones have no state.
    """
    return DEFAULTS


def hold(unit: UnitOfWork, user: str) -> Learner:
    """The learner's row, made where there is none; others wait for it until the commit.

    Who writes what follows from answers counts ``version`` up, as :mod:`bloop.learning.following`.
    """
    table: Any = Learner.__table__
    make = INSERT[unit.dialect]
    new = {"institution_id": unit.institution, "user_id": user}
    unit.connection.execute(make(table).values(new).on_conflict_do_nothing())
    return unit.session.execute(
        select(Learner)
        .where(Learner.institution_id == unit.institution, Learner.user_id == user)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()


def tally_of(learner: Learner) -> LearnerTally:
    """What the model calls a learner over all concepts."""
    return LearnerTally(learner.answers, learner.right, learner.surplus)


def follow(unit: UnitOfWork, learner: Learner, new: Sequence[Heard]) -> None:
    """Take answers in that the log has and the rows do not yet."""
    parameters, grouped = parameters_of(unit), by_concept(new)
    rows = rows_of(unit, Mastery.concept_id, learner.user_id, grouped)
    late = set()
    for concept, answers in grouped.items():
        row = rows.get(concept)
        state = ConceptState() if row is None else state_of(row.state)
        if row is not None and (
            state_version(row) != parameters.version or is_late(state, _given(answers[0]))
        ):
            late.add(concept)
            continue
        for one in answers:
            state = answered(parameters, concept, state, _given(one))
        _put(unit, learner, concept, row, state)
    if late:
        again = by_concept(log_of(unit, learner.user_id, late))
        for concept in sorted(late):
            state = replay(parameters, concept, map(_given, again[concept]))
            _put(unit, learner, concept, rows.get(concept), state)
    learner.followed += 1
    count(unit, learner, new)


def renew(unit: UnitOfWork, learner: Learner, log: Sequence[Heard]) -> None:
    """Make all rows of a learner anew, of their whole log; rows that it does not speak of go."""
    parameters, grouped = parameters_of(unit), by_concept(log)
    own = (Mastery.institution_id == unit.institution, Mastery.user_id == learner.user_id)
    rows = {row.concept_id: row for row in unit.session.scalars(select(Mastery).where(*own))}
    for some in batches(sorted(rows.keys() - grouped.keys()), AT_ONCE):
        unit.session.execute(
            delete(Mastery)
            .where(*own, Mastery.concept_id.in_(some))
            .execution_options(synchronize_session=False)
        )
    for concept, answers in grouped.items():
        state = replay(parameters, concept, map(_given, answers))
        _put(unit, learner, concept, rows.get(concept), state)
    learner.answers, learner.right, learner.surplus = 0, 0, 0.0
    count(unit, learner, log)


def count(unit: UnitOfWork, learner: Learner, new: Iterable[Heard]) -> None:
    """Add answers to what is summed over all concepts; those about none say nothing."""
    parameters = parameters_of(unit)
    for one in new:
        if not one.concepts:
            continue
        added = tallied(parameters, LearnerTally(), one.concepts, correct=one.correct)
        learner.answers += added.answers
        learner.right += added.right
        learner.surplus += round(added.surplus * _UNIT) / _UNIT


def restore(unit: UnitOfWork, learner: Learner) -> None:
    """Have all rows of a learner say again what the core's model does."""
    parameters = parameters_of(unit)
    rows = unit.session.scalars(
        select(Mastery).where(
            Mastery.institution_id == unit.institution,
            Mastery.user_id == learner.user_id,
            Mastery.model != parameters.version,
        )
    )
    for row in rows:
        _say(parameters, row, state_of(row.state))


def state_of(kept: Mapping[str, Any]) -> ConceptState:
    """A state as :class:`Mastery` keeps it."""
    from datetime import datetime

    at = kept.get("at")
    put = {"at": None if at is None else datetime.fromisoformat(at)}
    return ConceptState(**{name: one for name, one in kept.items() if name != "by"} | put)


def state_version(row: Mastery) -> str:
    """The version of the parameters that a row's state was made by."""
    return str(row.state.get("by", row.model))


def _put(
    unit: UnitOfWork, learner: Learner, concept: str, row: Mastery | None, state: ConceptState
) -> None:
    if state.at is None:
        return
    parameters = parameters_of(unit)
    if row is None:
        row = Mastery(institution_id=unit.institution, user_id=learner.user_id, concept_id=concept)
        unit.session.add(row)
    row.answers = state.right + state.wrong
    row.at = state.at
    row.version = learner.version + 1
    row.state = asdict(state) | {"at": to_text(state.at), "by": parameters.version}
    _say(parameters, row, state)


def _say(parameters: Parameters, row: Mastery, state: ConceptState) -> None:
    """Have a row say what the core's model makes of its state."""
    assert state.at is not None, "there is a row where there was an answer"
    concept = row.concept_id
    row.p = predict(parameters, LearnerTally(), {concept: state}, [concept], state.at)
    row.model = parameters.version


def _given(one: Heard) -> Given:
    return Given(one.id, one.at, one.correct)

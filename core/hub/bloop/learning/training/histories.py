"""An institution's answers as models are trained on them: by learner, in three parts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from bloop.learning.log import Heard, heard
from bloop.learning.mastery.model import (
    ConceptState,
    Given,
    LearnerTally,
    Parameters,
    answered,
    predict,
    tallied,
)
from bloop.learning.models import Answer
from bloop.store.database import Database
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call
from bloop_sdk.providers import ai

History = list[ai.Answer]
MOST_ANSWERS = 2_000_000
"""The newest so many answers are trained on."""
HELD, WATCHED = 20, 10
"""Of a hundred learners so many are kept apart to compare by, and to choose among models by."""


@dataclass(slots=True)
class Histories:
    """Each learner is in one part, the same one each time."""

    fit: list[History] = field(default_factory=list)
    watched: list[History] = field(default_factory=list)
    held: list[History] = field(default_factory=list)

    @property
    def learners(self) -> int:
        """How many there are in all."""
        return len(self.fit) + len(self.watched) + len(self.held)

    @property
    def answers(self) -> int:
        """How many of theirs."""
        return sum(len(one) for part in (self.fit, self.watched, self.held) for one in part)


def read_histories(database: Database, call: Call) -> Histories:
    """As :func:`histories_of`, in a transaction that only reads; from a thread.

    Millions of answers take a while, and on SQLite nobody else could write in that time.
    """
    with database.reading(call) as unit:
        return histories_of(unit)


def histories_of(unit: UnitOfWork) -> Histories:
    """All answers about concepts of the unit's institution. Learners are numbers, not ids."""
    columns: Any = (
        *(Answer.id, Answer.user_id, Answer.at, Answer.score),
        *(Answer.seconds, Answer.item_id, Answer.part),
    )
    rows = unit.session.execute(
        select(*columns)
        .where(Answer.institution_id == unit.institution)
        .order_by(Answer.at.desc())
        .limit(MOST_ANSWERS)
    ).all()
    whose = {row.id: row.user_id for row in rows}
    by_user: dict[str, list[Heard]] = defaultdict(list)
    for one in heard(unit, rows):
        if one.concepts:
            by_user[whose[one.id]].append(one)
    found = Histories()
    for number, (user, log) in enumerate(sorted(by_user.items())):
        history = [
            ai.Answer(learner=str(number), concepts=one.concepts, correct=one.correct, at=one.at)
            for one in log
        ]
        getattr(found, _part_of(user)).append(history)
    return found


def _part_of(user: str) -> str:
    """By the user's id alone, so that nobody is trained on today who was compared by yesterday."""
    place = int.from_bytes(hashlib.sha256(user.encode()).digest()[:4]) % 100
    return "held" if place < HELD else "watched" if place < HELD + WATCHED else "fit"


def core_chances(
    parameters: Parameters, histories: Sequence[Sequence[ai.Answer]]
) -> list[list[float]]:
    """What the core's model foretells of each answer by those before it."""
    return [_chances(parameters, history) for history in histories]


def _chances(parameters: Parameters, history: Sequence[ai.Answer]) -> list[float]:
    states: dict[str, ConceptState] = {}
    tally, found = LearnerTally(), list[float]()
    for number, one in enumerate(history):
        found.append(predict(parameters, tally, states, one.concepts, one.at))
        given = Given(f"{number:09}", one.at, one.correct)
        for concept in one.concepts:
            state = states.get(concept, ConceptState())
            states[concept] = answered(parameters, concept, state, given)
        tally = tallied(parameters, tally, one.concepts, correct=one.correct)
    return found

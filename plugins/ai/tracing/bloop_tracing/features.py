"""What is counted of a learner before an answer: the same numbers for every model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

NAMES = (
    "right",
    "wrong",
    "recent",
    "in_a_row",
    "since",
    "new",
    "same_as_last",
    "run",
    "run_right",
    "share",
    "answers",
    "lately",
    "hours",
    "hours_on_concept",
)
"""The numbers of a step, in order; each is about 0 to 3.

``right``, ``wrong``: log(1 + count) on the concept; ``recent``: the share that was right, where the
last answers count most; ``in_a_row``: right ones since the last wrong one, at most five, in fifths;
``since``: log(1 + answers given to others since); ``new``: 1 where it is the first;
``same_as_last``, ``run``, ``run_right``: of the answers in a row on the same concepts;
``share``, ``answers``, ``lately``: of all the learner's answers; ``hours``, ``hours_on_concept``:
log(1 + hours) since the last one, 0 without one.
"""

WIDTH = len(NAMES)
_CONCEPT_KEEPS, _LEARNER_KEEPS = 0.7, 0.9
_PRIOR = 0.7


@dataclass(slots=True)
class _Concept:
    right: int = 0
    wrong: int = 0
    recent: float = _PRIOR
    in_a_row: int = 0
    last: int = 0
    at: datetime | None = None


@dataclass(slots=True)
class Counts:
    """A learner up to now. A step is the concepts that one answer is about."""

    seen: dict[str, _Concept] = field(default_factory=dict)
    answers: int = 0
    right: int = 0
    lately: float = _PRIOR
    last: tuple[str, ...] = ()
    run: int = 0
    run_right: int = 0
    at: datetime | None = None

    def before(self, concepts: tuple[str, ...], at: datetime | None) -> list[float]:
        """The numbers of a step that is asked at ``at``; of several concepts their means."""
        same = concepts == self.last
        learner = [
            float(same),
            math.log1p(self.run) if same else 0.0,
            math.log1p(self.run_right) if same else 0.0,
            (self.right + 4 * _PRIOR) / (self.answers + 4),
            math.log1p(self.answers) / 3,
            self.lately,
            _hours(self.at, at),
        ]
        found = [self._concept(one, at) for one in concepts]
        means = [sum(each) / len(found) for each in zip(*found, strict=True)]
        return [*means[:6], *learner, means[6]]

    def add(self, concepts: tuple[str, ...], *, correct: bool, at: datetime | None) -> None:
        """What the answer was."""
        self.answers += 1
        self.right += correct
        self.lately = _LEARNER_KEEPS * self.lately + (1 - _LEARNER_KEEPS) * correct
        self.run = self.run + 1 if concepts == self.last else 1
        self.run_right = (self.run_right if self.run > 1 else 0) + correct
        self.last, self.at = concepts, at
        for one in concepts:
            state = self.seen.setdefault(one, _Concept())
            state.right += correct
            state.wrong += not correct
            state.recent = _CONCEPT_KEEPS * state.recent + (1 - _CONCEPT_KEEPS) * correct
            state.in_a_row = state.in_a_row + 1 if correct else 0
            state.last, state.at = self.answers, at

    def _concept(self, concept: str, at: datetime | None) -> tuple[float, ...]:
        state = self.seen.get(concept)
        if state is None:
            return (0.0, 0.0, _PRIOR, 0.0, 0.0, 1.0, 0.0)
        return (
            math.log1p(state.right),
            math.log1p(state.wrong),
            state.recent,
            min(state.in_a_row, 5) / 5,
            math.log1p(self.answers - state.last) / 3,
            0.0,
            _hours(state.at, at),
        )


def _hours(last: datetime | None, at: datetime | None) -> float:
    if last is None or at is None:
        return 0.0
    return math.log1p(max(0.0, (at - last).total_seconds()) / 3600) / 3

"""Simulated learners over a known graph, for tests and benchmarks of mastery: the truth is known.

TestMine = plugin_tests("bloop_mine", mastery=Learners(settings={"epochs": 2}))

The model is none of those that are tried on it: a logistic response with guesses and slips, over an
ability, concepts that build on others, learning with each answer, forgetting between sessions, good
and bad days, and items of unlike difficulty. Concepts are practised as homework is: one after the
other, until three answers in a row are right or patience ends, some again weeks later.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bloop_sdk.providers.ai import Answer

__all__ = ["Classroom", "Learners", "Simulated"]

BEGAN = datetime(2026, 9, 1, 8, tzinfo=UTC)
GUESS, SLIP = 0.12, 0.06
STEEPNESS = 1.3
IN_A_ROW = 3


@dataclass(frozen=True, kw_only=True)
class Learners:
    """The plugin's settings in tests; ``without`` says of each rule that can't hold, why.

    ``number`` learners with about 20 answers each, over ten concepts, are what the rules train on.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    number: int = 120
    without: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Simulated:
    """A learner's ``answers`` in order; ``chances`` are the true ones of being right, one each.

    A true chance knows the learner's ability, knowledge and day, but not the single item: no model
    can do better on average.
    """

    answers: tuple[Answer, ...]
    chances: tuple[float, ...]


class Classroom:
    """Concepts ``c000`` on, some of which build on earlier ones, and learners who practise them.

    The same numbers give the same learners. ``mean`` is about how many answers a learner gives; the
    lengths have a long tail.
    """

    def __init__(self, concepts: int = 100, *, seed: int = 0, mean: float = 55.0) -> None:
        chance = random.Random(f"classroom {seed}")
        self.concepts = tuple(f"c{number:03}" for number in range(concepts))
        self._seed, self._mean = seed, mean
        self._hardness = [chance.gauss(-0.8, 0.8) for _ in range(concepts)]
        self._learnable = [chance.lognormvariate(-1.2, 0.5) for _ in range(concepts)]
        self._before = [
            sorted(
                {
                    max(0, at - 1 - int(chance.expovariate(0.3)))
                    for _ in range(chance.choice((0, 1, 2)))
                }
            )
            if at
            else []
            for at in range(concepts)
        ]

    @property
    def prerequisites(self) -> frozenset[tuple[str, str]]:
        """Each edge of the graph: a concept, and one that builds on it."""
        return frozenset(
            (self.concepts[early], self.concepts[late])
            for late, found in enumerate(self._before)
            for early in found
        )

    def learners(self, number: int, *, first: int = 0) -> list[Simulated]:
        """Learners ``first`` to ``first + number``, whoever else is asked for."""
        return [self._learner(at) for at in range(first, first + number)]

    def _learner(self, number: int) -> Simulated:
        chance = random.Random(f"learner {self._seed} {number}")
        ability, pace = chance.gauss(0, 0.9), chance.lognormvariate(0, 0.4)
        known: dict[int, float] = {}
        seen: dict[int, datetime] = {}
        answers: list[Answer] = []
        chances: list[float] = []
        wanted = min(800, 3 + int(chance.lognormvariate(math.log(self._mean) - 0.5, 1.0)))
        at, now = int(chance.random() ** 2 * len(self.concepts) * 0.7), BEGAN
        while len(answers) < wanted:
            again = bool(known) and chance.random() < 0.15
            concept = chance.choice(list(known)) if again else at % len(self.concepts)
            if not again:
                at += 1 + int(chance.expovariate(0.9))
            now += timedelta(hours=24 * chance.lognormvariate(0, 1))
            day, row, patience = chance.gauss(0, 0.35), 0, 3 + int(chance.expovariate(0.2))
            while row < IN_A_ROW and patience > 0 and len(answers) < wanted:
                patience -= 1
                now += timedelta(seconds=20 + chance.expovariate(1 / 60))
                skill = self._skill(concept, known, seen, now)
                level = STEEPNESS * (ability + skill + day - self._hardness[concept])
                chances.append(GUESS + (1 - GUESS - SLIP) / (1 + math.exp(-level)))
                level += chance.gauss(0, 0.7)
                right = chance.random() < GUESS + (1 - GUESS - SLIP) / (1 + math.exp(-level))
                answers.append(
                    Answer(
                        learner=f"learner-{number}",
                        concepts=(self.concepts[concept],),
                        correct=right,
                        at=now,
                    )
                )
                row = row + 1 if right else 0
                gain = pace * self._learnable[concept] * (1.2 if right else 0.8)
                own = known.get(concept, 0.0) * self._kept(concept, seen, now)
                known[concept], seen[concept] = own + gain * (1 - own / 3), now
        return Simulated(tuple(answers), tuple(chances))

    def _skill(
        self, concept: int, known: dict[int, float], seen: dict[int, datetime], now: datetime
    ) -> float:
        """What a learner has of a concept by practice of it, and of those that it builds on."""
        own = known.get(concept, 0.0) * self._kept(concept, seen, now)
        lent = [known.get(one, 0.0) * self._kept(one, seen, now) for one in self._before[concept]]
        return own + (0.6 * (sum(lent) / len(lent) - 0.4) if lent else 0.0)

    @staticmethod
    def _kept(concept: int, seen: dict[int, datetime], now: datetime) -> float:
        """The share that is not forgotten: half is gone in forty days."""
        if concept not in seen:
            return 1.0
        days: float = (now - seen[concept]) / timedelta(days=1)
        return float(0.5 ** (days / 40))

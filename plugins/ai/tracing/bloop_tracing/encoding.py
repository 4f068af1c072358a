"""Answers as arrays: concepts by number, what is counted before each, and learners side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bloop_sdk.providers.ai import Answer, History
from bloop_tracing.features import WIDTH, Counts

PADDING, UNKNOWN = 0, 1
"""Numbers that are no concept's: of no concept, and of one that the model doesn't know."""
RARE = 5
"""A concept with fewer answers is trained as an unknown one, so that there are unknown ones."""
WINDOW = 200
"""Answers of a learner that a network is trained on at once."""
LONGEST = 1000
"""Answers that a network looks back at most; counts look back to the first."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Vocabulary:
    """The concepts that a model knows, by number."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._numbers = {name: at for at, name in enumerate(self.names, UNKNOWN + 1)}

    @classmethod
    def of(cls, histories: Iterable[History]) -> Vocabulary:
        """Those with enough answers."""
        found: dict[str, int] = {}
        for history in histories:
            for answer in history:
                for name in answer.concepts:
                    found[name] = found.get(name, 0) + 1
        return cls(sorted(name for name, number in found.items() if number >= RARE))

    def __len__(self) -> int:
        """How many numbers there are, those of no concept included."""
        return len(self.names) + UNKNOWN + 1

    def numbers(self, concepts: tuple[str, ...]) -> tuple[int, ...]:
        """A step's concepts."""
        return tuple(self._numbers.get(one, UNKNOWN) for one in concepts) or (UNKNOWN,)


@dataclass(frozen=True, slots=True)
class Steps:
    """A learner's answers, or some in a row: ``correct`` ``[T]``, ``features`` ``[T, WIDTH]``."""

    concepts: Sequence[tuple[int, ...]]
    correct: Floats
    features: Floats

    def __len__(self) -> int:
        return len(self.concepts)

    def part(self, start: int, end: int) -> Steps:
        """Those of some places."""
        here = slice(start, end)
        return Steps(self.concepts[here], self.correct[here], self.features[here])


def concepts_of(answer: Answer) -> tuple[str, ...]:
    """A step's concepts, each once, in one order whoever named them."""
    return tuple(sorted(set(answer.concepts))) or ("",)


def encoded(vocabulary: Vocabulary, history: History) -> Steps:
    """A learner's answers with what is counted before each."""
    counts = Counts()
    concepts, features = [], []
    for answer in history:
        own = concepts_of(answer)
        concepts.append(vocabulary.numbers(own))
        features.append(counts.before(own, answer.at))
        counts.add(own, correct=answer.correct, at=answer.at)
    return Steps(
        concepts,
        np.array([answer.correct for answer in history], np.float32),
        np.array(features, np.float32).reshape(-1, WIDTH),
    )


def windows(learners: Iterable[Steps]) -> list[Steps]:
    """What networks are trained on: at most WINDOW answers in a row."""
    return [
        steps.part(start, start + WINDOW)
        for steps in learners
        for start in range(0, len(steps), WINDOW)
    ]


def grouped(
    lengths: Sequence[int], cells: int, chance: np.random.Generator | None = None
) -> Iterator[list[int]]:
    """Places of sequences of like lengths, so many that they fill about ``cells`` when padded.

    With ``chance`` they are other groups each time, in any order, else the shortest come first.
    """
    sizes = np.asarray(lengths, np.float64)
    if chance is not None:
        sizes *= chance.uniform(0.9, 1.1, len(sizes))
    groups: list[list[int]] = [[]]
    longest = 0
    for place in np.argsort(sizes, kind="stable").tolist():
        longest = max(longest, lengths[place])
        if groups[-1] and longest * (len(groups[-1]) + 1) > cells:
            groups.append([])
            longest = lengths[place]
        groups[-1].append(place)
    if chance is not None:
        chance.shuffle(groups)
    return iter(groups if groups[0] else [])


def padded(steps: Sequence[Steps]) -> tuple[Ints, Floats, Floats, Floats]:
    """Learners side by side: concepts ``[B, T, M]``, correct and mask ``[B, T]``, features."""
    longest = max(1, *map(len, steps))
    most = max((len(one) for each in steps for one in each.concepts), default=1)
    shape = (len(steps), longest)
    concepts = np.zeros((*shape, most), np.int64)
    correct, mask = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    features = np.zeros((*shape, WIDTH), np.float32)
    for row, each in enumerate(steps):
        size = len(each)
        if most == 1:
            concepts[row, :size] = np.array(each.concepts, np.int64).reshape(-1, 1)
        else:
            for at, one in enumerate(each.concepts):
                concepts[row, at, : len(one)] = one
        correct[row, :size] = each.correct
        mask[row, :size] = 1
        features[row, :size] = each.features
    return concepts, correct, mask, features

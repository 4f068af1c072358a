"""The usual level of a name: an editor's list of what is taught before what (``ladder.toml``).

It says which of two names comes first where a course does not, and nothing on names that it does
not know. The list is English.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from operator import mul

from bloop.graph.inference.languages import language_of
from bloop.graph.inference.words import Folder

Key = tuple[str, ...]
NEAR = 0.5
"""Cosine from which a name stands about where its neighbours on the ladder do."""
NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Step:
    """``level`` from 0 (first years) upwards; ``topics`` by number; ``sure`` between 0 and 1."""

    level: float
    topics: frozenset[int]
    sure: float


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps by folded name; ``names`` as they are written, in the order of ``keys``."""

    steps: dict[Key, Step]
    names: tuple[str, ...]
    keys: tuple[Key, ...]

    def step(self, key: Key) -> Step | None:
        """Of a name, or of the longest one within it that is known, its last words first."""
        if key in self.steps:
            return self.steps[key]
        for size in range(len(key) - 1, 0, -1):
            for at in range(len(key) - size, -1, -1):
                known = self.steps.get(key[at : at + size])
                if known is not None:
                    # What is more special comes later, and is known less well.
                    sure = 0.7 if at + size == len(key) else 0.5
                    return Step(known.level + 0.8, known.topics, sure * size / len(key) + 0.2)
        return None

    def near(self, vector: Sequence[float], vectors: Sequence[Sequence[float]]) -> Step | None:
        """By the nearest names of the ladder; ``vectors`` are those of ``names``."""
        likeness = [(sum(map(mul, vector, other)), at) for at, other in enumerate(vectors)]
        best = [one for one in sorted(likeness, reverse=True)[:NEIGHBOURS] if one[0] >= NEAR]
        if not best:
            return None
        weights = [near**6 for near, _ in best]
        steps = [self.steps[self.keys[at]] for _, at in best]
        total = sum(weights)
        level = sum(weight * step.level for weight, step in zip(weights, steps, strict=True))
        return Step(level / total, steps[0].topics, 0.6 * best[0][0])


@cache
def folder() -> Folder:
    """How names are folded here: as in English."""
    return Folder(language_of("en", ""))


@cache
def ladder() -> Ladder:
    """The list, read once. A name of several topics has the mean of its levels."""
    table = tomllib.loads((files(__package__) / "ladder.toml").read_text("utf-8"))
    levels: dict[Key, list[float]] = defaultdict(list)
    topics: dict[Key, set[int]] = defaultdict(set)
    written: dict[Key, str] = {}
    for number, topic in enumerate(table["topic"]):
        for height, names in enumerate(topic["steps"]):
            for name in names.split(", "):
                key = folder().keys(name)
                levels[key].append(topic["base"] + height)
                topics[key].add(number)
                written.setdefault(key, name)
    steps = {
        key: Step(sum(some) / len(some), frozenset(topics[key]), 1.0)
        for key, some in levels.items()
    }
    return Ladder(steps, tuple(written.values()), tuple(written))

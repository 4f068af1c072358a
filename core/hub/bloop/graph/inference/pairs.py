"""Whether one concept comes before another, by their names alone: where there is no course."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from bloop.graph.inference.ladder import Step, folder, ladder
from bloop.graph.inference.names import containment

THRESHOLD = 0.5
"""Score from which a pair is taken for a prerequisite; set here, and fitted to no file."""
_BRACKETS = re.compile(r"\s*\([^()]*\)")
Key = tuple[str, ...]
Rows = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Features:
    """Of a pair; each from -1 to 1, 0 where nothing is known.

    ``within`` the first name is in the second (or the other way around, negative); ``near`` how
    like they are; ``higher`` how much later the second is usually taught; ``general`` how much
    more the first is like all the names together.
    """

    within: float
    near: float
    higher: float
    general: float

    def values(self) -> list[float]:
        """As numbers, in a fixed order."""
        return [self.within, self.near, self.higher, self.general, min(self.near, self.higher)]


def plain_name(name: str) -> str:
    """A name as people say it: no underscores, nothing in brackets behind it."""
    text = _BRACKETS.sub("", name.replace("_", " ")).strip()
    return text or name.strip()


class Names:
    """All names that are compared; ``vectors`` and ``ladder_vectors`` where something embeds.

    ``levels`` says whether the list of usual levels is used.
    """

    def __init__(
        self,
        names: Sequence[str],
        vectors: Rows | None = None,
        ladder_vectors: Rows | None = None,
        *,
        levels: bool = True,
    ) -> None:
        self._numbers = {name: number for number, name in enumerate(names)}
        self._keys: list[Key] = [folder().keys(plain_name(name)) for name in names]
        self._vectors = vectors
        self._steps = [self._step(number, ladder_vectors) if levels else None
                       for number in range(len(names))]  # fmt: skip
        self._central = self._centrality()

    def _step(self, number: int, ladder_vectors: Rows | None) -> Step | None:
        known = ladder().step(self._keys[number])
        if (known is None or known.sure < 0.6) and self._vectors and ladder_vectors:
            near = ladder().near(self._vectors[number], ladder_vectors)
            return max((known, near), key=lambda one: one.sure if one else 0.0)
        return known

    def _centrality(self) -> list[float]:
        """How like each name is to all of them, from the mean in standard deviations."""
        if not self._vectors:
            return [0.0] * len(self._keys)
        count = len(self._vectors)
        mean = [sum(column) / count for column in zip(*self._vectors, strict=True)]
        raw = [sum(map(mul, vector, mean)) for vector in self._vectors]
        middle = sum(raw) / count
        spread = math.sqrt(sum((one - middle) ** 2 for one in raw) / count) or 1.0
        return [(one - middle) / spread for one in raw]

    def features(self, first: str, second: str) -> Features:
        """Of whether ``first`` comes before ``second``."""
        one, other = self._numbers[first], self._numbers[second]
        forth = containment(self._keys[one], self._keys[other])
        back = containment(self._keys[other], self._keys[one])
        within = (forth.sure if forth else 0.0) - (back.sure if back else 0.0)
        low, high = self._steps[one], self._steps[other]
        higher = 0.0
        if low is not None and high is not None:
            higher = math.tanh((high.level - low.level) / 1.5) * min(low.sure, high.sure)
        general = math.tanh((self._central[one] - self._central[other]) / 2)
        return Features(within, self._near(one, other, low, high), higher, general)

    def _near(self, one: int, other: int, low: Step | None, high: Step | None) -> float:
        shared = set(self._keys[one]) & set(self._keys[other])
        words = len(shared) / max(1, min(len(self._keys[one]), len(self._keys[other])))
        if self._vectors:
            cosine = sum(map(mul, self._vectors[one], self._vectors[other]))
            return float(max(-1.0, min(1.0, (cosine - 0.38) / 0.3)))
        together = bool(low and high and low.topics & high.topics)
        return max(2 * words - 1, 0.1 if together else -0.6)


def score(features: Features) -> float:
    """From 0 to 1. Weights by hand: a name within another decides, else nearness and order both."""
    near = 2.2 * features.near if features.near < 0 else 1.5 * features.near
    order = features.higher or 0.5 * features.general
    sure = -0.9 + 4.5 * features.within + near + 2.6 * order
    if order < 0 and features.within <= 0:
        sure += 1.5 * order
    return 1 / (1 + math.exp(-sure))

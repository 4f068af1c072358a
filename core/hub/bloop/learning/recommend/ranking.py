"""Rankers, pure: candidates with their facts in, a list with scores and propensities out.

A score is ``fit x value x gain x (1 + 2 x due)``; what cannot be learned yet is no candidate.
Variety comes while the list is put together (maximal marginal relevance): an item counts less for
each one before it that is about the same concept, of the same course, or there for the same kind of
reason. Places are drawn at random with chances that lie close to the best, so that a log of lists
can tell what another ranker would have done (:mod:`bloop.learning.recommend.comparing`); the chance
of each is given with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

SHARPNESS = 20.0
"""Chances of a place are as the scores to this power: of 1 and 0.9, 89 % and 11 %."""
SAME_CONCEPT, SAME_COURSE, SAME_KIND = 0.35, 0.9, 0.6
"""What each one before it with the same leaves of a score: after three reviews comes something new.
"""
DRAWN_FROM = 12
"""A place is drawn from so many of the best."""
EDUCATOR = "educator"
"""Who has chosen what is pinned."""


class Candidate(NamedTuple):
    """An item that could be shown, and why; the numbers are from 0 to 1.

    ``fit`` is how well the item serves the concept, ``value`` what the concept is worth for the
    goal, ``gain`` the chance that it is not known, ``due`` how pressing a review is (0: none is).
    ``rank`` is where it comes in the order of the course or the graph. ``kind`` names the reason,
    of :data:`bloop.learning.recommend.reasons.SENTENCES`, which ``facts`` fill.
    """

    item: str
    course: str
    kind: str
    concept: str | None = None
    part: str = ""
    fit: float = 1.0
    value: float = 1.0
    gain: float = 1.0
    due: float = 0.0
    rank: int = 0
    pinned: int | None = None
    done: bool = False
    facts: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Placed:
    """A place of a list: who chose the item, its score then, and the chances of that.

    ``tried`` is the chance by which the other ranker would have chosen it after the same ones.
    """

    candidate: Candidate
    ranker: str
    score: float
    propensity: float
    tried: float | None


Ranker = Callable[[Candidate], float]


def core(candidate: Candidate) -> float:
    """What the hub ranks by."""
    worth = candidate.fit * candidate.value * candidate.gain
    return max(1e-6, worth * (1 + 2 * candidate.due))


def in_order(candidate: Candidate) -> float:
    """A plain one to compare with: what is due first, then in the order of course and graph."""
    return float((2.0 if candidate.due else 1.0) / (1 + 0.2 * candidate.rank))


RANKERS: dict[str, Ranker] = {"core": core, "order": in_order}
USUAL, OTHER = "core", "order"


def unique(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Each item once, as what it is best for; in an order that depends on nothing else."""
    best: dict[str, Candidate] = {}
    for one in sorted(candidates, key=_key):
        best.setdefault(one.item, one)
    return list(best.values())


def _key(one: Candidate) -> tuple[Any, ...]:
    """An order of candidates in which no two that differ are equal."""
    best = (one.pinned is None, one.pinned or 0, -core(one), one.rank, one.item)
    return (*best, one.concept or "", one[1:3], one[4:9])


def compose(
    candidates: Sequence[Candidate], limit: int, random: Random, *, tried: str | None = None
) -> list[Placed]:
    """A list of at most ``limit``; what is pinned comes first.

    With a ranker that is ``tried``, both choose by turns as two captains do (team draft): who is
    behind chooses, at a tie a coin decides.
    """
    rest = unique(candidates)
    placed = [Placed(one, EDUCATOR, core(one), 1.0, 1.0) for one in rest if one.pinned is not None][
        :limit
    ]
    other = tried or OTHER
    pool = _Pool([one for one in rest if one.pinned is None], (USUAL, other))
    for one in placed:
        pool.give_way(one.candidate)
    turns = {USUAL: 0, tried: 0} if tried else {USUAL: 0}
    while pool.rest and len(placed) < limit:
        now = _turn(turns)
        who = random.choices(list(now), list(now.values()))[0]
        weights = {name: pool.weights(name) for name in (USUAL, other)}
        at = random.choices(range(len(pool.rest)), weights[who])[0]
        chance = {name: found[at] / sum(found) for name, found in weights.items()}
        propensity = sum(share * chance[name] for name, share in now.items())
        taken = pool.take(at)
        placed.append(Placed(taken, str(who), RANKERS[who](taken), propensity, chance[other]))
        turns[who] += 1
    return placed


def _turn(turns: Mapping[Any, int]) -> dict[Any, float]:
    """Who may choose now, each with the chance of it."""
    fewest = min(turns.values())
    behind = [name for name, count in turns.items() if count == fewest]
    return {name: 1 / len(behind) for name in behind}


class _Pool:
    """What is not placed yet, with its scores by some rankers as what is placed leaves them."""

    def __init__(self, rest: list[Candidate], rankers: Sequence[str]) -> None:
        self.rest = rest
        self._scores = {name: list(map(RANKERS[name], rest)) for name in rankers}

    def weights(self, ranker: str) -> list[float]:
        """With which chances a ranker would take each of the rest next; they need no sum of 1."""
        scores = self._scores[ranker]
        highest = sorted(scores)[-DRAWN_FROM:]
        least, best = highest[0], highest[-1]
        return [(score / best) ** SHARPNESS if score >= least else 0.0 for score in scores]

    def take(self, at: int) -> Candidate:
        """Place one of the rest."""
        for scores in self._scores.values():
            del scores[at]
        one = self.rest.pop(at)
        self.give_way(one)
        return one

    def give_way(self, placed: Candidate) -> None:
        """Have the rest count less for what it has in common with one that was placed."""
        _, course, kind, concept, *_ = placed
        for at, one in enumerate(self.rest):
            left = SAME_COURSE if one.course == course else 1.0
            if one.kind == kind:
                left *= SAME_KIND
            if concept and one.concept == concept:
                left *= SAME_CONCEPT
            if left < 1:
                for scores in self._scores.values():
                    scores[at] *= left

"""Which of two rankers does better, by the log of what was shown and what was taken; pure.

Two ways. *Team draft interleaving*: while another ranker is tried, each list has items of both; who
chose what was taken wins the list. *Off-policy*: what the other ranker's lists would have been
taken, from places that the usual one filled, each weighted by how much likelier the other would
have filled it so (inverse propensity). The plain estimate (IPS) is right on average; the one
divided by the sum of weights (SNIPS) varies less, and is the one to read.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

MOST_WEIGHT = 20.0
"""Heavier weights are cut, lest one place decide. It draws the estimate to the usual ranker's."""
_Z = 1.96


@dataclass(frozen=True, slots=True)
class Outcome:
    """A place of a list that was shown; ``reward`` from 0 (ignored) to 1 (answered)."""

    list_id: str
    position: int
    ranker: str
    propensity: float
    tried: float | None
    reward: float


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Lists that each of two rankers won, and with which chance that is luck (two-sided)."""

    lists: int
    won: int
    lost: int
    ties: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one place yields: of the lists as shown, and as another ranker would have made them.

    ``low`` and ``high`` hold SNIPS in 19 of 20 cases. ``effective`` is how many unweighted places
    would tell as much; below some hundred nothing is to be decided by it.
    """

    places: int
    shown: float
    ips: float
    snips: float
    low: float
    high: float
    effective: float


def interleaved(outcomes: Iterable[Outcome], usual: str, tried: str) -> Interleaved:
    """Who won, of the lists that hold items of both."""
    lists: dict[str, dict[str, float]] = defaultdict(dict)
    for one in outcomes:
        if one.ranker in {usual, tried}:
            rewards = lists[one.list_id]
            rewards[one.ranker] = rewards.get(one.ranker, 0.0) + one.reward
    both = [rewards for rewards in lists.values() if len(rewards) == 2]
    won = sum(one[tried] > one[usual] for one in both)
    lost = sum(one[tried] < one[usual] for one in both)
    return Interleaved(len(both), won, lost, len(both) - won - lost, sign_test(won, lost))


def sign_test(won: int, lost: int) -> float:
    """The chance of so uneven a result, or a more uneven one, if both were as good."""
    count = won + lost
    if not count:
        return 1.0
    if count > 1000:
        z = max(0.0, abs(won - lost) - 1) / math.sqrt(count)
        return math.erfc(z / math.sqrt(2))
    tail: float = sum(math.comb(count, k) for k in range(min(won, lost) + 1)) / 2**count
    return min(1.0, 2 * tail)


def off_policy(outcomes: Iterable[Outcome]) -> Estimate | None:
    """What the other ranker would have yielded; None where no place says anything of it.

    A place weighs as much as how likelier the other ranker would have come to it: by the places
    before it as well (per-decision weights). SNIPS divides by the weights of each position apart.
    """
    told = [one for one in outcomes if one.tried is not None and one.propensity > 0]
    places: dict[int, list[tuple[Outcome, float]]] = defaultdict(list)
    so_far: dict[str, float] = defaultdict(lambda: 1.0)
    for one in sorted(told, key=lambda one: one.position):
        assert one.tried is not None
        so_far[one.list_id] *= one.tried / one.propensity
        places[one.position].append((one, min(MOST_WEIGHT, so_far[one.list_id])))
    totals = {at: sum(weight for _, weight in found) for at, found in places.items()}
    if not told or not all(totals.values()):
        return None
    snips, errors = 0.0, defaultdict[str, float](float)
    for at, found in places.items():
        mean = sum(weight * one.reward for one, weight in found) / totals[at]
        share = len(found) / len(told)
        snips += share * mean
        # The delta method, with whole lists as what is drawn: places of one list hang together.
        for one, weight in found:
            errors[one.list_id] += share * weight * (one.reward - mean) / totals[at]
    deviation = math.sqrt(sum(error**2 for error in errors.values()))
    weights = [(weight, one.reward) for found in places.values() for one, weight in found]
    return Estimate(
        places=len(told),
        shown=sum(one.reward for one in told) / len(told),
        ips=sum(weight * reward for weight, reward in weights) / len(told),
        snips=snips,
        low=max(0.0, snips - _Z * deviation),
        high=min(1.0, snips + _Z * deviation),
        effective=sum(weight for weight, _ in weights) ** 2
        / sum(weight**2 for weight, _ in weights),
    )

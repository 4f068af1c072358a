"""Logistic regression on counts: what a short history is left to, and PFA for comparison.

Each concept has weights of its own, which are drawn to those that all concepts share, the more the
fewer answers there are. With the counts of right and wrong answers alone this is performance factor
analysis (Pavlik, Cen and Koedinger 2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bloop_tracing.encoding import Steps
from bloop_tracing.features import NAMES

PFA = ("right", "wrong")
USUAL = ("right", "wrong", "recent", "new", "share", "lately", "hours_on_concept")
SHARED, OWN = 1.0, 20.0
"""How strongly shared weights are drawn to 0, and a concept's to them."""
ROUNDS = 10

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CountsModel:
    """Weights ``[1 + len(names)]``, the bias first; ``own`` ``[K, ...]`` are added by concept."""

    names: tuple[str, ...]
    shared: Doubles
    own: Doubles

    def logits(self, steps: Steps) -> Doubles:
        """Of each answer ``[T]``: the mean over its concepts."""
        inputs = _inputs(self.names, steps)
        weights = np.array([self.own[list(one)].mean(0) for one in steps.concepts])
        own = weights.reshape(len(inputs), len(self.shared))
        return np.asarray((inputs * (self.shared + own)).sum(1))


def fitted(
    learners: Sequence[Steps],
    concepts: int,
    names: tuple[str, ...] = USUAL,
    strength: float = OWN,
) -> CountsModel:
    """Fit by Newton's method, first what is shared, then what is each concept's."""
    size = len(names) + 1
    shared = np.zeros(size)
    own = np.zeros((concepts, size))
    steps = [one for one in learners if len(one)]
    if not steps:
        return CountsModel(names, shared, own)
    inputs = np.concatenate([_inputs(names, one) for one in steps])
    correct = np.concatenate([one.correct for one in steps]).astype(np.float64)
    flat = [one for each in steps for one in each.concepts]
    rows = np.repeat(np.arange(len(flat)), [len(one) for one in flat])
    which = np.array([number for one in flat for number in one])
    share = 1 / np.array([len(one) for one in flat], np.float64)
    shared = newton(inputs, correct, np.ones(len(correct)), np.zeros(len(correct)), SHARED)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(concepts + 1))
    for number in np.unique(which).tolist():
        here = rows[order[ends[number] : ends[number + 1]]]
        base = inputs[here] @ shared
        own[number] = newton(inputs[here], correct[here], share[here], base, strength)
    return CountsModel(names, shared, own)


def _inputs(names: tuple[str, ...], steps: Steps) -> Doubles:
    places = [NAMES.index(name) for name in names]
    ones = np.ones((len(steps), 1))
    return np.concatenate([ones, steps.features[:, places].astype(np.float64)], 1)


def mixture(weights: Doubles, members: Sequence[Doubles]) -> Doubles:
    """Logits ``[T]`` of members together; ``weights`` are a bias and one for each."""
    return np.asarray(weights[0] + np.stack(members, 1) @ weights[1:])


def newton(
    inputs: Doubles, correct: Doubles, share: Doubles, base: Doubles, strength: float
) -> Doubles:
    """Weights ``[F]`` of a logistic regression on ``inputs`` ``[N, F]``, added to ``base``.

    An answer counts ``share`` times; weights are drawn to 0 with the precision ``strength``.
    """
    size = inputs.shape[1]
    found = np.zeros(size)
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(base + inputs @ found, -30, 30)))
        slope = inputs.T @ (share * (correct - chance)) - strength * found
        bend = (inputs * (share * chance * (1 - chance))[:, None]).T @ inputs
        step = np.linalg.solve(bend + strength * np.eye(size), slope)
        found += step
        if np.abs(step).max() < 1e-6:
            break
    return found

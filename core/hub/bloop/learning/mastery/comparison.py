"""Whether a new model takes over: both are tried on learners that neither was trained on."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bloop_sdk.providers.ai import History

__all__ = ["Comparison", "Interval", "compare"]

RESAMPLES, FEWEST_RESAMPLES = 400, 100
AFFORDED = 4_000_000
"""Answers that all resamples together may have."""
LEVEL = 0.95
FEWEST_LEARNERS = 20
"""With fewer held-out learners nothing is decided: the incumbent stays."""
MARGIN = 0.0005
"""Nats a log loss has to be better by, so that models don't change places for nothing."""

Chances = Sequence[Sequence[float]]
"""For each learner, of each answer the chance told from those before it."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference, candidate minus incumbent, and where it lies with a chance of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a model foretells: log loss in nats, and the area under the ROC curve.

    ``auc`` is None where all answers are right, or all wrong.
    """

    log_loss: float
    auc: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The decision (``takes_over``), ``why`` in words, and the figures that it is made by."""

    takes_over: bool
    why: str
    learners: int
    answers: int
    incumbent: Figures
    candidate: Figures
    log_loss: Interval
    auc: Interval | None


def compare(
    histories: Sequence[History], incumbent: Chances, candidate: Chances, *, seed: int = 0
) -> Comparison:
    """Decide by log loss, which asks for right chances and not for their order alone.

    The candidate takes over if its log loss is better by MARGIN and the 95 % interval of the
    difference is on its side, and its AUC is not surely worse. Intervals are percentiles of a
    bootstrap over learners, since answers of one learner depend on each other. Raises ValueError
    where chances don't fit the answers. The same input and seed give the same decision.
    """
    learners = _learners(histories, incumbent, candidate)
    pooled = [answer for one in learners for answer in one]
    own, other = _figures(pooled, 1), _figures(pooled, 2)
    losses, areas = _resampled(learners, seed)
    log_loss = _interval(other.log_loss - own.log_loss, losses)
    auc = None
    if own.auc is not None and other.auc is not None and areas:
        auc = _interval(other.auc - own.auc, areas)
    takes_over, why = _decided(len(learners), log_loss, auc)
    return Comparison(takes_over, why, len(learners), len(pooled), own, other, log_loss, auc)


_Answered = tuple[bool, float, float]
"""Whether an answer was right, and both models' chances."""


def _learners(
    histories: Sequence[History], incumbent: Chances, candidate: Chances
) -> list[list[_Answered]]:
    if not len(histories) == len(incumbent) == len(candidate):
        raise ValueError(
            f"{len(histories)} learners, but chances of {len(incumbent)} and {len(candidate)}"
        )
    found = []
    for number, (history, own, other) in enumerate(
        zip(histories, incumbent, candidate, strict=True)
    ):
        if not len(history) == len(own) == len(other):
            raise ValueError(
                f"learner {number}: {len(history)} answers, but {len(own)} and {len(other)} chances"
            )
        if not all(0 < one < 1 for one in [*own, *other]):
            raise ValueError(f"learner {number}: a chance that is not between 0 and 1")
        if history:
            right = [answer.correct for answer in history]
            found.append(list(zip(right, own, other, strict=True)))
    return found


def _figures(pooled: Sequence[_Answered], which: int) -> Figures:
    if not pooled:
        return Figures(math.log(2), None)
    loss = sum(_loss(one, which) for one in pooled) / len(pooled)
    return Figures(loss, _auc(_ranked([pooled], which), [1]))


def _loss(one: _Answered, which: int) -> float:
    chance = float(one[which])
    return -math.log(chance if one[0] else 1 - chance)


_Ranked = list[tuple[bool, float, int]]
"""Whether an answer was right, its chance, and whose it is; the lowest chance first."""


def _ranked(learners: Sequence[Sequence[_Answered]], which: int) -> _Ranked:
    found = [(one[0], one[which], at) for at, each in enumerate(learners) for one in each]
    return sorted(found, key=lambda one: one[1])


def _auc(ranked: _Ranked, times: Sequence[int]) -> float | None:
    """With each learner so many times, in one pass; equal chances share their place."""
    right = wrong = wins = 0.0
    for _, group in groupby(ranked, key=lambda one: one[1]):
        tied_right = tied_wrong = 0
        for correct, _, learner in group:
            if correct:
                tied_right += times[learner]
            else:
                tied_wrong += times[learner]
        wins += tied_right * (wrong + tied_wrong / 2)
        right, wrong = right + tied_right, wrong + tied_wrong
    return wins / (right * wrong) if right and wrong else None


def _resampled(learners: list[list[_Answered]], seed: int) -> tuple[list[float], list[float]]:
    """The differences of log loss and of AUC in each resample of learners."""
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it
    sums = [
        (sum(_loss(answer, 2) - _loss(answer, 1) for answer in one), len(one)) for one in learners
    ]
    ranked = _ranked(learners, 1), _ranked(learners, 2)
    losses, areas = [], []
    for _ in range(_rounds(len(ranked[0]))):
        drawn = Counter(chance.choices(range(len(learners)), k=len(learners)))
        count = sum(sums[at][1] * times for at, times in drawn.items())
        losses.append(sum(sums[at][0] * times for at, times in drawn.items()) / count)
        every = [drawn[at] for at in range(len(learners))]
        own, other = _auc(ranked[0], every), _auc(ranked[1], every)
        if own is not None and other is not None:
            areas.append(other - own)
    return losses, areas


def _rounds(answers: int) -> int:
    """Fewer resamples of many answers, so that it takes seconds; none of none."""
    return max(FEWEST_RESAMPLES, min(RESAMPLES, AFFORDED // answers)) if answers else 0


def _interval(value: float, resampled: Sequence[float]) -> Interval:
    if not resampled:
        return Interval(value, -math.inf, math.inf)
    ordered = sorted(resampled)
    cut = int(len(ordered) * (1 - LEVEL) / 2)
    return Interval(value, ordered[cut], ordered[-1 - cut])


def _decided(learners: int, log_loss: Interval, auc: Interval | None) -> tuple[bool, str]:
    if learners < FEWEST_LEARNERS:
        return False, f"too few held-out learners to tell: {learners} of {FEWEST_LEARNERS}"
    told = f"log loss {log_loss.value:+.4f} ({log_loss.low:+.4f} to {log_loss.high:+.4f})"
    if log_loss.value > -MARGIN:
        return False, f"the candidate is no better: {told}"
    if log_loss.high >= 0:
        return False, f"the candidate may be better, which is not sure: {told}"
    if auc is not None and auc.high < 0:
        return False, f"the candidate orders answers worse: AUC {auc.value:+.4f}; {told}"
    return True, f"the candidate is better: {told}"

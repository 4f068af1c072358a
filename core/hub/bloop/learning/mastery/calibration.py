"""Difficulties and weights of the core's model from an institution's own history.

Difficulties are shares of right first answers, drawn to the usual one where there are few; the
weights are a logistic regression on :func:`bloop.learning.mastery.model.terms`, drawn to the
default ones, so that a short history changes little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple

from bloop.learning.mastery.model import (
    DEFAULTS,
    ConceptState,
    Given,
    LearnerTally,
    Parameters,
    Weights,
    answered,
    predict,
    tallied,
    terms,
)
from bloop_sdk.providers.ai import Answer, History

__all__ = ["calibrate", "chances"]

PRIOR_ANSWERS, PRIOR_USUAL = 8.0, 50.0
"""First answers at the usual share that each concept is given beforehand, and at the default one
that the usual share is."""
PRIOR_WEIGHT = 50.0
"""How strongly the weights are held: the precision of each one, in logits."""
ROUNDS = 6
MOST_ANSWERS = 200_000
"""Weights are made from no more answers than these: there are six of them."""

Row = tuple[tuple[float, ...], float]


def calibrate(histories: Sequence[History], version: str) -> Parameters:
    """Parameters made from learners' answers, each learner's in order. Seconds per 100,000."""
    usual, difficulty = _difficulties(histories)
    made = Parameters(version, DEFAULTS.weights, usual, difficulty)
    rows: list[Row] = []
    for history in histories:
        rows += _rows(made, history)
        if len(rows) >= MOST_ANSWERS:
            break
    return Parameters(version, _weights(rows), usual, difficulty)


def chances(parameters: Parameters, history: History) -> list[float]:
    """For each answer of one learner the chance told from those before it."""
    return [
        predict(parameters, tally, states, answer.concepts, answer.at)
        for answer, tally, states in _before(parameters, history)
    ]


def _before(
    parameters: Parameters, history: History
) -> Iterator[tuple[Answer, LearnerTally, Mapping[str, ConceptState]]]:
    """Each answer with what is known of the learner before it."""
    tally, states = LearnerTally(), dict[str, ConceptState]()
    for number, answer in enumerate(history):
        yield answer, tally, states
        given = Given(f"{number:09}", answer.at, answer.correct)
        for one in dict.fromkeys(answer.concepts):
            states[one] = answered(parameters, one, states.get(one, ConceptState()), given)
        tally = tallied(parameters, tally, answer.concepts, correct=answer.correct)


def _difficulties(histories: Sequence[History]) -> tuple[float, dict[str, float]]:
    asked: dict[str, int] = {}
    right: dict[str, int] = {}
    for history in histories:
        met: set[str] = set()
        for answer in history:
            for concept in set(answer.concepts) - met:
                asked[concept] = asked.get(concept, 0) + 1
                right[concept] = right.get(concept, 0) + answer.correct
            met.update(answer.concepts)
    prior = 1 / (1 + math.exp(DEFAULTS.usual))
    share = (sum(right.values()) + PRIOR_USUAL * prior) / (sum(asked.values()) + PRIOR_USUAL)
    difficulty = {
        concept: _hardness((right[concept] + PRIOR_ANSWERS * share) / (number + PRIOR_ANSWERS))
        for concept, number in sorted(asked.items())
    }
    return _hardness(share), difficulty


def _hardness(share: float) -> float:
    return math.log((1 - share) / share)


def _rows(parameters: Parameters, history: History) -> Iterator[Row]:
    for answer, tally, states in _before(parameters, history):
        found = [
            terms(parameters, one, tally, states.get(one, ConceptState()), answer.at)
            for one in dict.fromkeys(answer.concepts)
        ]
        if found:
            means = tuple(sum(each) / len(found) for each in zip(*found, strict=True))
            yield means, float(answer.correct)


def _weights(rows: Sequence[Row]) -> Weights:
    """Newton's method on the penalised log likelihood, which is concave."""
    start = list(astuple(DEFAULTS.weights))
    found = list(start)
    size = range(len(start))
    for _ in range(ROUNDS):
        slope = [PRIOR_WEIGHT * (start[i] - found[i]) for i in size]
        bend = [[PRIOR_WEIGHT * (i == j) for j in size] for i in size]
        for values, correct in rows:
            logit = sum(a * b for a, b in zip(found, values, strict=True))
            chance = 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))
            spread = chance * (1 - chance)
            for i in size:
                slope[i] += (correct - chance) * values[i]
                scaled = spread * values[i]
                line = bend[i]
                for j in range(i + 1):
                    line[j] += scaled * values[j]
        step = _solved(bend, slope)
        found = [value + change for value, change in zip(found, step, strict=True)]
    return Weights(*found)


def _solved(lower: list[list[float]], right: list[float]) -> list[float]:
    """The solution of a symmetric positive definite system by Cholesky; ``lower`` is used up."""
    size = range(len(right))
    for i in size:
        for j in range(i + 1):
            rest = lower[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    half: list[float] = []
    for i in size:
        half.append((right[i] - sum(lower[i][k] * half[k] for k in range(i))) / lower[i][i])
    found = [0.0] * len(right)
    for i in reversed(size):
        rest = sum(lower[k][i] * found[k] for k in size if k > i)
        found[i] = (half[i] - rest) / lower[i][i]
    return found

"""The core's model of mastery: a few numbers a learner and concept, one cheap update an answer.

It joins Elo rating as it is used in education (Pelánek 2016) with performance factors (PFA, Pavlik
et al. 2009): ``skill`` is an Elo rating of a learner in one concept against its difficulty, with
steps that get smaller; ``ability`` is what all answers say of the learner; counts of right and
wrong answers are practice. A logistic function of these is the chance of a right answer, so each
term can be told with its effect.

**Order.** A concept's state depends on the answers about that concept alone, in the order of their
times, and of their ids at the same time; a learner's tally is a sum, for which order doesn't
matter. So answers may be delivered in any order: one that is not late is :func:`answered`, one that
is (:func:`is_late`) is noted in the log, and :func:`replay` makes that concept's state anew. Either
way the state is the same to the last bit, and one answer never touches another concept's state.

Difficulties and weights are ``Parameters``, which stay as they are until :func:`calibrate`
(:mod:`bloop.learning.mastery.calibration`) makes others from an institution's history; states are
made by one version of them, and replayed for another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bloop_sdk.providers.ai import Evidence, Explanation

__all__ = [
    "DEFAULTS",
    "ConceptState",
    "Given",
    "LearnerTally",
    "Parameters",
    "Weights",
    "answered",
    "explain",
    "is_late",
    "predict",
    "replay",
    "tallied",
    "terms",
]

FIRST_STEP, STEP_FALL, LAST_STEP = 0.8, 0.2, 0.25
"""An Elo step is FIRST_STEP / (1 + STEP_FALL * answers) logits, and never below LAST_STEP."""
HALF_LIFE = timedelta(days=60)
"""After that time without an answer, half of a skill's distance from the usual one is left."""
SHRINK = 6.0
"""As many answers at the expected share are taken into each learner's ability beforehand."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the terms of :func:`terms`, in logits."""

    bias: float
    difficulty: float
    ability: float
    skill: float
    right: float
    wrong: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """What all learners share. ``difficulty`` is in logits by concept; what it lacks has ``usual``.

    ``version`` names what states were made by.
    """

    version: str
    weights: Weights
    usual: float = -0.8
    difficulty: Mapping[str, float] = field(default_factory=dict)

    def of(self, concept: str) -> float:
        """A concept's difficulty: minus the logit of the share of right first answers."""
        return self.difficulty.get(concept, self.usual)


DEFAULTS = Parameters("core-1", Weights(-0.1, 1.0, 3.0, 0.4, 0.3, 0.1))
"""Before there is any history. Weights as found on simulated learners."""


@dataclass(frozen=True, slots=True)
class ConceptState:
    """A learner in a concept; ``skill`` in logits above what its difficulty lets expect, at ``at``.

    ``recent`` are the last answers as bits below a leading one, the newest lowest, at most eight.
    """

    right: int = 0
    wrong: int = 0
    skill: float = 0.0
    recent: int = 1
    at: datetime | None = None
    last: str = ""


@dataclass(frozen=True, slots=True)
class LearnerTally:
    """A learner over all concepts; ``surplus`` is right answers beyond those to be expected."""

    answers: int = 0
    right: int = 0
    surplus: float = 0.0

    @property
    def ability(self) -> float:
        """The mean surplus of an answer, drawn to none while there are few; -1 to 1."""
        return self.surplus / (self.answers + SHRINK)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as the log has it, about one of its concepts; ``id`` is unique in the log."""

    id: str
    at: datetime
    correct: bool


def is_late(state: ConceptState, answer: Given) -> bool:
    """Whether a state already holds a later answer, so that the concept has to be replayed."""
    return state.at is not None and (answer.at, answer.id) <= (state.at, state.last)


def answered(
    parameters: Parameters, concept: str, state: ConceptState, answer: Given
) -> ConceptState:
    """The state after one more answer; raises ValueError for one that is late."""
    if is_late(state, answer):
        raise ValueError(
            f"answer {answer.id} to {concept} is late: replay the concept from its log"
        )
    count = state.right + state.wrong
    skill = _kept(state, answer.at)
    expected = _chance(skill - parameters.of(concept))
    step = max(LAST_STEP, FIRST_STEP / (1 + STEP_FALL * count))
    return ConceptState(
        right=state.right + answer.correct,
        wrong=state.wrong + (not answer.correct),
        skill=skill + step * (answer.correct - expected),
        recent=_noted(state.recent, answer.correct),
        at=answer.at,
        last=answer.id,
    )


def replay(parameters: Parameters, concept: str, log: Iterable[Given]) -> ConceptState:
    """A concept's state from a learner's log of it, in any order; an id that comes twice is one."""
    state = ConceptState()
    unique = {answer.id: answer for answer in log}
    for answer in sorted(unique.values(), key=lambda one: (one.at, one.id)):
        state = answered(parameters, concept, state, answer)
    return state


def tallied(
    parameters: Parameters, tally: LearnerTally, concepts: Sequence[str], *, correct: bool
) -> LearnerTally:
    """The tally after one more answer, about some concepts at once. Order does not matter."""
    expected = sum(_chance(-parameters.of(one)) for one in concepts) / max(1, len(concepts))
    return LearnerTally(
        tally.answers + 1, tally.right + correct, tally.surplus + correct - expected
    )


def terms(
    parameters: Parameters, concept: str, tally: LearnerTally, state: ConceptState, at: datetime
) -> tuple[float, ...]:
    """What the weights are of, before an answer at ``at``; the first is that of the bias."""
    return (
        1.0,
        -parameters.of(concept),
        tally.ability,
        _kept(state, at),
        math.log1p(state.right),
        math.log1p(state.wrong),
    )


def predict(
    parameters: Parameters,
    tally: LearnerTally,
    states: Mapping[str, ConceptState],
    concepts: Sequence[str],
    at: datetime,
) -> float:
    """The chance that an answer at ``at`` about all ``concepts`` at once is right."""
    logits = [
        _logit(parameters, terms(parameters, one, tally, states.get(one, ConceptState()), at))
        for one in concepts
    ]
    return _chance(sum(logits) / len(logits)) if logits else 0.5


def explain(
    parameters: Parameters, tally: LearnerTally, state: ConceptState, concept: str, at: datetime
) -> Explanation:
    """The chance of a right answer with its reasons, the weightiest first.

    The effect of a reason is how much lower the chance would be if the reason were not: the
    concept as hard as any, the learner like any other, no answer about it, nothing forgotten.
    """
    found = terms(parameters, concept, tally, state, at)
    chance = _chance(_logit(parameters, found))

    def without(**put: float) -> float:
        names = ("bias", "difficulty", "ability", "skill", "right", "wrong")
        other = [put.get(name, value) for name, value in zip(names, found, strict=True)]
        return chance - _chance(_logit(parameters, other))

    evidence = [_of_concept(parameters, concept, without(difficulty=-parameters.usual))]
    evidence += _of_answers(state, without(skill=0.0, right=0.0, wrong=0.0))
    others = tally.answers - state.right - state.wrong
    if others > 0:
        facts = {"answers": others, "right": max(0, tally.right - state.right)}
        evidence.append(Evidence(kind="others", effect=without(ability=0.0), facts=facts))
    if state.at is not None and at - state.at >= timedelta(days=1):
        days = (at - state.at).days
        effect = without(skill=state.skill)
        evidence.append(Evidence(kind="forgotten", effect=effect, facts={"days": days}))
    evidence.sort(key=lambda one: (-abs(one.effect), one.kind))
    return Explanation(chance=chance, evidence=tuple(evidence))


def _of_concept(parameters: Parameters, concept: str, effect: float) -> Evidence:
    if concept not in parameters.difficulty:
        return Evidence(kind="unknown", effect=effect)
    share = round(100 * _chance(-parameters.of(concept)))
    return Evidence(kind="concept", effect=effect, facts={"share": share})


def _of_answers(state: ConceptState, effect: float) -> list[Evidence]:
    count = state.right + state.wrong
    if not count:
        return [Evidence(kind="none", effect=effect)]
    last = state.recent.bit_length() - 1
    if count <= last:
        facts = {"answers": count, "right": state.right}
        return [Evidence(kind="answers", effect=effect, facts=facts)]
    right = state.recent.bit_count() - 1
    return [Evidence(kind="recent", effect=effect, facts={"answers": last, "right": right})]


def _noted(recent: int, correct: bool) -> int:  # noqa: FBT001 - it is what is noted
    more = recent << 1 | correct
    return more if more < 1 << 9 else more & 0xFF | 1 << 8


def _kept(state: ConceptState, at: datetime) -> float:
    if state.at is None or at <= state.at:
        return state.skill
    return float(state.skill * 0.5 ** ((at - state.at) / HALF_LIFE))


def _logit(parameters: Parameters, found: Sequence[float]) -> float:
    own = parameters.weights
    weights = (own.bias, own.difficulty, own.ability, own.skill, own.right, own.wrong)
    return sum(weight * value for weight, value in zip(weights, found, strict=True))


def _chance(logit: float) -> float:
    """The logistic function, held off 0 and 1 so that a log loss stays finite."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))

"""The core's model: order does not matter, terms can be told, and calibration pays."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.learning.mastery import model
from bloop.learning.mastery.calibration import calibrate, chances
from bloop.learning.mastery.model import (
    DEFAULTS,
    ConceptState,
    Given,
    LearnerTally,
    answered,
    explain,
    is_late,
    predict,
    replay,
    tallied,
)
from bloop_sdk.providers.ai import Answer
from bloop_sdk.testing import Classroom

AT = datetime(2026, 9, 1, tzinfo=UTC)
LOGS = st.lists(
    st.builds(
        Given,
        id=st.text("abcd", min_size=1, max_size=3),
        at=st.integers(0, 5).map(lambda days: AT + timedelta(days=days)),
        correct=st.booleans(),
    ),
    unique_by=lambda one: one.id,
    max_size=12,
)


def chance(state=None, tally=None):
    return predict(DEFAULTS, tally or LearnerTally(), {"a": state or ConceptState()}, ("a",), AT)


def log(*right, start=0):
    return [Given(f"{n:03}", AT + timedelta(minutes=n), one) for n, one in enumerate(right, start)]


@given(LOGS, st.randoms(use_true_random=False))
def test_any_order_of_delivery_gives_the_same_state(answers, chance):
    """An answer in time is one update, a late one a replay; either way it is the log's state."""
    wanted = replay(DEFAULTS, "a", answers)
    shuffled = list(answers)
    chance.shuffle(shuffled)
    state, known = ConceptState(), []
    for answer in shuffled:
        known.append(answer)
        if is_late(state, answer):
            state = replay(DEFAULTS, "a", known)
        else:
            state = answered(DEFAULTS, "a", state, answer)
    assert state == wanted
    assert replay(DEFAULTS, "a", answers + answers) == wanted


def test_a_late_answer_is_refused_by_the_update():
    state = replay(DEFAULTS, "a", log(True, True))
    with pytest.raises(ValueError, match="replay the concept"):
        answered(DEFAULTS, "a", state, log(True)[0])


def test_the_tally_is_a_sum():
    pairs = [(("a",), True), (("b", "c"), False), (("a", "b"), True)]
    one = other = LearnerTally()
    for concepts, correct in pairs:
        one = tallied(DEFAULTS, one, concepts, correct=correct)
    for concepts, correct in reversed(pairs):
        other = tallied(DEFAULTS, other, concepts, correct=correct)
    assert (one.answers, one.right) == (other.answers, other.right) == (3, 2)
    assert math.isclose(one.surplus, other.surplus)


def test_right_answers_raise_the_chance_and_wrong_ones_lower_it():
    usual = chance()
    assert chance(replay(DEFAULTS, "a", log(True, True, True))) > usual
    assert chance(replay(DEFAULTS, "a", log(False, False, False))) < usual
    good = bad = LearnerTally()
    for _ in range(5):
        good = tallied(DEFAULTS, good, ("b",), correct=True)
        bad = tallied(DEFAULTS, bad, ("b",), correct=False)
    assert chance(tally=good) > usual > chance(tally=bad)


def test_what_was_known_is_forgotten_half_in_a_half_life():
    state = replay(DEFAULTS, "a", log(True, True, True))
    soon = model.terms(DEFAULTS, "a", LearnerTally(), state, state.at)[3]
    later = model.terms(DEFAULTS, "a", LearnerTally(), state, state.at + model.HALF_LIFE)[3]
    assert math.isclose(later, soon / 2)


def test_the_last_eight_answers_are_remembered():
    state = replay(DEFAULTS, "a", log(*[False] * 20, *[True] * 6))
    why = explain(DEFAULTS, LearnerTally(26, 6, -9.0), state, "a", state.at)
    reasons = {one.kind: one for one in why.evidence}
    assert reasons["recent"].facts == {"answers": 8, "right": 6}
    assert "others" not in reasons


def test_reasons_are_told_with_their_effects():
    state = replay(DEFAULTS, "a", log(True, True, True))
    tally = LearnerTally(13, 3, -6.0)
    parameters = model.Parameters("x", DEFAULTS.weights, difficulty={"a": 1.0})
    at = state.at + timedelta(days=30)
    why = explain(parameters, tally, state, "a", at)
    assert why.chance == predict(parameters, tally, {"a": state}, ("a",), at)
    effects = {one.kind: one.effect for one in why.evidence}
    assert effects["answers"] > 0 > effects["others"]
    assert effects["concept"] < 0 and effects["forgotten"] < 0
    assert [one.text for one in why.evidence if one.kind == "concept"] == [
        "Of a hundred first answers about it, 27 are right."
    ]
    assert [abs(one.effect) for one in why.evidence] == sorted(
        (abs(one) for one in effects.values()), reverse=True
    )


def test_nothing_known_is_explained_too():
    why = explain(DEFAULTS, LearnerTally(), ConceptState(), "a", AT)
    assert {one.kind for one in why.evidence} == {"none", "unknown"}
    assert predict(DEFAULTS, LearnerTally(), {}, (), AT) == 0.5


def loss(parameters, histories):
    found = [
        -math.log(told if answer.correct else 1 - told)
        for one in histories
        for answer, told in zip(one, chances(parameters, one), strict=True)
    ]
    return sum(found) / len(found)


def test_calibration_does_better_on_learners_that_it_has_not_seen():
    classroom = Classroom(10, mean=20)
    seen, others = (
        [one.answers for one in classroom.learners(60, first=first)] for first in (0, 500)
    )
    made = calibrate(seen, "2")
    assert made.version == "2"
    assert loss(made, others) < loss(DEFAULTS, others)


def test_little_history_changes_little():
    made = calibrate([], "2")
    assert made.weights == DEFAULTS.weights and math.isclose(made.usual, DEFAULTS.usual)
    made = calibrate([[Answer(learner="", concepts=("a", "b"), correct=False, at=AT)]], "2")
    assert made.weights.ability == pytest.approx(DEFAULTS.weights.ability, abs=0.05)
    assert DEFAULTS.usual < made.of("a") < DEFAULTS.usual + 0.8


def test_answers_about_several_concepts_are_one_step():
    several = Answer(learner="", concepts=("a", "b"), correct=True, at=AT)
    turned = Answer(learner="", concepts=("a", "b"), correct=False, at=AT)
    assert chances(DEFAULTS, [several]) == chances(DEFAULTS, [turned])

"""A candidate takes over where it is surely better on held-out learners, and nowhere else."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from bloop.learning.mastery.comparison import compare
from bloop_sdk.providers.ai import Answer

AT = datetime(2026, 9, 1, tzinfo=UTC)


def classroom(learners=60, answers=12):
    """Histories, and the true chances of their answers."""
    chance = random.Random(1)
    truth = [[chance.uniform(0.1, 0.9) for _ in range(answers)] for _ in range(learners)]
    histories = [
        [Answer(learner="", concepts=("a",), correct=chance.random() < one, at=AT) for one in each]
        for each in truth
    ]
    return histories, truth


def constant(truth, value=0.5):
    return [[value] * len(one) for one in truth]


def test_the_truth_takes_over_from_a_guess():
    histories, truth = classroom()
    found = compare(histories, constant(truth), truth)
    assert found.takes_over and "is better" in found.why
    assert found.incumbent.auc == 0.5 and found.candidate.auc > 0.6
    assert found.log_loss.low < found.log_loss.value < found.log_loss.high < 0
    assert found.auc.low > 0
    assert (found.learners, found.answers) == (60, 720)
    assert found == compare(histories, constant(truth), truth)


def test_a_guess_does_not_take_over_from_the_truth():
    histories, truth = classroom()
    found = compare(histories, truth, constant(truth))
    assert not found.takes_over and "no better" in found.why


def test_the_same_model_again_does_not_take_over():
    histories, truth = classroom()
    found = compare(histories, truth, truth)
    assert not found.takes_over and found.log_loss.value == 0


def test_a_small_gain_that_is_not_sure_does_not_take_over():
    histories = [
        [Answer(learner="", concepts=("a",), correct=number < 14, at=AT)] for number in range(25)
    ]
    found = compare(histories, [[0.5]] * 25, [[0.51]] * 25)
    assert found.log_loss.value < 0
    assert not found.takes_over and "not sure" in found.why


def test_right_chances_in_a_worse_order_do_not_take_over():
    """A model that is too sure may order well; one that orders worse must not replace it."""
    histories, truth = classroom(learners=80)
    sure = [[0.001 if one < 0.5 else 0.999 for one in each] for each in truth]
    found = compare(histories, sure, constant(truth))
    assert found.log_loss.high < 0
    assert not found.takes_over and "orders answers worse" in found.why


def test_with_few_learners_nothing_is_decided():
    histories, truth = classroom(learners=5)
    found = compare(histories, constant(truth), truth)
    assert not found.takes_over and "too few" in found.why
    assert not compare([], [], []).takes_over


def test_all_answers_right_have_no_auc():
    histories = [[Answer(learner="", concepts=("a",), correct=True, at=AT)]] * 30
    found = compare(histories, [[0.6]] * 30, [[0.9]] * 30)
    assert found.takes_over and found.auc is None


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ([], "1 learners, but chances of 0"),
        ([[0.5]], "learner 0: 2 answers, but 1"),
        ([[0.5, 1.0]], "not between 0 and 1"),
        ([[0.5, float("nan")]], "not between 0 and 1"),
    ],
)
def test_chances_that_do_not_fit_are_refused(told, why):
    history = [Answer(learner="", concepts=("a",), correct=True, at=AT)] * 2
    with pytest.raises(ValueError, match=why):
        compare([history], told, [[0.5, 0.5]])

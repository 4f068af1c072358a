"""Cards of reviews: deterministic, capped, and by what was scored and how quickly."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bloop.learning.log import Heard
from bloop.learning.reviews.fitting import fit, log_loss
from bloop.learning.reviews.scheduling import LONGEST, Model, load, rating_of, replayed
from bloop.store.errors import ConflictError
from tests.recommend.conftest import BEGAN


def answers(*days, score=1.0, seconds=2.0):
    return [
        Heard(str(day), BEGAN + timedelta(days=day), score, seconds, ("i", ""), ("c",))
        for day in days
    ]


def test_what_is_remembered_is_due_later_and_never_beyond_ten_years():
    easy = replayed(Model(), answers(*range(0, 40_000, 2000)))
    assert easy.due - easy.at <= timedelta(days=LONGEST)
    assert easy.lapses == 0
    once, twice = (replayed(Model(), answers(*days)) for days in ([0], [0, 10]))
    assert once.due >= BEGAN + timedelta(days=1)
    assert twice.due - twice.at > once.due - once.at
    forgotten = replayed(Model(), [*answers(0), *answers(10, score=0.2)])
    assert (forgotten.lapses, forgotten.answers) == (1, 2)
    assert forgotten.stability < once.stability


def test_ratings_come_from_score_and_time():
    rated = [rating_of(*one).name for one in ((0.5, 1), (0.7, 1), (1, 200), (1, None), (1, 3))]
    assert rated == ["Again", "Hard", "Hard", "Good", "Easy"]


def test_the_load_has_what_is_overdue_on_the_first_day():
    noon = BEGAN.replace(hour=12)
    dues = [noon - timedelta(days=9), noon, noon + timedelta(hours=13), noon + timedelta(days=40)]
    assert load(dues, noon, 3) == [2, 1, 0]


def test_parameters_are_fitted_only_where_there_is_history(database, call, lesson, learner, answer):
    item = lesson("Quiz", "Acid", role="assesses")
    answer(learner(), (item, 1.0, 0), (item, 1.0, 48))
    with pytest.raises(ConflictError, match="too few to fit reviews"):
        fit(database, call)
    usual = log_loss(Model(), [answers(0, 3, 9, 30)])
    assert usual < log_loss(Model(), [answers(0, 3, 9, 30, score=0.0)])

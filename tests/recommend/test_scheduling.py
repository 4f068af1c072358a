"""Cards of reviews: deterministic, capped, and by what was scored and how quickly."""

from __future__ import annotations

import importlib.util
import random
from datetime import timedelta

import pytest

from bloop.learning.log import Heard
from bloop.learning.reviews import fitting
from bloop.learning.reviews.asking import Candidate, chosen
from bloop.learning.reviews.fitting import fit, is_better, log_loss
from bloop.learning.reviews.scheduling import (
    LONGEST,
    Model,
    chance,
    load,
    rating_of,
    replayed,
    reviewed,
)
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


def forgetful():
    """Parameters of learners who forget sooner than the library's expects."""
    from fsrs.scheduler import DEFAULT_PARAMETERS

    parameters = [one * 0.3 for one in DEFAULT_PARAMETERS[:4]] + list(DEFAULT_PARAMETERS[4:])
    parameters[8] -= 0.5
    return Model("true", tuple(parameters))


def simulated(number, seed):
    """Cards of learners who remember as the parameters of :func:`forgetful` say."""
    draw, model = random.Random(seed), forgetful()
    cards = []
    for _ in range(number):
        card, answered, at = None, [], BEGAN
        for place in range(5):
            right = draw.random() < (0.75 if card is None else chance(model, card, at))
            one = Heard(str(place), at, float(right), None, ("i", ""), ("c",))
            card = reviewed(model, card, one)
            answered.append(one)
            at += timedelta(days=draw.choice([1, 2, 3, 5, 8, 13]))
        cards.append(answered)
    return cards


def test_parameters_count_only_where_they_are_surely_better_on_held_out_cards():
    held_out, usual, true = simulated(120, 1), Model(), forgetful()
    assert log_loss(true, held_out) < log_loss(usual, held_out)
    assert is_better(usual, true, held_out)
    assert not is_better(true, usual, held_out)
    assert not is_better(true, true, held_out)
    assert not is_better(usual, true, held_out[: fitting.FEWEST_CARDS - 1])
    assert not is_better(usual, true, [answers(0, 0.1, 0.2)] * 50)  # Never on another day.


def test_what_is_fitted_is_kept_only_where_it_is_better(
    database, call, lesson, learner, answer, command, monkeypatch
):
    items = [lesson(f"Quiz {name}", name, role="assesses") for name in "AB"]
    for cards in zip(simulated(10, 2), simulated(10, 3), strict=True):
        lea = learner()
        for item, card in zip(items, cards, strict=True):
            answer(lea, *((item, one.score, (one.at - BEGAN) / timedelta(hours=1)) for one in card))
    monkeypatch.setattr(fitting, "LEAST", 20)
    monkeypatch.setattr(fitting, "FEWEST_CARDS", 3)
    given = {}

    def optimised(cards):
        given["answers"] = sum(map(len, cards))
        return given["parameters"]

    monkeypatch.setattr(fitting, "_optimised", optimised)
    given["parameters"] = ()
    assert not fit(database, call).better
    assert given["answers"] == 8 * 2 * 5  # Each fifth learner is held out.
    monkeypatch.setattr(fitting, "MOST", 20)
    fit(database, call)
    assert given["answers"] == 3 * 2 * 5  # The learner who goes beyond it is the last one.


@pytest.mark.skipif(
    None in map(importlib.util.find_spec, ("torch", "pandas")), reason="needs fsrs[optimizer]"
)
def test_the_optimizer_finds_better_parameters_than_the_usual_ones():
    """By as much history as is asked for; with half of it they are worse, and are not kept."""
    held_out = simulated(400, 5)
    made = Model("fitted", fitting._optimised(simulated(fitting.LEAST // 4, 4)))
    assert log_loss(made, held_out) < log_loss(Model(), held_out)


def test_a_question_is_asked_once_for_all_that_it_counts_for():
    def one(name, *concepts):
        return Candidate({"item": name, "part": "1"}, concepts=concepts)

    some = [one("x", "A", "B"), one("y", "A"), one("z", "C"), one("w")]
    due = ["concept:B", "concept:A", "item:w:1", "item:y:1", "concept:D", "concept:C"]
    assert [found.row["item"] for found in chosen(due, some)] == ["x", "w", "y", "z"]
    assert chosen([], some) == []

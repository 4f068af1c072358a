"""Rankers are compared by what was taken: the log tells what another one would have yielded."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bloop.learning.recommend.comparing import Outcome, interleaved, off_policy, sign_test
from bloop.learning.recommend.ranking import RANKERS, Candidate, compose, unique

_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        item=st.sampled_from("abcdefgh"),
        course=st.sampled_from(["x", "y"]),
        kind=st.just("next"),
        concept=st.sampled_from([None, "c", "d"]),
        fit=st.floats(0.05, 1),
        value=st.floats(0, 1),
        gain=st.floats(0, 1),
        due=st.floats(0, 1),
        rank=st.integers(0, 30),
        pinned=st.sampled_from([None, None, None, 0, 3]),
        facts=st.just({}),
    ),
    max_size=12,
)


@given(_CANDIDATES, st.integers(1, 10), st.sampled_from([None, "order"]), st.integers(0, 99))
def test_a_list_holds_each_item_once_with_chances_that_are_some(candidates, limit, tried, seed):
    placed = compose(candidates, limit, Random(seed), tried=tried)
    items = [one.candidate.item for one in placed]
    assert len(items) == len(set(items)) == min(limit, len(unique(candidates)))
    assert all(0 < one.propensity <= 1 and 0 <= one.tried <= 1 for one in placed)
    assert placed == compose(candidates[::-1], limit, Random(seed), tried=tried)
    pins = [one.candidate.pinned for one in placed]
    assert [one for one in pins if one is not None] == sorted(
        one for one in pins if one is not None
    )
    assert None not in pins[: sum(one is not None for one in pins)]


def test_the_same_concept_again_gives_way():
    two = [Candidate(item, "x", "next", "c", value=0.9) for item in "ab"]
    other = Candidate("z", "y", "next", "d", value=0.6)
    placed = compose([*two, other], 3, Random(1))
    assert [one.candidate.concept for one in placed] == ["c", "d", "c"]


def _shown(tried, seed, lists=1500):
    """Lists of which items are taken with chances that only the truth knows."""
    random = Random(seed)
    candidates = [
        Candidate(item, "x", "next", item, gain=gain, rank=rank)
        for rank, (item, gain) in enumerate([("a", 0.5), ("b", 0.52), ("c", 0.48), ("d", 0.5)])
    ]
    taken = {"a": 0.6, "b": 0.2, "c": 0.3, "d": 0.1}
    for number in range(lists):
        for position, one in enumerate(compose(candidates, 2, random, tried=tried)):
            reward = float(random.random() < taken[one.candidate.item])
            chances = (one.propensity, one.tried)
            yield Outcome(str(number), position, one.ranker, *chances, reward)


def _alone(ranker, seed):
    """What a ranker yields by itself."""
    usual = RANKERS["core"]
    try:
        RANKERS["core"] = RANKERS[ranker]
        rewards = [one.reward for one in _shown(None, seed)]
    finally:
        RANKERS["core"] = usual
    return sum(rewards) / len(rewards)


def test_the_log_of_one_ranker_tells_what_another_would_yield():
    outcomes = list(_shown(None, 3))
    found = off_policy(outcomes)
    truth = _alone("order", 4)
    assert truth > found.shown + 0.05
    assert found.low - 0.03 < truth < found.high + 0.03
    assert abs(found.snips - truth) < abs(found.shown - truth)
    assert off_policy([]) is None


def test_interleaving_names_the_better_one():
    found = interleaved(_shown("order", 5), "core", "order")
    assert found.lists == 1500
    assert found.won > found.lost
    assert found.p_value < 0.01
    assert interleaved(_shown(None, 5), "core", "order").lists == 0
    assert sign_test(0, 0) == sign_test(5, 5) == 1.0
    assert sign_test(5, 0) == 2 / 2**5


def test_after_some_reviews_comes_something_new():
    due = [
        Candidate(f"due-{n}", "course", "due", concept=f"d{n}", gain=0.4, due=1.0) for n in range(9)
    ]
    new = [
        Candidate(f"new-{n}", "course", "next", concept=f"n{n}", gain=0.5, value=0.6)
        for n in range(9)
    ]
    for seed in range(20):
        kinds = [one.candidate.kind for one in compose(due + new, 5, Random(seed))]
        assert kinds[0] == "due"
        assert {"due", "next"} <= set(kinds)

"""Rates hold exactly, in one process and in many, and a burst is what a minute's worth is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from bloop.store import rates as rates_module
from bloop.store.rates import LocalRates, Rate, RatesUnavailableError, SharedRates, Subject

TEN = Rate(10, 60.0)
HERE = make_url("sqlite:///hub.db")


def subject(key="somebody", rate=TEN):
    return [Subject(key, rate)]


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_a_minutes_worth_may_come_at_once_and_then_one_by_one(clock):
    rates = LocalRates(clock)
    assert [rates.take(subject()) for _ in range(10)] == [0.0] * 10
    assert rates.take(subject()) == pytest.approx(6.0)
    clock.now += 5.9
    assert rates.take(subject()) == pytest.approx(0.1)
    clock.now += 0.1
    assert rates.take(subject()) == 0.0
    assert rates.take(subject()) == pytest.approx(6.0)


def test_one_subject_is_not_counted_for_another(clock):
    rates = LocalRates(clock)
    for _ in range(11):
        rates.take(subject("a"))
    assert rates.take(subject("a")) > 0
    assert rates.take(subject("b")) == 0


def test_a_request_that_is_refused_counts_for_nobody(clock):
    rates = LocalRates(clock)
    one, two = Subject("address", Rate(1)), Subject("person", Rate(2))
    assert rates.take([one, two]) == 0
    for _ in range(5):
        assert rates.take([one, two]) > 0
    assert rates.take([two]) == 0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=200), st.integers(1, 20))
def test_no_window_ever_lets_more_than_twice_its_number_pass(pauses, number):
    clock = Clock()
    rates, passed = LocalRates(clock), []
    for pause in pauses:
        clock.now += pause
        if rates.take(subject(rate=Rate(number, 60.0))) == 0:
            passed.append(clock.now)
    for start in passed:
        assert sum(start <= at < start + 60.0 for at in passed) <= 2 * number
    total = passed[-1] - passed[0]
    assert len(passed) <= number + total / (60.0 / number) + 1


def test_what_is_remembered_is_bounded_and_the_busiest_stay_counted(clock, monkeypatch):
    monkeypatch.setattr(rates_module, "MOST_SUBJECTS", 100)
    rates = LocalRates(clock)
    for _ in range(10):
        rates.take(subject("busy"))
    for number in range(1000):
        rates.take(subject(f"other {number}"))
        assert len(rates._arrivals) <= 100
    assert rates.take(subject("busy")) > 0


@pytest.fixture
async def shared(empty_redis_url):
    made = [SharedRates(empty_redis_url, HERE) for _ in range(4)]
    yield made
    for one in made:
        await one.close()


async def test_many_processes_count_exactly_together(shared):
    rate = Rate(100, 3600.0)

    async def somebody(one):
        return [await one.take(subject("together", rate)) for _ in range(24)]

    lists = await asyncio.gather(*(somebody(one) for one in shared for _ in range(10)))
    waits = [wait for found in lists for wait in found]
    assert len(waits) == 960
    assert sum(wait == 0 for wait in waits) == 100
    assert all(0 < wait <= 36.0 for wait in waits if wait)


async def test_two_hubs_on_one_redis_do_not_count_for_each_other(shared, redis_url):
    other = SharedRates(redis_url, make_url("sqlite:///another.db"))
    once = Rate(1, 3600.0)
    assert await shared[0].take(subject("x", once)) == 0
    assert await shared[1].take(subject("x", once)) > 0
    assert await other.take(subject("x", once)) == 0
    await other.close()


async def test_redis_and_a_process_decide_alike(shared, clock):
    local = LocalRates(clock)
    for rate in (Rate(1, 3600.0), Rate(7, 3600.0)):
        pair = [Subject(f"alike {rate.number}", rate), Subject("alike all", Rate(8, 3600.0))]
        for _ in range(9):
            assert (await shared[0].take(pair) == 0) is (local.take(pair) == 0)


async def test_without_redis_nobody_counts_and_it_is_left_alone_for_a_while():
    away = SharedRates("redis://:secret@127.0.0.1:1/0", HERE)
    for _ in range(2):
        with pytest.raises(RatesUnavailableError) as caught:
            await away.take(subject())
    assert "secret" not in str(caught.value)
    assert caught.value.retry_after == rates_module.AWAY_SECONDS

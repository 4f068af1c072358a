"""Breakers: when they open, for how long, and how they close again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.kernel.breaker import Breakers, Circuit, Policy
from bloop.kernel.faults import CircuitOpenError


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breakers(clock):
    return Breakers(Policy(jitter=0), clock=clock)


def fail(breaker, times=1):
    for _ in range(times):
        breaker.enter()
        breaker.failed(ValueError("down"))


def is_open(breaker):
    try:
        breaker.enter()
    except CircuitOpenError:
        return True
    return False


def test_opens_after_failures_in_a_row(breakers):
    breaker = breakers.get("canvas", "read", "c1")
    fail(breaker, 4)
    assert not is_open(breaker)
    fail(breaker)
    with pytest.raises(CircuitOpenError, match="read on connection c1 is paused") as caught:
        breaker.enter()
    assert caught.value.retry_after == 5.0


def test_a_success_breaks_the_row(breakers):
    breaker = breakers.get("canvas", "read")
    for _ in range(3):
        fail(breaker, 3)
        breaker.succeeded()
    assert not is_open(breaker)


def test_opens_when_half_of_the_window_failed(breakers):
    breaker = breakers.get("canvas", "read")
    for _ in range(9):
        fail(breaker)
        breaker.succeeded()
    assert not is_open(breaker)
    fail(breaker)
    assert is_open(breaker)


def test_old_failures_leave_the_window(breakers):
    breaker = breakers.get("canvas", "read")
    fail(breaker, 4)
    assert not breaker.quiet
    for _ in range(20):
        breaker.succeeded()
    assert breaker.quiet
    fail(breaker, 4)
    assert not is_open(breaker)


def test_one_probe_closes_or_opens_for_longer(breakers, clock):
    breaker = breakers.get("canvas", "read")
    fail(breaker, 5)
    clock.now += 5
    breaker.enter()
    assert breaker.circuit is Circuit.HALF_OPEN
    assert is_open(breaker), "a second call waits for the probe"
    breaker.failed(ValueError("still down"))
    assert breaker.view().reopens_in == 10.0

    clock.now += 10
    breaker.enter()
    breaker.succeeded()
    assert breaker.view().circuit is Circuit.CLOSED
    fail(breaker, 5)
    assert breaker.view().reopens_in == 5.0, "pauses start anew"


def test_pauses_have_a_longest(breakers, clock):
    breaker = breakers.get("canvas", "read")
    fail(breaker, 5)
    for _ in range(100):
        clock.now += 1000
        fail(breaker)
    assert breaker.view().reopens_in == 300.0


@given(st.floats(0, 1))
def test_pauses_are_jittered(chance):
    breakers = Breakers(Policy(in_a_row=1), clock=Clock(), chance=lambda: chance)
    breaker = breakers.get("canvas", "read")
    fail(breaker)
    assert breaker.view().reopens_in == pytest.approx(5 * (0.8 + 0.4 * chance))


def test_a_probe_that_never_reports_does_not_block_for_ever(breakers, clock):
    breaker = breakers.get("canvas", "read")
    fail(breaker, 5)
    clock.now += 5
    breaker.enter()
    clock.now += 5
    assert not is_open(breaker)


def test_a_cancelled_probe_makes_room_for_the_next(breakers, clock):
    breaker = breakers.get("canvas", "read")
    fail(breaker, 5)
    breaker.abandoned()
    assert is_open(breaker), "only a probe can be abandoned"
    clock.now += 5
    breaker.enter()
    breaker.abandoned()
    assert not is_open(breaker)


def test_calls_that_began_before_the_circuit_opened_change_nothing(breakers):
    breaker = breakers.get("canvas", "read")
    fail(breaker, 5)
    breaker.failed(ValueError("late"))
    breaker.succeeded()
    view = breaker.view()
    assert (view.circuit, view.reopens_in, view.failures) == (Circuit.OPEN, 5.0, 6)


def test_plugins_operations_and_connections_are_apart(breakers):
    fail(breakers.get("canvas", "read", "c1"), 5)
    for key in [("canvas", "read", "c2"), ("canvas", "read"), ("canvas", "check", "c1")]:
        assert not is_open(breakers.get(*key))
    assert is_open(breakers.get("canvas", "read", "c1"))


def test_snapshot_lists_all_and_forget_drops_a_plugins(breakers):
    fail(breakers.get("moodle", "read"))
    breakers.get("canvas", "read", "c1")
    assert [(view.plugin, view.connection, view.failures) for view in breakers.snapshot()] == [
        ("canvas", "c1", 0),
        ("moodle", None, 1),
    ]
    assert breakers.snapshot()[1].last_error == "ValueError: down"
    breakers.forget("moodle")
    assert [view.plugin for view in breakers.snapshot()] == ["canvas"]

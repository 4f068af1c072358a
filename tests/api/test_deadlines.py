from __future__ import annotations

import asyncio

import pytest

from bloop.api import deadlines as module
from bloop.api.deadlines import Deadlines
from bloop_sdk import DeadlineError


@pytest.fixture
def deadlines(monkeypatch):
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.01)
    return Deadlines()


async def test_what_takes_too_long_is_cut_off_and_the_task_lives_on(deadlines):
    with pytest.raises(DeadlineError, match=r"within 0\.02 s"):
        await deadlines.within(0.02, asyncio.sleep(30))
    assert not asyncio.current_task().cancelling()
    await asyncio.sleep(0.05)
    assert deadlines.running == {}


async def test_what_is_quick_enough_passes_with_its_answer(deadlines):
    assert await deadlines.within(30, asyncio.sleep(0, "done")) == "done"
    assert await deadlines.within(None, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(KeyError):
        await deadlines.within(30, fail())
    assert deadlines.running == {}


async def fail():
    raise KeyError


async def test_a_cancellation_by_somebody_else_stays_one(deadlines):
    task = asyncio.create_task(deadlines.within(30, asyncio.sleep(30)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_timer_rests_while_nothing_runs_and_wakes_again(deadlines):
    for _ in range(2):
        with pytest.raises(DeadlineError):
            await deadlines.within(0.0, asyncio.sleep(30))
        await asyncio.sleep(0.05)
        assert deadlines._timer is None

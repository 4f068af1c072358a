"""Guarded calls of providers: one way to fail, a deadline, a breaker, and draining."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from bloop.kernel.breaker import Breakers
from bloop.kernel.calls import Calls
from bloop.kernel.faults import CircuitOpenError, PluginFailedError, PluginUnavailableError
from bloop_sdk.errors import (
    AuthError,
    DeadlineError,
    RateLimitedError,
    SkippableError,
    UnavailableError,
)


class Handle:
    plugin_id = "canvas"


HANDLE = Handle()


@pytest.fixture
def breakers():
    return Breakers()


@pytest.fixture
def calls(breakers):
    calls = Calls(breakers)
    calls.admit("canvas", __name__.partition(".")[0])
    return calls


async def give(value):
    return value


async def fail(error):
    raise error


async def count(*batches):
    for batch in batches:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


async def collect(stream, seen):
    async for batch in stream:
        seen.append(batch)


def failures(breakers, operation="check"):
    return sum(view.failures for view in breakers.snapshot() if view.operation == operation)


async def test_a_call_gives_what_the_provider_gave(calls):
    assert await calls.call(HANDLE, "check", give(3), timeout=5) == 3


@pytest.mark.parametrize(
    "error", [AuthError("no"), RateLimitedError("slow", retry_after=3), SkippableError("odd")]
)
async def test_errors_of_the_contract_go_on_and_are_no_failure(calls, breakers, error):
    with pytest.raises(type(error)) as caught:
        await calls.call(HANDLE, "check", fail(error), timeout=5)
    assert caught.value is error
    assert failures(breakers) == 0


@pytest.mark.parametrize(
    "error",
    [
        ValueError("odd"),
        SystemExit(2),
        KeyboardInterrupt(),
        MemoryError(),
        TimeoutError("its own"),
        BaseExceptionGroup("two", [SystemExit(), ValueError()]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_anything_else_becomes_a_failure_of_the_plugin(calls, breakers, error):
    with pytest.raises(PluginFailedError, match="plugin canvas: check: ") as caught:
        await calls.call(HANDLE, "check", fail(error), timeout=5)
    assert caught.value.__cause__ is error
    assert type(error).__name__ in caught.value.message
    assert f"{__file__}:" in caught.value.message
    assert "doctor canvas" in caught.value.cure
    assert failures(breakers) == 1


async def test_a_system_that_is_down_counts(calls, breakers):
    with pytest.raises(UnavailableError):
        await calls.call(HANDLE, "check", fail(UnavailableError("down")), timeout=5)
    assert failures(breakers) == 1


async def test_a_call_past_its_deadline_is_cancelled_and_counts(calls, breakers):
    cancelled = []

    async def hang():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(DeadlineError, match=r"plugin canvas: check took longer than 0.01 s"):
        await calls.call(HANDLE, "check", hang(), timeout=0.01)
    assert cancelled
    assert failures(breakers) == 1


async def test_cancelling_the_caller_passes_through_and_is_no_failure(calls, breakers):
    begun = asyncio.Event()

    async def hang():
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(calls.call(HANDLE, "check", hang(), timeout=60))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failures(breakers) == 0


async def test_what_is_no_coroutine_is_the_plugins_failure(calls):
    with pytest.raises(PluginFailedError, match="TypeError"):
        await calls.call(HANDLE, "check", 3, timeout=5)


async def test_after_many_failures_the_provider_is_left_alone_on_that_connection(calls):
    for _ in range(5):
        with pytest.raises(PluginFailedError):
            await calls.call(HANDLE, "check", fail(ValueError()), timeout=5, connection="c1")
    with pytest.raises(CircuitOpenError):
        await calls.call(HANDLE, "check", give(1), timeout=5, connection="c1")
    assert await calls.call(HANDLE, "check", give(1), timeout=5, connection="c2") == 1


def test_plain_methods_are_guarded_too(calls):
    assert calls.run(HANDLE, "spec", lambda a, b: a + b, 1, b=2) == 3
    with pytest.raises(PluginFailedError, match="plugin canvas: spec: ZeroDivisionError"):
        calls.run(HANDLE, "spec", lambda: 1 / 0)


async def test_a_switched_off_plugin_is_not_called(calls, recwarn):
    calls.drain("canvas", 0)
    with pytest.raises(PluginUnavailableError, match="canvas is switched off"):
        await calls.call(HANDLE, "check", give(1), timeout=5)
    with pytest.raises(PluginUnavailableError):
        await anext(calls.stream(HANDLE, "read", count(1), timeout=5))
    assert not recwarn.list, "nothing complains that it was never awaited"


# Streams.


async def test_a_stream_gives_every_batch(calls):
    stream = calls.stream(HANDLE, "read", count(1, None, 3), timeout=5)
    assert [batch async for batch in stream] == [1, None, 3]


async def test_a_stream_that_fails_keeps_what_it_gave(calls, breakers):
    seen = []
    with pytest.raises(PluginFailedError, match="plugin canvas: read: ValueError: odd"):
        await collect(calls.stream(HANDLE, "read", count(1, ValueError("odd")), timeout=5), seen)
    assert seen == [1]
    assert failures(breakers, "read") == 1


async def test_each_batch_has_the_deadline(calls):
    async def slow():
        yield 1
        await asyncio.sleep(60)
        yield 2

    seen = []
    with pytest.raises(DeadlineError):
        await collect(calls.stream(HANDLE, "read", slow(), timeout=0.05), seen)
    assert seen == [1]


async def test_what_the_consumer_raises_is_no_failure_of_the_plugin(calls, breakers):
    closed = []

    async def batches():
        try:
            yield 1
        finally:
            closed.append(True)

    async def consume():
        stream = calls.stream(HANDLE, "read", batches(), timeout=5)
        async with contextlib.aclosing(stream):
            async for _ in stream:
                raise KeyError("consumer")

    with pytest.raises(KeyError):
        await consume()
    assert closed
    assert failures(breakers, "read") == 0


async def test_a_stream_that_does_not_close_cleanly_is_left(calls, breakers):
    async def batches():
        try:
            yield 1
        finally:
            raise OSError("closing")

    async with contextlib.aclosing(calls.stream(HANDLE, "read", batches(), timeout=5)) as stream:
        assert await anext(stream) == 1
    assert failures(breakers, "read (closing)") == 1


async def test_a_plain_iterator_will_do_as_a_stream(calls):
    class Batches:
        left = 2

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert [batch async for batch in calls.stream(HANDLE, "r", Batches(), timeout=5)] == [1, 0]


# Draining.


async def test_draining_waits_for_what_is_under_way(calls):
    finish = asyncio.Event()

    async def slow():
        await finish.wait()
        return "done"

    call = asyncio.create_task(calls.call(HANDLE, "check", slow(), timeout=60))
    await asyncio.sleep(0)
    draining = asyncio.create_task(asyncio.to_thread(calls.drain, "canvas", 60))
    await asyncio.sleep(0.05)
    assert not draining.done()
    finish.set()
    assert await call == "done"
    assert await draining == 0


def test_draining_gives_up_and_says_how_many_are_left(calls):
    with calls.hold("canvas"):
        assert calls.drain("canvas", 0.01) == 1


def test_who_holds_a_plugin_may_finish_its_run(calls):
    left = []
    with calls.hold("canvas"):
        draining = threading.Thread(target=lambda: left.append(calls.drain("canvas", 60)))
        draining.start()
        assert calls.run(HANDLE, "spec", lambda: 1) == 1
    draining.join()
    assert left == [0]
    with pytest.raises(PluginUnavailableError):
        calls.run(HANDLE, "spec", lambda: 1)

"""Threads of handlers: used again, unless one hangs."""

from __future__ import annotations

import threading

import pytest

from bloop.events.handlers import HandlerError, in_thread


async def test_calls_one_after_another_share_threads():
    # The next call may come while the last one's thread is about to be free.
    threads = {await in_thread("one", threading.get_ident, 30) for _ in range(50)}
    assert len(threads) <= 2


async def test_a_thread_that_hangs_is_left_behind_and_keeps_nobody_waiting():
    release, stuck = threading.Event(), []

    def hang() -> None:
        stuck.append(threading.get_ident())
        release.wait(60)

    with pytest.raises(HandlerError, match="longer"):
        await in_thread("stuck", hang, 0.2)
    try:
        threads = {await in_thread("one", threading.get_ident, 30) for _ in range(10)}
        assert not threads & set(stuck)
    finally:
        release.set()


async def test_a_thread_is_named_for_whom_it_works():
    async def name(of: str) -> str:
        return await in_thread(of, lambda: threading.current_thread().name, 30)

    assert [await name("consumer-a"), await name("consumer-b")] == ["consumer-a", "consumer-b"]

"""The context of a plugin: its folder, and blocking code in threads of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from bloop.kernel.context import THREADS, HubContext
from bloop_sdk import PluginConfig
from bloop_sdk.testing import ListLogger


@pytest.fixture
def ctx(tmp_path):
    return HubContext("canvas", PluginConfig(), ListLogger(), tmp_path / "plugins" / "canvas")


def test_the_folder_is_made_on_first_use(ctx):
    assert not ctx.folder.exists()
    assert ctx.data_dir.is_dir()
    assert ctx.data_dir == ctx.folder


async def test_blocking_code_runs_in_a_thread_with_the_callers_context(ctx):
    variable = contextvars.ContextVar("variable")
    variable.set("here")

    def work(a, *, b):
        return a, b, variable.get(), threading.current_thread().name

    assert await ctx.run_sync(work, 1, b=2) == (1, 2, "here", "plugin-canvas")


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(3)])
async def test_what_it_raises_reaches_the_caller(ctx, error):
    def work():
        raise error

    with pytest.raises(type(error)) as caught:
        await ctx.run_sync(work)
    assert caught.value is error


async def test_stop_iteration_cannot_pass_a_coroutine_as_it_is(ctx):
    with pytest.raises(RuntimeError, match="StopIteration"):
        await ctx.run_sync(next, iter(()))


async def test_hanging_code_takes_the_plugins_own_threads_only(ctx, tmp_path):
    gate = threading.Event()
    hanging = [asyncio.create_task(ctx.run_sync(gate.wait)) for _ in range(THREADS)]
    await asyncio.sleep(0)
    waiting = asyncio.create_task(ctx.run_sync(lambda: "late"))
    other = HubContext("moodle", PluginConfig(), ListLogger(), tmp_path)
    assert await other.run_sync(lambda: "at once") == "at once"
    assert not waiting.done()
    gate.set()
    assert await waiting == "late"
    await asyncio.gather(*hanging)


async def test_a_cancelled_caller_leaves_its_thread_to_end_by_itself(ctx):
    gate = threading.Event()
    task = asyncio.create_task(ctx.run_sync(gate.wait))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    assert await asyncio.gather(*(ctx.run_sync(int) for _ in range(2 * THREADS))) == [0] * 16


def test_a_thread_that_outlives_its_loop_harms_nobody(ctx):
    gate, ended = threading.Event(), threading.Event()

    def work():
        gate.wait(30)
        ended.set()

    async def main():
        task = asyncio.create_task(ctx.run_sync(work))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())
    [thread] = [thread for thread in threading.enumerate() if thread.name == "plugin-canvas"]
    gate.set()
    assert ended.wait(30)
    thread.join()

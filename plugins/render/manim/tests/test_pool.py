"""The processes that draw: at once, replaced when they fail, gone when they should be."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bloop_manim.pool import Limits, Pool
from bloop_sdk import DeadlineError, FatalError, RetriableError, UnavailableError

HERE = Path(__file__).parent
LONG = 60.0


def limits(**changes) -> Limits:
    return Limits(**{"workers": 2, "niceness": 0, "module": "light_worker", **changes})


@pytest.fixture(scope="module")
def path():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        patch.setenv("BLOOP_SECRET", "not for workers")
        yield


@pytest.fixture(scope="module")
def pool(path):
    made = Pool(limits())
    yield made
    made.close()


async def ask(pool, do, seconds=LONG, **more):
    answer = await pool.ask({"do": do, **more}, seconds=seconds)
    return answer["ok"]


async def until(condition):
    """Wait for what has to come."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def gone(pid) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_nothing_is_started_before_it_is_needed(path):
    pool = Pool(limits())
    assert pool.processes() == []
    pool.close()


async def test_scenes_are_drawn_at_once(pool, tmp_path):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    met = await asyncio.gather(
        ask(pool, "meet", mine=one, other=other), ask(pool, "meet", mine=other, other=one)
    )
    assert met == ["met", "met"]
    assert len(pool.processes()) == 2


async def test_what_is_quick_does_not_wait_for_scenes(pool, tmp_path):
    mark = tmp_path / "mark"
    scenes = [
        asyncio.create_task(ask(pool, "meet", mine=str(tmp_path / name), other=str(mark)))
        for name in "ab"
    ]
    await until(lambda: len(list(tmp_path.iterdir())) == 2)
    await pool.ask({"do": "pid"}, seconds=LONG, quick=True)
    mark.touch()
    assert await asyncio.gather(*scenes) == ["met", "met"]


async def test_a_killed_worker_costs_its_scene_alone(pool, tmp_path):
    marks = [tmp_path / name for name in "ab"]
    other = asyncio.create_task(ask(pool, "meet", mine=str(marks[0]), other=str(marks[1])))
    await until(marks[0].exists)
    with pytest.raises(RetriableError, match=r"ended by signal 9: last words") as caught:
        await ask(pool, "die")
    assert caught.value.code == "worker_died"
    assert await ask(pool, "pid") in pool.processes()
    marks[1].touch()
    assert await other == "met"


async def test_a_worker_that_hangs_is_given_up(pool):
    before = await ask(pool, "pid")
    with pytest.raises(DeadlineError, match="not drawn within 1 s"):
        await ask(pool, "hang", seconds=1.0)
    assert gone(before) or before in pool.processes()
    assert await ask(pool, "pid") in pool.processes()


async def test_a_cancelled_request_keeps_a_worker_that_listens(pool):
    begun = asyncio.Event()
    before = pool.processes()
    request = pool.ask({"do": "count", "to": 100_000}, seconds=LONG, report=lambda *_: begun.set())
    task = asyncio.create_task(request)
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ask(pool, "pid")
    assert set(before) <= set(pool.processes())


async def test_a_cancelled_request_ends_a_worker_that_does_not_listen(path):
    pool = Pool(limits(workers=1))
    before = await ask(pool, "pid")
    task = asyncio.create_task(ask(pool, "hang"))
    await asyncio.sleep(0)
    await until(lambda: pool.processes() == [before])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ask(pool, "pid") != before
    assert gone(before)
    pool.close()


async def test_memory_has_a_limit(path):
    pool = Pool(limits(workers=1, memory_mb=512))
    before = await ask(pool, "pid")
    with pytest.raises(FatalError, match="more memory than a process may take") as caught:
        await ask(pool, "eat")
    assert caught.value.code == "worker_memory"
    await until(lambda: gone(before))
    pool.close()


async def test_an_error_of_a_drawing_keeps_the_worker(pool):
    with pytest.raises(FatalError, match="ZeroDivisionError: of the drawing's own"):
        await ask(pool, "raise")


async def test_what_is_printed_is_not_mistaken_for_an_answer(pool):
    assert await ask(pool, "print") == "printed"


async def test_a_worker_has_no_network_and_no_secrets(pool):
    with socket.create_server(("127.0.0.1", 0)) as server:
        with pytest.raises(RetriableError, match="no network"):
            await ask(pool, "connect", port=server.getsockname()[1])
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    found = await ask(pool, "environment")
    assert "BLOOP_SECRET" not in found
    assert Path(found["HOME"]).name.startswith("bloop-manim-")


async def test_idle_workers_end_and_take_their_folders_along(path):
    pool = Pool(limits(workers=1, idle_seconds=0.1))
    home = Path((await ask(pool, "environment"))["HOME"])
    await until(lambda: pool.processes() == [] and not home.exists())
    pool.close()


async def test_a_worker_is_replaced_after_its_share_and_a_closed_pool_ends_everything(path):
    pool = Pool(limits(workers=1, scenes=2))
    served = [await ask(pool, "pid") for _ in range(3)]
    assert served[0] == served[1] != served[2]
    assert gone(served[0])
    running = [asyncio.create_task(ask(pool, "hang")) for _ in range(2)]
    await asyncio.sleep(0.1)
    await asyncio.to_thread(pool.close)
    assert gone(served[2])
    for task in running:
        with pytest.raises(UnavailableError, match="switched off"):
            await task
    with pytest.raises(UnavailableError, match="switched off"):
        await ask(pool, "pid")


async def test_a_worker_that_lacks_a_package_says_which(path, tmp_path, monkeypatch):
    (tmp_path / "manim.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    pool = Pool(limits(workers=1, module="bloop_manim.worker"))
    with pytest.raises(FatalError, match="a_package_that_is_not_there") as caught:
        await ask(pool, "pid")
    assert "pip install bloop-manim" in str(caught.value)
    assert pool.processes() == []
    pool.close()


async def test_workers_end_with_the_process_that_started_them(path):
    script = f"""
import asyncio, sys
from bloop_manim.pool import Limits, Pool
pool = Pool({limits(workers=1)!r})
print(asyncio.run(pool.ask({{"do": "pid"}}, seconds=60))["ok"], flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(  # noqa: ASYNC220 - it is only started
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        await until(lambda: gone(pid))

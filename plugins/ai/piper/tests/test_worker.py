"""The process that speaks: begun when it is needed, and gone when it is not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from bloop_piper import process
from bloop_piper.config import PiperConfig
from bloop_sdk import DeadlineError, UnavailableError

VOICE = "en_GB-tiny-low"
PATIENCE = 60


def ended(pid) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def until(condition) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


@pytest.fixture
def pid_of():
    """The worker's process with such settings."""
    return lambda **settings: process.worker(PiperConfig(**settings)).pid


async def test_it_stays_for_the_next_call_and_others_share_it(
    tiny, make_voices, voices_dir, pid_of
):
    await tiny.synthesize("one", VOICE)
    first = pid_of()
    other = make_voices(voices_dir=voices_dir)
    await asyncio.gather(other.synthesize("two", VOICE), tiny.synthesize("three", VOICE))
    assert pid_of() == first is not None


async def test_it_ends_when_it_has_nothing_to_say(make_voices, voices_dir, pid_of):
    await make_voices(voices_dir=voices_dir, idle_seconds=1).synthesize("one", VOICE)
    pid = pid_of(idle_seconds=1)
    await until(lambda: ended(pid))
    assert pid_of(idle_seconds=1) is None


async def test_killed_while_nobody_asks_it_costs_nothing(tiny, pid_of):
    before = await tiny.synthesize("one", VOICE)
    os.kill(pid_of(), signal.SIGKILL)
    assert await tiny.synthesize("one", VOICE) == before


@pytest.fixture
def alone(make_voices, voices_dir):
    """A provider whose process is its own."""
    return make_voices(voices_dir=voices_dir, idle_seconds=77)


async def test_killed_at_each_try_the_call_says_so(alone, monkeypatch, tmp_path):
    deadly = tmp_path / "worker.py"
    deadly.write_text("import sys\nsys.stdin.readline()\nsys.exit('out of memory')\n")
    monkeypatch.setattr(process, "WORKER", deadly)
    with pytest.raises(UnavailableError, match="has ended: out of memory") as caught:
        await alone.synthesize("one", VOICE)
    assert "memory_mb" in caught.value.cure


async def test_a_hang_ends_with_the_time_it_may_take(alone, monkeypatch, tmp_path):
    hanging = tmp_path / "worker.py"
    hanging.write_text("import time\ntime.sleep(600)\n")
    monkeypatch.setattr(process, "WORKER", hanging)
    monkeypatch.setattr(process, "SECONDS", 0.3)
    with pytest.raises(DeadlineError, match="did not answer"):
        await alone.synthesize("one", VOICE)


async def test_a_call_that_is_cancelled_says_no_more_and_leaves_the_process(tiny, pid_of):
    await tiny.synthesize("one", VOICE)
    pid = pid_of()
    task = asyncio.create_task(tiny.synthesize("this is long. " * 3000, VOICE))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await tiny.synthesize("one", VOICE)).pcm
    assert pid_of() == pid


async def test_a_model_that_is_broken_fails_alone(make_voices, write_voice, tmp_path):
    write_voice(tmp_path / f"{VOICE}.onnx")
    write_voice(tmp_path / "en-broken.onnx")
    (tmp_path / "en-broken.onnx").write_bytes(b"no model")
    voices = make_voices(voices_dir=tmp_path)
    with pytest.raises(UnavailableError, match=r"can't speak with en-broken\.onnx") as caught:
        await voices.synthesize("one", "en-broken")
    assert caught.value.cure
    assert (await voices.synthesize("one", VOICE)).pcm


async def test_a_model_whose_settings_change_speaks_by_them_at_once(
    make_voices, write_voice, tmp_path
):
    """What it said is kept by its version, which is then another one."""
    write_voice(tmp_path / "en-tiny.onnx")
    told = tmp_path / "en-tiny.onnx.json"
    heard = []
    for scale in (1, 2):
        settings = json.loads(told.read_text())
        settings["inference"]["length_scale"] = scale
        told.write_text(json.dumps(settings, indent=scale))
        voices = make_voices(voices_dir=tmp_path)
        version = next(one.version for one in await voices.voices() if one.id == "en-tiny")
        heard.append((version, (await voices.synthesize("one", "en-tiny")).seconds))
    assert heard[0][0] != heard[1][0]
    assert heard[0][1] < heard[1][1]


async def test_when_its_parent_is_killed_it_ends(voices_dir):
    code = textwrap.dedent(
        """
        import asyncio, sys, time
        from pathlib import Path
        from bloop_piper import process
        from bloop_piper.config import PiperConfig
        from bloop_piper.provider import PiperVoices
        from bloop_sdk.testing import FakeContext

        config = PiperConfig(voices_dir=Path(sys.argv[1]))
        asyncio.run(PiperVoices(FakeContext(config=config)).synthesize("one", sys.argv[2]))
        print(process.worker(config).pid, flush=True)
        time.sleep(600)
        """
    )
    parent = subprocess.Popen(  # noqa: ASYNC220 - it is read from once
        [sys.executable, "-c", code, voices_dir, VOICE], stdout=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    assert not ended(pid)
    parent.kill()
    parent.communicate()
    await until(lambda: ended(pid))


def test_switched_off_it_ends(make_voices, voices_dir, pid_of):
    from bloop_piper import PiperPlugin
    from bloop_sdk.testing import FakeContext

    asyncio.run(make_voices(voices_dir=voices_dir).synthesize("one", VOICE))
    pid = pid_of()
    PiperPlugin(FakeContext()).stop()
    assert ended(pid)

"""The C library runs in a process of its own, whatever it does there."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest

from bloop_espeak import process, provider
from bloop_sdk import ConfigError, DeadlineError, UnavailableError


async def test_where_the_library_is_missing_it_says_what_to_do(make_voices):
    with pytest.raises(ConfigError, match="can't be loaded") as caught:
        await make_voices(library="libespeak-none.so.1").voices()
    assert "apt-get install libespeak-ng1" in caught.value.cure


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Puts other code in the place of the worker's."""

    def put(code):
        path = tmp_path / "worker.py"
        path.write_text(code)
        monkeypatch.setattr(process, "WORKER", path)

    return put


async def test_a_crash_costs_one_call(make_voices, worker, monkeypatch):
    voices = make_voices()
    await voices.voices()
    with monkeypatch.context() as patched:
        worker("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
        with pytest.raises(UnavailableError, match="ended with -11") as caught:
            await voices.synthesize("hello", "en-us")
        assert caught.value.cure
        patched.undo()
    monkeypatch.undo()
    assert (await voices.synthesize("hello", "en-us")).words


async def test_a_hang_ends_with_the_time_it_may_take(make_voices, worker, monkeypatch):
    monkeypatch.setattr(process, "SECONDS", 0.2)
    worker("import time\ntime.sleep(600)")
    with pytest.raises(DeadlineError, match="did not answer"):
        await make_voices(library="hangs").voices()


async def test_who_is_cancelled_leaves_no_process_behind(make_voices, worker, tmp_path):
    started = tmp_path / "started"
    ended = tmp_path / "ended"
    # Whoever is killed closes its end of the pipe: the shell behind it then says so.
    worker(
        "import os, sys, time\n"
        "read, write = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.close(write); os.close(0); os.close(1); os.close(2)\n"
        "    os.read(read, 1)\n"
        f"    open({str(ended)!r}, 'w').close()\n"
        "    os._exit(0)\n"
        f"open({str(started)!r}, 'w').close()\n"
        "time.sleep(600)\n"
    )
    task = asyncio.create_task(make_voices(library="hangs").voices())
    while not started.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while not ended.exists():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_many_calls_at_once(make_voices):
    voices = make_voices()
    texts = [f"This is number {number}." for number in range(12)]
    found = await asyncio.gather(*(voices.synthesize(text, "en-us") for text in texts))
    assert [len(one.words) for one in found] == [4] * 12
    again = await voices.synthesize(texts[7], "en-us")
    assert again == found[7]


async def test_another_version_of_the_library_is_noticed(make_voices, monkeypatch):
    monkeypatch.setattr(provider, "_known", {})
    voices = make_voices()
    (first, *_) = await voices.voices()
    known = provider._known["libespeak-ng.so.1"]
    old = {
        id_: (name, dataclasses.replace(voice, version="1.0.1"))
        for id_, (name, voice) in known.items()
    }
    provider._known["libespeak-ng.so.1"] = old
    assert (await voices.voices())[0].version == "1.0.1"
    with pytest.raises(UnavailableError, match="was replaced by version"):
        await voices.synthesize("hello", "en-us")
    assert (await voices.synthesize("hello", "en-us")).pcm
    assert (await voices.voices())[0] == first

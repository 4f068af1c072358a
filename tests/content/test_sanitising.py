"""HTML that a process of its own cleans: the same as without it, whatever happens to that one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bloop.content import sanitising
from bloop.content.engine import run_read
from bloop.content.options import RunOptions
from bloop.content.sanitise import sanitise
from bloop.content.sanitising import WORTH, SanitiserProcess
from tests.content.course import Course, connect, dump, leaf, module, page
from tests.support.database import make_call

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs files that are passed on")

BAD = '<p onclick="x()">one <script>two()</script><b>three</b></p>'
HALF = "<p>\ud800</p>"


@pytest.fixture
def process():
    made = SanitiserProcess()
    yield made
    made.close()


def number_of(process):
    assert process._running is not None
    return process._running._process.pid


def environment_of(process):
    return Path(f"/proc/{number_of(process)}/environ").read_bytes()


async def test_texts_come_clean_in_their_order(process):
    many = [f"<p>{number}</p>{BAD}" for number in range(300)]
    first, second = process.begin(many), process.begin([BAD, "", HALF, "plain"])

    assert await first == [sanitise(text) for text in many]
    assert await second == [sanitise(BAD), "", None, "plain"]
    assert await process.begin([BAD]) == [sanitise(BAD)]


async def test_whoever_waits_for_a_process_that_is_killed_cleans_by_himself(process):
    assert await process.begin([BAD]) == [sanitise(BAD)]
    before = number_of(process)
    os.kill(before, signal.SIGSTOP)
    waiting = [process.begin([BAD] * size) for size in (2, 3)]
    os.kill(before, signal.SIGKILL)

    assert await asyncio.gather(*waiting) == [[None] * 2, [None] * 3]
    assert await process.begin([BAD]) == [sanitise(BAD)]
    assert number_of(process) != before


async def test_a_hub_that_may_begin_no_process_cleans_by_itself(process, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert await process.begin([BAD, BAD]) == [None, None]


async def test_who_comes_while_too_much_waits_is_told_so_at_once(process, monkeypatch):
    assert await process.begin([BAD]) == [sanitise(BAD)]
    os.kill(number_of(process), signal.SIGSTOP)
    monkeypatch.setattr(sanitising, "ROOM", 10)
    first, second = process.begin([BAD]), process.begin([BAD])

    assert await second == [None]
    os.kill(number_of(process), signal.SIGCONT)
    assert await first == [sanitise(BAD)]


async def test_it_ends_once_nobody_has_needed_it_for_long(process, monkeypatch):
    monkeypatch.setattr(sanitising, "IDLE_SECONDS", 0.0)
    await process.begin([BAD])
    running = process._running._process
    for _ in range(100):
        await asyncio.sleep(0.01)
        if process._running is None:
            break
    assert running.returncode == -signal.SIGKILL


def test_it_begins_anew_in_another_event_loop(process):
    async def clean():
        return await process.begin([BAD])

    for _ in range(2):
        assert asyncio.run(clean()) == [sanitise(BAD)]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="it looks at the process from outside")
async def test_it_knows_no_secret_of_the_hub(process, monkeypatch):
    monkeypatch.setenv("BLOOP_STORE__URL", "postgresql://hub:secret@db/hub")
    await process.begin([BAD])
    assert b"secret" not in environment_of(process)


HUB = """
import asyncio, os, signal
from bloop.content.sanitising import SanitiserProcess

async def main():
    process = SanitiserProcess()
    await process.begin(["<p>one</p>"])
    print(process._running._process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_it_ends_with_a_hub_that_is_killed():
    done = subprocess.run([sys.executable, "-c", HUB], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    for _ in range(500):
        try:
            os.kill(int(done.stdout), 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("it is still there")


def contents():
    pages = [page(n, f"<p>{n}</p>{BAD}" * 300) for n in range(9)]
    leaves = [leaf(one, "m1", n) for n, one in enumerate(pages)]
    return [module(1), *leaves, *pages, page("half", HALF), page("small", BAD)]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_sync_keeps_the_same_with_it_and_without(
    database, blobs, call, sync, process, monkeypatch, killed
):
    assert sum(len(one.html) for one in contents()[10:19]) > WORTH
    await sync(Course(contents=contents(), batch_size=30))
    expected = dump(database, call)["item"]

    begin, asked = SanitiserProcess.begin, []

    def begun(self, texts):
        asked.append(len(texts))
        cleaning = begin(self, texts)
        if killed:
            os.kill(number_of(self), signal.SIGKILL)
        return cleaning

    monkeypatch.setattr(SanitiserProcess, "begin", begun)
    other = make_call(institution="00000000-0000-7000-8000-00000000000b")
    place = (database, blobs, Course(contents=contents(), batch_size=30), other)
    connection = connect(database, other)
    options = RunOptions(sanitiser=process)
    await run_read(*place, connection=connection, options=options)
    assert asked == [11]
    assert dump(database, other)["item"] == expected

    # Where nearly all is known, what is new is cleaned here.
    await run_read(*place, connection=connection, options=options)
    assert asked == [11]

"""The supervisor: what dies comes back, says who it was, and ends when it is asked to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from bloop.kernel.journal import suspects

HEAD = """
    import os, signal, socket, sys, time
    from pathlib import Path
    from bloop.kernel.journal import Code, Journal
    from bloop.ops import supervise as module
    from bloop.ops.supervise import supervise
    module._PAUSES = (0.0,) * 5
    count = Path("count")
    def turn():
        count.write_text(count.read_text() + "x" if count.exists() else "x")
        return len(count.read_text())
"""


@pytest.fixture
def run(tmp_path):
    """Run ``serve`` of some code under a supervisor, to its end or until it printed ``up``."""
    started = []

    def start(code, *, wait=True):
        source = textwrap.dedent(HEAD) + textwrap.dedent(code) + "\nsys.exit(supervise(serve))\n"
        process = subprocess.Popen(
            [sys.executable, "-c", source],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        if wait:
            out, err = process.communicate(timeout=60)
            return process.returncode, out, err
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("end", "status"), [("return", 0), ("sys.exit(3)", 3), ("raise ValueError('x')", 1)]
)
def test_what_comes_to_its_own_end_is_not_started_again(run, end, status):
    over = "line.over(); " if "exit" in end else ""
    returned, _, err = run(f"def serve(line):\n    assert turn() == 1\n    {over}{end}")
    assert returned == status, err
    assert "bloop:" not in err


@pytest.mark.parametrize(
    ("death", "how"),
    [
        ("os._exit(0)", "ended with status 0"),
        ("os._exit(71)", "ended with status 71"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("os.abort()", "was ended by SIGABRT"),
        ("sys.exit(3)", "ended with status 3"),
    ],
)
def test_what_dies_is_started_again_and_told_of(run, death, how):
    returned, _, err = run(f"def serve(line):\n    if turn() < 3: {death}")
    assert returned == 0
    told = re.findall(r"bloop: the hub's process \d+ (.+); nobody can be blamed", err)
    assert told == [how, how]


def test_what_dies_again_and_again_is_given_up(run, tmp_path):
    returned, _, err = run("def serve(line):\n    turn()\n    os._exit(9)")
    assert returned == 9
    assert (tmp_path / "count").read_text() == "x" * 6
    assert "as 5 did in the last minute" in err


def test_deaths_with_a_culprit_are_told_and_do_not_count(run):
    returned, _, err = run("""
        def serve(line):
            number = turn()
            if number <= 8:
                line.hand_over(socket.socket(), Path("journal"))
                Journal(Path("journal")).begin(Code(f"bad{number}", "1.0", "/x"), "import")
                os._exit(4)
    """)
    assert returned == 0
    named = re.findall(
        r"plugin (bad\d): process \d+ died in import .+ \(it ended with status 4\)", err
    )
    assert named == [f"bad{number}" for number in range(1, 9)]


def test_the_listening_socket_outlives_who_listens(run):
    returned, out, err = run("""
        def serve(line):
            if turn() == 1:
                listener = socket.create_server(("127.0.0.1", 0))
                line.hand_over(listener, Path("journal"))
                Path("port").write_text(str(listener.getsockname()[1]))
                # It is in nobody's accept, as when the process dies under load.
                client = socket.create_connection(listener.getsockname())
                os.dup2(client.fileno(), 200)
                os.set_inheritable(200, True)
                os._exit(1)
            assert line.listener.getsockname()[1] == int(Path("port").read_text())
            other = socket.create_connection(line.listener.getsockname())
            line.listener.accept()
            print("served on")
    """)
    assert (returned, out) == (0, "served on\n"), err


SLEEPS = """
    def serve(line):
        def stop(number, frame):
            print(f"got {number}", flush=True)
            line.over()
            sys.exit(5)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        print("up", flush=True)
        while True: time.sleep(10)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on_once_and_the_status_is_kept(run, number):
    process = run(SLEEPS, wait=False)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (5, f"got {int(number)}\n")


def test_what_was_asked_to_end_is_not_started_again_however_it_ends(run):
    process = run(
        "def serve(line):\n    print('up', flush=True)\n    while True: time.sleep(10)", wait=False
    )
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM


def test_who_serves_hears_that_the_supervisor_is_gone(run, tmp_path):
    process = run(
        """
        import asyncio
        async def main(line):
            gone = asyncio.Event()
            line.on_loss(asyncio.get_running_loop(), gone.set)
            print("up", flush=True)
            await gone.wait()
            Path("gone").touch()
        def serve(line):
            asyncio.run(main(line))
        """,
        wait=False,
    )
    [child] = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    child.wait(60)
    end = time.monotonic() + 10
    while not (tmp_path / "gone").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert (tmp_path / "gone").exists()


def test_a_plugin_that_a_kill_from_outside_met_once_is_tried_again_and_not_twice(run, tmp_path):
    returned, _, err = run("""
        def serve(line):
            number = turn()
            if number <= 2:
                line.hand_over(socket.socket(), Path("journal"))
                Journal(Path("journal")).begin(Code("slow", "1.0", "/x"), "import")
                os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert returned == 0
    first, second = err.splitlines()
    assert first.endswith("was ended by SIGKILL; nobody can be blamed, and it starts again")
    assert second.startswith("bloop: plugin slow: process")
    assert [found.plugin for found in suspects(tmp_path / "journal")] == ["slow"]


def test_who_takes_over_knows_that_somebody_was_there_before(run):
    returned, out, _ = run("""
        def serve(line):
            print(line.takes_over, flush=True)
            if turn() <= 2:
                line.hand_over(None, Path("journal"))
                os._exit(4)
    """)
    assert returned == 0
    assert out.split() == ["False", "True", "True"]

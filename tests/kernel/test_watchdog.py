"""The watchdog: what hangs ends its process, and the next start knows who it was."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import textwrap
import threading

import psutil
import pytest

from bloop.kernel.culprits import Culprits, default_memory_bytes, resident_bytes
from bloop.kernel.journal import Code, Journal, suspects
from bloop.kernel.watchdog import EXIT_DEADLINE, EXIT_MEMORY, EXIT_STALLED, Watchdog


class Exit:
    """Stands for the end of the process."""

    def __init__(self):
        self.called = threading.Event()
        self.status = None

    def __call__(self, status):
        self.status = status
        self.called.set()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def plugin_file(tmp_path):
    """A module of a plugin that hangs, and its code."""
    package = tmp_path / "bloop_hang"
    package.mkdir()
    file = package / "calls.py"
    file.write_text("def wait(event):\n    event.wait(30)\n")
    names = {}
    exec(compile(file.read_text(), str(file), "exec"), names)
    return names["wait"], Code("hang", "1.0", str(package))


def watching(folder, **limits):
    watchdog = Watchdog(Journal(folder), exit=Exit(), **limits)
    watchdog.start()
    return watchdog


def run(folder, code):
    """Run ``code`` with a watchdog in a process of its own."""
    head = f"""
        import re, sys, time
        from pathlib import Path
        from bloop.kernel.journal import Code, Journal
        from bloop.kernel.watchdog import Watchdog
        watchdog = Watchdog(Journal(Path({str(folder)!r})), deadline=0.2, stall=0.2)
        watchdog.start()
        package = Path({str(folder)!r}).parent / "bloop_hang"
    """
    source = textwrap.dedent(head) + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", source], check=False, capture_output=True, text=True, timeout=60
    )


def test_an_import_past_its_deadline_ends_the_process_and_names_the_plugin(folder):
    ended = run(folder, "with watchdog.guard(Code('slow', '1.0', '/x'), 'import'): time.sleep(60)")
    assert ended.returncode == EXIT_DEADLINE
    assert "bloop: plugin slow: import took too long" in ended.stderr
    assert "the next start leaves it switched off" in ended.stderr
    assert "in <module>" in ended.stderr, "stacks are shown"
    assert [suspect.plugin for suspect in suspects(folder)] == ["slow"]


def test_code_that_never_lets_go_of_the_interpreter_ends_too(folder):
    ended = run(
        folder,
        """
        package.mkdir()
        (package / "parse.py").write_text(
            "import re\\ndef parse(): re.match('(a+)+$', 'a' * 60 + 'b')"
        )
        sys.path.insert(0, str(package.parent))
        with watchdog.guard(Code("hang", "1.0", str(package)), "import"):
            from bloop_hang import parse
        watchdog.beat("main")
        parse.parse()
        """,
    )
    assert ended.returncode != 0
    [suspect] = suspects(folder)
    assert suspect.plugin == "hang"
    assert "parse.py:2" in suspect.what


def test_a_loop_that_a_plugin_holds_up_ends_and_names_it(folder, plugin_file):
    wait, code = plugin_file
    watchdog = watching(folder, stall=0.2)
    with watchdog.guard(code, "import"):
        pass

    async def main():
        watchdog.watch(asyncio.get_running_loop())
        await asyncio.sleep(0)
        wait(watchdog._exit.called)

    asyncio.run(main())
    assert watchdog._exit.status == EXIT_STALLED
    watchdog.stop()
    [suspect] = suspects(folder)
    assert suspect.plugin == "hang"
    assert "calls.py:2" in suspect.what


def test_a_loop_that_the_hub_itself_holds_up_accuses_no_plugin(folder, capfd):
    watchdog = watching(folder, stall=0.2)
    watchdog.beat("worker")
    assert watchdog._exit.called.wait(30)
    watchdog.stop()
    assert watchdog._exit.status == EXIT_STALLED
    assert "the hub itself: worker showed no life" in capfd.readouterr().err
    assert suspects(folder) == ()


def test_a_thread_that_is_gone_is_told_of_all_the_same(folder, capfd):
    watchdog = watching(folder, stall=0.2)
    thread = threading.Thread(target=watchdog.beat, args=("worker",))
    thread.start()
    thread.join()
    assert watchdog._exit.called.wait(30)
    watchdog.stop()
    assert "no Python code" in capfd.readouterr().err


def test_who_beats_or_rests_lives_on(folder):
    watchdog = Watchdog(Journal(folder), stall=10, exit=Exit())
    watchdog.beat("resting")
    watchdog.beat("beating")
    watchdog.rest("resting")
    for _ in range(5):
        assert not watchdog._look(6)
        watchdog.beat("beating")
    assert watchdog._exit.status is None
    watchdog.stop()


def test_a_loop_beats_by_itself_until_the_watchdog_stops(folder):
    watchdog = watching(folder, deadline=0.1)

    async def main():
        watchdog.watch(asyncio.get_running_loop())
        watchdog._watched["event loop"].silent = 5.0
        while watchdog._watched["event loop"].silent >= 5.0:  # noqa: ASYNC110 - a beat is no event.
            await asyncio.sleep(0.01)
        watchdog.stop()
        await asyncio.sleep(0.05)

    asyncio.run(main())
    assert watchdog._exit.status is None


def test_time_in_which_the_whole_process_stood_still_does_not_count(folder):
    watchdog = Watchdog(Journal(folder), stall=10, exit=Exit())
    watchdog.beat("loop")
    watchdog._look(min(3600.0, 2 * watchdog._tick))
    assert watchdog._exit.status is None
    watchdog.stop()


def test_the_disk_hears_of_an_import_while_it_runs(folder, monkeypatch):
    synced = threading.Event()
    journal = Journal(folder)
    monkeypatch.setattr(journal, "sync", synced.set)
    watchdog = Watchdog(journal, exit=Exit())
    watchdog.start()
    with watchdog.guard(Code("slow", "1.0", "/x"), "import"):
        assert synced.wait(30)
    watchdog.stop()


ENDS = """
    package.mkdir()
    (package / "ends.py").write_text({code!r})
    sys.path.insert(0, str(package.parent))
    with watchdog.guard(Code("hang", "1.0", str(package)), "import"):
        from bloop_hang import ends
    {call}
"""


@pytest.mark.parametrize(
    ("code", "status", "what"),
    [
        ("import os\ndef end(): os._exit(7)", 7, "end (FILE:2), by os._exit(7)"),
        ("import os\ndef end(): os.kill(os.getpid(), 9)", -9, "end (FILE:2), by os.kill"),
        ("import os\ndef end(): os.abort()", -6, "end (FILE:2), by Aborted"),
        (
            "import ctypes\ndef end():\n    ctypes.string_at(0)",
            -11,
            "end (FILE:3), by Segmentation fault",
        ),
    ],
)
def test_who_ends_the_process_leaves_its_name(folder, code, status, what):
    ended = run(folder, ENDS.format(code=code, call="ends.end()"))
    assert ended.returncode == status
    [suspect] = suspects(folder)
    file = folder.parent / "bloop_hang" / "ends.py"
    assert (suspect.plugin, suspect.what) == ("hang", what.replace("FILE", str(file)))


def test_a_crash_of_the_hub_accuses_nobody_who_was_at_work_beside_it(folder):
    code = "def work(event):\n    event.set()\n    while True: pass"
    call = """
    import ctypes, threading
    event = threading.Event()
    threading.Thread(target=ends.work, args=(event,), daemon=True).start()
    event.wait()
    ctypes.string_at(0)
    """
    assert run(folder, ENDS.format(code=code, call=call)).returncode == -11
    assert suspects(folder) == ()


def test_a_child_process_may_end_as_it_likes(folder):
    code = "import os\ndef end():\n    if os.fork() == 0: os._exit(3)\n    os.wait()"
    ended = run(folder, ENDS.format(code=code, call="ends.end(); watchdog.stop()"))
    assert ended.returncode == 0, ended.stderr
    assert suspects(folder) == ()


def test_os_exit_is_what_it_was_after_the_watchdog(folder):
    before = os._exit, os.kill
    watchdog = watching(folder)
    assert os._exit is not before[0]
    watchdog.stop()
    assert (os._exit, os.kill) == before


def test_who_was_at_work_while_memory_grew_is_accused(folder, tmp_path):
    file = tmp_path / "bloop_hang" / "eats.py"
    file.parent.mkdir()
    file.write_text("def eat(held, done):\n    held.append(b'x' * (64 << 20))\n    done.wait(30)\n")
    names = {}
    exec(compile(file.read_text(), str(file), "exec"), names)
    watchdog = watching(folder, memory=resident_bytes() + (32 << 20), deadline=0.4)
    watchdog._culprits.add(Code("hang", "1.0", str(file.parent)))
    watchdog.beat("loop")
    names["eat"]([], watchdog._exit.called)
    assert watchdog._exit.status == EXIT_MEMORY
    watchdog.stop()
    [suspect] = suspects(folder)
    assert suspect.plugin == "hang"
    assert re.search(r"eat \(.*eats.py:\d\), holding \d+ MiB of memory", suspect.what)


def test_memory_of_the_hub_itself_accuses_no_plugin(folder, capfd):
    watchdog = watching(folder, memory=1, deadline=0.4)
    watchdog.beat("loop")
    assert watchdog._exit.called.wait(30)
    watchdog.stop()
    assert watchdog._exit.status == EXIT_MEMORY
    assert "the hub itself: the process holds" in capfd.readouterr().err
    assert suspects(folder) == ()


async def test_memory_that_grows_in_a_task_that_waits_is_the_tasks(tmp_path):
    file = tmp_path / "bloop_hang" / "waits.py"
    names = {}
    exec(compile("async def wait(event):\n    await event.wait()\n", str(file), "exec"), names)
    culprits = Culprits()
    culprits.add(Code("hang", "1.0", str(file.parent)))
    loop, event = asyncio.get_running_loop(), asyncio.Event()

    async def outer():
        await names["wait"](event)

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    [(code, where)] = culprits.at_work(loop)
    event.set()
    await task
    assert (code.plugin, where) == ("hang", f"wait ({file}:2)")


def test_half_of_the_memory_is_the_default_bound():
    assert 0 < default_memory_bytes() <= psutil.virtual_memory().total // 2

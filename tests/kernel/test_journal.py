"""The journal: who was running when a process died."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

from bloop.kernel import journal
from bloop.kernel.journal import Code, Journal, forgive, suspects

CANVAS = Code("canvas", "1.0", "/plugins/bloop_canvas")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


def die(folder, code, **kwargs):
    """Run ``code`` in a process of its own, with a journal; it ends as the code says."""
    head = f"""
        import os
        from pathlib import Path
        from bloop.kernel.journal import Code, Journal, suspects
        journal = Journal(Path({str(folder)!r}))
        canvas = Code("canvas", "1.0", "/plugins/bloop_canvas")
        moodle = Code("moodle", "2.0", "/plugins/bloop_moodle")
    """
    source = textwrap.dedent(head) + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", source], check=False, **kwargs)


def test_a_process_that_dies_in_an_import_leaves_the_plugins_name(folder):
    die(
        folder,
        """
        with journal.running(canvas, "import"): pass
        with journal.running(moodle, "import"): os.kill(os.getpid(), 9)
        """,
    )
    [suspect] = suspects(folder)
    assert (suspect.plugin, suspect.version, suspect.what) == ("moodle", "2.0", "import")
    assert f"process {suspect.pid} died in import (version 2.0, " in str(suspect)
    assert suspects(folder) == (suspect,), "it stays, for every process that starts"


def test_what_ended_accuses_nobody_and_is_cleared_away(folder):
    die(folder, "with journal.running(canvas, 'import'): pass\nos._exit(1)")
    assert len(list(folder.iterdir())) == 1
    assert suspects(folder) == ()
    assert list(folder.iterdir()) == []


def test_an_exception_is_an_end(folder):
    die(
        folder,
        """
        try:
            with journal.running(canvas, "import"): 1 / 0
        except ZeroDivisionError: pass
        os._exit(1)
        """,
    )
    assert suspects(folder) == ()


def test_a_living_process_is_no_suspect(folder):
    journal = Journal(folder)
    with journal.running(CANVAS, "import"):
        asked = die(folder, "print(len(suspects(journal.folder)))", capture_output=True)
        assert asked.stdout == b"0\n"
        assert suspects(folder) == ()
    journal.close()
    assert not list(folder.glob(f"{os.getpid()}-*"))


def test_a_journal_that_accuses_stays_when_it_is_closed(folder):
    journal = Journal(folder)
    journal.begin(CANVAS, "read (/plugins/bloop_canvas/api.py:3)")
    journal.sync()
    journal.close()
    assert [suspect.what for suspect in suspects(folder)] == [
        "read (/plugins/bloop_canvas/api.py:3)"
    ]


def test_forgiving_one_keeps_the_other(folder):
    die(folder, "journal.begin(canvas, 'import'); journal.begin(moodle, 'import')")
    forgive(folder, "canvas")
    assert [suspect.plugin for suspect in suspects(folder)] == ["moodle"]
    forgive(folder, "moodle")
    assert suspects(folder) == ()
    assert list(folder.iterdir()) == []


def test_a_torn_line_hides_nothing(folder):
    die(folder, "journal.begin(canvas, 'import')")
    [path] = folder.glob("*.jsonl")
    with path.open("a") as file:
        file.write('{"end": 1')
    assert [suspect.plugin for suspect in suspects(folder)] == ["canvas"]


def test_a_full_disk_is_no_reason_to_stop(folder, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    journal = Journal(folder)
    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "fdatasync", full)
    with journal.running(CANVAS, "import"):
        journal.sync()
    journal.close()


STACKS = """\
Thread 0x00007f01 (most recent call first):
  File "/plugins/bloop_moodle/wait.py", line 5 in wait
  File "/usr/lib/python3.11/threading.py", line 1 in run

Current thread 0x00007f02 (most recent call first):
  File "/usr/lib/python3.11/re/__init__.py", line 166 in match
  File "{file}", line 9 in parse
  File "/hub/bloop/kernel/kernel.py", line 1 in call
"""


@pytest.mark.parametrize(
    ("file", "suspect", "what"),
    [
        ("/plugins/bloop_canvas/html.py", "canvas", "parse (/plugins/bloop_canvas/html.py:9)"),
        ("/plugins/bloop_canvas_extra/x.py", "moodle", "wait (/plugins/bloop_moodle/wait.py:5)"),
    ],
)
def test_stacks_name_the_plugin_that_burned_the_time(folder, file, suspect, what):
    die(
        folder,
        """
        for code in (canvas, moodle):
            with journal.running(code, "import"): pass
        journal.stacks.write_text("")
        os._exit(1)
        """,
    )
    [path] = folder.glob("*.stacks")
    path.write_text(STACKS.format(file=file))
    assert [(found.plugin, found.what) for found in suspects(folder)] == [(suspect, what)]


def test_stacks_of_the_hub_alone_accuse_nobody(folder):
    die(folder, "journal.stacks.write_text('File \"/hub/x.py\", line 1 in f')\nos._exit(1)")
    assert suspects(folder) == ()
    assert list(folder.iterdir()) == []


def test_lines_are_plain_json(folder):
    die(folder, "journal.begin(canvas, 'import')")
    [path] = folder.glob("*.jsonl")
    line = json.loads(path.read_text())
    assert line["plugin"] == "canvas"
    assert line["root"] == "/plugins/bloop_canvas"


def test_a_file_that_another_process_clears_away_meanwhile_accuses_nobody(folder, monkeypatch):
    die(folder, "os._exit(1)")
    lock = journal.fcntl.flock

    def locked_late(file, how):
        for path in folder.iterdir():
            path.unlink()
        lock(file, how)

    monkeypatch.setattr(journal.fcntl, "flock", locked_late)
    assert suspects(folder) == ()

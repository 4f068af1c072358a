"""A copy that ends anywhere goes on where it stood, to the same database."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from bloop.ops import copying
from bloop.ops.copying import rows
from bloop.store import migrate
from tests.ops.copying.conftest import holds, move
from tests.ops.copying.test_copying import urls
from tests.ops.left import ROOT

AT_ONCE = 4
EVERY = 10
"""Of so many commits one ends the copy: going on takes a moment, and there are many tables."""


class Interrupted(Exception):  # noqa: N818 - it is what a kill would be
    """The copy ends here."""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ended_after_many_commits_it_gives_the_same(source, target, monkeypatch):
    monkeypatch.setattr(rows, "BATCH_ROWS", AT_ONCE)
    seen = []

    def told(doing, done, total):
        if (doing, done) not in seen and not (doing == "comparing" and "comparing" in dict(seen)):
            seen.append((doing, done))
            if len(seen) % EVERY == 1:
                raise Interrupted

    ended = 0
    while True:
        try:
            report = move(source, target, told=told)
            break
        except Interrupted:
            ended += 1
    assert report.same
    assert len(seen) > len(report.tables)
    assert ended == len(seen[::EVERY])
    assert holds(target) == holds(source)


@pytest.mark.parametrize("step", ["prepare", "settle", "finish", "write_progress"])
def test_ended_within_a_step_it_gives_the_same(source, target, monkeypatch, step):
    """Each way into the step and out of it, the transaction's end included."""
    real = getattr(copying.targets, step)
    left = [True, True]

    def breaks(*arguments):
        if left[0]:
            left[0] = False
            raise Interrupted
        found = real(*arguments)
        if left[1]:
            left[1] = False
            raise Interrupted
        return found

    monkeypatch.setattr(copying.targets, step, breaks)
    for _ in range(2):
        with pytest.raises(Interrupted):
            move(source, target)
    if step == "finish":
        # It was done: there is nothing to go on with.
        assert copying.verify(source, target).same
    else:
        assert move(source, target).same
    migrate.status(target)
    assert holds(target) == holds(source)


KILLED = """
import json, os, signal, sys
from bloop.ops import copying
from bloop.ops.copying import rows
from bloop.store.database import Database

rows.BATCH_ROWS = 4
source, target = (Database(*urls) for urls in json.loads(sys.argv[1]))
left = int(sys.argv[2])

def told(*now):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

assert copying.copy(source, target, {}, told=told).same
"""


def test_killed_processes_leave_what_the_next_one_finishes(source, target):
    codes = []
    for commits in (1, 9, 14, 17, 10_000):
        given = json.dumps([urls(source), urls(target)])
        done = subprocess.run(
            [sys.executable, "-c", KILLED, given, str(commits)], cwd=ROOT, timeout=100, check=False
        )
        codes.append(done.returncode)
    assert codes == [-signal.SIGKILL] * 4 + [0]
    assert holds(target) == holds(source)

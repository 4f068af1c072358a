"""Killed at every step, then run again: the database is the one of an undisturbed run."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bloop.content.engine import Reader, run_read
from bloop.content.runs import OvertakenError
from bloop.content.sync_models import SyncRun
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from bloop.store.migrate import upgrade_core
from tests.content.course import Course, changed, connect, dump, file, leaf, module, page, rows
from tests.support.database import make_call

ROOT = Path(__file__).parents[2]


def first_version():
    pages = [page(n) for n in range(4)]
    leaves = [leaf(one, "m1", 9 - n) for n, one in enumerate(pages)]
    return [module(1), module(2, "m1"), *leaves, *pages, file("a.txt"), page(9, title="x" * 501)]


def second_version():
    contents = first_version()
    contents[-3] = changed(contents[-3], html="<p>new</p>")
    del contents[2], contents[-2]
    return [*contents, page(7)]


class Killed(BaseException):
    """Ends the process as far as the engine can tell."""


class Killer:
    """Dies after the n-th transaction of a run that may write, which is before the next one."""

    def __init__(self, at: int) -> None:
        self.left = at

    def install(self, monkeypatch):
        do = Reader._do

        async def counted(reader, command, /, *args, **kwargs):
            self.left -= 1
            found = await do(reader, command, *args, **kwargs)
            if self.left == 0:
                raise Killed
            return found

        monkeypatch.setattr(Reader, "_do", counted)


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch):
    """As many commits as there are batches, or nothing could come between them."""
    monkeypatch.setattr("bloop.content.engine.RECORDS_AT_ONCE", 1)


@pytest.fixture
def copies(tmp_path, call):
    """Makes copies of a SQLite database that the first version may have been read into."""
    opened = []

    def place(path, connection):
        database = Database(f"sqlite:///{path}")
        opened.append(database)
        return database, connection, Blobs(tmp_path / "blobs")

    async def prepare(contents=None):
        template = tmp_path / "template.db"
        database = Database(f"sqlite:///{template}")
        upgrade_core(database)
        connection = connect(database, call)
        if contents:
            await read((database, connection, Blobs(tmp_path / "blobs")), call, contents)
        database.close_now()

        def copy(name):
            path = tmp_path / f"{name}.db"
            shutil.copy(template, path)
            return place(path, connection)

        return copy

    yield prepare
    for database in opened:
        database.close_now()


async def read(place, call, contents):
    database, connection, blobs = place
    provider = Course(contents=contents, batch_size=5)
    return await run_read(database, blobs, provider, call, connection=connection)


async def killed(place, call, contents, at, monkeypatch):
    """Whether the run died before it was over."""
    with monkeypatch.context() as patch:
        Killer(at).install(patch)
        try:
            await read(place, call, contents)
        except Killed:
            return True
    return False


def over(place, call, expected):
    """Whether as many runs have succeeded as should."""
    runs = [run.state for run in rows(place[0], call, SyncRun)]
    return runs.count("succeeded") == "".join(expected["sync_run"]).count("'succeeded'")


VERSIONS = [(None, first_version()), (first_version(), second_version())]


@pytest.mark.slow
@pytest.mark.parametrize(("before", "contents"), VERSIONS, ids=["first run", "later run"])
async def test_a_kill_at_any_step_resumes_to_the_same_database(
    before, contents, copies, call, monkeypatch
):
    copy = await copies(before)
    whole = copy("whole")
    await read(whole, call, contents)
    expected = dump(whole[0], call)

    at = 1
    while await killed(place := copy(f"killed-{at}"), call, contents, at, monkeypatch):
        # Some die again, elsewhere, before they are let go on.
        if at % 3 == 0 and not over(place, call, expected):
            await killed(place, call, contents, 2, monkeypatch)
        if not over(place, call, expected):
            await read(place, call, contents)
        assert dump(place[0], call) == expected, f"killed at step {at}"
        at += 1

    assert at > 8


async def test_an_older_attempt_cannot_write_any_more(copies, call, monkeypatch):
    place = (await copies())("twice")
    take = Reader._take
    overtaken = []

    async def slow(reader, steps):
        if not overtaken:
            overtaken.append(True)
            await read(place, call, first_version())
        await take(reader, steps)

    monkeypatch.setattr(Reader, "_take", slow)

    with pytest.raises(OvertakenError):
        await read(place, call, first_version())
    assert dump(place[0], call)["sync_run"][0].count("'succeeded'") == 1


CHILD = """
import asyncio, sys
from pathlib import Path
from bloop.content import engine
from bloop.content.engine import run_read
from bloop.store.blobs import Blobs
from bloop.store.database import Database
from tests.content.course import Course
from tests.content.test_interrupted import first_version
from tests.support.database import make_call

engine.RECORDS_AT_ONCE = 1
url, connection, blobs, stop = sys.argv[1:]
count = 0

def progress(done, total, message):
    global count
    count += 1
    print(count, flush=True)
    if count == int(stop):
        sys.stdin.read()

database = Database(url)
provider = Course(contents=first_version(), batch_size=3)
asyncio.run(run_read(
    database, Blobs(Path(blobs)), provider, make_call(), connection=connection, progress=progress
))
"""


def read_in_child_and_kill(url, connection, blobs, stop):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, connection, str(blobs), str(stop)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    for _ in range(stop):
        assert child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize("stop", [1, 3])
async def test_a_killed_process_is_continued_by_the_next(database, tmp_path, call, stop):
    connection = connect(database, call)
    blobs = tmp_path / "blobs"
    url = database.url.render_as_string(hide_password=False)
    await asyncio.to_thread(read_in_child_and_kill, url, connection, blobs, stop)

    provider = Course(contents=first_version(), batch_size=3)
    report = await run_read(database, Blobs(blobs), provider, make_call(), connection=connection)

    assert (report.seen, report.written, report.quarantined) == (13, 12, 1)
    assert next(at for stream, at in provider.reads if stream == "tree") == (stop - 1) * 3

"""A course's reading that is killed anywhere: the job heals, and suggests nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from bloop.accounts.sessions import system_call
from bloop.content import service as content
from bloop.graph.models import Concept, ConceptEdge, ConceptName, Coverage, GraphVersion
from bloop.hub import Hub
from bloop.hub.inferring import ask_for_graph
from bloop.jobs.models import Job

RUNNING = """
import asyncio, json, os, signal, sys
from pathlib import Path
from bloop.graph import suggesting
from bloop.graph.writing import Writing
from bloop.hub import Hub, inferring
from bloop.jobs import ledger
from bloop.jobs.models import OVER, Job

def dies(owner, name, *, first):
    real = getattr(owner, name)
    def dying(*args, **kwargs):
        if not first:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    dying.bloop_action = getattr(real, "bloop_action", None)
    setattr(owner, name, dying)

STEPS = {
    "inferring": (inferring, "infer", True),
    "inferred": (inferring, "infer", False),
    "suggesting": (Writing, "_log", True),
    "suggested": (inferring, "suggest", False),
    "committed": (ledger, "finish", True),
}

async def run(path, job):
    hub = Hub.open(Path(path), "api")
    await hub.jobs.start()
    call = inferring.system_call(hub.institution)
    while True:
        with hub.database.reading(call) as unit:
            if unit.session.get(Job, job).state in OVER:
                os._exit(0)
        await asyncio.sleep(0.02)

for line in sys.stdin:
    path, store, job, wanted = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # Its log is no answer.
        os.environ |= store
        if wanted:
            owner, name, first = STEPS[wanted]
            dies(owner, name, first=first)
        try:
            asyncio.run(run(path, job))
        finally:
            os._exit(1)
    print(os.waitpid(child, 0)[1], flush=True)
"""
PAGES = {
    "Vectors": "<p>A <dfn>vector</dfn> has a direction. Vectors add. A vector is long.</p>",
    "Matrices": "<p>A <dfn>matrix</dfn> maps a vector to a vector. Each row is a vector.</p>",
}
TABLES = (Concept, ConceptName, ConceptEdge, Coverage, GraphVersion)


@pytest.fixture
def hub(hub_toml):
    opened = Hub.open(hub_toml, "api")
    opened.tables.prepare()
    yield opened
    opened.database.close_now()


@pytest.fixture(scope="module")
def processes():
    """Runs a job in a process that is killed at a step, or comes to the job's end; how it ended."""
    parent = subprocess.Popen(
        [sys.executable, "-c", RUNNING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(hub, job, step=""):
        store = {name: one for name, one in os.environ.items() if name.startswith("BLOOP_STORE__")}
        parent.stdin.write(json.dumps([str(hub.config.path), store, job, step]) + "\n")
        parent.stdin.flush()
        return int(parent.stdout.readline())

    yield run
    parent.stdin.close()
    assert parent.wait(20) == 0
    parent.stdout.close()


SLOW = [
    pytest.param(one, marks=pytest.mark.slow) for one in ("inferring", "suggesting", "committed")
]


@pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", ["inferred", "suggested", *SLOW])
def test_a_reading_that_was_killed_is_done_by_the_next_start_and_once(hub, processes, step):
    call = system_call(hub.institution)

    def ask(unit):
        row = content.create_container(unit, title="Algebra")
        for title, html in PAGES.items():
            content.create_item(unit, row.id, kind="page", title=title, html=html)
        return ask_for_graph(unit, row.id, enqueue=hub.jobs.enqueue)

    def left():
        with hub.database.unit(call) as unit:
            session = unit.session
            return [session.scalar(select(func.count()).select_from(one)) for one in TABLES]

    with hub.database.unit(call) as unit:
        job = ask(unit)
    assert processes(hub, job, step) == signal.SIGKILL
    written = left()
    assert any(written) == (step == "committed")
    assert processes(hub, job) == os.EX_OK
    with hub.database.unit(call) as unit:
        done = unit.session.get(Job, job)
        assert (done.state, done.attempts) == ("succeeded", 2)
    concepts, names, _, _, versions = left()
    assert (concepts, names, versions) == (2, 2, 1)
    if step == "committed":
        assert left() == written

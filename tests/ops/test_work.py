"""``bloop worker``: runs what a hub asks for, beside it, and comes back when it dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs import ledger
from bloop.jobs.queries import JOB
from bloop.kernel.queries import PROCESSES
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import parsed, to_dicts
from bloop_sdk.testing.distributions import write_plugin

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 60

JOBS = """
import asyncio, os

async def slow(ctx, payload):
    ctx.progress(1, 1, str(os.getpid()))
    if payload.get("first") and not os.path.exists(payload["first"]):
        open(payload["first"], "w").close()
        await asyncio.sleep(3600)
    await asyncio.sleep(payload.get("seconds", 0))
    return os.getpid()
"""
DECLARED = [{"kind": "slow", "handler": "bloop_toiler.jobs:slow", "queue": "render", "priority": 2}]


@pytest.fixture
def hub(hub_toml, site):
    """A hub that is only asked, with a plugin whose job is of the queue render."""
    write_plugin(
        site, "toiler", files={"jobs.py": JOBS}, manifest={"contributes": {"jobs": DECLARED}}
    )
    with hub_toml.open("a") as file:
        file.write('\n[log]\nformat = "text"\n\n[plugins.toiler]\nenabled = true\n')
    hub = Hub.open(hub_toml, "cli")
    hub.tables.prepare()
    yield hub
    hub.database.close_now()


@contextlib.contextmanager
def worker(hub, site, *options, command="worker", said="Bloop works"):
    log = site / f"{command}.log"
    with log.open("a") as file:
        process = subprocess.Popen(
            [BLOOP, "--config", hub.config.path, command, *options],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(site)},
        )
    try:
        wait(lambda: said in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield process, log
    finally:
        if process.poll() is None:
            for one in [*psutil.Process(process.pid).children(), process]:
                one.kill()
        process.wait()


def wait(condition):
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def ask(hub, **payload):
    call = system_call(hub.institution)
    options = {"plugin_id": "toiler", "queue": "render"}
    return in_unit(hub.database, call, ledger.enqueue, "toiler.slow", payload, **options)


def job(hub, id_):
    call = system_call(hub.institution)
    return JOB.as_dict(hub.database.read_now(JOB, call, id=id_)[0])


def processes(hub):
    call = system_call(EVERY_INSTITUTION)
    return to_dicts(PROCESSES, hub.database.read_now(PROCESSES, call))


@pytest.mark.slow
def test_a_worker_runs_its_queues_is_known_and_drains(hub, site):
    with worker(hub, site, "--queues", "render", "--workers", "3") as (process, log):
        done = ask(hub)
        other = in_unit(
            hub.database, system_call(hub.institution), ledger.enqueue, "toiler.slow", {}
        )
        wait(lambda: job(hub, done)["state"] == "succeeded")
        (known,) = processes(hub)
        assert (known["kind"], known["workers"]) == ("worker", 3)
        assert parsed(known["queues"]) == ["render"]
        assert parsed(job(hub, done)["result"]) == known["pid"] != process.pid
        long = ask(hub, seconds=1.5)
        wait(lambda: job(hub, long)["state"] == "running")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()
    # What ran has come to its end, what is of another queue waits for somebody else.
    assert job(hub, long)["state"] == "succeeded"
    assert job(hub, other)["state"] == "waiting"
    assert processes(hub) == []


@pytest.mark.slow
@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
def test_a_worker_that_is_killed_comes_back_and_tries_again(hub, site, tmp_path):
    first = tmp_path / "first"
    with worker(hub, site) as (process, log):
        id_ = ask(hub, first=str(first))
        wait(first.exists)
        (child,) = psutil.Process(process.pid).children()
        child.kill()
        wait(lambda: job(hub, id_)["state"] == "succeeded")
        assert job(hub, id_)["attempts"] == 2
        assert "starts again" in log.read_text()
        assert process.poll() is None


@pytest.mark.slow
def test_a_process_that_serves_alone_leaves_jobs_to_workers(hub, site):
    with worker(hub, site, "--port", "0", command="serve", said="Bloop is up"):
        (serving,) = wait(lambda: processes(hub))
        assert (serving["kind"], serving["workers"]) == ("api", 0)
        id_ = ask(hub)
        with worker(hub, site):
            wait(lambda: job(hub, id_)["state"] == "succeeded")
        assert parsed(job(hub, id_)["result"]) not in {serving["pid"], os.getpid()}


def test_a_queue_that_can_have_no_jobs_is_refused(hub_toml):
    done = subprocess.run(
        [BLOOP, "--config", hub_toml, "worker", "--queues", "sync,Ren der"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'Ren der' is no name of a queue" in done.stderr

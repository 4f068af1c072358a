"""Celery's worker as a family of processes: whoever of them dies or hangs, work goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from bloop.hub import Hub
from bloop.jobs.broker import Broker
from bloop.ops.health import report
from bloop.ops.prefork import DEAF_SECONDS, EXIT_DEAF, Watch
from bloop.ops.slots import Slots
from bloop.store.database import Database
from bloop.store.migrate import upgrade_core
from tests.jobs.carriers import running, served
from tests.support.ports import find_free_port

pytestmark = pytest.mark.slow
LIMITS = "watchdog_seconds = 3\ndrain_seconds = 2\n"


@pytest.fixture(scope="module")
def hub(postgres_cluster, tmp_path_factory):
    made = postgres_cluster.create(postgres_cluster.template("core", _migrate))
    folder = tmp_path_factory.mktemp("prefork")
    with served(
        "celery+redis", (made.app_url, made.owner_url), folder, "--workers=2", limits=LIMITS
    ) as found:
        yield found
    postgres_cluster.drop(made)


def _migrate(made):
    database = Database(made.app_url, made.owner_url)
    upgrade_core(database)
    database.close_now()


def _family(hub):
    """The supervisor, the parent and its children, once they are all there."""
    supervisor = psutil.Process(hub.worker.pid)

    def whole():
        parents = supervisor.children()
        children = parents[0].children() if len(parents) == 1 else []
        return len(children) == 2 and (parents[0], children)

    return supervisor, *hub.until(whole)


def test_children_end_with_a_parent_that_is_killed_and_all_come_back(hub):
    _, parent, children = _family(hub)
    id_ = hub.ask("orphaned", until="/nowhere")
    hub.until(lambda: hub.lines("orphaned"))
    parent.kill()
    psutil.wait_procs(children, timeout=30)
    assert not any(one.is_running() for one in children)
    hub.ends(id_)
    assert [what for what, *_ in hub.lines("orphaned")] == ["began", "began", "ended"]


def test_children_follow_when_a_plugin_is_switched(hub):
    toml = hub.folder / "hub.toml"
    pids = {child.pid for child in _family(hub)[2]}

    def generations():
        return {row["pid"]: row["generation"] for row in hub.processes() if row["pid"] in pids}

    on = hub.until(lambda: len(found := generations()) == 2 and found)
    written = toml.read_text()
    toml.write_text(written.replace("enabled = true", "enabled = false"))
    hub.until(lambda: all(now != on[pid] for pid, now in generations().items()))
    id_ = hub.ask("switched")
    toml.write_text(written)
    hub.until(lambda: generations() == on)
    hub.ends(id_)


def test_a_broker_that_is_away_makes_the_hub_no_less_ready(hub, monkeypatch, tmp_path):
    lines = _checks(hub.folder / "hub.toml")
    assert (lines["broker"].ok, lines["broker"].detail) == (
        True,
        hub.broker.url.removesuffix("/0"),
    )
    address = f"127.0.0.1:{find_free_port()}"
    monkeypatch.setenv("BROKER", f"redis://:hunter2hunter2@{address}/0")
    line = _checks(hub.folder / "hub.toml")["broker"]
    assert line.ok is None and line.cure and address in line.detail
    assert "hunter2" not in line.detail + line.cure


def _checks(path):
    import asyncio

    hub = Hub.open(path, "api")
    assert hub.workers == 0, "who serves runs no jobs"
    try:
        return {line.name: line for line in asyncio.run(report(hub))}
    finally:
        hub.database.close_now()


def test_a_worker_that_is_told_to_stop_lets_short_jobs_end_and_gives_long_ones_back(hub):
    long = hub.ask("long", until="/nowhere")
    short = hub.ask("short", until=str(hub.folder / "short"))
    hub.until(lambda: len(hub.lines("long", "short")) == 2)
    _, _, children = _family(hub)
    os.kill(hub.worker.pid, signal.SIGTERM)
    (hub.folder / "short").touch()
    assert hub.worker.wait(60) == 0, hub.log.read_text()[-3000:]
    assert (hub.job(short)["state"], hub.job(long)["state"]) == ("succeeded", "waiting")
    assert [what for what, *_ in hub.lines("long")] == ["began", "cancelled"]
    assert not {row["pid"] for row in hub.processes()} & {one.pid for one in children}


def test_a_child_whose_loop_hangs_is_ended_and_its_job_goes_on(hub):
    # A worker of its own: whose plugin hung is switched off in the next process.
    with running(hub.folder / "hub.toml", hub.log, "--workers=2") as hub.worker:
        pids = {child.pid for child in _family(hub)[2]}
        # One that takes up the plugin after it has hung elsewhere leaves it out.
        hub.until(lambda: pids <= hub.ready("toiler"))
        id_ = hub.ask("hangs", hangs=True)
        hub.until(lambda: hub.job(id_)["state"] == "succeeded")
    (_, _, first), (_, _, second), _ = hub.lines("hangs")
    assert first != second
    assert "showed no life, held up in work" in hub.log.read_text()


def test_a_worker_waits_for_its_broker_and_shows_no_password(hub, tmp_path, monkeypatch):
    port = find_free_port()
    monkeypatch.setenv("BROKER", f"redis://:hunter2hunter2@127.0.0.1:{port}/0")
    log = tmp_path / "log"
    with running(hub.folder / "hub.toml", log) as process:
        _wait(lambda: "Cannot connect" in log.read_text())
        assert process.poll() is None
    assert str(port) in log.read_text()
    assert "hunter2" not in log.read_text()


def test_a_child_that_shows_no_life_is_ended_by_its_parent():
    slots = Slots(2)
    slots.beat(0, is_busy=False)
    code = "import sys, time; print('up', flush=True); time.sleep(3600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as silent:
        assert silent.stdout is not None and silent.stdout.readline() == b"up\n"
        slots._values[4:7] = memoryview(_shown(silent.pid)).cast("B").cast("d")
        watch = Watch("redis://127.0.0.1", [""], slots, stall=5)
        for _ in range(9):
            slots.beat(0, is_busy=False)
            watch.end_silent(2.0)
        assert silent.wait(30) == -signal.SIGKILL
    assert [one.pid for one in slots.shown()] == [os.getpid()]


@pytest.mark.parametrize("is_busy", [False, True])
def test_a_parent_that_takes_no_offers_while_a_child_is_idle_ends(
    empty_redis_url, monkeypatch, is_busy
):
    ended = []
    monkeypatch.setattr("bloop.ops.prefork.os._exit", ended.append)
    slots = Slots(1)
    slots.beat(0, is_busy=is_busy)
    watch = Watch(empty_redis_url, ["sync"], slots, stall=3600)
    watch.end_deaf(DEAF_SECONDS)
    assert ended == [], "nothing lies there"
    broker = Broker(empty_redis_url)
    broker.offer(["sync"])
    broker.close()
    watch.end_deaf(DEAF_SECONDS / 2)
    assert ended == []
    watch.end_deaf(DEAF_SECONDS / 2)
    assert ended == ([] if is_busy else [EXIT_DEAF])


def _shown(pid):
    import array

    return array.array("d", [pid, time.monotonic(), 0])


def _wait(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)

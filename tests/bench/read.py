"""GET of one item and of a list of 50, in server CPU a request, against FastAPI with the ORM.

Ours is the whole hub as `bloop up` runs it: a learner's session, action, metrics, access log, the
security headers, on PostgreSQL row-level security too. The peers, without any of these, answer the
same rows: on SQLite a sync endpoint with an ORM session (the tutorial's way), on PostgreSQL an
async one with an AsyncSession as a superuser. Same uvicorn settings; a load client of its own keeps
eight connections busy. `--quick` measures for some seconds only.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psutil
from _harness import Bench

from bloop.accounts.models import User
from bloop.accounts.service import ensure_institution, start_session
from bloop.accounts.sessions import system_call
from bloop.content.models import Container, Item
from bloop.store.database import Database
from bloop.store.ids import new_id
from bloop.store.migrate import upgrade_core
from bloop.store.models import EVERY_INSTITUTION
from bloop.tables import core_metadata
from bloop_sdk import Role

HERE = Path(__file__).resolve().parent
BLOOP = Path(sys.executable).with_name("bloop")
QUICK = "--quick" in sys.argv
ROUNDS, ITEM_REQUESTS, LIST_REQUESTS = (3, 400, 150) if QUICK else (9, 3000, 1000)
CONNECTIONS = 8
ITEMS = 500
HTML = "<p>Sound is a wave of pressure: it needs something to travel through.</p>" * 12


@dataclass(frozen=True)
class Filled:
    """What the requests name."""

    institution: str
    container: str
    items: tuple[str, ...]
    token: str


def fill(database: Database) -> Filled:
    """A course of 500 published pages, and a learner who is logged in."""
    core_metadata()
    upgrade_core(database)
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        home = ensure_institution(unit, name="Bench").id
    with database.unit(system_call(home)) as unit:
        learner = User(institution_id=home, name="Lea", role=Role.LEARNER)
        unit.session.add(learner)
        unit.session.flush()
        token = start_session(unit, learner).token
        course = new_id()
        unit.session.add(
            Container(
                institution_id=home, id=course, remote_id=course, kind="course", title="Waves"
            )
        )
        unit.session.flush()
        ids = tuple(new_id() for _ in range(ITEMS))
        unit.session.add_all(
            Item(
                institution_id=home,
                id=id_,
                remote_id=id_,
                container_id=course,
                kind="page",
                title=f"Lesson {number}",
                language="en",
                html=HTML,
                data={"objectives": ["Name what a wave carries", "Tell period from frequency"]},
            )
            for number, id_ in enumerate(ids)
        )
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    return Filled(home, course, ids, token)


@contextlib.contextmanager
def served(command: tuple[str | Path, ...], port: int, env: dict[str, str]) -> Iterator[int]:
    """A server's process id, once it answers."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | env
    )
    try:
        for _ in range(3000):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            if process.poll() is not None:
                raise SystemExit(f"{command} ended with {process.returncode}")
            time.sleep(0.02)
        time.sleep(1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def load(port: int, paths: tuple[str, ...], header: str, count: int) -> None:
    """Send ``count`` requests over some connections, each as soon as the last one's answer came."""
    heads = [
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
        f"{header}User-Agent: bench\r\n\r\n".encode()
        for path in paths
    ]
    selector = selectors.DefaultSelector()
    sent = 0
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        selector.register(connection, selectors.EVENT_READ, bytearray())
        connection.sendall(heads[sent % len(heads)])
        sent += 1
    answered = 0
    while answered < count:
        for key, _ in selector.select():
            buffer: bytearray = key.data
            connection = key.fileobj  # type: ignore[assignment]
            buffer += connection.recv(1 << 18)
            if not complete(buffer):
                continue
            if not buffer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(bytes(buffer[:300]).decode())
            buffer.clear()
            answered += 1
            if sent < count:
                connection.sendall(heads[sent % len(heads)])
                sent += 1
    for key in list(selector.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]


def complete(buffer: bytearray) -> bool:
    """Whether a whole answer has come."""
    head, blank, body = buffer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
    return len(body) >= int(length)


def serving(pid: int) -> psutil.Process:
    """The process that answers: `bloop up` watches over it."""
    process = psutil.Process(pid)
    return next(iter(process.children()), process)


def measured(pid: int, port: int, paths: tuple[str, ...], header: str, count: int) -> float:
    """CPU seconds of the server for each request."""
    process = serving(pid)
    before = process.cpu_times()
    client = get_context("fork").Process(target=load, args=(port, paths, header, count))
    client.start()
    client.join()
    if client.exitcode:
        raise SystemExit("the load client failed")
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / count


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def compare(
    bench: Bench, label: str, urls: tuple[str, str], peer: tuple[str, str], folder: Path
) -> None:
    """Measure hub and peer on one database; ``peer`` is its kind and its URL."""
    database = Database(*urls)
    filled = fill(database)
    database.close_now()
    config = folder / f"{label}.toml"
    config.write_text(f'[hub]\ndata_dir = "{label}"\n')
    env = {"BLOOP_STORE__URL": urls[0], "BLOOP_STORE__OWNER_URL": urls[1]}
    ours, theirs = free_port(), free_port()
    bearer = f"Authorization: Bearer {filled.token}\r\n"
    up = (BLOOP, "--config", config, "up", "--port", str(ours))
    other = (sys.executable, HERE / "_read_peers.py", *peer, str(theirs))
    with served(up, ours, env) as hub, served(other, theirs, {}) as rival:
        items = tuple(f"/api/v1/items/{id_}" for id_ in filled.items)
        lists = (f"/api/v1/containers/{filled.container}/items?limit=50",)
        their_items = tuple(f"/{filled.institution}/items/{id_}" for id_ in filled.items)
        their_lists = (f"/{filled.institution}/containers/{filled.container}/items?limit=50",)

        def case(pid: int, port: int, paths: tuple[str, ...], count: int) -> Callable[[], float]:
            return lambda: measured(pid, port, paths, bearer, count)

        for what, mine, other_paths, count in (
            ("item", items, their_items, ITEM_REQUESTS),
            ("list", lists, their_lists, LIST_REQUESTS),
        ):
            ours_name, peer_name = f"{label} {what}, hub", f"{label} {what}, {peer[0]} ORM"
            rows = bench.rounds(
                {
                    ours_name: case(hub, ours, mine, count),
                    peer_name: case(rival, theirs, other_paths, count),
                },
                rounds=ROUNDS,
            )
            bench.ratio(f"{what}_gain_{label}", rows[peer_name], rows[ours_name])


def main() -> None:
    """Measure and print."""
    bench = Bench("read", peers=("fastapi", "sqlalchemy", "psycopg", "uvicorn"))
    with tempfile.TemporaryDirectory(prefix="bloop-read-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.db'}"
        compare(bench, "sqlite", (url, url), ("sync", url), folder)
        with warnings.catch_warnings(), postgres() as (app_url, owner_url, admin_url):
            compare(bench, "pg", (app_url, owner_url), ("async", admin_url), folder)
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, str, str]]:
    """The URLs of a fresh database as who serves, who owns, and as a superuser."""
    sys.path.insert(0, str(HERE.parents[1]))
    from tests.support.postgres import connect
    from tests.support.run import create_run_folder, remove_run_folder

    folder = create_run_folder()
    try:
        cluster = connect(folder, "bench")
        made = cluster.create()
        yield made.app_url, made.owner_url, made.admin_url
        cluster.drop(made)
        cluster.close()
    finally:
        remove_run_folder(folder)


if __name__ == "__main__":
    main()

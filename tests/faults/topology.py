"""Two API processes and two workers under load: one of each is killed, and nobody else notices.

Clients read and write over both API processes in turn, as behind a proxy. A request that was on its
way to the killed process as it died is lost, and counts as in flight; whoever finds nobody there
asks the other one. Everything else that is not a 2xx is a failure.

`python tests/faults/topology.py --json` prints `{"requests", "failed", "in_flight", "turned_away",
"before", "killed", "after"}`, the last three as `bloop topology --json` tells them, and ends with 1
where a request failed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.faults import flow  # noqa: E402 - found by the line above
from tests.faults.judge import Books, wait_until_drained  # noqa: E402
from tests.faults.processes import Hub, running, wait  # noqa: E402

CLIENTS = 4
PAUSE = 0.03
PATHS = ("/x/flow/hello", "/api/v1/containers", "/x/flow/change")


@dataclass
class Load:
    """Clients that ask hosts in turn; ``killed`` tells which of them died, and when."""

    hosts: list[str]
    token: str
    killed: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    in_flight: int = 0
    turned_away: int = 0
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        chance = random.Random(number)
        connections = {host: http.client.HTTPConnection(host, timeout=30) for host in self.hosts}
        turn = number
        while not self._stop.is_set():
            path = PATHS[turn // len(self.hosts) % len(PATHS)]
            self._request(connections, turn, path, chance)
            turn += 1
            time.sleep(PAUSE)
        for connection in connections.values():
            connection.close()

    def _request(
        self,
        connections: dict[str, http.client.HTTPConnection],
        turn: int,
        path: str,
        chance: random.Random,
    ) -> None:
        """Ask one host; who is found dead before anything was sent is passed over."""
        for offset in range(len(self.hosts)):
            host = self.hosts[(turn + offset) % len(self.hosts)]
            sent = time.time()
            fault = self._one(connections[host], path, chance)
            with self._lock:
                died = self.killed.get(host)
                if fault is None or died is None:
                    break
                if sent <= died:
                    # Whoever kills notes the time before, so this one may have been under way.
                    self.in_flight += 1
                    self.requests += 1
                    return
                self.turned_away += 1
        with self._lock:
            self.requests += 1
            if fault is not None:
                self.failures.append(f"{path} of {host}: {fault}")

    def _one(
        self, connection: http.client.HTTPConnection, path: str, chance: random.Random
    ) -> str | None:
        """What was wrong with an answer, if anything."""
        headers = {"authorization": f"Bearer {self.token}", "accept": "application/json"}
        method, body = "GET", None
        if path.endswith("change"):
            method, aggregate = "POST", f"a{chance.randrange(flow.AGGREGATES)}"
            body = json.dumps({"key": str(uuid.uuid4()), "aggregate": aggregate, "work": 0.1})
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as err:
            connection.close()
            return repr(err)
        return None if answer.status == 200 else f"{answer.status} {text[:200]!r}"


def run(folder: Path, *, requests: int, **hub_options: Any) -> dict[str, Any]:
    """Ask so often before one of each kind is killed, after it, and after both are back."""
    with running(folder, **hub_options) as hub:
        api, worker = hub.apis[0], hub.workers[0]
        with Load([one.host for one in hub.apis], hub.token) as load:
            _await(load, requests)
            before = _processes(hub)
            load.killed[api.host] = time.time()
            gone = {api.kill("tree"), worker.kill("tree")}
            killed = _processes(hub)
            _await(load, 2 * requests)
            for tree in (api, worker):
                assert tree.process is not None
                tree.process.wait()
                tree.start()
            wait(lambda: api.is_up() and worker.is_up(), "the killed ones are back")
            with load._lock:
                del load.killed[api.host]
            _await(load, 3 * requests)
            after = _processes(hub)
        books = Books(hub.database, hub.traps / "deliveries")
        wait_until_drained(books, 60)
        changes = books.one("SELECT count(*) FROM flow_change")
        jobs = books.one("SELECT count(*) FROM job WHERE state = 'succeeded'")
        books.engine.dispose()
    return {
        "requests": load.requests,
        "failed": len(load.failures),
        "in_flight": load.in_flight,
        "turned_away": load.turned_away,
        "changes": changes,
        "jobs_done": jobs,
        "victims": sorted(pid for pid in gone if pid is not None),
        "before": before,
        "killed": killed,
        "after": after,
        "failures": load.failures[:5],
    }


def _await(load: Load, requests: int) -> None:
    wait(lambda: load.requests >= requests, f"{requests} requests")


def _processes(hub: Hub) -> list[dict[str, Any]]:
    """What `bloop topology` says of each process that is one of ours."""
    shown = ("kind", "pid", "generation", "is_current", "is_stale", "queues", "workers", "jobs")
    found = hub.bloop("topology")["processes"]
    return [{name: one[name] for name in shown} for one in found if one["kind"] != "cli"]


def main() -> int:
    """Run with a server of our own, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one line alone")
    parser.add_argument("--requests", type=int, default=1000, help="before, between and after")
    options = parser.parse_args()
    from tests.support import postgres
    from tests.support.run import create_run_folder, remove_run_folder

    run_folder = create_run_folder()
    try:
        made = postgres.connect(run_folder, "topology").create()
        urls = {"url": made.app_url, "owner_url": made.owner_url, "admin_url": made.admin_url}
        with tempfile.TemporaryDirectory() as folder:
            report = run(Path(folder), requests=options.requests, **urls)
    finally:
        remove_run_folder(run_folder)
    print(json.dumps(report, indent=None if options.json else 2))
    return 1 if report["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())

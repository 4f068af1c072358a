"""A client process of the fault tests: asks hubs over connections that stay open, and judges."""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any

THREADS = 4


@dataclass
class Tally:
    """What clients met; the first failures in words."""

    requests: int = 0
    by_status: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    failed: int = 0

    def add(self, other: dict[str, Any]) -> None:
        """Count in what one client met."""
        self.requests += other["requests"]
        self.failed += other["failed"]
        self.failures = (self.failures + other["failures"])[:5]
        for status, count in other["by_status"].items():
            self.by_status[status] = self.by_status.get(status, 0) + count


def main() -> None:
    """Ask until standard input ends, then print what was met."""
    task = json.loads(sys.stdin.readline())
    tally, lock, stop = Tally(), threading.Lock(), threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(task, number, tally, lock, stop))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for _ in sys.stdin:  # Each line asks how far we are.
        print(tally.requests, flush=True)
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps(asdict(tally)), flush=True)


def _ask(
    task: dict[str, Any], number: int, tally: Tally, lock: threading.Lock, stop: threading.Event
) -> None:
    connections = [http.client.HTTPConnection(host, timeout=30) for host in task["hosts"]]
    headers = {"authorization": f"Bearer {task['token']}"}
    pause, turn, due = task["pause"], number, time.monotonic()
    while not stop.is_set():
        connection = connections[turn % len(connections)]
        path = task["paths"][turn // len(connections) % len(task["paths"])]
        turn += 1
        status, fault = _one(connection, path, headers)
        with lock:
            tally.requests += 1
            tally.by_status[status] = tally.by_status.get(status, 0) + 1
            if fault:
                tally.failed += 1
                tally.failures.append(f"{path}: {fault}"[:500])
        due = max(due + pause, time.monotonic() - 1)
        time.sleep(max(0, due - time.monotonic()))


def _one(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str]
) -> tuple[str, str | None]:
    """The status of one request, and what was wrong with the answer."""
    accept = "text/html" if path.startswith("/lessons/") else "application/json"
    try:
        connection.request("GET", path, headers=headers | {"accept": accept})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as err:
        connection.close()
        return type(err).__name__, repr(err)
    status = answer.status
    if status == 200:
        return "200", None if body else "an empty answer"
    if path.startswith("/x/") and _is_clean(status, answer.headers.get("retry-after"), body):
        return str(status), None
    return str(status), f"{status} {body.decode('utf-8', 'replace')}"


def _is_clean(status: int, retry_after: str | None, body: bytes) -> bool:
    """Whether the plugin's route says in order that it is off, or comes again in a moment."""
    if status == 503:
        return retry_after is not None
    return status == 404 and json.loads(body)["code"] == "not_found"


if __name__ == "__main__":
    main()

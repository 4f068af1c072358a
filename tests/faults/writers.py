"""Clients of the fault tests: each sends a change again, under its key, until it is told of it.

In between they read. An answer is good where it is a 200, or a problem document that says with a
503 and Retry-After that the hub can't now; ``may_be_cut`` says that connections may break as well.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from tests.faults import flow

LONGEST_SECONDS = 60.0
"""A change that nobody answers for so long has failed."""
LOST_ANSWERS = {"idempotency_answer_lost", "idempotency_answer_withheld"}
LONGEST_WORK = 0.6
READS = ("/x/flow/hello", "/api/v1/containers", "/api/v1/account")
CUT = (
    "ConnectionRefusedError",
    "ConnectionResetError",
    "BrokenPipeError",
    "RemoteDisconnected",
    "BadStatusLine",
    "IncompleteRead",
)


@dataclass
class Sent:
    """A change that was answered for: its tries, and when the first was sent and the last came."""

    key: str
    tries: int
    began: float
    ended: float


@dataclass
class Written:
    """What clients were told."""

    acknowledged: list[Sent] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    failures: list[str] = field(default_factory=list)


class Writers:
    """Threads that change aggregates over HTTP, in turn over several hosts."""

    def __init__(
        self,
        hosts: list[str],
        token: str,
        *,
        seed: int,
        threads: int = 4,
        pause: float = 0.05,
        may_be_cut: bool = True,
    ) -> None:
        self.written = Written()
        self._may_be_cut = may_be_cut
        self._hosts = hosts
        self._token = token
        self._pause = pause
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._write, args=(random.Random(seed * 1000 + n), n))
            for n in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        """How many changes were acknowledged."""
        return len(self.written.acknowledged)

    def _write(self, chance: random.Random, turn: int) -> None:
        connections = [http.client.HTTPConnection(host, timeout=30) for host in self._hosts]
        while not self._stop.is_set():
            key = str(uuid.UUID(int=chance.getrandbits(128), version=4))
            asked = {
                "key": key,
                "aggregate": f"a{chance.randrange(flow.AGGREGATES)}",
                "work": chance.uniform(0, LONGEST_WORK) if chance.random() < 0.3 else None,
            }
            self._send(connections, turn, key, json.dumps(asked))
            time.sleep(chance.uniform(0, self._pause))
            self._read(connections[turn % len(connections)], chance.choice(READS))
            turn += 1
            time.sleep(chance.uniform(0, self._pause))
        for connection in connections:
            connection.close()

    def _send(
        self, connections: list[http.client.HTTPConnection], turn: int, key: str, body: str
    ) -> None:
        """Send one change until it is answered for; who can't be reached is passed over."""
        began, tries, told = time.time(), 0, ""
        headers = {"idempotency-key": key}
        while time.time() < began + LONGEST_SECONDS:
            connection = connections[(turn + tries) % len(connections)]
            tries += 1
            told, after = self._ask(connection, "POST", "/x/flow/change", headers, body)
            if told == "200" or told in LOST_ANSWERS:
                with self._lock:
                    self.written.acknowledged.append(Sent(key, tries, began, time.time()))
                return
            if not self._may_go_on(told):
                break
            time.sleep(min(after, 0.3))
        with self._lock:
            self.written.failures.append(f"{told} at try {tries}, {time.time() - began:.1f} s")

    def _read(self, connection: http.client.HTTPConnection, path: str) -> None:
        told, _ = self._ask(connection, "GET", path, {})
        if told != "200" and not self._may_go_on(told):
            with self._lock:
                self.written.failures.append(f"{path}: {told}")

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: str | None = None,
    ) -> tuple[str, float]:
        """What came of one try in a word (a status or a code), and when to come again."""
        began = time.monotonic()
        try:
            own = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
            connection.request(method, path, body, own | headers)
            answer = connection.getresponse()
            told = _told(answer.status, answer.headers, answer.read())
            after = float(answer.headers.get("retry-after", 0.1))
        except (OSError, http.client.HTTPException) as err:
            connection.close()
            told, after = type(err).__name__, 0.1
        with self._lock:
            self.written.answers[f"{method} {told}"] += 1
            self.written.longest_s = max(self.written.longest_s, time.monotonic() - began)
        return told, after

    def _may_go_on(self, told: str) -> bool:
        """Whether an answer is good, though it is not what was asked for."""
        if told in CUT:
            return self._may_be_cut
        return told.startswith("503 ") or told == "idempotency_in_progress"


def _told(status: int, headers: Any, body: bytes) -> str:
    """An answer in a word; one that is not as it should be in a few."""
    if status == 200:
        return "200"
    if headers.get("content-type") != "application/problem+json":
        return f"{status} without a problem document: {body[:200]!r}"
    code = str(json.loads(body)["code"])
    if status == 503 and "retry-after" not in headers:
        return f"a 503 without Retry-After: {body.decode()}"
    if code in LOST_ANSWERS | {"idempotency_in_progress"}:
        return code
    return f"{status} {code}" if status == 503 else f"{status} {body.decode()}"

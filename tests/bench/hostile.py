"""p99 of a good route beside ten hostile plugins, against the same hub without them.

Two hubs as `bloop up` runs them are asked in turn for the same item, request by request, so that
whatever slows the machine down slows both. Meanwhile another process asks both for what the
hostile plugins do: raise, exit, answer rubbish and wait for ever in routes, raise in hooks of
pages. The hub without them answers those with 404, and the pages as they are.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from _harness import Bench, Row

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.hostile.cases import FEATURE
from tests.hostile.served import Served, served

QUICK = "--quick" in sys.argv
ROUNDS, REQUESTS = (3, 300) if QUICK else (21, 2000)
PLUGINS = (
    "h_raises",
    "h_exit",
    "h_rubbish",
    "h_ugly",
    "r_raises",
    "r_exit",
    "r_ugly",
    "r_rubbish",
    "r_waits",
    "p_json",
)
PAUSE_SECONDS = 0.02


def request(hub: Served, path: str) -> bytes:
    """A GET as its operator sends it, over a connection that stays."""
    token = hub.client.headers["authorization"]
    return (
        f"GET {path} HTTP/1.1\r\nHost: {hub.client.base_url.netloc.decode()}\r\n"
        f"Authorization: {token}\r\nAccept: */*\r\n\r\n"
    ).encode()


def connect(hub: Served) -> socket.socket:
    """A connection to a hub."""
    made = socket.create_connection(("127.0.0.1", hub.client.base_url.port or 80))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def answer(connection: socket.socket) -> bytes:
    """Wait for one whole answer; its status line."""
    buffer = bytearray()
    while True:
        buffer += connection.recv(1 << 16)
        head, blank, body = buffer.partition(b"\r\n\r\n")
        if blank:
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(body) >= length:
                return bytes(head.partition(b"\r\n")[0])


def provoke(hubs: list[Served]) -> None:
    """Wake one hostile plugin after the other, in both hubs alike, until this process ends."""
    while True:
        for plugin in PLUGINS:
            for hub in hubs:
                path = f"/lessons/{hub.item}" if plugin[0] == "h" else f"/x/{plugin}/go"
                with contextlib.suppress(OSError, IndexError), connect(hub) as connection:
                    connection.settimeout(0.1)
                    connection.sendall(request(hub, path))
                    answer(connection)
            time.sleep(PAUSE_SECONDS)


def p99s(hubs: list[Served], count: int) -> list[float]:
    """The 99th percentile of each hub's answers, in seconds."""
    connections = [connect(hub) for hub in hubs]
    asked = [request(hub, f"/api/v1/items/{hub.item}") for hub in hubs]
    seconds: list[list[float]] = [[] for _ in hubs]
    for number in range(count):
        # Who comes first alternates.
        for index in (0, 1) if number % 2 else (1, 0):
            begin = time.perf_counter()
            connections[index].sendall(asked[index])
            status = answer(connections[index])
            seconds[index].append(time.perf_counter() - begin)
            if b" 200 " not in status:
                raise SystemExit(status.decode())
    for connection in connections:
        connection.close()
    return [statistics.quantiles(values, n=100)[98] for values in seconds]


def main() -> None:
    """Measure and print."""
    bench = Bench("hostile", peers=("uvicorn",))
    cases = [case for case in FEATURE if case.id in PLUGINS]
    assert len(cases) == len(PLUGINS) == 10
    with (
        tempfile.TemporaryDirectory(prefix="bloop-hostile-") as name,
        served(Path(name, "none"), []) as good,
        served(Path(name, "ten"), cases, wake=False) as beset,
    ):
        for case in cases:
            (beset.folder / "site" / f"bloop_{case.id}" / "armed").touch()
        hubs = [good, beset]
        provoker = get_context("fork").Process(target=provoke, args=(hubs,), daemon=True)
        provoker.start()
        p99s(hubs, REQUESTS)
        values = [p99s(hubs, REQUESTS) for _ in range(ROUNDS)]
        provoker.terminate()
        provoker.join()
        states = {beset.plugin(case.id)["state"] for case in cases}
        assert states == {"ready", "load_failed"}, states
    none, ten = zip(*values, strict=True)
    rows = [
        Row("GET of an item, no other plugin, p99", "ms", tuple(value * 1e3 for value in none)),
        Row("GET of an item, ten hostile plugins, p99", "ms", tuple(v * 1e3 for v in ten)),
    ]
    bench.rows += rows
    bench.ratio("p99_ratio", rows[1], rows[0])
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

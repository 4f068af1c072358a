"""Syncing a Canvas course of 50 modules with 20 items each, and 1,000 pages of 2 to 5 kB.

The server is a process 20 ms away that enforces Canvas's throttle (_canvas_server.py). The hub's
side is the plugin, its paced and guarded way out, the engine, and every commit, into SQLite. Before
its first sync it has looked at the courses, as whoever connects does to choose; the peers are told
the course by their configuration.

`vs_canvasapi_walk`: canvasapi reads the course as its documentation shows (modules, items, the page
of each) and keeps nothing. `vs_dlt_bulk`: dlt's rest_api source reads the two lists with all that
can be in them, and loads them into SQLite. `vs_dlt_incremental`: nothing has changed, and dlt knows
so by a cursor. Both peers run by a Python of their own (.venv-peers, made when it is missing), and
neither sanitises HTML, keeps versions or says events. `requests`: what the hub asks for pages and
modules, the list of courses included; a rate-limit answer ends the benchmark, and so do a row or
an event too many.

`growth`: microseconds of CPU an item at 10^5 over those at 10^4, `memory_growth`: peak memory at
10^5 over that at 10^4, each in a process of its own. `twenty_at_once`: the time of 20 institutions
that sync at once over 20 times that of one alone; `slowest_over_median`: of the 20, when each was
done. `--quick` leaves out what is large.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from _canvas_server import canvas, control
from _canvas_sync import Hub, connect, said
from _databases import call_of, databases
from _harness import Bench, Row
from _memory import peak_mib

from bloop.content.runs import RunReport
from bloop_sdk import Call

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PEERS = ROOT / ".venv-peers"
Run = Callable[[Coroutine[Any, Any, Any]], Any]
QUICK = "--quick" in sys.argv
MODULES, ITEMS, PAGES = 50, 20, 1000
RECORDS = 1 + MODULES + MODULES * ITEMS + PAGES
ROUNDS = 2 if QUICK else 9
WARMUP = 1 if QUICK else 2
"""A process that has synced twice has the memory that it needs."""
SMALL, LARGE = 10_000, 100_000
INSTITUTIONS = 20


@cache
def peers_python() -> Path:
    """A Python that has the peers."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        print("making .venv-peers for dlt and canvasapi", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        wanted = ["dlt[sqlalchemy]==1.31.0", "canvasapi==3.6.0"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    return python


def peer(kind: str, address: str) -> float:
    """Seconds of a peer."""
    command = [peers_python(), HERE / "_canvas_peers.py", kind, address]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


class Ours:
    """A hub that runs; each measurement is of an institution of its own."""

    def __init__(self, hub: Hub, address: str) -> None:
        self._hub = hub
        self._address = address
        self._numbers = count(1000)
        self.requests = 0

    async def sync(self, *, again: bool = False, edited: bool = False) -> float:
        """Seconds of a first sync, or of the next one, with nothing or one page changed."""
        call, database = call_of(institution(next(self._numbers))), self._hub.database
        connection = connect(database, call)
        await self._hub.choose(self._address, call, connection)
        seconds, report = await self._read(call, connection)
        assert (report.seen, report.written) == (RECORDS, RECORDS), report
        self.requests = report.requests
        if not (again or edited):
            return seconds
        before = said(database, call)
        if edited:
            control(self._address, edit=7)
        seconds, report = await self._read(call, connection)
        written = int(edited)
        assert (report.seen, report.written) == (RECORDS, written), report
        assert said(database, call) - before == written
        return seconds

    async def _read(self, call: Call, connection: str) -> tuple[float, RunReport]:
        control(self._address)
        begin = time.perf_counter()
        report = await self._hub.sync(self._address, call, connection)
        seconds = time.perf_counter() - begin
        told = control(self._address)
        assert told["refused"] == 0, "Canvas said that it was too much"
        assert report.state == "succeeded"
        assert not report.gaps
        return seconds, report


def institution(number: int) -> str:
    """The id of one of many."""
    return f"00000000-0000-7000-8000-{number:012x}"


async def together(hub: Hub, address: str, number: int) -> list[float]:
    """When each of some institutions was done, in seconds from the beginning of all."""
    calls = [call_of(institution(number * 100 + n)) for n in range(number)]
    connections = [connect(hub.database, call) for call in calls]
    begin = time.perf_counter()

    async def one(number: int) -> float:
        report = await hub.sync(address, calls[number], connections[number])
        assert report.written == RECORDS
        return time.perf_counter() - begin

    return list(await asyncio.gather(*[one(n) for n in range(number)]))


def at_once(bench: Bench, hub: Hub, run: Run, address: str) -> None:
    """Twenty institutions on one hub."""
    alone = run(together(hub, address, 1))[0]
    control(address)
    done = run(together(hub, address, INSTITUTIONS))
    assert control(address)["refused"] == 0
    bench.rows.append(Row("one institution alone", "ms", (alone * 1000,)))
    bench.rows.append(Row(f"{INSTITUTIONS} at once, the last", "ms", (max(done) * 1000,)))
    bench.ratios["twenty_at_once"] = max(done) / alone / INSTITUTIONS
    bench.ratios["slowest_over_median"] = max(done) / statistics.median(done)


async def large(pages: int) -> dict[str, float]:
    """CPU and peak memory of a first sync of a course with so many pages; for a fresh process."""
    with tempfile.TemporaryDirectory(prefix="bloop-large-") as name:
        folder = Path(name)
        with databases(folder) as make, canvas(1, 20, pages) as address:
            hub, call = Hub(make("sqlite").open(), folder), call_of()
            connection = connect(hub.database, call)
            before = time.process_time()
            report = await hub.sync(address, call, connection)
            seconds = time.process_time() - before
            assert report.written == pages + 22, report
            assert control(address)["refused"] == 0
            await hub.close()
    peak = peak_mib()
    return {"us": seconds / report.written * 1e6, "mb": peak}


def growth(bench: Bench) -> None:
    """Ten times the pages."""
    found = {}
    for pages in (SMALL, LARGE):
        command = [sys.executable, __file__, "--pages", str(pages)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found[pages] = json.loads(done.stdout.splitlines()[-1])
        bench.rows.append(Row(f"CPU of an item, {pages:,} pages", "us", (found[pages]["us"],)))
        bench.rows.append(Row(f"peak memory, {pages:,} pages", "MB", (found[pages]["mb"],)))
    bench.ratios["growth"] = found[LARGE]["us"] / found[SMALL]["us"]
    bench.ratios["memory_growth"] = found[LARGE]["mb"] / found[SMALL]["mb"]


def measure(bench: Bench, ours: Ours, run: Run, address: str) -> None:
    """First and later syncs, beside the peers'."""
    ms = {"unit": "ms", "scale": 1000}
    first, bulk = "first sync", "dlt, bulk"
    rows = bench.rounds(
        {first: lambda: run(ours.sync()), bulk: lambda: peer("bulk", address)},
        rounds=ROUNDS,
        warmup=WARMUP,
        **ms,  # type: ignore[arg-type]
    )
    bench.ratio("vs_dlt_bulk", rows[bulk], rows[first])
    walk = Row("canvasapi, walk", "ms", (peer("walk", address) * 1000,))
    bench.rows.append(walk)
    bench.ratios["vs_canvasapi_walk"] = walk.median / rows[first].median
    bench.ratios["requests"] = ours.requests
    later, incremental = "nothing changed", "dlt, incremental, nothing changed"
    rows = bench.rounds(
        {
            later: lambda: run(ours.sync(again=True)),
            incremental: lambda: peer("incremental", address),
        },
        rounds=ROUNDS,
        warmup=WARMUP,
        **ms,  # type: ignore[arg-type]
    )
    bench.ratio("vs_dlt_incremental", rows[incremental], rows[later])
    edited = tuple(run(ours.sync(edited=True)) * 1000 for _ in range(ROUNDS))
    bench.rows.append(Row("one page of 1,000 changed", "ms", edited))


def main() -> None:
    """Measure and print."""
    if "--pages" in sys.argv:
        print(json.dumps(asyncio.run(large(int(sys.argv[-1])))))
        return
    bench = Bench("sync_canvas", peers=("sqlalchemy", "aiohttp"))
    bench.peers |= {"dlt": "1.31.0", "canvasapi": "3.6.0"}
    with tempfile.TemporaryDirectory(prefix="bloop-canvas-") as name:
        folder = Path(name)
        with (
            databases(folder) as make,
            canvas(MODULES, ITEMS, PAGES) as address,
            asyncio.Runner() as runner,
        ):
            hub = Hub(make("sqlite").open(), folder)
            measure(bench, Ours(hub, address), runner.run, address)
            if not QUICK:
                at_once(bench, hub, runner.run, address)
            runner.run(hub.close())
    if QUICK:
        sys.argv.remove("--quick")
    else:
        growth(bench)
    bench.finish()


if __name__ == "__main__":
    main()

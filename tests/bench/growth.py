"""How the throughput of events and jobs stands what waits: from 10^3 to 10^6 of each.

At each size a consumer takes events, and the embedded runner claims and ends jobs, neither of
which does anything, in windows of 5 s, four a size, in rounds that take turns over all sizes.
Meanwhile as many are added as are taken, by the hub's own code in the same process. What waits at
first is written by executemany (SQLite) or COPY (PostgreSQL) into the tables: copies of a row that
the hub has written, with an id, aggregate, number and turn of their own, as it would have given.

`events`, `jobs`: throughput at 10^6 over that at 10^3, on the database where it is lower. With 10^3
events a quick consumer may have to wait for those that are added, so `..._over_middle` compares
with 3 * 10^4. `--quick` goes up to 10^4 only, for a second each.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg
from _databases import DIALECTS, Urls, call_of, databases
from _harness import Bench
from _spine import KIND, begin_at_zero, following, running
from psycopg.rows import dict_row
from sqlalchemy.engine import make_url

from bloop.jobs import ledger
from bloop.store.database import Database
from bloop.store.ids import new_id

Change = Callable[[int], dict[str, str]]
Add = Callable[[Database], int]
Run = Callable[[Database, "Counted"], AbstractContextManager[Any]]
QUICK = "--quick" in sys.argv
SIZES = (10**3, 2 * 10**3, 10**4) if QUICK else (10**3, 3 * 10**4, 10**6)
ROUNDS, SECONDS = (1, 1.0) if QUICK else (4, 5.0)
AGGREGATES = 1000
INSTITUTIONS = tuple(f"00000000-0000-7000-8000-{n:012x}" for n in range(10))
TURNS = cycle(INSTITUTIONS)
WORKERS = 8


@dataclass
class Counted:
    """What has been taken."""

    taken: int = 0

    def take(self, *_: Any) -> None:
        """The effect: none."""
        self.taken += 1

    async def work(self, *_: Any) -> None:
        """The job: nothing."""
        self.taken += 1


def say(database: Database) -> int:
    """One commit with some events; how many."""
    with database.unit(call_of()) as unit:
        for count in range(200):
            unit.outbox.append("bench.happened", f"thing:{count % AGGREGATES}", {"n": count})
    return 200


def ask(database: Database) -> int:
    """One commit with some jobs, of one institution after another; how many."""
    with database.unit(call_of(next(TURNS))) as unit:
        for count in range(20):
            ledger.enqueue(unit, KIND, {"n": count})
    return 20


def say_first(database: Database) -> None:
    """The event and the job of which the others are copies."""
    with database.unit(call_of(INSTITUTIONS[0])) as unit:
        unit.outbox.append("bench.happened", "thing:0", {"n": 0})
        ledger.enqueue(unit, KIND, {"n": 0})


def fill(urls: Urls, size: int) -> None:
    """Have ``size`` events and jobs wait."""
    database = urls.open()
    begin_at_zero(database)
    say_first(database)
    database.close_now()
    copy = copy_sqlite if urls.app.startswith("sqlite") else copy_postgresql
    copy(urls.admin, "outbox_event", event, size)
    copy(urls.admin, "job", job, size)


def event(number: int) -> dict[str, str]:
    """What tells the event of this number from the first."""
    turn, aggregate = divmod(number, AGGREGATES)
    return {"id": new_id(), "aggregate": f"thing:{aggregate}", "aggregate_seq": str(turn + 1)}


def job(number: int) -> dict[str, str]:
    """What tells the job of this number from the first."""
    turn, institution = divmod(number, len(INSTITUTIONS))
    return {"id": new_id(), "institution_id": INSTITUTIONS[institution], "turn": str(turn)}


def copy_sqlite(url: str, table: str, changes: Change, size: int) -> None:
    """Add copies of the table's one row, until it has ``size``."""
    with contextlib.closing(sqlite3.connect(make_url(url).database or "")) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute(f"SELECT * FROM {table}").fetchone())
        row.pop("seq", None)
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        # Indexes of a million rows are larger than the cache that a connection has by default.
        connection.execute("PRAGMA cache_size = -500000")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",
            (row | changes(number) for number in range(1, size)),
        )
        connection.commit()


def copy_postgresql(url: str, table: str, changes: Change, size: int) -> None:
    """The same; as a superuser, for COPY knows no row-level security."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True, row_factory=dict_row) as connection:
        columns = connection.execute(
            "SELECT column_name AS name FROM information_schema.columns"
            " WHERE table_name = %s AND column_name <> 'seq'",
            [table],
        ).fetchall()
        names = [column["name"] for column in columns]
        texts = ", ".join(f"{name}::text AS {name}" for name in names)
        row = connection.execute(f"SELECT {texts} FROM {table}").fetchone()  # type: ignore[arg-type]
        assert row is not None
        command = f"COPY {table} ({', '.join(names)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(command) as copy:  # type: ignore[arg-type]
            for number in range(1, size):
                values = (row | changes(number)).values()
                line = "\t".join("\\N" if value is None else value for value in values)
                copy.write(f"{line}\n")
        connection.execute(f"VACUUM ANALYZE {table}")  # type: ignore[arg-type]


def window(urls: Urls, run: Run, add: Add) -> float:
    """What is taken in a second, while as much is added."""
    database, counted = urls.open(), Counted()
    added, stop = 0, threading.Event()

    def refill() -> None:
        nonlocal added
        while not stop.wait(0.001):
            while counted.taken > added and not stop.is_set():
                # By the thread that writes in a hub, so that it waits for its turn there.
                added += database._commands.submit(add, database).result()

    adder = threading.Thread(target=refill)
    with run(database, counted):
        adder.start()
        while counted.taken < 20:
            time.sleep(0.01)
        begin, before = time.perf_counter(), counted.taken
        time.sleep(SECONDS)
        found = (counted.taken - before) / (time.perf_counter() - begin)
        stop.set()
        adder.join()
    # What was taken as it stopped is put back, so that the next window finds as many.
    database = urls.open()
    while counted.taken > added:
        added += add(database)
    database.close_now()
    return found


def main() -> None:
    """Measure and print."""
    bench = Bench("growth", peers=("sqlalchemy", "psycopg"))
    with tempfile.TemporaryDirectory(prefix="bloop-growth-") as name, databases(Path(name)) as make:
        filled = {(dialect, size): make(dialect) for dialect in DIALECTS for size in SIZES}
        for (_, size), urls in filled.items():
            fill(urls, size)
        for what, run, add in (
            ("events", lambda database, w: following(database, w.take), say),
            ("jobs", lambda database, w: running(database, w.work, WORKERS), ask),
        ):
            rows = bench.rounds(
                {
                    f"{what}, {dialect}, {size:,} waiting": partial(window, urls, run, add)
                    for (dialect, size), urls in filled.items()
                },
                rounds=ROUNDS,
                warmup=0,
                unit="a second",
                scale=1,
            )
            for dialect in DIALECTS:
                few, more, many = (rows[f"{what}, {dialect}, {size:,} waiting"] for size in SIZES)
                bench.ratio(f"{what}_{dialect}", many, few)
                bench.ratio(f"{what}_{dialect}_over_middle", many, more)
            bench.ratios[what] = min(bench.ratios[f"{what}_{dialect}"] for dialect in DIALECTS)
    bench.ratios["growth"] = min(bench.ratios["events"], bench.ratios["jobs"])
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

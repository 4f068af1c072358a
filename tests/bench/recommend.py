"""What to learn next, through the API, in server CPU beside a GET of one item.

A learner with 1,000 answers in a graph of 5,000 concepts asks a whole hub, as `bloop up` runs it,
one request after another; each one's CPU is what the kernel has counted for the threads of the
process. They answer, wait until the hub is done with that, and ask ten times, now what comes next,
now for an item, so that both find the same: at first after an answer nothing is warm. Ratios are of
the same percentile of both: `vs_point_read` and `p99_vs_point_read` of all requests, and
`after_answer_...` of the first ones after an answer alone, for which the list is put together anew.
`--quick` measures for some seconds only.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import read
from _harness import Bench, Row
from sqlalchemy import insert

import bloop.learning.following  # noqa: F401 - hears answers
from bloop.accounts.sessions import system_call
from bloop.content.models import Item
from bloop.graph.models import Concept, ConceptEdge, Coverage, GraphState
from bloop.learning.answers import Given, record
from bloop.store.database import Database
from bloop.store.ids import new_id
from bloop.store.types import utcnow

QUICK = "--quick" in sys.argv
CONCEPTS, ANSWERS, ITEMS = 5_000, 1_000, 10_000
ROUNDS, ANSWERED = (3, 20) if QUICK else (9, 40)
ASKS_AN_ANSWER = 10


def fill(database: Database, filled: read.Filled) -> tuple[str, list[str], str]:
    """A graph, items that cover it, and the learner's history; their id, quizzes, and a goal."""
    random, home = Random(5), filled.institution
    own = {"institution_id": home}
    concepts = [new_id() for _ in range(CONCEPTS)]
    # Programmes of 500: each concept builds on up to three of those shortly before it.
    edges = {
        (concepts[at], concepts[before])
        for at in range(CONCEPTS)
        for before in random.sample(range(max(at - 40, at - at % 500), at), min(3, at % 500))
    }
    items = [new_id() for _ in range(ITEMS)]
    call = system_call(home)
    with database.unit(call) as unit:
        run = unit.connection.execute
        run(insert(GraphState), [own | {"version": 1}])
        run(
            insert(Concept),
            [own | {"id": one, "name": f"Concept {at}"} for at, one in enumerate(concepts)],
        )
        run(
            insert(ConceptEdge),
            [
                own | {"target_id": target, "source_id": source, "kind": "prerequisite"}
                for target, source in sorted(edges)
            ],
        )
        run(
            insert(Item),
            [
                own
                | {
                    "id": one,
                    "remote_id": one,
                    "container_id": filled.container,
                    "kind": "page" if at % 2 else "quiz",
                    "title": f"Lesson {at}",
                }
                for at, one in enumerate(items)
            ],
        )
        run(
            insert(Coverage),
            [
                own
                | {
                    "item_id": one,
                    "concept_id": concepts[at // 2],
                    "role": "teaches" if at % 2 else "assesses",
                }
                for at, one in enumerate(items)
            ],
        )
    user = learner_of(database, filled)
    quizzes = items[::2]
    give(database, home, user, [quizzes[at % 350] for at in range(ANSWERS)], random)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    return user, quizzes, concepts[499]


def learner_of(database: Database, filled: read.Filled) -> str:
    """Whose token it is."""
    from sqlalchemy import select

    from bloop.accounts.models import User

    with database.unit(system_call(filled.institution)) as unit:
        return str(unit.session.scalars(select(User.id).where(User.name == "Lea")).one())


def give(database: Database, home: str, user: str, quizzes: list[str], random: Random) -> None:
    """Record answers, most of them right, over the last hundred days."""
    now = utcnow()
    for begin in range(0, len(quizzes), 100):
        some = quizzes[begin : begin + 100]
        answers = [
            Given(
                item=item,
                key=new_id(),
                score=1.0 if random.random() < 0.8 else 0.0,
                at=now - timedelta(hours=random.uniform(0, 2400) if len(quizzes) > 1 else 0),
            )
            for item in some
        ]
        with database.unit(system_call(home)) as unit:
            record(unit, user, answers)


class Asker:
    """One connection to a hub, and what its process has used."""

    def __init__(self, pid: int, port: int, token: str) -> None:
        self._tasks = Path(f"/proc/{read.serving(pid).pid}/task")
        self._port, self._token = port, token
        self._socket = socket.create_connection(("127.0.0.1", port))

    def used(self) -> int:
        """Nanoseconds of CPU so far, of all threads."""
        total = 0
        for task in self._tasks.iterdir():
            with contextlib.suppress(OSError):  # It has ended.
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def settle(self) -> None:
        """Wait until the hub does nothing by itself: at first it indexes what is there."""
        for _ in range(60):
            before = self.used()
            time.sleep(1)
            if self.used() - before < 20_000_000:
                return

    def rest(self) -> None:
        """Wait until it has done by itself what an answer brings about: events have consumers."""
        last = self.used()
        for _ in range(100):
            time.sleep(0.02)
            now = self.used()
            if now - last < 300_000:
                return
            last = now

    def ask(self, path: str) -> float:
        """CPU seconds of one request."""
        before = self.used()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {self._token}\r\nUser-Agent: bench\r\n\r\n".encode()
        )
        buffer = bytearray()
        while not read.complete(buffer):
            buffer += self._socket.recv(1 << 18)
        if not buffer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(bytes(buffer[:300]).decode())
        return (self.used() - before) / 1e9


def compare(bench: Bench, label: str, urls: tuple[str, str], folder: Path) -> None:
    """Measure on one database."""
    database = Database(*urls)
    filled = read.fill(database)
    user, quizzes, goal = fill(database, filled)
    config = folder / f"{label}.toml"
    config.write_text(f'[hub]\ndata_dir = "{label}"\n')
    env = {"BLOOP_STORE__URL": urls[0], "BLOOP_STORE__OWNER_URL": urls[1]}
    port, random = read.free_port(), Random(9)
    up = (read.BLOOP, "--config", config, "up", "--port", str(port))
    with read.served(up, port, env) as pid:
        asker = Asker(pid, port, filled.token)
        asker.settle()
        path = f"/api/v1/account/next?goal={goal}"
        asker.ask(path)  # The first one reads the whole graph.
        costs: dict[str, list[float]] = defaultdict(list)

        def learn(name: str, asked: Callable[[], str]) -> None:
            """What each request costs of who answers, and then asks ten times, and so on."""
            for _ in range(ANSWERED):
                some = [random.choice(quizzes[:350])]
                give(database, filled.institution, user, some, random)
                asker.rest()
                found = [asker.ask(asked()) for _ in range(ASKS_AN_ANSWER)]
                costs[name] += found
                costs[f"{name}, first since an answer"].append(found[0])

        for _ in range(ROUNDS):
            learn("one item", lambda: f"/api/v1/items/{random.choice(filled.items)}")
            learn("next", lambda: path)
        tell(bench, label, costs)
    database.close_now()


def tell(bench: Bench, label: str, costs: dict[str, list[float]]) -> None:
    """Rows and ratios of one database."""
    end = "" if label == "sqlite" else f"_{label}"
    rows = {}
    for name, values in costs.items():
        cuts = statistics.quantiles(values, n=100)
        for part, seconds in (("p50", cuts[49]), ("p99", cuts[98])):
            rows[name, part] = Row(f"{label} {name}, {part}", "us", (seconds * 1e6,))
    bench.rows += rows.values()
    first = ", first since an answer"
    for key, end_of, part in (
        ("vs_point_read", "", "p50"),
        ("p99_vs_point_read", "", "p99"),
        ("after_answer_vs_point_read", first, "p50"),
        ("after_answer_p99_vs_point_read", first, "p99"),
    ):
        bench.ratio(f"{key}{end}", rows[f"next{end_of}", part], rows[f"one item{end_of}", part])


def main() -> None:
    """Measure and print."""
    bench = Bench("recommend", peers=("fastapi", "sqlalchemy", "uvicorn", "fsrs"))
    with tempfile.TemporaryDirectory(prefix="bloop-recommend-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.db'}"
        compare(bench, "sqlite", (url, url), folder)
        with warnings.catch_warnings(), read.postgres() as (app_url, owner_url, _):
            compare(bench, "pg", (app_url, owner_url), folder)
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

"""Search in 100,000 short documents through the hub: tantivy's index against the database's.

A learner asks for a common word (in a third of all documents), a rare one (in ten) and for three at
once: by the function that routes call, visibility, marks and excerpts included, and over HTTP
through the whole edge. The database is SQLite as the hub runs it, its index FTS5 with ``ORDER BY
rank``, asked as FTS5's documentation recommends. Beside them the time from a commit until what it
changed is found, and that of making both indexes anew. `--quick` takes a tenth of the documents.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from _harness import Bench, Row, timed
from sqlalchemy import insert

from bloop.accounts.models import User
from bloop.accounts.service import ensure_institution, start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import API, create_edge, routes_of
from bloop.content import service
from bloop.content.models import Container, Item
from bloop.content.queries import CONTAINERS
from bloop.content.search.service import Asked, find
from bloop.hub import Hub
from bloop.store.database import Database, in_unit
from bloop.store.ids import new_id
from bloop.store.migrate import upgrade_core
from bloop.store.models import EVERY_INSTITUTION
from bloop.tables import core_metadata
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

QUICK = "--quick" in sys.argv
if QUICK:
    sys.argv.remove("--quick")
DOCUMENTS = 10_000 if QUICK else 100_000
COURSES = 100
ROUNDS = 5 if QUICK else 15
CHANGES = 5 if QUICK else 15
RARE_EVERY = DOCUMENTS // 10
QUERIES = {"common": "common", "rare": "rarity", "three": "common sugar w7"}
TOML = """
[hub]
data_dir = "state"
[rates]
reads = 10000000
[plugins.tantivy]
enabled = true
"""


def fill(database: Database) -> tuple[str, str]:
    """Published pages of forty words in a hundred courses; institution and a learner's token."""
    chance = random.Random(7)
    vocabulary = [f"w{number}" for number in range(30_000)]
    weights = [1 / (number + 10) for number in range(len(vocabulary))]
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        home = ensure_institution(unit, name="Bench").id
    with database.unit(system_call(home)) as unit:
        learner = User(institution_id=home, name="Lea", role=Role.LEARNER)
        unit.session.add(learner)
        unit.session.flush()
        token = start_session(unit, learner).token
        courses = [new_id() for _ in range(COURSES)]
        unit.session.add_all(
            Container(institution_id=home, id=id_, remote_id=id_, kind="course", title=f"C{number}")
            for number, id_ in enumerate(courses)
        )
        unit.session.flush()
        for start in range(0, DOCUMENTS, 5000):
            rows = []
            for number in range(start, start + 5000):
                words = chance.choices(vocabulary, weights, k=40)
                words[3:3] = ["common"] if number % 3 == 0 else []
                words[9:9] = ["sugar"] if number % 7 == 0 else []
                words[5:5] = ["rarity"] if number % RARE_EVERY == 1 else []
                id_ = new_id()
                rows.append(
                    {
                        "institution_id": home,
                        "id": id_,
                        "remote_id": id_,
                        "container_id": courses[number % COURSES],
                        "kind": "page",
                        "title": f"Lesson {words[0]} {words[1]}",
                        "language": "en",
                        "html": f"<p>{' '.join(words)}</p>",
                        "data": {},
                    }
                )
            unit.session.execute(insert(Item), rows)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    return home, token


async def until(condition: Callable[[], Awaitable[Any]], pause: float, seconds: float) -> None:
    """Wait for a condition; SystemExit where it never holds."""
    end = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > end:
            raise SystemExit("an index was not made in time")
        await asyncio.sleep(pause)


class Searches:
    """The hub at work, and what is measured of it."""

    def __init__(self, hub: Hub, home: str, token: str) -> None:
        self.hub = hub
        self.call = Call(
            Principal(PrincipalKind.USER, "lea", Role.LEARNER), home, Trace("1" * 32, "2" * 16)
        )
        edge = create_edge(hub)
        edge.use(routes_of(API))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(edge),
            base_url="http://127.0.0.1:8080",
            headers={"authorization": f"Bearer {token}"},
        )
        self.index: Any = None

    async def made(self) -> bool:
        """Whether both indexes are whole, and nothing is behind."""
        lines = await self.hub.searching.standing(self.call)
        return all(line["state"] == "whole" and line["behind"] == 0 for line in lines)

    async def ask(self, text: str, index: Any) -> None:
        """As a route does."""
        found = await find(
            self.hub.database, self.call, Asked(text=text), drafts=False, index=index
        )
        if not found["items"] or found["corrected"]:
            raise SystemExit(f"{text}: not found")

    async def get(self, text: str, index: Any) -> None:
        """Over HTTP."""

        async def index_for(_call: Call) -> Any:
            return index

        self.hub.searching.index_for = index_for  # type: ignore[method-assign]
        answer = await self.client.get("/api/v1/search", params={"q": text})
        if answer.status_code != 200 or not answer.json()["items"]:
            raise SystemExit(answer.text)

    async def change(self, course: str, index: Any) -> float:
        """Seconds from a commit until what it changed is found."""
        word = f"fresh{new_id().replace('-', '')}"

        def write(unit: Any) -> str:
            made = service.create_item(unit, course, kind="page", title=word)
            service.publish(unit, Item, made.id, None, lambda *_: None)
            return made.id

        database = self.hub.database
        await database.run(in_unit, database, system_call(self.call.institution), write)
        began = time.perf_counter()

        async def found() -> bool:
            asked = Asked(text=word)
            page = await find(database, self.call, asked, drafts=False, index=index)
            return bool(page["items"])

        await until(found, 0.005, 60)
        return time.perf_counter() - began


def main() -> None:
    """Measure."""
    bench = Bench("search", peers=("tantivy",))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.toml"
        path.write_text(TOML)
        os.environ["BLOOP_STORE__URL"] = f"sqlite:///{folder}/bench.db"
        core_metadata()
        database = Database(os.environ["BLOOP_STORE__URL"])
        upgrade_core(database)
        home, token = fill(database)
        database.close_now()
        loop = asyncio.new_event_loop()
        hub = Hub.open(path, kind="api")
        try:
            measure(bench, loop, Searches(hub, home, token))
        finally:
            loop.run_until_complete(hub.stop())
            loop.close()
    bench.finish()


def measure(bench: Bench, loop: asyncio.AbstractEventLoop, searches: Searches) -> None:
    """Start the hub, which makes both indexes, then ask."""
    run, hub = loop.run_until_complete, searches.hub
    began = time.perf_counter()
    run(hub.start())
    run(hub.loaded())
    run(until(searches.made, 0.5, 500))
    bench.rows.append(Row("both indexes made", "s", (time.perf_counter() - began,)))
    index = run(hub.searching.index_for(searches.call))
    if index is None:
        raise SystemExit("tantivy's index is not used")
    ways = {"fts5": None, "tantivy": index}
    for how, ask, number in (("function", searches.ask, 5), ("HTTP", searches.get, 5)):
        for name, text in QUERIES.items():
            cases = {
                f"{name} ({how}), {way}": lambda ask=ask, text=text, one=one, number=number: timed(
                    lambda: run(ask(text, one)), number
                )
                for way, one in ways.items()
            }
            rows = bench.rounds(cases, rounds=ROUNDS, unit="ms", scale=1e3)
            key = f"{name}_vs_fts5" if how == "function" else f"{name}_http_vs_fts5"
            bench.ratio(key, rows[f"{name} ({how}), fts5"], rows[f"{name} ({how}), tantivy"])
    rows_ = hub.database.read_now(CONTAINERS, searches.call, after="", limit=1)
    for way, one in ways.items():
        seconds = [run(searches.change(str(rows_[0][0]), one)) for _ in range(CHANGES)]
        bench.rows.append(
            Row(f"a change is found, {way}", "ms", tuple(each * 1e3 for each in seconds))
        )


if __name__ == "__main__":
    main()

"""The tree of a course, read each time against what the cache has, in CPU of the hub's process.

Read each time it is the container's visibility and the tree, as before there was a cache; with it
the container's tree version, and the tree as this process keeps it, or as Redis does for all. A
small course has 60 places, a large one 400. What PostgreSQL itself spends is not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from _harness import Bench
from read import postgres

from bloop.accounts.service import ensure_institution
from bloop.accounts.sessions import system_call
from bloop.content.models import Container, Item, Node
from bloop.content.queries import CONTAINER_IS_SHOWN, TREE_SHOWN
from bloop.content.trees import read_tree
from bloop.store.cache import Cache
from bloop.store.database import Database
from bloop.store.ids import new_id
from bloop.store.migrate import upgrade_core
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.shared import Shared
from bloop.store.statements import to_dicts
from bloop.tables import core_metadata
from bloop_sdk import Call
from tests.support.redis_protocol import redis_server

QUICK = "--quick" in sys.argv
ROUNDS, READS = (3, 20) if QUICK else (9, 100)
SIZES = {"small": 60, "large": 400}
MODULE_OF = 10


@dataclass(frozen=True)
class Reads:
    """One database and the course that is read; ``call`` is of its institution."""

    database: Database
    call: Call
    course: str

    async def each_time(self) -> None:
        """As without a cache."""
        if await self.database.read_one(CONTAINER_IS_SHOWN, self.call, id=self.course):
            rows = await self.database.read(TREE_SHOWN, self.call, container=self.course)
            to_dicts(TREE_SHOWN, rows)

    def through(self, cache: Cache) -> Callable[[], Awaitable[object]]:
        """As the hub does it."""

        async def read() -> None:
            self.database.cache = cache
            await read_tree(self.database, self.call, self.course, drafts=False)

        return read


def fill(database: Database, home: str, places: int) -> str:
    """A published course with modules of ten pages each; its id."""
    with database.unit(system_call(home)) as unit:
        course = new_id()
        own = {"institution_id": home, "container_id": course}
        unit.session.add(
            Container(
                institution_id=home, id=course, remote_id=course, kind="course", title="Waves"
            )
        )
        modules, items = ([new_id() for _ in range(n)] for n in (places // MODULE_OF, places))
        unit.session.flush()
        for number, id_ in enumerate(modules):
            title = f"Module {number}"
            unit.session.add(Node(**own, id=id_, remote_id=id_, title=title, position=number))
        for number, id_ in enumerate(items):
            title = f"What a wave carries, {number}"
            unit.session.add(Item(**own, id=id_, remote_id=id_, kind="page", title=title))
        unit.session.flush()
        for number, item in enumerate(items):
            id_ = new_id()
            parent = modules[number // MODULE_OF]
            shows = {"item_id": item, "item_kind": "page", "parent_id": parent}
            unit.session.add(Node(**own, **shows, id=id_, remote_id=id_, title="", position=number))
    return course


def case(
    loop: asyncio.AbstractEventLoop, read: Callable[[], Awaitable[object]]
) -> Callable[[], float]:
    """CPU seconds of this process for each read."""

    async def many() -> None:
        for _ in range(READS):
            await read()

    def measured() -> float:
        begin = time.process_time()
        loop.run_until_complete(many())
        return (time.process_time() - begin) / READS

    return measured


def compare(bench: Bench, label: str, urls: tuple[str, str], redis_url: str) -> None:
    """Measure on one database."""
    database = Database(*urls)
    core_metadata()
    upgrade_core(database)
    with database.unit(system_call(EVERY_INSTITUTION)) as unit:
        home = ensure_institution(unit, name="Bench").id
    courses = {size: fill(database, home, places) for size, places in SIZES.items()}
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
    caches = Cache(), Cache(Shared(redis_url, database.url), most_bytes=0)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        for size, course in courses.items():
            reads = Reads(database, system_call(home), course)
            names = [f"{label}, {size}: {how}" for how in ("each time", "kept here", "in Redis")]
            ways = (reads.each_time, *(reads.through(cache) for cache in caches))
            cases = {name: case(loop, way) for name, way in zip(names, ways, strict=True)}
            rows = bench.rounds(cases, rounds=ROUNDS)
            for what, name in (("kept", names[1]), ("redis", names[2])):
                bench.ratio(f"{what}_gain_{label}_{size}", rows[names[0]], rows[name])
        for cache in caches:
            runner.run(cache.close())
        runner.run(database.close())


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The URL of a fresh Redis."""
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder), 0) as url:
        yield url


def main() -> None:
    """Measure and print."""
    bench = Bench("cache", peers=("redis", "psycopg"))
    with tempfile.TemporaryDirectory(prefix="bloop-cache-") as folder, redis() as redis_url:
        url = f"sqlite:///{folder}/bench.db"
        compare(bench, "sqlite", (url, url), redis_url)
        with warnings.catch_warnings(), postgres() as (app_url, owner_url, _):
            compare(bench, "pg", (app_url, owner_url), redis_url)
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

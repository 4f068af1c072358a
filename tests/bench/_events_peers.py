"""What events are compared with: a Celery task for each, and a relay that goes row by row."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
    update,
)

from bloop.store.types import utcnow

HERE = Path(__file__).resolve().parent

app = Celery("_events_peers", broker=os.environ.get("BENCH_BROKER"))
# For many short tasks, as https://docs.celeryq.dev/en/stable/userguide/optimizing.html says:
# no results, and a large prefetch.
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=128,
    broker_connection_retry_on_startup=True,
)


@app.task
def happened(event: dict[str, Any]) -> None:
    """Do nothing, as the consumer does."""


@contextlib.contextmanager
def celery_worker(url: str) -> Iterator[Callable[[int], float]]:
    """A worker with two processes; gives what sends some tasks and waits for their end."""
    app.conf.broker_url = url
    command = (sys.executable, "-m", "celery", "-A", "_events_peers", "worker")
    process = subprocess.Popen(
        (*command, "--pool=prefork", "--concurrency=2", "--loglevel=ERROR"),
        cwd=HERE,
        env=os.environ | {"BENCH_BROKER": url},
        stdout=subprocess.DEVNULL,
    )
    server = redis.Redis.from_url(url)

    def measure(number: int) -> float:
        begin = time.perf_counter()
        for count in range(number):
            happened.delay(event_of(count))
        while server.llen("celery") or server.hlen("unacked"):
            time.sleep(0.01)
        return time.perf_counter() - begin

    try:
        while not app.control.ping(timeout=1.0):
            if process.poll() is not None:
                raise SystemExit("the Celery worker did not start")
        yield measure
    finally:
        process.terminate()
        process.wait(30)


def event_of(number: int) -> dict[str, Any]:
    """What the tasks and the events carry."""
    return {"number": number, "title": "A lesson was edited"}


metadata = MetaData()
outbox = Table(
    "bench_outbox",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("topic", String(80)),
    Column("aggregate", String(80)),
    Column("payload", JSON),
    Column("occurred_at", DateTime(timezone=True), default=utcnow),
    Column("done_at", DateTime(timezone=True)),
)
Index(
    "ix_bench_outbox_open",
    outbox.c.seq,
    sqlite_where=text("done_at IS NULL"),
    postgresql_where=text("done_at IS NULL"),
)

_NEXT = (
    select(outbox)
    .where(outbox.c.done_at.is_(None))
    .order_by(outbox.c.seq)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_DONE = update(outbox).where(outbox.c.seq == bindparam("of")).values(done_at=bindparam("at"))


def fill_outbox(connection: Connection, number: int) -> None:
    """Rows that wait for the relay."""
    rows = [
        {"topic": "bench.happened", "aggregate": f"thing:{n % 100}", "payload": event_of(n)}
        for n in range(number)
    ]
    connection.execute(insert(outbox), rows)


def relay_row_by_row(engine: Engine, effect: Callable[[Any], None]) -> int:
    """Take what waits: a transaction for each row, compiled Core statements; how many."""
    taken = 0
    with engine.connect() as connection:
        while True:
            with connection.begin():
                row = connection.execute(_NEXT).one_or_none()
                if row is None:
                    return taken
                effect(row)
                connection.execute(_DONE, {"of": row.seq, "at": utcnow()})
            taken += 1

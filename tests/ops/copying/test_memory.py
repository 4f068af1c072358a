"""A copy holds a batch at a time, whatever the size of the table."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bloop.store import migrate
from bloop.store.database import Database
from bloop.store.models import OutboxEvent
from bloop.store.types import utcnow
from tests.ops.copying.test_copying import urls
from tests.ops.left import ROOT
from tests.support.database import HOME

FEW, MANY = 4_000, 24_000

COPY = """
import json, sys
from bloop.ops import copying
from bloop.store.database import Database
from tests.bench._memory import peak_mib

source, target = (Database(*urls) for urls in json.loads(sys.argv[1]))
report = copying.copy(source, target, {})
assert report.same
(log,) = (table for table in report.tables if table.name == "outbox_event")
print(json.dumps([log.source.rows, peak_mib()]))
"""


def filled(path, count):
    database = Database(f"sqlite:///{path}")
    migrate.upgrade_core(database)
    now, payload = utcnow(), {"text": "x" * 1000}
    with migrate.owning(database) as connection:
        for start in range(0, count, FEW):
            connection.execute(
                OutboxEvent.__table__.insert(),
                [
                    {
                        "institution_id": HOME,
                        "topic": "t.happened",
                        "aggregate": f"a:{start + number}",
                        "aggregate_seq": 1,
                        "bucket": 0,
                        "actor": "user:a",
                        "trace": "t",
                        "payload": payload,
                        "occurred_at": now,
                    }
                    for number in range(FEW)
                ],
            )
    return database


def copied(source, target):
    """Rows of the log, and the most memory that the process had, in MiB."""
    given = json.dumps([urls(source), urls(target)])
    done = subprocess.run(
        [sys.executable, "-c", COPY, given], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_six_times_the_rows_need_no_more_memory(tmp_path, postgres_cluster):
    peaks = []
    for count in (FEW, MANY):
        made = postgres_cluster.create()
        there = Database(made.app_url, made.owner_url)
        source, back = filled(tmp_path / f"{count}.db", count), tmp_path / f"{count}-back.db"
        for first, second in ((source, there), (there, Database(f"sqlite:///{back}"))):
            rows, peak = copied(first, second)
            assert rows == count
            peaks.append(peak)
            second.close_now()
        source.close_now()
        postgres_cluster.drop(made)
    small, large = peaks[:2], peaks[2:]
    # All rows together are more than 30 MB as Python objects.
    assert max(large) < max(small) + 15, peaks

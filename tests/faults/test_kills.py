"""Short runs of the fault test; `python tests/faults/kills.py` is the long one."""

import time

import pytest

from tests.faults.judge import Books
from tests.faults.kills import run
from tests.faults.processes import running, wait


def broken(report):
    laws = ("lost", "doubled", "out_of_order", "parked", "failed_requests")
    return {law: report[law] for law in laws if report[law]}


@pytest.mark.slow
@pytest.mark.timeout(300)  # Processes are started again and again, on whatever machine.
def test_processes_over_postgresql_are_killed_and_nothing_is_lost_or_doubled(tmp_path, postgres):
    urls = {"url": postgres.app_url, "owner_url": postgres.owner_url}
    report = run(tmp_path, kills=6, seed=4, **urls, admin_url=postgres.admin_url)
    assert broken(report) == {}, report
    assert report["kills"] >= 6
    assert report["committed"] == report["effects"] == report["deliveries"] > 30
    assert report["jobs_submitted"] == report["jobs_done"] > 5


@pytest.mark.slow
@pytest.mark.timeout(300)  # Processes are started again and again, on whatever machine.
def test_one_process_over_sqlite_is_killed_and_nothing_is_lost_or_doubled(tmp_path):
    report = run(tmp_path, kills=3, seed=2, apis=1, workers=0, writers=2)
    assert broken(report) == {}, report
    assert report["kills"] >= 3
    assert report["committed"] == report["effects"] == report["deliveries"] > 20
    assert report["jobs_submitted"] == report["jobs_done"] > 3


@pytest.mark.slow
@pytest.mark.timeout(300)  # Processes are started again and again, on whatever machine.
def test_a_job_whose_worker_is_killed_for_good_goes_on_elsewhere_within_ten_seconds(
    tmp_path, postgres
):
    urls = {"url": postgres.app_url, "owner_url": postgres.owner_url}
    with running(tmp_path, apis=1, **urls, admin_url=postgres.admin_url) as hub:
        books = Books(hub.database, hub.traps / "deliveries")
        hub.post("/x/flow/change", {"key": "long", "aggregate": "a1", "work": 4})
        (run,) = wait(lambda: books.rows("SELECT pid FROM flow_run"), "it begins")
        victim, other = sorted(hub.workers, key=lambda tree: tree.child() != run.pid)
        killed = time.time()
        assert victim.kill("tree") == run.pid
        wait(books.is_drained, "it ends")
        first, second = books.rows("SELECT pid, began, ended FROM flow_run ORDER BY id")
        assert first.ended is None and second.pid == other.child()
        # The one time that is asserted: it is what an operator is promised.
        assert second.began - killed < 10
        assert books.rows("SELECT state, attempts FROM job") == [("succeeded", 2)]
        books.engine.dispose()

"""Short runs of the fault test; `python tests/faults/kills.py` is the long one."""

import pytest

from tests.faults.kills import run


def broken(report):
    laws = ("lost", "doubled", "out_of_order", "parked", "failed_requests")
    return {law: report[law] for law in laws if report[law]}


@pytest.mark.slow
def test_processes_over_postgresql_are_killed_and_nothing_is_lost_or_doubled(tmp_path, postgres):
    urls = {"url": postgres.app_url, "owner_url": postgres.owner_url}
    report = run(tmp_path, kills=6, seed=4, **urls, admin_url=postgres.admin_url)
    assert broken(report) == {}, report
    assert report["kills"] >= 6
    assert report["committed"] == report["effects"] == report["deliveries"] > 30
    assert report["jobs_submitted"] == report["jobs_done"] > 5


@pytest.mark.slow
def test_one_process_over_sqlite_is_killed_and_nothing_is_lost_or_doubled(tmp_path):
    report = run(tmp_path, kills=4, seed=2, apis=1, workers=0, writers=2)
    assert broken(report) == {}, report
    assert report["kills"] >= 4
    assert report["committed"] == report["effects"] == report["deliveries"] > 20
    assert report["jobs_submitted"] == report["jobs_done"] > 3

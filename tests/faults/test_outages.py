"""A short run of the outages; `python tests/faults/outages.py` is the long one."""

import pytest

from tests.faults.outages import Server, run
from tests.support.run import create_run_folder, remove_run_folder


@pytest.fixture
def server():
    """A PostgreSQL that nobody else uses; in a short folder, since its socket is in there."""
    folder = create_run_folder()
    yield Server(folder)
    remove_run_folder(folder)


@pytest.mark.slow
@pytest.mark.timeout(300)  # Processes are started again and again, on whatever machine.
def test_postgresql_is_restarted_and_killed_and_the_same_processes_go_on(tmp_path, server):
    report = run(tmp_path, server, ("fast", "kill"), away=1)
    # Each answer was a 200, or a problem with 503 and Retry-After; none was cut off.
    assert report["failures"] == []
    assert {told.partition(" ")[2][:3] for told in report["answers"]} <= {"200", "503", "ide"}
    assert (report["lost"], report["doubled"], report["out_of_order"]) == (0, 0, 0)
    assert report["parked"] == 0
    assert report["committed"] == report["effects"] == report["deliveries"] > 150
    assert report["jobs_submitted"] == report["jobs_done"] > 20
    assert report["same_processes"]


@pytest.mark.slow
@pytest.mark.timeout(300)  # Processes are started again and again, on whatever machine.
def test_who_is_started_while_postgresql_is_away_waits_for_it(tmp_path, server):
    report = run(tmp_path, server, ("both",), away=4)
    assert report["failures"] == []
    assert (report["lost"], report["doubled"], report["out_of_order"]) == (0, 0, 0)
    assert report["committed"] == report["effects"] == report["deliveries"] > 90
    assert report["jobs_submitted"] == report["jobs_done"] > 10
    assert report["same_processes"], "the supervisors, and those that were not killed"

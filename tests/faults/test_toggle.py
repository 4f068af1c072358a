"""A short run of the fault test; `python tests/faults/toggle.py` is the long one."""

import pytest

from tests.faults.toggle import run


@pytest.mark.slow
def test_no_request_fails_while_a_plugin_is_toggled_in_two_processes(tmp_path, postgres):
    report = run(tmp_path, postgres.app_url, postgres.owner_url, toggles=3, requests=300)
    assert report.tally.failures == []
    assert report.tally.failed == 0
    assert report.tally.requests >= 300
    assert len(report.converged) == 3
    # The plugin's route was there, and was gone, while the others answered all the time.
    assert report.tally.by_status["200"] > 200
    assert report.tally.by_status["404"] > 0

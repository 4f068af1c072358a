from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

THOROUGH = int(os.environ.get("BLOOP_LAWS", "0"))


@pytest.mark.timeout(900 if THOROUGH else 120)
def test_a_kill_at_any_step_moves_nothing_twice_and_loses_nothing(tmp_path):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path, *["every"][: bool(THOROUGH)]],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # Before and after each commit and each deed of the till; each statement as well, if asked.
    assert told.pop("kills") >= (100 if THOROUGH else 20)
    assert [total for _, total in told.pop("papers")] == [4900, -500, -1900]
    assert told == {
        "checkouts": 1,
        "moved": [["captured", 4900], ["refunded", 1900]],
        "orders": 1,
        "state": "paid",
        "sums": {"cash:till": 2500, "refunds": 2400, "sales": -4900},
        "entries": 3,
        "left": 2500,
        "open": ["c1"],
        "applied": 1,
        "findings": [],
    }

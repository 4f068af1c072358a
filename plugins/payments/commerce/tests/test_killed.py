from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_a_kill_between_the_tills_deed_and_our_commit_moves_nothing_twice(tmp_path):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "checkouts": 1,
        "moved": [["captured", 4900], ["refunded", 1900]],
        "state": "paid",
        "sums": {"cash:till": 3000, "refunds": 1900, "sales": -4900},
        "left": 3000,
        "open": ["c1"],
    }
